//! Every place that a state can be in keeps the same promises: memory, a directory, a bucket of the embedded AWS, and one over HTTP.

use std::path::Path;
use std::sync::Arc;

use migrate_infra::address::Address;
use migrate_infra::aws::{Cloud, Endpoint};
use migrate_infra::clock::Clock;
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::resources::ec2::{Subnet, Vpc};
use migrate_infra::sandbox::{Faults, Sandbox, World};
use migrate_infra::state::{
    FileStore, Found, Heartbeat, Journal, Lock, LockError, MemoryStore, Moved, Place, Record, State, StateError, Store, load, migrate, open,
};

use crate::journal::{genesis, intent};
use crate::lab::{AFTER, BEFORE, Keep, Lab, Sketch, Way, in_bucket};

/// Opens a state, writes records, and compacts it or dies.
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

/// What every store promises. `store` opens the same place anew.
pub async fn keeps_its_promises(store: &(dyn Fn() -> Box<dyn Store> + Sync)) {
    let addresses = async || {
        let state = load(store().as_mut()).await.expect("it can be read");
        (state.seq, state.resources.into_keys().map(|address| address.to_string()).collect::<Vec<_>>())
    };
    assert!(!load(store().as_mut()).await.expect("nothing can be read").has_begun());
    write(store(), vec![genesis(), intent("a")], false).await;
    assert_eq!(addresses().await, (2, vec!["a".to_owned()]), "what was acknowledged is there after a death");
    write(store(), vec![intent("b")], true).await;
    assert_eq!(addresses().await, (3, vec!["a".to_owned(), "b".to_owned()]));
    write(store(), vec![intent("c")], false).await;
    write(store(), vec![intent("d")], false).await;
    assert_eq!(addresses().await.0, 5, "records after the snapshot count");
    write(store(), vec![intent("e")], true).await;
    write(store(), vec![intent("f")], true).await;
    assert_eq!(addresses().await.0, 7);
    let kept = store().set_aside("moved-1").await.expect("it can be put aside");
    assert!(!kept.is_empty() && kept.iter().all(|place| place.contains("moved-1")), "{kept:?}");
    assert_eq!(addresses().await, (0, vec![]), "a new history can begin");
    write(store(), vec![genesis(), intent("z")], true).await;
    assert_eq!(addresses().await, (2, vec!["z".to_owned()]));
}

#[tokio::test]
async fn memory_keeps_its_promises() {
    let store = MemoryStore::default();
    keeps_its_promises(&|| Box::new(store.clone())).await;
}

#[tokio::test]
async fn a_directory_keeps_its_promises() {
    let directory = tempfile::tempdir().unwrap();
    keeps_its_promises(&|| Box::new(FileStore::new(directory.path()))).await;
}

/// A bucket in an embedded AWS, as one run sees it.
async fn bucket(world: &World, fuse: Fuse, faults: Faults) -> (Arc<Sandbox>, Place) {
    let mut world = world.clone();
    let place = in_bucket(&mut world);
    let sandbox = Sandbox::with_faults(world, Clock::real(), None, fuse, faults);
    let cloud = Cloud::connect(Endpoint::Plugged(sandbox.plug()), &"us-east-1".into(), Clock::real()).await.expect("it answers");
    (sandbox, place(&cloud))
}

async fn calm_bucket() -> (Arc<Sandbox>, Place) {
    bucket(&World::default(), Fuse::default(), Faults::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_bucket_keeps_its_promises() {
    let (_sandbox, place) = calm_bucket().await;
    keeps_its_promises(&|| place.store()).await;
}

#[tokio::test(start_paused = true)]
async fn a_bucket_keeps_its_promises_when_any_write_fails_before_or_after_its_effect() {
    for at in 1.. {
        for fault in [&BEFORE[at % BEFORE.len()], &AFTER[at % AFTER.len()]] {
            let faults = Faults::aimed(at as u64, fault.clone());
            let (_sandbox, place) = bucket(&World::default(), Fuse::default(), faults.clone()).await;
            keeps_its_promises(&|| place.store()).await;
            let lock = place.lock("up").await.expect("it is free");
            lock.release().await.expect("it is ours");
            assert_eq!(place.holder().await.expect("it can be read"), Found::Free);
            if !faults.has_struck() {
                assert!(at > 10, "only {at} writes");
                return;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_who_believe_to_hold_the_lock_only_one_writes_the_next_record() {
    let (_sandbox, place) = calm_bucket().await;
    write(place.store(), vec![genesis()], true).await;
    let (mut one, mut other) = (place.store(), place.store());
    let (first, second) = (open(one.as_mut()).await.unwrap(), open(other.as_mut()).await.unwrap());
    let (journal, writer) = Journal::start(first, one);
    let (late, late_writer) = Journal::start(second, other);
    journal.write(vec![intent("a")]).await.unwrap();
    // The second one slept through the whole first run.
    writer.finish(journal).await.unwrap();
    let refused = late.write(vec![intent("b")]).await.unwrap_err();
    assert!(refused.to_string().contains("another run has written record 2"), "{refused}");
    assert!(late_writer.finish(late).await.is_err(), "nor does it replace the snapshot");
    let state = load(place.store().as_mut()).await.unwrap();
    assert!(state.get(&Address::new("a")).is_some() && state.get(&Address::new("b")).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_renewed_is_refused_and_one_that_is_not_is_taken_over() {
    let (_sandbox, place) = calm_bucket().await;
    let first = Heartbeat::start(place.lock("up").await.unwrap(), drop);
    // By our clock, which is not S3's, its lease is long over; but it beats.
    let Err(LockError::Held { holder: Some(holder), .. }) = place.lock("down").await else { panic!("the lock was given twice") };
    assert_eq!(holder.command, "up");
    // It dies without a word.
    let mut dead = first.stop().await.unwrap();
    let second = place.lock("down").await.unwrap();
    assert_eq!(second.taken_over_from.as_ref().map(|holder| holder.command.as_str()), Some("up"));
    assert!(matches!(dead.renew().await, Err(LockError::Lost { .. })), "who wakes up later finds out");
    assert!(matches!(dead.release().await, Err(LockError::Lost { .. })), "and does not release what is not its own");
    second.release().await.unwrap();
    assert_eq!(place.lock("up").await.unwrap().taken_over_from, None);
}

#[tokio::test(start_paused = true)]
async fn an_unlocked_holder_stops() {
    let (_sandbox, place) = calm_bucket().await;
    let mut stuck = place.lock("up").await.unwrap();
    place.unlock().await.unwrap();
    assert_eq!(place.holder().await.unwrap(), Found::Free);
    assert!(matches!(stuck.renew().await, Err(LockError::Lost { holder: None, .. })));
}

fn small() -> Graph {
    let mut sketch = Sketch::new();
    let vpc = sketch.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into() });
    sketch.add("source/network/subnet-a", Subnet { vpc: vpc.id(), cidr: "10.0.0.0/24".into(), zone: 0, public_addresses: false });
    sketch.finish()
}

async fn survives_death_at_every_point(keep: &dyn Fn() -> Keep) {
    let graph = small();
    let mut points = 0;
    for way in [Way::Up, Way::Down] {
        for point in 1.. {
            let mut lab = Lab { keep: Some(keep()), ..Lab::default() };
            if way == Way::Down {
                lab.up(&graph).await.must_succeed();
            }
            let fuse = Fuse::blowing_at(point);
            lab.run(&graph, way, fuse.clone()).await;
            if !fuse.is_dead() {
                break;
            }
            points += 1;
            // The recovery dies too, somewhere.
            lab.run(&graph, way, Fuse::blowing_at(1 + point / 2)).await;
            lab.run(&graph, way, Fuse::default()).await.must_succeed();
            let made = |lab: &Lab| lab.world.inventory().into_iter().filter(|id| !id.starts_with("bucket ")).count();
            if way == Way::Up {
                assert_eq!(made(&lab), 2, "killed at point {point}");
                let quiet = lab.up(&graph).await;
                quiet.must_succeed();
                assert_eq!(quiet.meter.mutations(), 0, "killed at point {point}");
                lab.down().await.must_succeed();
            }
            assert_eq!(made(&lab), 0, "killed at point {point} of {way:?}");
        }
    }
    assert!(points > 60, "only {points} points");
    crate::points::killed_at(points);
}

/// Taking and releasing the lock, each write, flush and rename of the files, each record and call.
#[tokio::test(start_paused = true)]
async fn death_at_every_point_of_the_files() {
    let root = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    survives_death_at_every_point(&|| Keep::Directory(root.path().join(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string()))).await;
}

/// Taking and releasing the lock, each object that is written, each call.
#[tokio::test(start_paused = true)]
async fn death_at_every_point_of_the_bucket() {
    survives_death_at_every_point(&|| Keep::Bucket).await;
}

fn local(directory: &Path, fuse: &Fuse) -> Option<(Box<dyn Store>, Lock)> {
    Some((Box::new(FileStore::with_fuse(directory, fuse.clone())), Lock::take_with_fuse(directory, "state migrate", fuse).ok()?))
}

/// Moves the state there or back, as a run that dies when the fuse blows. Returns the world after it.
async fn move_it(world: &World, directory: &Path, there: bool, fuse: Fuse) -> (World, Option<Moved>) {
    let (sandbox, place) = bucket(world, fuse.clone(), Faults::default()).await;
    let go = async {
        let (mut here, lock) = local(directory, &fuse)?;
        let shared = place.lock("state migrate").await.ok()?;
        let mut away = place.store();
        let (from, to) = if there { (&mut here, &mut away) } else { (&mut away, &mut here) };
        let moved = migrate(from.as_mut(), to.as_mut(), "moved-1").await.ok()?;
        shared.release().await.ok()?;
        lock.release().await.ok()?;
        Some(moved)
    };
    let moved = tokio::select! {
        biased;
        () = fuse.blown() => None,
        moved = go => moved,
    };
    (sandbox.snapshot(), moved)
}

#[tokio::test(start_paused = true)]
async fn a_state_is_moved_there_and_back_and_death_at_any_point_loses_nothing() {
    let mut points = 0;
    for there in [true, false] {
        for point in 1.. {
            let directory = tempfile::tempdir().unwrap();
            write(Box::new(FileStore::new(directory.path())), vec![genesis(), intent("a")], true).await;
            write(Box::new(FileStore::new(directory.path())), vec![intent("b")], false).await;
            let mut world = World::default();
            if !there {
                world = move_it(&world, directory.path(), true, Fuse::default()).await.0;
                // Put aside is not in the way.
                assert!(!load(&mut FileStore::new(directory.path())).await.unwrap().has_begun());
            }
            let fuse = Fuse::blowing_at(point);
            let (world, _) = move_it(&world, directory.path(), there, fuse.clone()).await;
            let (world, moved) = move_it(&world, directory.path(), there, Fuse::default()).await;
            assert!(matches!(moved, Some(Moved::Done { resources: 2, .. } | Moved::There)), "{moved:?} after death at point {point}");
            let (_sandbox, place) = bucket(&world, Fuse::default(), Faults::default()).await;
            let ends: [State; 2] = [load(&mut FileStore::new(directory.path())).await.unwrap(), load(place.store().as_mut()).await.unwrap()];
            assert_eq!(ends.each_ref().map(State::has_begun), [!there, there], "after death at point {point}");
            assert_eq!(ends[usize::from(there)].resources.len(), 2);
            if !fuse.is_dead() {
                break;
            }
            points += 1;
        }
    }
    assert!(points > 60, "only {points} points");
    crate::points::killed_at(points);
}

#[tokio::test(start_paused = true)]
async fn another_history_is_not_overwritten_by_moving() {
    let (mut one, mut other) = (MemoryStore::default(), MemoryStore::default());
    write(Box::new(one.clone()), vec![genesis(), intent("a")], true).await;
    let theirs = Record::Genesis { format: 1, lineage: "another".into(), stack: "s/1".into(), account: "111122223333".into() };
    write(Box::new(other.clone()), vec![theirs], true).await;
    let refused = migrate(&mut one, &mut other, "moved-1").await.unwrap_err();
    assert!(refused.to_string().contains("another state"), "{refused}");
    assert_eq!(load(&mut one).await.unwrap().resources.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_not_there_is_named() {
    let (sandbox, place) = calm_bucket().await;
    sandbox.meddle(|world| world.s3.buckets.clear());
    let Err(StateError::Io { place, source, .. }) = load(place.store().as_mut()).await else { panic!("it was read") };
    assert!(place.starts_with("s3://") && source.to_string().contains("NoSuchBucket"), "{place}: {source}");
}
