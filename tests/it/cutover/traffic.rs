//! Shifting traffic: both weights in one batch, recorded before, read back after. The next command corrects every kill
//! in between.

use migrate_infra::aws::CallOutcome;
use migrate_infra::config::Side;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::migration::TrafficSplit;
use migrate_infra::migration::cutover::ShiftEffect;
use migrate_infra::migration::records::{RecordName, read_both};
use migrate_infra::migration::shift::{SendMode, ShiftError, ShiftOutcome, roll_back_without_state, shift};
use migrate_infra::migration::topology::Topology;
use migrate_infra::sandbox::Faults;

use crate::harness::backend::Backend;
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{AFTER, BEFORE, Fixture, RunKind};
use crate::harness::stacks::{PAIRED, graph};
use crate::harness::workspace::Workspace;

/// Returns both environments with the routing between them.
pub async fn routed() -> Fixture {
    let mut fixture = Fixture::default();
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
    fixture.advance_a_day();
    fixture
}

pub fn split(percent: u8) -> TrafficSplit {
    TrafficSplit::new(percent).expect("a percent")
}

/// Returns both weights in Route 53.
pub fn weights(fixture: &Fixture) -> (i64, i64) {
    let records = fixture.world.route53.zones.values().flat_map(|zone| &zone.records);
    let weight = |set: &str| {
        records.clone().find(|record| record.set_identifier.as_deref() == Some(set)).and_then(|record| record.weight)
    };
    (weight("source").expect("a weight"), weight("target").expect("a weight"))
}

/// Shifts traffic by the record of the state.
pub async fn shifted(context: Context, to: TrafficSplit) -> Result<ShiftOutcome, ShiftError> {
    let workspace = context.journal.read(|state| Topology::of(state).record_name).expect("there is routing");
    shift(&context, &"us-east-1".into(), &workspace, to, "a test").await
}

async fn shift_to(fixture: &mut Fixture, percent: u8) -> ShiftOutcome {
    let (done, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| shifted(context, split(percent)).await)
        .await;
    done.expect("it was not killed").expect("it succeeds")
}

#[tokio::test(start_paused = true)]
async fn both_weights_are_set_in_one_batch_and_read_back() {
    let mut fixture = routed().await;
    assert_eq!(weights(&fixture), (100, 0));
    let (done, calls) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| shifted(context, split(10)).await)
        .await;
    let done = done.expect("it was not killed").expect("it succeeds");
    assert_eq!((done.from, done.changed, done.live.split()), (Some(split(0)), true, Some(split(10))));
    assert_eq!((weights(&fixture), calls.by_call().get("route53:ChangeResourceRecordSets")), ((90, 10), Some(&1)));
    assert_eq!((fixture.state().migration.live, fixture.state().migration.shift), (Some(10), None));
    // The same shift again changes nothing.
    let again = shift_to(&mut fixture, 10).await;
    assert!(!again.changed);
    // A later `up` keeps the weights.
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
    assert_eq!(weights(&fixture), (90, 10));
    fixture.down().await.must_succeed();
    assert!(fixture.state().migration.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_killed_shift_is_completed_or_replaced_by_the_next() {
    let initial = routed().await;
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture
            .with_context(crash_points.clone(), Faults::default(), async |context| shifted(context, split(30)).await)
            .await;
        let (source, target) = weights(&fixture);
        assert_eq!(source + target, 100, "killed at {point}");
        if !crash_points.is_dead() {
            continue;
        }
        for percent in [30, 0, 70] {
            let mut fixture = fixture.fork();
            shift_to(&mut fixture, percent).await;
            assert_eq!(weights(&fixture), (100 - i64::from(percent), percent.into()), "killed at {point}");
            assert_eq!(
                (fixture.state().migration.live, fixture.state().migration.shift),
                (Some(percent), None),
                "killed at {point}"
            );
        }
    }
    assert!(matrix.points() > 5, "{}", matrix.points());
}

#[tokio::test(start_paused = true)]
async fn a_shift_whose_answer_is_lost_is_found_live() {
    let initial = routed().await;
    for fault in BEFORE.iter().chain(&AFTER) {
        let mut fixture = initial.fork();
        let faults = Faults::at_call(1, fault.clone());
        let (done, _) = fixture
            .with_context(CrashPoints::default(), faults.clone(), async |context| shifted(context, split(20)).await)
            .await;
        done.expect("it was not killed").expect("the batch is sent again");
        assert!(faults.was_injected());
        assert_eq!(weights(&fixture), (80, 20), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_by_another_writer_is_detected() {
    let mut fixture = routed().await;
    shift_to(&mut fixture, 40).await;
    for zone in fixture.world.route53.zones.values_mut() {
        for record in zone.records.iter_mut().filter(|record| record.set_identifier.as_deref() == Some("target")) {
            record.weight = Some(77);
        }
    }
    let (live, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| {
            let workspace = context.journal.read(|state| Topology::of(state).record_name).expect("there is routing");
            read_both(
                &context.read_context().reader(&migrate_infra::migration::shift::traffic_address(), "us-east-1"),
                &workspace,
            )
            .await
        })
        .await;
    let live = live.expect("it was not killed").expect("it can be read");
    let weight = |side| live.record(side).expect("it has both").weight;
    assert_eq!(
        (weight(Side::Source), weight(Side::Target), live.split(), live.nearest_split()),
        (60, 77, None, split(56))
    );
}

#[tokio::test(start_paused = true)]
async fn all_traffic_returns_without_a_state() {
    let mut fixture = routed().await;
    shift_to(&mut fixture, 60).await;
    let workspace = Topology::of(&fixture.state()).record_name.expect("there is routing");
    let before = fixture.store.text();
    let (done, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| {
            roll_back_without_state(&context.read_context(), &"us-east-1".into(), &workspace, SendMode::IfChanged).await
        })
        .await;
    assert!(done.expect("it was not killed").expect("it succeeds").changed);
    assert_eq!(weights(&fixture), (100, 0));
    assert!(
        !fixture.store.text()[before.len().min(fixture.store.text().len())..].contains("shift_"),
        "nothing is written down"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_shift_leaves_the_weights_unchanged() {
    let mut fixture = routed().await;
    for zone in fixture.world.route53.zones.values_mut() {
        zone.records.retain(|record| record.set_identifier.as_deref() != Some("target"));
    }
    let (done, calls) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| shifted(context, split(20)).await)
        .await;
    let failed = done.expect("it was not killed").expect_err("there is only one record");
    assert_eq!(
        (failed.effect, failed.error.outcome(), calls.mutations()),
        (ShiftEffect::None, CallOutcome::NotDone, 0)
    );
}

#[test]
fn the_traffic_commands() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    let before = workspace.transcript("traffic show --sandbox");
    assert!(before.contains("[exit 3]") && before.contains("there is no routing yet"), "{before}");
    run("up -y");
    let shown = run("traffic show");
    assert!(
        shown.contains("weight 100")
            && shown.contains("2 healthy")
            && shown.contains("0 % of the traffic goes to the target"),
        "{shown}"
    );
    let dry = run("traffic shift --to 10 --dry-run");
    assert!(dry.contains("\"Weight\": 90") && dry.contains("\"Weight\": 10") && dry.contains("UPSERT"), "{dry}");
    assert!(run("traffic show").contains("0 % of the traffic"));
    let done = run("traffic shift --to 10 -y");
    assert!(done.contains("done: 10 % of the traffic goes to the target, before it was 0 %"), "{done}");
    assert!(run("traffic shift --to 10 -y").contains("nothing to do"));
    let json: serde_json::Value = serde_json::from_str(run("traffic show --output json").trim()).expect("it is JSON");
    assert_eq!((&json["target_percent"], &json["environments"]["source"]["weight"]), (&10.into(), &90.into()));
    let wrong = workspace.transcript("traffic shift --to 101 --sandbox -y");
    assert!(wrong.contains("[exit 2]"), "{wrong}");
    // The target becomes unhealthy: it receives no more traffic, and all of it can return.
    std::fs::write(
        workspace.path().join("sick.toml"),
        "[[events]]\nat_seconds = 0\nunhealthy_targets = { target = 2 }\n",
    )
    .expect("a file");
    run("traffic show --sandbox-script sick.toml");
    let refused = workspace.transcript("traffic shift --to 50 --sandbox -y");
    assert!(
        refused.contains("[exit 3]")
            && refused.contains("no target of `target` is healthy")
            && refused.contains("--force"),
        "{refused}"
    );
    assert!(run("traffic shift --to 50 --force -y").contains("50 %"));
    assert!(run("traffic rollback -y").contains("done: 0 % of the traffic goes to the target, before it was 50 %"));
    // Without a state, the zone is given or found by its name.
    run("traffic shift --to 30 --force -y");
    let state = workspace.state();
    std::fs::rename(&state, state.with_extension("lost")).expect("it is put away");
    assert!(run("traffic rollback -y").contains("done: 0 %"));
    let zone = json["zone_id"].as_str().expect("an id");
    assert!(run(&format!("traffic show --zone-id {zone}")).contains("0 % of the traffic"));
}

/// Returns the weights of the existing records in the sandbox between two commands.
fn kept_weights(workspace: &Workspace) -> Vec<(String, i64)> {
    let world = std::fs::read_to_string(workspace.path().join(".migrate-infra/sandbox/world.json")).expect("the world");
    let world: serde_json::Value = serde_json::from_str(&world).expect("it is JSON");
    let zones = world["route53"]["zones"].as_object().expect("zones").values();
    let records = zones.flat_map(|zone| zone["records"].as_array().expect("records").clone());
    let mut found: Vec<(String, i64)> = records
        .filter_map(|record| Some((record["set_identifier"].as_str()?.to_owned(), record["weight"].as_i64()?)))
        .collect();
    found.sort();
    found
}

#[test]
fn up_keeps_the_weights_when_it_recreates_records() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    let divided = |source: i64, target: i64| vec![("source".to_owned(), source), ("target".to_owned(), target)];
    let without = |sets: &'static [&'static str]| {
        crate::harness::workspace::edit_world(&workspace, |world| {
            for zone in world["route53"]["zones"].as_object_mut().expect("zones").values_mut() {
                let records = zone["records"].as_array_mut().expect("records");
                records.retain(|record| !sets.iter().any(|set| record["set_identifier"] == *set));
            }
        });
    };
    run("up -y");
    run("traffic shift --to 100 -y");
    // Another name: both records are replaced, and the old ones are deleted afterwards.
    let plan = run("plan --set routing.record=pay");
    assert!(
        plan.contains("its weight is 100, as in the current traffic split") && plan.contains("its weight is 0, as"),
        "{plan}"
    );
    run("up -y --set routing.record=pay");
    assert_eq!(kept_weights(&workspace), divided(0, 100));
    run("up -y");
    assert_eq!(kept_weights(&workspace), divided(0, 100));
    // One of them is deleted before the new one is created.
    run("up -y --replace routing/dns/target-record");
    assert_eq!(kept_weights(&workspace), divided(0, 100));
    without(&["target"]);
    run("up -y");
    assert_eq!(kept_weights(&workspace), divided(0, 100));
    run("traffic shift --to 40 -y");
    without(&["source", "target"]);
    let plan = run("plan");
    assert!(plan.contains("it no longer exists in AWS; its weight is 60, as in the current traffic split"), "{plan}");
    run("up -y");
    assert_eq!(kept_weights(&workspace), divided(60, 40));
    run("up -y --replace routing/dns/*-record");
    assert_eq!(kept_weights(&workspace), divided(60, 40));
    run("up -y --set routing.zone_name=x.internal --replace routing/dns/zone");
    assert_eq!(kept_weights(&workspace), divided(60, 40));
    assert!(run("traffic show").contains("40 % of the traffic goes to the target"));
}

/// Another writer has returned the traffic, which the journal does not record.
#[tokio::test(start_paused = true)]
async fn a_replaced_record_takes_its_weight_from_the_other_record() {
    let mut fixture = routed().await;
    shift_to(&mut fixture, 100).await;
    for zone in fixture.world.route53.zones.values_mut() {
        for record in &mut zone.records {
            record.weight = record.set_identifier.as_deref().map(|set| if set == "source" { 100 } else { 0 });
        }
    }
    fixture.replaced = "routing/dns/target-record".to_owned();
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
    assert_eq!(weights(&fixture), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_kill_during_the_replacement_of_records_keeps_the_weights() {
    let mut initial = routed().await;
    shift_to(&mut initial, 40).await;
    let graph = graph(PAIRED, &[]);
    initial.replaced = "routing/dns/*-record".to_owned();
    let mut matrix = Matrix::stepping(1, 3);
    while let Some((point, crash_points)) = matrix.arm() {
        let Some(mut fixture) = initial.killed(&graph, RunKind::Up, crash_points).await else { continue };
        fixture.run(&graph, RunKind::Up, CrashPoints::default()).await.must_succeed();
        assert_eq!(weights(&fixture), (60, 40), "killed at {point}");
    }
    assert!(matrix.points() > 3, "{}", matrix.points());
}

/// Another zone can have the same name. Its name servers were asked.
#[tokio::test(start_paused = true)]
async fn the_name_servers_of_the_zone_are_asked() {
    let mut fixture = routed().await;
    for zone in fixture.world.route53.zones.values_mut() {
        zone.name_servers = vec!["ns-of-this-zone.invalid".to_owned()];
    }
    let notices = fixture.record_notices();
    let action = async |context: Context| {
        let name = context.journal.read(|state| Topology::of(state).record_name).expect("there is routing");
        let name = RecordName { asks_name_servers: true, ..name };
        shift(&context, &"us-east-1".into(), &name, split(10), "a test").await.is_ok()
    };
    let (done, calls) = fixture.with_context(CrashPoints::default(), Faults::default(), action).await;
    assert_eq!(done, Some(true));
    assert!(calls.by_call().contains_key("route53:GetHostedZone"), "{:?}", calls.by_call());
    let notices = notices.lock().expect("a list").join("\n");
    assert!(notices.contains("ns-of-this-zone.invalid"), "{notices}");
}

/// Nobody outside its VPCs follows a shift, which succeeds nevertheless.
#[test]
fn a_private_zone_is_named() {
    let workspace = Workspace::new();
    workspace.run("up --sandbox -y");
    crate::harness::workspace::edit_world(&workspace, |world| {
        for zone in world["route53"]["zones"].as_object_mut().expect("zones").values_mut() {
            zone["vpcs"] = serde_json::json!([["vpc-0123", "us-east-1"]]);
        }
    });
    let words = "is private: only clients in vpc-0123 in us-east-1 resolve it";
    let show = workspace.run("traffic show --sandbox");
    assert!(String::from_utf8_lossy(&show.stdout).contains(words), "{show:?}");
    let cutover = workspace.run("cutover --sandbox --dry-run");
    assert!(String::from_utf8_lossy(&cutover.stderr).contains(words), "{cutover:?}");
}
