//! Which record has which health check: health never decides where traffic goes.

use migrate_infra::config::Side;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::graph::Graph;
use migrate_infra::migration::shift::{SendMode, roll_back_without_state};
use migrate_infra::migration::topology::Topology;
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::hosted_zones::Record;

use crate::cutover::emergency::answers;
use crate::cutover::switchover::{moved_to, with_exchanged_records, with_traffic_on_the_target};
use crate::cutover::traffic::{routed, shifted, split, weights};
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, graph};

fn record<'a>(fixture: &'a Fixture, set: &str) -> &'a Record {
    let mut records = fixture.world.route53.zones.values().flat_map(|zone| &zone.records);
    records.find(|record| record.set_identifier.as_deref() == Some(set)).expect("a record")
}

/// Returns the threshold of the health check of the target's record, and the number of its children.
fn threshold(fixture: &Fixture) -> (i32, usize) {
    threshold_of(fixture, "target")
}

fn threshold_of(fixture: &Fixture, set: &str) -> (i32, usize) {
    let check = record(fixture, set).health_check_id.as_ref().expect("a health check");
    let config = &fixture.world.route53.health_checks[check].config;
    (config.health_threshold, config.children.len())
}

fn somebody_sets_the_weight_of(fixture: &mut Fixture, set: &str) {
    for zone in fixture.world.route53.zones.values_mut() {
        for record in zone.records.iter_mut().filter(|record| record.set_identifier.as_deref() == Some(set)) {
            record.weight = Some(100);
        }
    }
}

async fn shift_to(fixture: &mut Fixture, percent: u8, crash_points: CrashPoints) -> bool {
    let shifted = async |context: Context| shifted(context, split(percent)).await.is_ok();
    fixture.with_context(crash_points, Faults::default(), shifted).await.0 == Some(true)
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_source_sent_payments_to_an_empty_database() {
    let mut fixture = routed().await;
    let (source, target) = (record(&fixture, "source"), record(&fixture, "target"));
    assert_eq!(source.health_check_id, None);
    for record in [source, target] {
        assert!(!record.alias.as_ref().expect("an alias").evaluate_target_health);
    }
    // No target of the source is healthy any more.
    fixture.world.regions.get_mut("us-east-1").expect("a region").ecs.services.values_mut().for_each(|service| {
        if service.name.contains("source") {
            service.desired_count = 0;
        }
    });
    fixture.advance_a_day();
    assert_eq!(answers(&fixture), ["source"]);
}

#[tokio::test(start_paused = true)]
async fn the_target_gets_nothing_before_the_first_shift_whatever_the_weights_are() {
    let mut fixture = routed().await;
    assert_eq!(threshold(&fixture), (3, 1), "Route 53 considers it unhealthy");
    somebody_sets_the_weight_of(&mut fixture, "target");
    assert_eq!(answers(&fixture), ["source"], "somebody has set a weight");
    assert!(shift_to(&mut fixture, 40, CrashPoints::default()).await);
    assert_eq!((threshold(&fixture), weights(&fixture)), ((1, 1), (60, 40)));
    assert_eq!(answers(&fixture), ["source", "target"]);
    // It stays so, also after all traffic has returned, and when `up` changes something else.
    assert!(shift_to(&mut fixture, 0, CrashPoints::default()).await);
    fixture.up(&graph(PAIRED, &["tags.Team=other"])).await.must_succeed();
    assert_eq!(threshold(&fixture), (1, 1));
    let findings = crate::kinds::every_input::look(&fixture).await.drift;
    assert!(findings.is_empty(), "{findings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_shift_that_is_killed_at_any_point_is_completed_by_the_next() {
    let initial = routed().await;
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        shift_to(&mut fixture, 30, crash_points.clone()).await;
        assert!(shift_to(&mut fixture, 30, CrashPoints::default()).await, "killed at {point}");
        assert_eq!((threshold(&fixture), weights(&fixture)), ((1, 1), (70, 30)), "killed at {point}");
        assert!(fixture.state().migration.shift.is_none(), "killed at {point}");
    }
    assert!(matrix.points() > 5, "{}", matrix.points());
}

/// A check that is created again while the target has traffic does not take it away.
#[tokio::test(start_paused = true)]
async fn a_recreated_check_follows_the_switch_at_once() {
    let mut fixture = routed().await;
    assert!(shift_to(&mut fixture, 100, CrashPoints::default()).await);
    let check = record(&fixture, "target").health_check_id.clone().expect("a health check");
    fixture.world.route53.health_checks.remove(&check);
    for zone in fixture.world.route53.zones.values_mut() {
        for record in zone.records.iter_mut().filter(|record| record.set_identifier.as_deref() == Some("target")) {
            record.health_check_id = None;
        }
    }
    let graph: Graph = graph(PAIRED, &[]);
    fixture.drift = Some(crate::kinds::every_input::look(&fixture).await.drift);
    fixture.up(&graph).await.must_succeed();
    assert_eq!((threshold(&fixture), weights(&fixture)), ((1, 1), (0, 100)));
    assert_eq!(answers(&fixture), ["target"]);
}

/// The record of the primary has no health check. The other one is unhealthy, whatever its weight is, until the way
/// back sends its weight.
#[tokio::test(start_paused = true)]
async fn after_a_switchover_the_records_change_roles() {
    let mut fixture = with_traffic_on_the_target().await;
    for round in ["there", "there again"] {
        moved_to(&mut fixture, Side::Target).await;
        with_exchanged_records(&mut fixture).await;
        assert_eq!(record(&fixture, "target").health_check_id, None, "{round}");
        assert_eq!(threshold_of(&fixture, "source"), (3, 1), "{round}: Route 53 considers it unhealthy");
        let mut by_hand = fixture.fork();
        somebody_sets_the_weight_of(&mut by_hand, "source");
        assert_eq!(answers(&by_hand), ["target"], "{round}: somebody has set a weight");
        let findings = crate::kinds::every_input::look(&fixture).await.drift;
        assert!(findings.is_empty(), "{round}: {findings:?}");

        moved_to(&mut fixture, Side::Source).await;
        assert_eq!(record(&fixture, "source").health_check_id, None, "{round}: the batch with its weight ends that");
        assert_eq!((answers(&fixture), weights(&fixture)), (vec!["source".to_owned()], (100, 0)), "{round}");
        with_exchanged_records(&mut fixture).await;
        assert_eq!(threshold(&fixture), (3, 1), "{round}: Route 53 considers it unhealthy");
        assert_eq!(fixture.world.route53.health_checks.len(), 4, "{round}: one check changes its record");
        let mut by_hand = fixture.fork();
        somebody_sets_the_weight_of(&mut by_hand, "target");
        assert_eq!(answers(&by_hand), ["source"], "{round}: somebody has set a weight");
    }
}

/// The weights are those of the way back already, and the record of the source was still unhealthy: Route 53 answered
/// with the target, which is closed.
#[tokio::test(start_paused = true)]
async fn a_way_back_also_takes_effect_if_somebody_has_set_its_weights() {
    let mut fixture = with_traffic_on_the_target().await;
    moved_to(&mut fixture, Side::Target).await;
    with_exchanged_records(&mut fixture).await;
    for zone in fixture.world.route53.zones.values_mut() {
        for record in &mut zone.records {
            match record.set_identifier.as_deref() {
                Some("source") => record.weight = Some(100),
                Some("target") => record.weight = Some(0),
                _ => {}
            }
        }
    }
    assert_eq!(answers(&fixture), ["target"], "the source is unhealthy");
    moved_to(&mut fixture, Side::Source).await;
    assert_eq!((answers(&fixture), weights(&fixture)), (vec!["source".to_owned()], (100, 0)));
}

/// Without a state, nothing but the check of the source's record says that the source is closed.
#[tokio::test(start_paused = true)]
async fn a_rollback_without_a_state_does_not_lead_to_a_closed_source() {
    let mut fixture = with_traffic_on_the_target().await;
    moved_to(&mut fixture, Side::Target).await;
    with_exchanged_records(&mut fixture).await;
    let act = async |context: Context| {
        let name = context.journal.read(|state| Topology::of(state).record_name).expect("there is routing");
        roll_back_without_state(&context.read_context(), &"us-east-1".into(), &name, SendMode::IfChanged).await
    };
    let (done, calls) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
    let refused = done.expect("it was not killed").expect_err("the source is closed");
    assert!(refused.to_string().contains("unhealthy on purpose"), "{refused}");
    assert_eq!((calls.mutations(), weights(&fixture)), (0, (0, 100)));
    assert_eq!(answers(&fixture), ["target"]);
}
