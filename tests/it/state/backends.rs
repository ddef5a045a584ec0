//! Every backend of the state satisfies the same contract: memory, a directory, a bucket on the sandbox, and one over
//! HTTP.

use std::path::Path;
use std::sync::Arc;

use migrate_infra::address::Address;
use migrate_infra::aws::{Cloud, Endpoint, Expect, Objects, WriteError};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::resources::ec2::{Subnet, Vpc, ZoneOffers};
use migrate_infra::sandbox::{Fault, Faults, Sandbox, World};
use migrate_infra::state::{
    Backend, FileStore, Found, Heartbeat, Journal, Line, Lock, LockError, MemoryStore, Moved, Record, State,
    StateError, Store, load, migrate, open,
};

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{AFTER, BEFORE, BUCKET, Fixture, GraphBuilder, RunKind, StateLocation, in_bucket};
use crate::state::journal::{genesis, intent};

/// Opens a state, writes records, and compacts it or stops.
async fn write(mut store: Box<dyn Store>, records: Vec<Record>, compact: bool) {
    let state = open(store.as_mut()).await.expect("it can be read");
    let (journal, writer) = Journal::start(state, store);
    journal.write(records).await.expect("it can be written");
    if compact {
        writer.finish(journal).await.expect("it can be compacted");
    } else {
        writer.kill();
    }
}

/// The contract of every store. `store` opens the same store again.
pub async fn satisfies_the_contract(store: &(dyn Fn() -> Box<dyn Store> + Sync)) {
    let addresses = async || {
        let state = load(store().as_mut()).await.expect("it can be read");
        (state.seq, state.resources.into_keys().map(|address| address.to_string()).collect::<Vec<_>>())
    };
    assert!(!load(store().as_mut()).await.expect("nothing can be read").has_begun());
    write(store(), vec![genesis(), intent("a")], false).await;
    assert_eq!(addresses().await, (2, vec!["a".to_owned()]), "acknowledged records exist after a kill");
    write(store(), vec![intent("b")], true).await;
    assert_eq!(addresses().await, (3, vec!["a".to_owned(), "b".to_owned()]));
    write(store(), vec![intent("c")], false).await;
    write(store(), vec![intent("d")], false).await;
    assert_eq!(addresses().await.0, 5, "records after the snapshot count");
    write(store(), vec![intent("e")], true).await;
    write(store(), vec![intent("f")], true).await;
    assert_eq!(addresses().await.0, 7);
    let kept = store().archive("moved-1").await.expect("it can be put aside");
    assert!(!kept.is_empty() && kept.iter().all(|backend| backend.contains("moved-1")), "{kept:?}");
    assert_eq!(addresses().await, (0, vec![]), "a new history can begin");
    write(store(), vec![genesis(), intent("z")], true).await;
    assert_eq!(addresses().await, (2, vec!["z".to_owned()]));
}

/// The name of a bucket that was deleted is free, and somebody else can take it: no request reads or writes without the
/// owner that the bucket must have.
#[tokio::test]
async fn a_bucket_of_another_account_is_refused() {
    let mut world = World::default();
    drop(in_bucket(&mut world));
    let sandbox = Sandbox::new(world, Clock::real(), None, CrashPoints::default());
    let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), Clock::real())
        .await
        .expect("the sandbox answers");
    let access = |owner: &str| {
        Objects::new(cloud.clients(&"us-east-1".into()).0, BUCKET, "team/stack/", None, Some(&owner.into()))
    };
    let (ours, theirs) = (access("111122223333"), access("444455556666"));
    ours.put("state.json", b"{}", Expect::Absent).await.expect("it is ours");
    let put = theirs.put("lock", b"{}", Expect::Absent).await.expect_err("it is refused");
    assert!(matches!(put, WriteError::Aws(error) if error.is("AccessDenied")));
    let refused = [
        theirs.get("state.json").await.err(),
        theirs.list("").await.err(),
        theirs.is_versioned().await.err(),
        theirs.delete(&["state.json".to_owned()]).await.err(),
    ];
    assert!(refused.iter().flatten().filter(|error| error.is("AccessDenied")).count() == 4, "{refused:?}");
    assert_eq!(ours.list("").await.expect("it is ours"), ["state.json"]);
}

#[tokio::test]
async fn memory_satisfies_the_contract() {
    let store = MemoryStore::default();
    satisfies_the_contract(&|| Box::new(store.clone())).await;
}

/// Another run may have listed the objects before, and read them now.
#[tokio::test]
async fn what_a_snapshot_contains_is_kept_until_the_next_one() {
    let (_sandbox, backend) = bucket(&World::default(), CrashPoints::default(), Faults::default()).await;
    let Backend::Shared { objects, .. } = &backend else { panic!("it is in a bucket") };
    let journal = async || objects.list("journal/").await.expect("a list");
    write(backend.store(), vec![genesis(), intent("a")], true).await;
    let first = journal().await;
    assert!(!first.is_empty(), "the snapshot has deleted what it contains");
    write(backend.store(), vec![intent("b")], true).await;
    let second = journal().await;
    assert!(!second.is_empty() && !first.iter().any(|object| second.contains(object)), "{first:?}, {second:?}");
}

/// S3 writes an object completely or not at all, so something else has changed it.
#[tokio::test]
async fn a_truncated_object_of_the_journal_was_taken_for_a_torn_line() {
    let (_sandbox, backend) = bucket(&World::default(), CrashPoints::default(), Faults::default()).await;
    write(backend.store(), vec![genesis(), intent("a")], false).await;
    let Backend::Shared { objects, .. } = &backend else { panic!("it is in a bucket") };
    let last = "journal/0000000000000003.jsonl".to_owned();
    let line = Line { seq: 3, record: intent("b") }.encode();
    for (bytes, is_whole) in [("", false), (&line[..20], false), (line.trim_end(), false), (line.as_str(), true)] {
        objects.put(&last, bytes.as_bytes(), Expect::Absent).await.expect("it is written");
        let found = load(backend.store().as_mut()).await;
        match &found {
            Err(error @ StateError::Content { .. }) => assert!(error.is_damage() && !is_whole, "{error}"),
            Ok(state) => assert!(is_whole && state.seq == 3, "{bytes:?}"),
            Err(error) => panic!("{error}"),
        }
        objects.delete(std::slice::from_ref(&last)).await.expect("it is deleted");
    }
}

#[tokio::test]
async fn a_directory_satisfies_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    satisfies_the_contract(&|| Box::new(FileStore::new(directory.path()))).await;
}

/// Returns a bucket on a sandbox, as one run sees it.
async fn bucket(world: &World, crash_points: CrashPoints, faults: Faults) -> (Arc<Sandbox>, Backend) {
    let mut world = world.clone();
    let backend = in_bucket(&mut world);
    let sandbox = Sandbox::with_faults(world, Clock::real(), None, crash_points, faults);
    let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), Clock::real())
        .await
        .expect("it answers");
    (sandbox, backend(&cloud))
}

async fn undisturbed_bucket() -> (Arc<Sandbox>, Backend) {
    bucket(&World::default(), CrashPoints::default(), Faults::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_bucket_satisfies_the_contract() {
    let (_sandbox, backend) = undisturbed_bucket().await;
    satisfies_the_contract(&|| backend.store()).await;
}

#[tokio::test(start_paused = true)]
async fn a_bucket_satisfies_the_contract_when_any_write_fails_before_or_after_its_effect() {
    for at in 1.. {
        // S3 has not read the request in time, with the status of a refusal.
        let timeout = &Fault::Refused("RequestTimeout");
        for fault in [&BEFORE[at % BEFORE.len()], &AFTER[at % AFTER.len()], timeout] {
            let faults = Faults::at_call(at as u64, fault.clone());
            let (_sandbox, backend) = bucket(&World::default(), CrashPoints::default(), faults.clone()).await;
            satisfies_the_contract(&|| backend.store()).await;
            let lock = backend.lock("up").await.expect("it is free");
            lock.release().await.expect("it is ours");
            assert_eq!(backend.holder().await.expect("it can be read"), Found::Free);
            if !faults.was_injected() {
                assert!(at > 10, "only {at} writes");
                return;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_holders_of_a_lock_only_one_writes_the_next_record() {
    let (_sandbox, backend) = undisturbed_bucket().await;
    write(backend.store(), vec![genesis()], true).await;
    let (mut one, mut other) = (backend.store(), backend.store());
    let (first, second) = (open(one.as_mut()).await.unwrap(), open(other.as_mut()).await.unwrap());
    let (journal, writer) = Journal::start(first, one);
    let (late, late_writer) = Journal::start(second, other);
    journal.write(vec![intent("a")]).await.unwrap();
    // The second one was suspended during the whole first run.
    writer.finish(journal).await.unwrap();
    let refused = late.write(vec![intent("b")]).await.unwrap_err();
    assert!(refused.to_string().contains("another run has written record 2"), "{refused}");
    assert!(late_writer.finish(late).await.is_err(), "nor does it replace the snapshot");
    let state = load(backend.store().as_mut()).await.unwrap();
    assert!(state.get(&Address::new("a")).is_some() && state.get(&Address::new("b")).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lock_is_refused_and_an_expired_one_is_taken_over() {
    let (_sandbox, backend) = undisturbed_bucket().await;
    let first = Heartbeat::start(backend.lock("up").await.unwrap(), drop);
    // By the local clock, which is not S3's, its lease has expired long ago, but it sends heartbeats.
    let Err(LockError::Held { holder: Some(holder), .. }) = backend.lock("down").await else {
        panic!("the lock was acquired twice")
    };
    assert_eq!(holder.command, "up");
    // It stops without a message.
    let mut dead = first.stop().await.unwrap();
    let second = backend.lock("down").await.unwrap();
    assert_eq!(second.taken_over_from.as_ref().map(|holder| holder.command.as_str()), Some("up"));
    assert!(matches!(dead.renew().await, Err(LockError::Lost { .. })), "who wakes up later finds out");
    assert!(matches!(dead.release().await, Err(LockError::Lost { .. })), "and does not release what is not its own");
    second.release().await.unwrap();
    assert_eq!(backend.lock("up").await.unwrap().taken_over_from, None);
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_lock_was_removed_stops() {
    let (_sandbox, backend) = undisturbed_bucket().await;
    let mut stuck = backend.lock("up").await.unwrap();
    backend.unlock().await.unwrap();
    assert_eq!(backend.holder().await.unwrap(), Found::Free);
    assert!(matches!(stuck.renew().await, Err(LockError::Lost { holder: None, .. })));
}

fn small() -> Graph {
    let mut builder = GraphBuilder::new();
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    builder.add(
        "source/network/subnet-a",
        Subnet {
            vpc: vpc.id(),
            cidr: "10.0.0.0/24".into(),
            zone: 0,
            zone_id: None,
            offers: ZoneOffers::default(),
            public_addresses: false,
            remove_guardduty: true,
        },
    );
    builder.finish()
}

async fn survives_a_kill_at_every_point(location: &dyn Fn() -> StateLocation) {
    let graph = small();
    let mut points = 0;
    for kind in [RunKind::Up, RunKind::Down] {
        let mut matrix = Matrix::new();
        while let Some((point, crash_points)) = matrix.arm() {
            let mut fixture = Fixture { state_location: Some(location()), ..Fixture::default() };
            if kind == RunKind::Down {
                fixture.up(&graph).await.must_succeed();
            }
            fixture.run(&graph, kind, crash_points.clone()).await;
            if !crash_points.is_dead() {
                continue;
            }
            // The recovery is killed as well, at another point.
            fixture.run(&graph, kind, CrashPoints::crashing_at(1 + point / 2)).await;
            fixture.run(&graph, kind, CrashPoints::default()).await.must_succeed();
            let made = |fixture: &Fixture| {
                fixture.world.inventory().into_iter().filter(|id| !id.starts_with("bucket ")).count()
            };
            if kind == RunKind::Up {
                assert_eq!(made(&fixture), 2, "killed at point {point}");
                let quiet = fixture.up(&graph).await;
                quiet.must_succeed();
                assert_eq!(quiet.calls.mutations(), 0, "killed at point {point}");
                fixture.down().await.must_succeed();
            }
            assert_eq!(made(&fixture), 0, "killed at point {point} of {kind:?}");
        }
        points += matrix.points();
    }
    assert!(points > 60, "only {points} points");
}

/// The points are: taking and releasing the lock; each write, flush and rename of the files; each record and call.
#[tokio::test(start_paused = true)]
async fn a_state_in_files_survives_a_kill_at_every_point() {
    let root = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    survives_a_kill_at_every_point(&|| {
        StateLocation::Directory(root.path().join(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string()))
    })
    .await;
}

/// The points are: taking and releasing the lock, each written object, each call.
#[tokio::test(start_paused = true)]
async fn a_state_in_a_bucket_survives_a_kill_at_every_point() {
    survives_a_kill_at_every_point(&|| StateLocation::Bucket).await;
}

fn local(directory: &Path, crash_points: &CrashPoints) -> Option<(Box<dyn Store>, Lock)> {
    Some((
        Box::new(FileStore::with_crash_points(directory, crash_points.clone())),
        Lock::take_with_crash_points(directory, "state migrate", crash_points).ok()?,
    ))
}

/// Moves the state there or back; `crash_points` can kill the run. Returns the world after it.
async fn move_it(world: &World, directory: &Path, there: bool, crash_points: CrashPoints) -> (World, Option<Moved>) {
    let (sandbox, backend) = bucket(world, crash_points.clone(), Faults::default()).await;
    let go = async {
        let (mut here, lock) = local(directory, &crash_points)?;
        let shared = backend.lock("state migrate").await.ok()?;
        let mut away = backend.store();
        let (from, to) = if there { (&mut here, &mut away) } else { (&mut away, &mut here) };
        let moved = migrate(from.as_mut(), to.as_mut(), "moved-1").await.ok()?;
        shared.release().await.ok()?;
        lock.release().await.ok()?;
        Some(moved)
    };
    let moved = tokio::select! {
        biased;
        () = crash_points.crashed() => None,
        moved = go => moved,
    };
    (sandbox.snapshot(), moved)
}

#[tokio::test(start_paused = true)]
async fn a_state_is_moved_there_and_back_and_a_kill_at_any_point_loses_nothing() {
    let mut points = 0;
    for there in [true, false] {
        let mut matrix = Matrix::new();
        while let Some((point, crash_points)) = matrix.arm() {
            let directory = tempfile::tempdir().unwrap();
            write(Box::new(FileStore::new(directory.path())), vec![genesis(), intent("a")], true).await;
            write(Box::new(FileStore::new(directory.path())), vec![intent("b")], false).await;
            let mut world = World::default();
            if !there {
                world = move_it(&world, directory.path(), true, CrashPoints::default()).await.0;
                // A retired state does not block.
                assert!(!load(&mut FileStore::new(directory.path())).await.unwrap().has_begun());
            }
            let (world, _) = move_it(&world, directory.path(), there, crash_points.clone()).await;
            let (world, moved) = move_it(&world, directory.path(), there, CrashPoints::default()).await;
            assert!(
                matches!(moved, Some(Moved::Done { resources: 2, .. } | Moved::There)),
                "{moved:?} after death at point {point}"
            );
            let (_sandbox, backend) = bucket(&world, CrashPoints::default(), Faults::default()).await;
            let ends: [State; 2] = [
                load(&mut FileStore::new(directory.path())).await.unwrap(),
                load(backend.store().as_mut()).await.unwrap(),
            ];
            assert_eq!(ends.each_ref().map(State::has_begun), [!there, there], "after death at point {point}");
            assert_eq!(ends[usize::from(there)].resources.len(), 2);
        }
        points += matrix.points();
    }
    assert!(points > 60, "only {points} points");
}

#[tokio::test(start_paused = true)]
async fn a_different_state_is_not_overwritten_by_moving() {
    let (mut one, mut other) = (MemoryStore::default(), MemoryStore::default());
    write(Box::new(one.clone()), vec![genesis(), intent("a")], true).await;
    let theirs =
        Record::Genesis { format: 1, lineage: "another".into(), stack: "s/1".into(), account: "111122223333".into() };
    write(Box::new(other.clone()), vec![theirs], true).await;
    let refused = migrate(&mut one, &mut other, "moved-1").await.unwrap_err();
    assert!(refused.to_string().contains("another state"), "{refused}");
    assert_eq!(load(&mut one).await.unwrap().resources.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_missing_bucket_is_reported() {
    let (sandbox, backend) = undisturbed_bucket().await;
    sandbox.mutate_out_of_band(|world| world.s3.buckets.clear());
    let Err(StateError::Io { place, source, .. }) = load(backend.store().as_mut()).await else { panic!("it was read") };
    assert!(place.starts_with("s3://") && source.to_string().contains("NoSuchBucket"), "{place}: {source}");
}
