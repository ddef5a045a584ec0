//! Hostile journals and snapshots: whoever can write the file or the bucket.

use futures::executor::block_on;
use infra_fuzz::{Syntax, Target};
use migrate_infra::aws::CallOutcome;
use migrate_infra::resources::KINDS;
use migrate_infra::state::{Line, MemoryStore, Record, Salvage, State, StateError, Store, salvage};
use serde_json::Value;

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "seq", "record", "genesis", "run_started", "run_finished", "intent", "call", "answer", "created", "ready",
    "settled", "moved", "deleted", "shift_intent", "shift_call", "shift_seen", "operation_call", "rotation_held",
    "accounts", "address", "source/network/vpc", "source/network/vpc~old", "~old", "op", "create", "update", "delete",
    "needs", "on", "at", "attrs", "spec", "tags", "token", "format", "lineage", "from", "to", "fate", "done",
    "not_done", "unknown", "status", "creating", "open", "calls", "sent", "refused", "marks", "undo", "set_aside",
    "tagged_as", "resources", "up", "rollback", "down", "{", "}", "[", "]", "\"", ":", ",", "null",
];

/// Reads a store with these contents.
fn read(snapshot: Option<&[u8]>, journal: &[u8]) -> Result<Salvage, StateError> {
    let mut store = MemoryStore::default();
    if let Some(snapshot) = snapshot {
        block_on(store.compact(snapshot)).expect("a store in memory");
    }
    block_on(store.append(1, journal)).expect("a store in memory");
    block_on(salvage(&mut store))
}

/// A state that was read is the same after it is written and read again.
fn assert_survives(state: &State) {
    let written = serde_json::to_vec(state).expect("a state has a JSON form");
    let again = read(Some(&written), b"").expect("a snapshot that was just written can be read");
    assert!(again.damage.is_none(), "{:?}", again.damage);
    assert_eq!(again.state, *state);
}

/// Gives each line its checksum, and half of the inputs numbers without gaps: otherwise few of them would be read.
fn repaired(input: &[u8]) -> Vec<u8> {
    let renumbers = crc32fast::hash(input).is_multiple_of(2);
    let mut journal = Vec::new();
    for (index, line) in input.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (text, end) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |text| (text, &b"\n"[..]));
        let mut text = text.to_vec();
        if let Ok(Value::Object(mut record)) = serde_json::from_slice(&text)
            && renumbers
        {
            record.insert("seq".to_owned(), (index + 1).into());
            text = Value::Object(record).to_string().into_bytes();
        }
        // What is no object keeps what it has: a wrong checksum, or none.
        if text.starts_with(b"{") {
            journal.extend_from_slice(format!("{:08x} ", crc32fast::hash(&text)).as_bytes());
        }
        journal.extend_from_slice(&text);
        journal.extend_from_slice(end);
    }
    journal
}

/// Records with the number 0 are skipped, as those that a snapshot contains.
#[test]
fn a_journal_of_skipped_records_passed_for_a_new_state() {
    let text = r#"{"seq":0,"record":"settled","address":"a/b/c"}"#;
    let journal = format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()));
    let found = read(None, journal.as_bytes()).expect("it is read");
    assert!(found.damage.is_some(), "{found:?}");
}

#[test]
fn journal() {
    let run = |input: &[u8]| {
        let journal = repaired(input);
        let Ok(found) = read(None, &journal) else { return false };
        assert!(found.intact <= found.length && found.length == journal.len() as u64);
        let intact = &journal[..usize::try_from(found.intact).expect("a length")];
        if !found.state.has_begun() {
            assert!(found.damage.is_some(), "a journal without a history passes for a new one");
            return false;
        }
        let again = read(None, intact).expect("what is intact can be read");
        assert!(again.damage.is_none() && again.state == found.state, "what is intact gives another state");
        for line in String::from_utf8_lossy(intact).lines() {
            if let Ok(line) = Line::decode(line) {
                assert_eq!(Line::decode(line.encode().trim_end_matches('\n')), Ok(line));
            }
        }
        assert_survives(&found.state);
        found.damage.is_none()
    };
    let corpus = [include_bytes!("corpus/resources.jsonl").to_vec(), include_bytes!("corpus/migration.jsonl").to_vec()];
    Target { test: "fuzz::state::journal", syntax: Syntax::JsonLines, corpus: corpus.to_vec(), tokens: TOKENS, run }
        .check();
}

/// The records that can come next for each resource of a state.
fn next_records(state: &State) -> Vec<Record> {
    let call = || "ec2:CreateVpc".to_owned();
    let mut records = Vec::new();
    for address in state.resources.keys() {
        let (at, address) = (None, address.clone());
        let (to, code, request_id) = (address.retired(0), None, None);
        records.push(Record::Call { address: address.clone(), call: call(), at });
        let outcome = CallOutcome::NotDone;
        records.push(Record::Answer { address: address.clone(), call: call(), outcome, code, request_id });
        records.push(Record::Moved { from: address.clone(), to: to.clone() });
        records.push(Record::Settled { address: to.clone() });
        records.push(Record::Deleted { address: to });
        records.push(Record::Deleted { address });
    }
    records.extend(state.migration.end());
    records
}

#[test]
fn snapshot() {
    let run = |input: &[u8]| {
        let Ok(found) = read(Some(input), b"") else { return false };
        if found.damage.is_some() {
            return false;
        }
        let mut state = found.state;
        let _ = state.verify(KINDS);
        for address in state.resources.keys() {
            state.retired(address).count();
            state.tag_siblings(address, address).count();
        }
        for record in next_records(&state) {
            // Not every record can follow.
            let _ = state.apply(&Line { seq: state.seq.saturating_add(1), record });
        }
        assert_survives(&state);
        true
    };
    let corpus = vec![include_bytes!("corpus/snapshot.json").to_vec()];
    Target { test: "fuzz::state::snapshot", syntax: Syntax::Json, corpus, tokens: TOKENS, run }.check();
}
