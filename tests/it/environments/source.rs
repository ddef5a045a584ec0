//! The whole source environment of the default configuration on the sandbox.

use std::collections::BTreeSet;
use std::path::Path;

use migrate_infra::aws::is_mutating;
use migrate_infra::config::{Overrides, load};
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::Registry;
use migrate_infra::state::Status;

use crate::harness::matrix::Matrix;
use crate::harness::registry::kinds;
use crate::harness::sandbox_run::{Fixture, RunKind};

fn source() -> Graph {
    source_with(&[])
}

fn source_with(sets: &[&str]) -> Graph {
    let overrides = Overrides { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..Overrides::default() };
    let mut config =
        load(Some(Path::new("config/migration.toml")), &overrides).expect("the default configuration is right");
    config.environments.retain(|environment| environment.name == "source");
    migrate_infra::stack::build(&config).expect("the default configuration makes a graph")
}

#[tokio::test(start_paused = true)]
async fn it_is_created_stays_unchanged_and_is_deleted() {
    let graph = source();
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    let state = fixture.state();
    assert_eq!(state.resources.len(), graph.nodes().len());
    assert!(state.resources.values().all(|entry| entry.status == Status::Ready));
    let quiet = fixture.up(&graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.calls.mutations(), 0, "a second up changed something: {:?}", quiet.calls.by_call());
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
    let nothing = fixture.down().await;
    assert_eq!((nothing.calls.mutations(), nothing.calls.reads()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_changed_tag_reaches_everything_that_has_tags() {
    let mut fixture = Fixture::default();
    fixture.up(&source()).await.must_succeed();
    let changed = source_with(&["tags.CostCenter=elsewhere"]);
    fixture.up(&changed).await.must_succeed();
    assert_eq!(fixture.up(&changed).await.must_succeed().calls.mutations(), 0);
    let mut tagged = fixture.world.tagged("us-east-1");
    tagged.extend(fixture.world.iam.roles.values().map(|role| (role.arn.clone(), role.tags.clone())));
    let ours: Vec<_> = tagged.iter().filter(|(_, tags)| tags.contains_key(infra_base::tags::OWNER_STACK)).collect();
    assert!(ours.len() > 40, "only {} resources have our tags", ours.len());
    let old: Vec<_> = ours
        .iter()
        .filter(|(_, tags)| tags.get("CostCenter").map(String::as_str) != Some("elsewhere"))
        .map(|(arn, _)| arn)
        .collect();
    assert!(old.is_empty(), "these still have the old tag: {old:#?}");
}

/// The run takes as long as its slowest chain, not as long as the sum of its parts.
#[tokio::test(start_paused = true)]
async fn it_takes_as_long_as_its_slowest_chain() {
    let graph = source();
    let mut fixture = Fixture::default();
    let ran = fixture.up(&graph).await;
    let report = ran.must_succeed().report();
    let slowest: u64 =
        ["source/database-source/instance", "source/service/service"].iter().map(|address| took(report, address)).sum();
    let sum: u64 = report.durations.iter().map(|(_, took)| took.as_secs()).sum();
    let elapsed = report.elapsed.as_secs();
    assert!(elapsed < slowest + 60, "it took {elapsed} s, its slowest chain {slowest} s");
    assert!(elapsed < sum, "it took {elapsed} s, the sum of all is {sum} s");
}

fn took(report: &migrate_infra::engine::Report, address: &str) -> u64 {
    report.durations.iter().find(|(of, _)| of.as_str() == address).expect("it was worked on").1.as_secs()
}

/// Kills `up` or `down` of the whole environment at every `of`-th point beginning with `first`, runs the same command
/// again, and compares with the undisturbed run. Every tenth recovery of `up` is followed by a `down` that must leave
/// nothing.
async fn survives(kind: RunKind, first: u64, of: u64) {
    let graph = source();
    let mut undisturbed = Fixture::default();
    undisturbed.up(&graph).await.must_succeed();
    let count = undisturbed.world.inventory().len();
    let before = if kind == RunKind::Up { Fixture::default() } else { undisturbed };
    let mut kills = 0;
    let mut matrix = Matrix::stepping(first, of);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        let killed = fixture.run(&graph, kind, crash_points.clone()).await;
        if !crash_points.is_dead() {
            killed.must_succeed();
            continue;
        }
        kills += 1;
        // Some recoveries are killed as well, near their beginning and far from it.
        if kills % 5 == 0 {
            fixture.run(&graph, kind, CrashPoints::crashing_at(1 + point % 7)).await;
            fixture.run(&graph, kind, CrashPoints::crashing_at(1 + point % 89)).await;
        }
        fixture.run(&graph, kind, CrashPoints::default()).await.must_succeed();
        let (inventory, state) = (fixture.world.inventory(), fixture.state());
        if kind == RunKind::Down {
            assert_eq!(inventory, Vec::<String>::new(), "killed at point {point} of down");
            assert!(state.resources.is_empty());
            continue;
        }
        assert_eq!(inventory.len(), count, "killed at point {point} of up: {inventory:#?}");
        assert!(
            state.resources.values().all(|entry| entry.status == Status::Ready && entry.open.is_none()),
            "killed at point {point} of up"
        );
        if kills % 10 == 0 {
            assert_eq!(
                fixture.up(&graph).await.must_succeed().calls.mutations(),
                0,
                "killed at point {point} of up, then up twice"
            );
            fixture.down().await.must_succeed();
            assert_eq!(fixture.world.inventory(), Vec::<String>::new(), "killed at point {point} of up, then down");
        }
    }
    assert!(matrix.points() > 50, "only {} points", matrix.points());
}

macro_rules! kills {
    ($($name:ident: $kind:expr, $first:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            survives($kind, $first, 4).await;
        }
    )*};
}

// Every point of the whole run, in four parts that run in parallel.
kills! {
    up_survives_a_kill_at_every_point_1_of_4: RunKind::Up, 1;
    up_survives_a_kill_at_every_point_2_of_4: RunKind::Up, 2;
    up_survives_a_kill_at_every_point_3_of_4: RunKind::Up, 3;
    up_survives_a_kill_at_every_point_4_of_4: RunKind::Up, 4;
    down_survives_a_kill_at_every_point_1_of_4: RunKind::Down, 1;
    down_survives_a_kill_at_every_point_2_of_4: RunKind::Down, 2;
    down_survives_a_kill_at_every_point_3_of_4: RunKind::Down, 3;
    down_survives_a_kill_at_every_point_4_of_4: RunKind::Down, 4;
}

/// Operations that kinds declare because they need the permission, but that they do not call themselves.
pub const PERMISSIONS_ONLY: &[&str] =
    &["iam:CreateServiceLinkedRole", "iam:PassRole", "lambda:InvokeFunction", "rds:CreateDBSnapshot", "s3:TagResource"];

#[tokio::test(start_paused = true)]
async fn kinds_declare_their_calls_and_the_sandbox_supports_them() {
    let listed: BTreeSet<&str> = kinds().iter().flat_map(|kind| kind.schema().operations.iter().copied()).collect();
    let registry = Registry::complete();
    let unanswered: Vec<&&str> =
        listed.iter().filter(|call| !PERMISSIONS_ONLY.contains(call) && !registry.supports(call)).collect();
    assert!(unanswered.is_empty(), "the sandbox does not answer {unanswered:?}");

    let graph = source();
    let mut fixture = Fixture::default();
    let ran = [fixture.up(&graph).await, fixture.up(&graph).await, fixture.down().await];
    let called: BTreeSet<&str> = ran.iter().flat_map(|ran| ran.calls.by_call().into_keys()).collect();
    let unlisted: Vec<&&str> = called.difference(&listed).collect();
    assert!(unlisted.is_empty(), "no kind lists {unlisted:?}");
    assert!(called.iter().any(|call| is_mutating(call.split_once(':').expect("service:Operation").1)));
}

#[test]
fn kinds_have_unique_names_and_describe_themselves() {
    let names: BTreeSet<&str> = kinds().iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), kinds().len(), "two kinds have one name");
    for kind in kinds() {
        assert!(
            !kind.schema().summary.is_empty() && !kind.schema().delete_blockers.is_empty(),
            "{} says too little",
            kind.name()
        );
    }
}
