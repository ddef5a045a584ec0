//! Shifting traffic: both weights in one batch, written down before, read back after, and whatever dies in between is made good.

use migrate_infra::aws::Fate;
use migrate_infra::config::Side;
use migrate_infra::engine::Context;
use migrate_infra::fuse::Fuse;
use migrate_infra::migration::Split;
use migrate_infra::migration::scene::Scene;
use migrate_infra::migration::schedule::Effect;
use migrate_infra::migration::shift::{Failed, Send, Shifted, bring_back, shift};
use migrate_infra::migration::traffic::look;
use migrate_infra::sandbox::Faults;

use crate::cli::Place;
use crate::lab::{AFTER, BEFORE, Lab, Way};
use crate::lane::Lane;
use crate::stacks::{PAIRED, graph};

/// Both environments with the routing between them.
pub async fn routed() -> Lab {
    let mut lab = Lab::default();
    lab.up(&graph(PAIRED, &[])).await.must_succeed();
    lab.rest();
    lab
}

pub fn split(percent: u8) -> Split {
    Split::new(percent).expect("a percent")
}

/// Both weights as Route 53 has them.
pub fn weights(lab: &Lab) -> (i64, i64) {
    let records = lab.world.route53.zones.values().flat_map(|zone| &zone.records);
    let weight = |set: &str| records.clone().find(|record| record.set_identifier.as_deref() == Some(set)).and_then(|record| record.weight);
    (weight("source").expect("a weight"), weight("target").expect("a weight"))
}

async fn shifted(context: Context, to: Split) -> Result<Shifted, Failed> {
    let place = context.journal.read(|state| Scene::of(state).place).expect("there is routing");
    shift(&context, &"us-east-1".into(), &place, to, "a test").await
}

async fn shift_to(lab: &mut Lab, percent: u8) -> Shifted {
    let (done, _) = lab.act(Fuse::default(), Faults::default(), async |context| shifted(context, split(percent)).await).await;
    done.expect("it was not killed").expect("it succeeds")
}

#[tokio::test(start_paused = true)]
async fn both_weights_are_set_in_one_batch_and_read_back() {
    let mut lab = routed().await;
    assert_eq!(weights(&lab), (100, 0));
    let (done, meter) = lab.act(Fuse::default(), Faults::default(), async |context| shifted(context, split(10)).await).await;
    let done = done.expect("it was not killed").expect("it succeeds");
    assert_eq!((done.from, done.changed, done.live.split()), (Some(split(0)), true, Some(split(10))));
    assert_eq!((weights(&lab), meter.by_call().get("route53:ChangeResourceRecordSets")), ((90, 10), Some(&1)));
    assert_eq!((lab.state().migration.live, lab.state().migration.shift), (Some(10), None));
    // The same again changes nothing.
    let again = shift_to(&mut lab, 10).await;
    assert!(!again.changed);
    // A later `up` leaves the weights alone.
    lab.up(&graph(PAIRED, &[])).await.must_succeed();
    assert_eq!(weights(&lab), (90, 10));
    lab.down().await.must_succeed();
    assert!(lab.state().migration.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shift_that_was_killed_is_finished_or_replaced_by_the_next() {
    let ground = routed().await;
    let mut points = 0;
    for point in 1.. {
        let mut lab = ground.fork();
        let fuse = Fuse::blowing_at(point);
        lab.act(fuse.clone(), Faults::default(), async |context| shifted(context, split(30)).await).await;
        let (source, target) = weights(&lab);
        assert_eq!(source + target, 100, "killed at {point}");
        if !fuse.is_dead() {
            break;
        }
        points += 1;
        for percent in [30, 0, 70] {
            let mut lab = lab.fork();
            shift_to(&mut lab, percent).await;
            assert_eq!(weights(&lab), (100 - i64::from(percent), percent.into()), "killed at {point}");
            assert_eq!((lab.state().migration.live, lab.state().migration.shift), (Some(percent), None), "killed at {point}");
        }
    }
    assert!(points > 5, "{points}");
    crate::points::killed_at(points);
}

#[tokio::test(start_paused = true)]
async fn a_shift_whose_answer_is_lost_is_seen_to_be_live() {
    let ground = routed().await;
    for fault in BEFORE.iter().chain(&AFTER) {
        let mut lab = ground.fork();
        let faults = Faults::aimed(1, fault.clone());
        let (done, _) = lab.act(Fuse::default(), faults.clone(), async |context| shifted(context, split(20)).await).await;
        done.expect("it was not killed").expect("the batch is sent again");
        assert!(faults.has_struck());
        assert_eq!(weights(&lab), (80, 20), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_by_somebody_else_is_noticed() {
    let mut lab = routed().await;
    shift_to(&mut lab, 40).await;
    for zone in lab.world.route53.zones.values_mut() {
        for record in zone.records.iter_mut().filter(|record| record.set_identifier.as_deref() == Some("target")) {
            record.weight = Some(77);
        }
    }
    let (live, _) = lab
        .act(Fuse::default(), Faults::default(), async |context| {
            let place = context.journal.read(|state| Scene::of(state).place).expect("there is routing");
            look(&context.looker().reader(&migrate_infra::migration::shift::address(), &"us-east-1".into()), &place).await
        })
        .await;
    let live = live.expect("it was not killed").expect("it can be read");
    let weight = |side| live.record(side).expect("it has both").weight;
    assert_eq!((weight(Side::Source), weight(Side::Target), live.split(), live.nearest()), (60, 77, None, split(56)));
}

#[tokio::test(start_paused = true)]
async fn all_traffic_is_brought_back_without_a_state() {
    let mut lab = routed().await;
    shift_to(&mut lab, 60).await;
    let place = Scene::of(&lab.state()).place.expect("there is routing");
    let before = lab.store.text();
    let (done, _) = lab
        .act(Fuse::default(), Faults::default(), async |context| bring_back(&context.looker(), &"us-east-1".into(), &place, Send::WhenNeeded).await)
        .await;
    assert!(done.expect("it was not killed").expect("it succeeds").changed);
    assert_eq!(weights(&lab), (100, 0));
    assert!(!lab.store.text()[before.len().min(lab.store.text().len())..].contains("shift_"), "nothing is written down");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_leaves_traffic_where_it_was() {
    let mut lab = routed().await;
    for zone in lab.world.route53.zones.values_mut() {
        zone.records.retain(|record| record.set_identifier.as_deref() != Some("target"));
    }
    let (done, meter) = lab.act(Fuse::default(), Faults::default(), async |context| shifted(context, split(20)).await).await;
    let failed = done.expect("it was not killed").expect_err("there is only one record");
    assert_eq!((failed.effect, failed.error.fate(), meter.mutations()), (Effect::None, Fate::NotDone, 0));
}

#[test]
fn traffic_as_a_user_sees_it() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    let before = place.told("traffic show --sandbox");
    assert!(before.contains("[exit 3]") && before.contains("there is no routing yet"), "{before}");
    run("up -y");
    let shown = run("traffic show");
    assert!(shown.contains("weight 100") && shown.contains("2 healthy") && shown.contains("0 % of the traffic goes to the target"), "{shown}");
    let dry = run("traffic shift --to 10 --dry-run");
    assert!(dry.contains("\"Weight\": 90") && dry.contains("\"Weight\": 10") && dry.contains("UPSERT"), "{dry}");
    assert!(run("traffic show").contains("0 % of the traffic"));
    let done = run("traffic shift --to 10 -y");
    assert!(done.contains("done: 10 % of the traffic goes to the target, before it was 0 %"), "{done}");
    assert!(run("traffic shift --to 10 -y").contains("nothing to do"));
    let json: serde_json::Value = serde_json::from_str(run("traffic show --output json").trim()).expect("it is JSON");
    assert_eq!((&json["target_percent"], &json["environments"]["source"]["weight"]), (&10.into(), &90.into()));
    let wrong = place.told("traffic shift --to 101 --sandbox -y");
    assert!(wrong.contains("[exit 2]"), "{wrong}");
    // The target falls sick: no more traffic goes there, and it can be brought back.
    std::fs::write(place.path().join("sick.toml"), "[[events]]\nat_seconds = 0\nunhealthy_targets = { target = 2 }\n").expect("a file");
    run("traffic show --sandbox-script sick.toml");
    let refused = place.told("traffic shift --to 50 --sandbox -y");
    assert!(refused.contains("[exit 3]") && refused.contains("no target of `target` is healthy") && refused.contains("--force"), "{refused}");
    assert!(run("traffic shift --to 50 --force -y").contains("50 %"));
    assert!(run("traffic rollback -y").contains("done: 0 % of the traffic goes to the target, before it was 50 %"));
    // Without a state, the zone is named or found by its name.
    run("traffic shift --to 30 --force -y");
    let state = place.state();
    std::fs::rename(&state, state.with_extension("lost")).expect("it is put away");
    assert!(run("traffic rollback -y").contains("done: 0 %"));
    let zone = json["zone_id"].as_str().expect("an id");
    assert!(run(&format!("traffic show --zone-id {zone}")).contains("0 % of the traffic"));
}

/// The weights of the records that there are, as the sandbox has them between two commands.
fn kept_weights(place: &Place) -> Vec<(String, i64)> {
    let world = std::fs::read_to_string(place.path().join(".migrate-infra/sandbox/world.json")).expect("the world");
    let world: serde_json::Value = serde_json::from_str(&world).expect("it is JSON");
    let zones = world["route53"]["zones"].as_object().expect("zones").values();
    let records = zones.flat_map(|zone| zone["records"].as_array().expect("records").clone());
    let mut found: Vec<(String, i64)> =
        records.filter_map(|record| Some((record["set_identifier"].as_str()?.to_owned(), record["weight"].as_i64()?))).collect();
    found.sort();
    found
}

#[test]
fn up_moved_the_traffic_when_it_made_records_anew() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    let divided = |source: i64, target: i64| vec![("source".to_owned(), source), ("target".to_owned(), target)];
    let without = |sets: &'static [&'static str]| {
        crate::adopting::edit_world(&place, |world| {
            for zone in world["route53"]["zones"].as_object_mut().expect("zones").values_mut() {
                let records = zone["records"].as_array_mut().expect("records");
                records.retain(|record| !sets.iter().any(|set| record["set_identifier"] == *set));
            }
        });
    };
    run("up -y");
    run("traffic shift --to 100 -y");
    // Another name: both are made anew, and the old ones go afterwards.
    let plan = run("plan --set routing.record=pay");
    assert!(plan.contains("its weight is 100, as traffic is divided now") && plan.contains("its weight is 0, as"), "{plan}");
    run("up -y --set routing.record=pay");
    assert_eq!(kept_weights(&place), divided(0, 100));
    run("up -y");
    assert_eq!(kept_weights(&place), divided(0, 100));
    // One of them goes before the new one is made.
    run("up -y --replace routing/dns/target-record");
    assert_eq!(kept_weights(&place), divided(0, 100));
    without(&["target"]);
    run("up -y");
    assert_eq!(kept_weights(&place), divided(0, 100));
    run("traffic shift --to 40 -y");
    without(&["source", "target"]);
    let plan = run("plan");
    assert!(plan.contains("it is gone from AWS; its weight is 60, as traffic is divided now"), "{plan}");
    run("up -y");
    assert_eq!(kept_weights(&place), divided(60, 40));
    run("up -y --replace routing/dns/*-record");
    assert_eq!(kept_weights(&place), divided(60, 40));
    run("up -y --set routing.zone_name=x.internal --replace routing/dns/zone");
    assert_eq!(kept_weights(&place), divided(60, 40));
    assert!(run("traffic show").contains("40 % of the traffic goes to the target"));
}

/// Somebody else has brought traffic back, which the journal does not know.
#[tokio::test(start_paused = true)]
async fn a_replaced_record_follows_the_other_one_and_not_the_journal() {
    let mut lab = routed().await;
    shift_to(&mut lab, 100).await;
    for zone in lab.world.route53.zones.values_mut() {
        for record in &mut zone.records {
            record.weight = record.set_identifier.as_deref().map(|set| if set == "source" { 100 } else { 0 });
        }
    }
    lab.replaced = "routing/dns/target-record".to_owned();
    lab.up(&graph(PAIRED, &[])).await.must_succeed();
    assert_eq!(weights(&lab), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn killed_while_records_are_replaced_the_traffic_stays_divided() {
    let mut ground = routed().await;
    shift_to(&mut ground, 40).await;
    let graph = graph(PAIRED, &[]);
    ground.replaced = "routing/dns/*-record".to_owned();
    let mut points = 0;
    for point in (1..).step_by(3) {
        let Some(mut lab) = ground.killed(&graph, Way::Up, point).await else { break };
        points += 1;
        lab.run(&graph, Way::Up, Fuse::default()).await.must_succeed();
        assert_eq!(weights(&lab), (60, 40), "killed at {point}");
    }
    assert!(points > 3, "{points}");
}
