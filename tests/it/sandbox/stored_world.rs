//! The stored world: calls and what happens outside them store it at the same time.

use std::time::Duration;

use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::sandbox::{Disk, Sandbox};

/// A replication task stored its progress while a call stored its effect: one of them could not rename the file, or an
/// older copy replaced a newer one.
#[test]
fn an_older_copy_of_the_world_never_replaces_a_newer_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let (disk, world) = Disk::open(directory.path()).expect("a directory");
    let sandbox = Sandbox::new(world, Clock::real(), Some(disk), CrashPoints::default());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let counter = sandbox.mutate_out_of_band(|world| {
                        world.random_hex();
                        world.counter
                    });
                    sandbox.save();
                    let stored = Disk::read(directory.path()).expect("it is there");
                    assert!(stored.counter >= counter, "{} is older than {counter}", stored.counter);
                }
            });
        }
    });
}

/// Days between two commands are none in the world of the sandbox.
#[tokio::test(start_paused = true)]
async fn its_date_advances_while_a_command_runs_and_not_between_commands() {
    let directory = tempfile::tempdir().expect("a directory");
    let (disk, world) = Disk::open(directory.path()).expect("a directory");
    let first = world.now;
    let sandbox = Sandbox::new(world, Clock::real(), Some(disk), CrashPoints::default());
    tokio::time::advance(Duration::from_hours(1)).await;
    sandbox.save();
    drop(sandbox);
    tokio::time::advance(Duration::from_hours(24)).await;
    let (disk, world) = Disk::open(directory.path()).expect("nobody uses it");
    assert_eq!(world.now, first + 3_600_000);
    let sandbox = Sandbox::new(world, Clock::real(), Some(disk), CrashPoints::default());
    assert_eq!(sandbox.snapshot().now, first + 3_600_000);
}
