//! Bad weather: calls that fail at random, reads that lag behind, throttling, and everything at once, on whole environments.

use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::{Faults, Odds};
use migrate_infra::state::Status;

use crate::lab::{Lab, Way};
use crate::stacks::{PAIRED, SELF_CONTAINED, TWO_REGIONS, graph};

/// How often the same command may be run until it succeeds.
const PATIENCE: u64 = 12;

/// Runs the same command in bad weather until it succeeds, as a person would; says how often.
async fn until_done(lab: &mut Lab, graph: &Graph, way: Way, seed: u64) -> u64 {
    for attempt in 1..=PATIENCE {
        let ran = lab.run_struck(graph, way, Faults::drawn(seed * 100 + attempt, Odds::STORMY)).await;
        if ran.report().failures.is_empty() {
            ran.must_succeed();
            return attempt;
        }
    }
    // What does not succeed in good weather either is a fault of the tool.
    lab.run(graph, way, Fuse::default()).await.must_succeed();
    PATIENCE + 1
}

async fn survives(graph: &Graph, seed: u64) {
    fastrand::seed(seed);
    let mut calm = Lab::default();
    calm.up(graph).await.must_succeed();
    let things = calm.world.inventory().len();
    let mut lab = Lab::default();
    let ups = until_done(&mut lab, graph, Way::Up, seed).await;
    lab.rest();
    let inventory = lab.world.inventory();
    assert_eq!(inventory.len(), things, "seed {seed}: {inventory:#?}");
    assert!(lab.state().resources.values().all(|entry| entry.status == Status::Ready && entry.open.is_none()), "seed {seed}");
    let quiet = lab.up(graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.meter.mutations(), 0, "seed {seed}: {:?}", quiet.meter.by_call());
    let downs = until_done(&mut lab, graph, Way::Down, seed + 50).await;
    lab.rest();
    assert_eq!(lab.world.inventory(), Vec::<String>::new(), "seed {seed}");
    assert!(lab.state().resources.is_empty());
    println!("seed {seed}: {ups} times up, {downs} times down");
}

#[tokio::test(start_paused = true)]
async fn the_source_environment_survives_storms() {
    let graph = crate::stacks::source(&[]);
    for seed in 1..=6 {
        survives(&graph, seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_system_survives_storms() {
    for seed in 11..=13 {
        survives(&graph(PAIRED, &[TWO_REGIONS]), seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_self_contained_layout_survives_storms() {
    survives(&graph(SELF_CONTAINED, &[]), 21).await;
}
