//! Autoscaling during a migration: the tasks of both environments follow their load, and the target has as many as
//! serve before it gets traffic.

use std::time::Duration;

use migrate_infra::config::Side;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::migration::cutover::Outcome;
use migrate_infra::migration::task_count::match_serving;
use migrate_infra::migration::topology::Topology;
use migrate_infra::resources::ecs::desired_count::desired_count;
use migrate_infra::sandbox::Faults;

use crate::cutover::traffic::weights;
use crate::cutover::whole_cutover::{quick, replicating, run, scripted};
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::Fixture;

/// Requests that keep more than five tasks busy: eight tasks are below the target of 70 %.
pub const LOAD: &str = "requests_per_minute = 3200\n";

/// Lets minutes pass. Returns the desired numbers of tasks of the source, of the target, and of its second service.
pub async fn after_minutes(fixture: &mut Fixture, minutes: u64) -> [u32; 3] {
    let act = async |context: Context| {
        context.cloud.clock().sleep(Duration::from_secs(60 * minutes)).await;
        let topology = context.journal.read(Topology::of);
        let [source, target] = [Side::Source, Side::Target].map(|side| topology.service(side).expect("a service"));
        let link = target.link.as_ref().expect("a second service");
        let mut counts = Vec::new();
        for (service, name) in [(source, &source.service), (target, &target.service), (target, &link.service)] {
            let address = context.journal.read(|state| state.resources.keys().next().cloned()).expect("a resource");
            let reader = context.read_context().reader(&address, &service.location);
            counts.push(desired_count(&reader, &service.cluster, name).await.expect("an answer"));
        }
        <[u32; 3]>::try_from(counts).expect("three services")
    };
    fixture.with_context(CrashPoints::default(), Faults::default(), act).await.0.expect("it was not killed")
}

#[tokio::test(start_paused = true)]
async fn the_number_of_tasks_follows_the_load() {
    let mut fixture = replicating().await;
    scripted(&mut fixture, LOAD);
    assert_eq!(after_minutes(&mut fixture, 1).await, [2, 2, 2], "three minutes in a row are needed");
    assert_eq!(after_minutes(&mut fixture, 20).await, [8, 2, 2]);
    scripted(&mut fixture, "requests_per_minute = 600\n");
    assert_eq!(after_minutes(&mut fixture, 10).await, [8, 2, 2], "fifteen minutes in a row are needed");
    assert_eq!(after_minutes(&mut fixture, 10).await, [3, 2, 2], "the policy that needs most tasks counts");
    assert_eq!(after_minutes(&mut fixture, 20).await, [2, 2, 2]);
}

/// The target has two tasks and no load. Without more tasks, it would never have the capacity for a step.
#[tokio::test(start_paused = true)]
async fn the_target_gets_as_many_tasks_as_serve_and_none_is_removed_during_the_steps() {
    let mut fixture = replicating().await;
    scripted(&mut fixture, LOAD);
    assert_eq!(after_minutes(&mut fixture, 20).await, [8, 2, 2]);
    let outcome = run(&mut fixture, &quick(&["cutover.bake_seconds=3600"])).await;
    assert_eq!((outcome, weights(&fixture)), (Outcome::Completed, (0, 100)));
    assert_eq!(after_minutes(&mut fixture, 0).await, [8, 8, 8], "the source could take all traffic back");
    assert_eq!(after_minutes(&mut fixture, 60).await, [2, 8, 2], "tasks without load are removed afterwards");
}

#[tokio::test(start_paused = true)]
async fn a_killed_scale_out_is_repeated() {
    let mut initial = replicating().await;
    scripted(&mut initial, LOAD);
    assert_eq!(after_minutes(&mut initial, 20).await, [8, 2, 2]);
    let add = async |fixture: &mut Fixture, crash_points: CrashPoints| {
        let act = async |context: Context| {
            let topology = context.journal.read(Topology::of);
            match_serving(&context, &topology, Side::Target).await.ok()
        };
        fixture.with_context(crash_points, Faults::default(), act).await.0.flatten()
    };
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        if add(&mut fixture, crash_points).await.is_none() {
            add(&mut fixture, CrashPoints::default()).await.unwrap_or_else(|| panic!("killed at {point}"));
        }
        assert_eq!(after_minutes(&mut fixture, 0).await, [8; 3], "killed at {point}");
        assert!(fixture.state().migration.operations.is_empty(), "killed at {point}");
    }
    assert!(matrix.points() > 4, "{}", matrix.points());
}
