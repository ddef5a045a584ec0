//! Random faults on whole environments: failed calls, stale reads, throttling, and all of them at once.

use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::{FaultRates, Faults};
use migrate_infra::state::Status;

use crate::harness::sandbox_run::{Fixture, RunKind};
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};

/// The number of times that the same command is run until it succeeds.
const MAX_ATTEMPTS: u64 = 12;

/// Runs the same command with random faults until it succeeds, and returns the number of attempts.
async fn until_done(fixture: &mut Fixture, graph: &Graph, kind: RunKind, seed: u64) -> u64 {
    for attempt in 1..=MAX_ATTEMPTS {
        let ran = fixture.run_with_faults(graph, kind, Faults::random(seed * 100 + attempt, FaultRates::HIGH)).await;
        // Without a report, the faults prevented the connection, and nothing was done.
        if ran.report.as_ref().is_some_and(|report| report.failures.is_empty()) {
            ran.must_succeed();
            return attempt;
        }
    }
    // A failure without faults is a defect of the tool.
    fixture.run(graph, kind, CrashPoints::default()).await.must_succeed();
    MAX_ATTEMPTS + 1
}

async fn survives(graph: &Graph, seed: u64) {
    fastrand::seed(seed);
    let mut undisturbed = Fixture::default();
    undisturbed.up(graph).await.must_succeed();
    let count = undisturbed.world.inventory().len();
    let mut fixture = Fixture::default();
    let ups = until_done(&mut fixture, graph, RunKind::Up, seed).await;
    fixture.advance_a_day();
    let inventory = fixture.world.inventory();
    assert_eq!(inventory.len(), count, "seed {seed}: {inventory:#?}");
    assert!(
        fixture.state().resources.values().all(|entry| entry.status == Status::Ready && entry.open.is_none()),
        "seed {seed}"
    );
    let quiet = fixture.up(graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.calls.mutations(), 0, "seed {seed}: {:?}", quiet.calls.by_call());
    let downs = until_done(&mut fixture, graph, RunKind::Down, seed + 50).await;
    fixture.advance_a_day();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new(), "seed {seed}");
    assert!(fixture.state().resources.is_empty());
    println!("seed {seed}: {ups} times up, {downs} times down");
}

#[tokio::test(start_paused = true)]
async fn the_source_environment_survives_random_faults() {
    let graph = crate::harness::stacks::source(&[]);
    for seed in 1..=6 {
        survives(&graph, seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_system_survives_random_faults() {
    for seed in 11..=13 {
        survives(&graph(PAIRED, &[TWO_REGIONS]), seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_self_contained_layout_survives_random_faults() {
    survives(&graph(SELF_CONTAINED, &[]), 21).await;
}
