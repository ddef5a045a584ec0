//! The journal on a real file system, and its content after a crash.

use std::fs;

use migrate_infra::address::Address;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::state::{
    FileStore, Journal, Line, MemoryStore, Op, Record, State, StateError, Store, load, open, salvage,
};
use serde_json::json;

use crate::harness::limited_store::LimitedStore;

pub fn genesis() -> Record {
    Record::Genesis { format: 1, lineage: "l".into(), stack: "s/1".into(), account: "111122223333".into() }
}

pub fn intent(address: &str) -> Record {
    Record::Intent {
        address: Address::new(address),
        op: Op::Create,
        kind: "ec2.vpc".into(),
        region: "us-east-1".into(),
        account: None,
        spec: json!({}),
        needs: vec![],
        tags: [].into(),
        token: "t".into(),
    }
}

async fn write(directory: &std::path::Path, records: Vec<Record>, finish: bool) {
    let mut store = FileStore::new(directory);
    let state = open(&mut store).await.unwrap();
    let (journal, writer) = Journal::start(state, Box::new(store));
    journal.write(records).await.unwrap();
    if finish {
        writer.finish(journal).await.unwrap();
    } else {
        writer.kill();
    }
}

#[tokio::test]
async fn a_torn_last_line_is_removed_and_everything_before_it_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), vec![genesis(), intent("a")], false).await;
    let path = directory.path().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    for cut in whole.iter().position(|byte| *byte == b'\n').unwrap() + 1..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let state = open(&mut FileStore::new(directory.path())).await.unwrap();
        assert_eq!((state.seq, state.resources.len()), (1, 0), "cut at byte {cut}");
        // The next record has its own line.
        write(directory.path(), vec![intent("b")], false).await;
        let state = load(&mut FileStore::new(directory.path())).await.unwrap();
        assert!(state.get(&Address::new("b")).is_some());
    }
}

#[tokio::test]
async fn reading_does_not_change_a_torn_journal() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), vec![genesis(), intent("a")], false).await;
    let path = directory.path().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let torn = &whole[..whole.iter().position(|byte| *byte == b'\n').unwrap() + 40];
    fs::write(&path, torn).unwrap();
    load(&mut FileStore::new(directory.path())).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), torn);
}

/// It may have been acknowledged: a crash leaves no line feed at the end of a line that it has torn.
#[tokio::test]
async fn a_damaged_complete_last_line_was_taken_for_a_torn_one() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), vec![genesis(), intent("a")], false).await;
    let path = directory.path().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for at in second..whole.len() - 1 {
        let mut damaged = whole.clone();
        damaged[at] = if damaged[at] == b'x' { b'y' } else { b'x' };
        fs::write(&path, &damaged).unwrap();
        let found = open(&mut FileStore::new(directory.path())).await;
        assert!(matches!(found, Err(StateError::Line { number: 2, after: 0, .. })), "byte {at}: {found:?}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "it was touched");
    }
}

#[tokio::test]
async fn what_was_cut_off_was_lost() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), vec![genesis(), intent("a")], false).await;
    let path = directory.path().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    fs::write(&path, &whole[..first + 40]).unwrap();
    let mut store = FileStore::new(directory.path());
    let opened = salvage(&mut store).await.unwrap().open(&mut store).await.unwrap();
    let torn = opened.torn.expect("it is reported");
    assert_eq!(torn.length, 40);
    assert_eq!(fs::read(&torn.kept).unwrap(), &whole[first..first + 40]);
    assert!(torn.kept.contains("journal.torn-"), "{torn}");
    assert_eq!(fs::metadata(&torn.kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&path).unwrap(), &whole[..first]);
    let opened = salvage(&mut store).await.unwrap().open(&mut store).await.unwrap();
    assert_eq!(opened.torn, None, "once");
}

/// The journal and its first record appear at the same moment.
#[tokio::test]
async fn a_journal_of_zero_bytes_was_an_empty_state() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), vec![genesis(), intent("a")], false).await;
    let path = directory.path().join("journal.jsonl");
    for cut in [0, 1, 40] {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..cut]).unwrap();
        let found = open(&mut FileStore::new(directory.path())).await;
        assert!(matches!(&found, Err(error @ StateError::Content { .. }) if error.is_damage()), "{cut}: {found:?}");
        fs::write(&path, whole).unwrap();
    }
    // With a snapshot, it is what every run leaves.
    write(directory.path(), vec![intent("b")], true).await;
    assert_eq!(fs::read(&path).unwrap(), b"");
    assert_eq!(open(&mut FileStore::new(directory.path())).await.unwrap().seq, 3);
}

#[tokio::test]
async fn no_crash_of_the_first_run_leaves_a_journal_without_a_record() {
    for point in 1.. {
        let directory = tempfile::tempdir().unwrap();
        let crash_points = CrashPoints::crashing_at(point);
        let mut store = FileStore::with_crash_points(directory.path().join("new"), crash_points.clone());
        let line = Line { seq: 1, record: genesis() }.encode();
        let written = store.append(1, line.as_bytes()).await;
        let state = open(&mut FileStore::new(directory.path().join("new"))).await.unwrap();
        assert!(written.is_err() || state.has_begun(), "point {point}");
        if !crash_points.is_dead() {
            assert!(point > 10, "{point} points");
            return;
        }
    }
}

#[tokio::test]
async fn records_that_the_snapshot_contains_are_skipped() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), vec![genesis(), intent("a")], false).await;
    let journal = fs::read(directory.path().join("journal.jsonl")).unwrap();
    write(directory.path(), vec![intent("b")], true).await;
    // A crash between the new snapshot and the empty journal leaves the old journal.
    fs::write(directory.path().join("journal.jsonl"), journal).unwrap();
    let state = open(&mut FileStore::new(directory.path())).await.unwrap();
    assert_eq!((state.seq, state.resources.len()), (3, 2));
}

#[tokio::test]
async fn a_record_of_a_later_version_is_not_taken_for_a_torn_line_when_lines_follow() {
    let mut store = MemoryStore::default();
    let text = r#"{"seq":2,"record":"teleported","address":"a"}"#;
    let lines = format!(
        "{}{:08x} {text}\n{}",
        Line { seq: 1, record: genesis() }.encode(),
        crc32fast::hash(text.as_bytes()),
        Line { seq: 3, record: intent("a") }.encode()
    );
    store.append(1, lines.as_bytes()).await.unwrap();
    assert!(matches!(open(&mut store).await, Err(StateError::Line { number: 2, after: 1, .. })));
}

#[tokio::test]
async fn writers_continue_only_when_their_records_are_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, writer) = Journal::start(State::empty(), Box::new(FileStore::new(directory.path())));
    journal.write(vec![genesis()]).await.unwrap();
    let write = |number: usize| {
        let journal = journal.clone();
        let path = directory.path().join("journal.jsonl");
        async move {
            journal.write(vec![intent(&format!("a{number}"))]).await.unwrap();
            assert!(fs::read_to_string(path).unwrap().contains(&format!("\"a{number}\"")));
        }
    };
    futures::future::join_all((0..64).map(write)).await;
    assert_eq!(writer.finish(journal).await.unwrap().resources.len(), 64);
}

#[tokio::test]
async fn a_full_disk_stops_the_writer_and_keeps_what_was_written() {
    let bytes = MemoryStore::default();
    let lines = |records: Vec<Record>| {
        records.into_iter().zip(1..).map(|(record, seq)| Line { seq, record }.encode()).collect::<String>().len()
    };
    let room = lines(vec![genesis(), intent("a")]) + 20;
    let (journal, writer) = Journal::start(State::empty(), Box::new(LimitedStore::new(bytes.clone(), room)));
    journal.write(vec![genesis()]).await.unwrap();
    journal.write(vec![intent("a")]).await.unwrap();
    assert!(journal.write(vec![intent("b")]).await.is_err());
    assert!(journal.write(vec![intent("c")]).await.is_err(), "nothing may be written after a hole");
    assert!(writer.finish(journal).await.is_err());
    let state = open(&mut bytes.copy()).await.unwrap();
    assert_eq!((state.seq, state.resources.len()), (2, 1));
}
