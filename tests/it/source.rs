//! The whole source environment of the default configuration on the embedded AWS.

use std::collections::BTreeSet;
use std::path::Path;

use migrate_infra::aws::is_mutating;
use migrate_infra::config::{Overrides, load};
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::resource::kinds;
use migrate_infra::sandbox::Registry;
use migrate_infra::state::Status;

use crate::lab::{Lab, Way};

fn source() -> Graph {
    source_with(&[])
}

fn source_with(sets: &[&str]) -> Graph {
    let overrides = Overrides { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..Overrides::default() };
    let mut config = load(Some(Path::new("config/migration.toml")), &overrides).expect("the default configuration is right");
    config.environments.retain(|environment| environment.name == "source");
    migrate_infra::stack::build(&config).expect("the default configuration makes a graph")
}

#[tokio::test(start_paused = true)]
async fn it_goes_up_stays_quiet_and_goes_down() {
    let graph = source();
    let mut lab = Lab::default();
    lab.up(&graph).await.must_succeed();
    let state = lab.state();
    assert_eq!(state.resources.len(), graph.nodes().len());
    assert!(state.resources.values().all(|entry| entry.status == Status::Ready));
    let quiet = lab.up(&graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.meter.mutations(), 0, "a second up changed something: {:?}", quiet.meter.by_call());
    lab.down().await.must_succeed();
    assert_eq!(lab.world.inventory(), Vec::<String>::new());
    let nothing = lab.down().await;
    assert_eq!((nothing.meter.mutations(), nothing.meter.reads()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_changed_tag_reaches_everything_that_has_tags() {
    let mut lab = Lab::default();
    lab.up(&source()).await.must_succeed();
    let changed = source_with(&["tags.CostCenter=elsewhere"]);
    lab.up(&changed).await.must_succeed();
    assert_eq!(lab.up(&changed).await.must_succeed().meter.mutations(), 0);
    let mut tagged = lab.world.tagged("us-east-1");
    tagged.extend(lab.world.iam.roles.values().map(|role| (role.arn.clone(), role.tags.clone())));
    let ours: Vec<_> = tagged.iter().filter(|(_, tags)| tags.contains_key(migrate_infra::aws::OWNER_STACK)).collect();
    assert!(ours.len() > 40, "only {} things have our tags", ours.len());
    let old: Vec<_> = ours.iter().filter(|(_, tags)| tags.get("CostCenter").map(String::as_str) != Some("elsewhere")).map(|(arn, _)| arn).collect();
    assert!(old.is_empty(), "these still have the old tag: {old:#?}");
}

/// The run is as long as its slowest chain, not as long as the sum of its parts.
#[tokio::test(start_paused = true)]
async fn it_takes_as_long_as_the_database_and_what_waits_for_it() {
    let graph = source();
    let mut lab = Lab::default();
    let ran = lab.up(&graph).await;
    let report = ran.must_succeed().report();
    let slowest: u64 = ["source/database-source/instance", "source/service/service"].iter().map(|address| took(report, address)).sum();
    let sum: u64 = report.durations.iter().map(|(_, took)| took.as_secs()).sum();
    let elapsed = report.elapsed.as_secs();
    assert!(elapsed < slowest + 60, "it took {elapsed} s, its slowest chain {slowest} s");
    assert!(elapsed < sum, "it took {elapsed} s, the sum of all is {sum} s");
}

fn took(report: &migrate_infra::engine::Report, address: &str) -> u64 {
    report.durations.iter().find(|(of, _)| of.as_str() == address).expect("it was worked on").1.as_secs()
}

/// Kills `up` or `down` of the whole environment at every `of`-th point beginning with `first`, runs the same command again,
/// and compares with the undisturbed run. Every tenth recovery of `up` is followed by a `down` that must leave nothing.
async fn survives(way: Way, first: u64, of: u64) {
    let graph = source();
    let mut undisturbed = Lab::default();
    undisturbed.up(&graph).await.must_succeed();
    let things = undisturbed.world.inventory().len();
    let before = if way == Way::Up { Lab::default() } else { undisturbed };
    let mut points = 0;
    for point in (first..).step_by(usize::try_from(of).expect("a small number")) {
        let mut lab = before.fork();
        let fuse = Fuse::blowing_at(point);
        let killed = lab.run(&graph, way, fuse.clone()).await;
        if !fuse.is_dead() {
            killed.must_succeed();
            break;
        }
        points += 1;
        // The recovery is killed as well now and then, somewhere near its beginning and somewhere far from it.
        if points % 5 == 0 {
            lab.run(&graph, way, Fuse::blowing_at(1 + point % 7)).await;
            lab.run(&graph, way, Fuse::blowing_at(1 + point % 89)).await;
        }
        lab.run(&graph, way, Fuse::default()).await.must_succeed();
        let (inventory, state) = (lab.world.inventory(), lab.state());
        if way == Way::Down {
            assert_eq!(inventory, Vec::<String>::new(), "killed at point {point} of down");
            assert!(state.resources.is_empty());
            continue;
        }
        assert_eq!(inventory.len(), things, "killed at point {point} of up: {inventory:#?}");
        assert!(state.resources.values().all(|entry| entry.status == Status::Ready && entry.open.is_none()), "killed at point {point} of up");
        if points % 10 == 0 {
            assert_eq!(lab.up(&graph).await.must_succeed().meter.mutations(), 0, "killed at point {point} of up, then up twice");
            lab.down().await.must_succeed();
            assert_eq!(lab.world.inventory(), Vec::<String>::new(), "killed at point {point} of up, then down");
        }
    }
    assert!(points > 50, "only {points} points");
    crate::points::killed_at(points);
}

macro_rules! kills {
    ($($name:ident: $way:expr, $first:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            survives($way, $first, 4).await;
        }
    )*};
}

// Every point of the whole run, in four parts that run side by side.
kills! {
    up_survives_a_kill_at_every_point_1_of_4: Way::Up, 1;
    up_survives_a_kill_at_every_point_2_of_4: Way::Up, 2;
    up_survives_a_kill_at_every_point_3_of_4: Way::Up, 3;
    up_survives_a_kill_at_every_point_4_of_4: Way::Up, 4;
    down_survives_a_kill_at_every_point_1_of_4: Way::Down, 1;
    down_survives_a_kill_at_every_point_2_of_4: Way::Down, 2;
    down_survives_a_kill_at_every_point_3_of_4: Way::Down, 3;
    down_survives_a_kill_at_every_point_4_of_4: Way::Down, 4;
}

/// Operations that kinds list because they need the permission, but that they do not call themselves.
pub const PERMISSIONS_ONLY: &[&str] =
    &["iam:CreateServiceLinkedRole", "iam:PassRole", "lambda:InvokeFunction", "rds:CreateDBSnapshot", "s3:TagResource"];

#[tokio::test(start_paused = true)]
async fn kinds_list_what_they_call_and_the_sandbox_answers_it() {
    let listed: BTreeSet<&str> = kinds().iter().flat_map(|kind| kind.about().operations.iter().copied()).collect();
    let registry = Registry::complete();
    let unanswered: Vec<&&str> = listed.iter().filter(|call| !PERMISSIONS_ONLY.contains(call) && !registry.answers(call)).collect();
    assert!(unanswered.is_empty(), "the sandbox does not answer {unanswered:?}");

    let graph = source();
    let mut lab = Lab::default();
    let ran = [lab.up(&graph).await, lab.up(&graph).await, lab.down().await];
    let called: BTreeSet<&str> = ran.iter().flat_map(|ran| ran.meter.by_call().into_keys()).collect();
    let unlisted: Vec<&&str> = called.difference(&listed).collect();
    assert!(unlisted.is_empty(), "no kind lists {unlisted:?}");
    assert!(called.iter().any(|call| is_mutating(call.split_once(':').expect("service:Operation").1)));
}

#[test]
fn kinds_have_names_of_their_own_and_say_what_they_are() {
    let names: BTreeSet<&str> = kinds().iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), kinds().len(), "two kinds have one name");
    for kind in kinds() {
        assert!(!kind.about().summary.is_empty() && !kind.about().blocked_by.is_empty(), "{} says too little", kind.name());
    }
}
