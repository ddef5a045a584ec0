//! The emergency switch: the target is taken out of the answers without a single call of Route 53.

use std::time::Duration;

use migrate_infra::engine::Context;
use migrate_infra::fuse::Fuse;
use migrate_infra::migration::emergency::{Position, turn, turn_unwritten};
use migrate_infra::migration::scene::Scene;
use migrate_infra::migration::shift::shift;
use migrate_infra::sandbox::Faults;
use migrate_infra::stack::Switch;

use crate::cli::Place;
use crate::lab::{AFTER, BEFORE, Lab};
use crate::lane::Lane;
use crate::stacks::{PAIRED, config};
use crate::traffic::{routed, split, weights};

fn switch() -> Switch {
    Switch::of(&config(PAIRED, &[])).expect("there is a switch")
}

/// Both environments, and all traffic on the target.
async fn on_the_target() -> Lab {
    let mut lab = routed().await;
    let shifted = async |context: Context| {
        let place = context.journal.read(|state| Scene::of(state).place).expect("there is routing");
        shift(&context, &"us-east-1".into(), &place, split(100), "a test").await
    };
    let (done, _) = lab.act(Fuse::default(), Faults::default(), shifted).await;
    done.expect("it was not killed").expect("it succeeds");
    lab
}

async fn turned(context: Context, to: Position) -> bool {
    turn(&context, &switch(), to).await.is_ok()
}

/// Where name servers lead, by set identifier.
fn answers(lab: &Lab) -> Vec<String> {
    let world = &lab.world;
    let zone = world.route53.zones.values().next().expect("a zone");
    let name = &zone.records.iter().find(|record| record.set_identifier.is_some()).expect("a record").name;
    let found = world.answers(&world.timeline(), zone, name, "A", world.now);
    found.iter().filter_map(|(record, _)| record.set_identifier.clone()).collect()
}

#[tokio::test(start_paused = true)]
pub async fn the_target_is_taken_out_and_put_in_without_a_call_of_route_53() {
    let mut lab = on_the_target().await;
    assert_eq!(answers(&lab), ["target"]);
    for (to, led) in [(Position::Out, "source"), (Position::In, "target")] {
        let (done, meter) = lab.act(Fuse::default(), Faults::default(), async |context| turned(context, to).await).await;
        assert_eq!((done, answers(&lab)), (Some(true), vec![led.to_owned()]));
        let sent = meter.by_call().get("cloudwatch:PutMetricData").copied();
        assert!(sent.is_some_and(|sent| sent >= if to == Position::In { 3 } else { 1 }), "{sent:?}");
        assert!(meter.by_call().keys().all(|call| !call.starts_with("route53:")), "{:?}", meter.by_call());
        assert_eq!(weights(&lab), (0, 100), "the weights stay as they are");
        assert!(lab.state().migration.operations.is_empty());
    }
    lab.down().await.must_succeed();
    assert!(lab.world.route53.health_checks.is_empty() && lab.world.regions["us-east-1"].cloudwatch.alarms.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_was_killed_or_had_no_answer_is_moved_by_the_next() {
    let ground = on_the_target().await;
    let mut points = 0;
    for point in 1.. {
        let mut lab = ground.fork();
        let fuse = Fuse::blowing_at(point);
        lab.act(fuse.clone(), Faults::default(), async |context| turned(context, Position::Out).await).await;
        if !fuse.is_dead() {
            break;
        }
        points += 1;
        let (done, _) = lab.act(Fuse::default(), Faults::default(), async |context| turned(context, Position::Out).await).await;
        assert_eq!((done, answers(&lab)), (Some(true), vec!["source".to_owned()]), "killed at {point}");
        assert!(lab.state().migration.operations.is_empty(), "killed at {point}");
    }
    assert!(points > 3, "{points}");
    crate::points::killed_at(points);
    for fault in BEFORE.iter().chain(&AFTER) {
        let mut lab = ground.fork();
        let faults = Faults::aimed(1, fault.clone());
        let (done, _) = lab.act(Fuse::default(), faults.clone(), async |context| turned(context, Position::Out).await).await;
        assert!(faults.has_struck());
        assert_eq!((done, answers(&lab)), (Some(true), vec!["source".to_owned()]), "{fault:?}");
    }
}

/// The values of a minute count together, and the highest one wins.
#[tokio::test(start_paused = true)]
async fn a_target_that_was_put_in_again_at_once_was_taken_out_a_minute_later() {
    let mut lab = on_the_target().await;
    // Sent, and nobody waits for it.
    let sent = async |context: Context| {
        let (out, clock) = (turned(context.clone(), Position::Out), context.cloud.clock());
        tokio::select! {
            done = out => done,
            () = clock.sleep(Duration::from_secs(1)) => true,
        }
    };
    lab.act(Fuse::default(), Faults::default(), sent).await;
    let (done, _) = lab.act(Fuse::default(), Faults::default(), async |context| turned(context, Position::In).await).await;
    assert_eq!((done, answers(&lab)), (Some(true), vec!["target".to_owned()]));
    for minute in 1..=6 {
        lab.act(Fuse::default(), Faults::default(), async |context: Context| {
            context.cloud.clock().sleep(Duration::from_mins(1)).await;
        })
        .await;
        assert_eq!(answers(&lab), ["target"], "after {minute} min");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_taken_out_twice_could_not_be_put_in_again() {
    let mut lab = on_the_target().await;
    for to in [Position::Out, Position::Out, Position::In] {
        let (done, _) = lab.act(Fuse::default(), Faults::default(), async |context| turned(context, to).await).await;
        assert_eq!(done, Some(true), "{to}");
    }
    assert_eq!(answers(&lab), ["target"]);
}

#[tokio::test(start_paused = true)]
async fn the_switch_needs_no_state() {
    let mut lab = on_the_target().await;
    let before = lab.store.text();
    let moved = async |context: Context| turn_unwritten(&context.looker(), &switch(), Position::Out).await.is_ok();
    let (done, _) = lab.act(Fuse::default(), Faults::default(), moved).await;
    assert_eq!((done, answers(&lab)), (Some(true), vec!["source".to_owned()]));
    assert!(!lab.store.text()[before.len().min(lab.store.text().len())..].contains("PutMetricData"), "nothing is written down");
}

#[tokio::test(start_paused = true)]
async fn without_a_switch_it_says_that_there_is_none() {
    let mut lab = Lab::default();
    let set = ["routing.emergency_switch=false"];
    lab.up(&crate::stacks::graph(PAIRED, &set)).await.must_succeed();
    assert_eq!(Switch::of(&config(PAIRED, &set)), None);
    assert!(lab.world.route53.health_checks.values().all(|check| check.config.children.is_empty()));
    let moved = async |context: Context| turn(&context, &switch(), Position::Out).await;
    let (done, _) = lab.act(Fuse::default(), Faults::default(), moved).await;
    let error = done.expect("it was not killed").expect_err("there is no alarm");
    assert!(error.to_string().contains("the switch was never made"), "{error}");
}

#[test]
fn an_emergency_as_a_user_sees_it() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up -y");
    run("traffic shift --to 100 -y");
    let dry = run("traffic emergency --dry-run");
    assert!(dry.contains("aws cloudwatch put-metric-data --region us-east-1") && dry.contains("--value 1"), "{dry}");
    assert!(!run("traffic show").contains("taken out"));
    let done = run("traffic emergency -y");
    assert!(done.contains("the target is taken out") && done.contains("traffic emergency --release"), "{done}");
    assert!(run("traffic show").contains("the target is taken out"));
    assert!(run("runbook").contains("traffic emergency"));
    let refused = place.told("traffic shift --to 50 -y --sandbox");
    assert!(refused.contains("[exit 3]") && refused.contains("traffic emergency --release"), "{refused}");
    run("traffic rollback -y");
    run("traffic emergency --release -y");
    assert!(!run("traffic show").contains("taken out"));
    let none = place.told("traffic emergency -y --sandbox --set routing.emergency_switch=false");
    assert!(none.contains("[exit 3]") && none.contains("emergency_switch = true"), "{none}");
    run("down -y");
}
