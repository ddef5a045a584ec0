//! Replication and routing on the sandbox: what they refuse, what they leave alone, and how they handle manual changes.

use std::collections::BTreeMap;

use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::resource::{Error, describe};
use migrate_infra::sandbox::world::dms::{Connection, TaskState};
use migrate_infra::sandbox::world::iam::Role;
use migrate_infra::sandbox::world::route53::{HostedZone, Record};
use migrate_infra::sandbox::{Script, World};

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, RunKind, RunResult};
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, graph, links};

const VPC_ROLE: &str = "dms-vpc-role";
const NO_REPLICATION_IN_SOURCE: &str = "environments.source.replicates={}";

fn failures(ran: &RunResult) -> Vec<(String, String)> {
    ran.report().failures.iter().map(|failure| (failure.address.to_string(), describe(&failure.error))).collect()
}

fn weights(world: &World) -> BTreeMap<String, i64> {
    let records = world.route53.zones.values().flat_map(|zone| &zone.records);
    records.filter_map(|record| Some((record.set_identifier.clone()?, record.weight?))).collect()
}

fn set_weight(world: &mut World, environment: &str, weight: i64) {
    let mut records = world.route53.zones.values_mut().flat_map(|zone| &mut zone.records);
    records.find(|record| record.set_identifier.as_deref() == Some(environment)).expect("the record").weight =
        Some(weight);
}

fn expected(source: i64, target: i64) -> BTreeMap<String, i64> {
    [("source".to_owned(), source), ("target".to_owned(), target)].into()
}

pub async fn routing(sets: &[&str]) -> (Fixture, Graph) {
    links(PAIRED, sets, &["dns"]).await
}

#[tokio::test(start_paused = true)]
async fn a_later_up_keeps_the_weights() {
    let (mut fixture, graph) = routing(&[]).await;
    fixture.up(&graph).await.must_succeed();
    assert_eq!(weights(&fixture.world), expected(100, 0));
    set_weight(&mut fixture.world, "source", 30);
    set_weight(&mut fixture.world, "target", 70);
    assert_eq!(fixture.up(&graph).await.must_succeed().calls.mutations(), 0);
    assert_eq!(weights(&fixture.world), expected(30, 70));
    // Also when another field of the records must be corrected.
    for zone in fixture.world.route53.zones.values_mut() {
        zone.records
            .iter_mut()
            .filter_map(|record| record.alias.as_mut())
            .for_each(|alias| alias.evaluate_target_health = true);
    }
    assert!(fixture.up(&graph).await.must_succeed().calls.mutations() > 0);
    assert_eq!(weights(&fixture.world), expected(30, 70));
    assert!(
        fixture
            .world
            .route53
            .zones
            .values()
            .flat_map(|zone| &zone.records)
            .all(|record| record.alias.as_ref().is_none_or(|alias| !alias.evaluate_target_health))
    );
}

/// A record that is recreated during a migration must not attract traffic.
#[tokio::test(start_paused = true)]
async fn a_manually_deleted_record_is_recreated_without_traffic() {
    let (mut fixture, graph) = routing(&[]).await;
    fixture.up(&graph).await.must_succeed();
    set_weight(&mut fixture.world, "target", 100);
    for zone in fixture.world.route53.zones.values_mut() {
        zone.records.retain(|record| record.set_identifier.as_deref() != Some("source"));
    }
    fixture.up(&graph).await.must_succeed();
    assert_eq!(weights(&fixture.world), expected(0, 100));
}

pub fn zone_of_somebody(records: Vec<Record>) -> HostedZone {
    HostedZone {
        owner: None,
        id: "Z0000000000001".into(),
        name: "payment-migration.internal.".into(),
        caller_reference: "somebody".into(),
        comment: None,
        name_servers: vec!["ns-1.awsdns-01.com".into()],
        vpcs: Vec::new(),
        records,
        tags: BTreeMap::new(),
    }
}

pub fn record(name: &str) -> Record {
    Record {
        name: name.into(),
        kind: "A".into(),
        set_identifier: None,
        weight: None,
        ttl: Some(60),
        values: vec!["192.0.2.1".into()],
        alias: None,
        health_check_id: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_configured_zone_is_used_and_never_deleted() {
    let (mut fixture, graph) = routing(&["routing.zone_id=Z0000000000001"]).await;
    let theirs = zone_of_somebody(vec![record("www.payment-migration.internal.")]);
    fixture.world.route53.zones.insert(theirs.id.clone(), theirs.clone());
    fixture.up(&graph).await.must_succeed();
    assert_eq!(fixture.world.route53.zones.len(), 1);
    assert_eq!(weights(&fixture.world), expected(100, 0));
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.route53.zones[&theirs.id], theirs);
    assert!(fixture.world.route53.health_checks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_foreign_record_is_not_overwritten() {
    let (mut fixture, graph) = routing(&["routing.zone_id=Z0000000000001"]).await;
    let theirs = zone_of_somebody(vec![record("api.payment-migration.internal.")]);
    fixture.world.route53.zones.insert(theirs.id.clone(), theirs.clone());
    let ran = fixture.up(&graph).await;
    assert!(
        ran.report().failures.iter().all(|failure| matches!(failure.error, Error::Foreign { .. })),
        "{:?}",
        failures(&ran)
    );
    assert_eq!(ran.report().failures.len(), 2);
    assert_eq!(fixture.world.route53.zones[&theirs.id], theirs);
}

#[tokio::test(start_paused = true)]
async fn a_zone_with_foreign_records_is_kept_and_they_are_reported() {
    let (mut fixture, graph) = routing(&[]).await;
    fixture.up(&graph).await.must_succeed();
    fixture
        .world
        .route53
        .zones
        .values_mut()
        .next()
        .expect("the zone")
        .records
        .push(record("www.payment-migration.internal."));
    let ran = fixture.down().await;
    let failed = failures(&ran);
    assert_eq!(failed.len(), 1);
    assert!(
        failed[0].0 == "routing/dns/zone" && failed[0].1.contains("www.payment-migration.internal A"),
        "{failed:?}"
    );
    let zone = fixture.world.route53.zones.values_mut().next().expect("the zone is still there");
    assert_eq!(zone.records.len(), 1);
    // Once they are deleted, the same command resumes.
    zone.records.clear();
    fixture.down().await.must_succeed();
    assert!(fixture.world.route53.zones.is_empty());
}

async fn replication() -> (Fixture, Graph) {
    links(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE], &["replication"]).await
}

fn role_of_somebody(name: &str, trusted: &str) -> Role {
    Role {
        permissions_boundary: None,
        role_name: name.into(),
        role_id: format!("AROA{name}"),
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        description: Some("made by hand".into()),
        assume_role_policy: serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": { "Service": trusted }, "Action": "sts:AssumeRole" }],
        }),
        inline_policies: BTreeMap::new(),
        attached_policies: ["arn:aws:iam::aws:policy/service-role/AmazonDMSVPCManagementRole".to_owned()].into(),
        tags: BTreeMap::new(),
        created_at: 0,
        max_session_seconds: 3600,
        assumable_at: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn an_existing_role_of_the_account_is_kept() {
    let (mut fixture, graph) = replication().await;
    let theirs = role_of_somebody(VPC_ROLE, "dms.amazonaws.com");
    fixture.world.iam.roles.insert(VPC_ROLE.into(), theirs.clone());
    fixture.up(&graph).await.must_succeed();
    assert_eq!(fixture.world.iam.roles[VPC_ROLE], theirs);
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.iam.roles[VPC_ROLE], theirs);
    assert!(!fixture.world.iam.roles.contains_key("dms-cloudwatch-logs-role"));
}

#[tokio::test(start_paused = true)]
async fn a_role_of_the_account_is_deleted_with_its_last_user() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(SELF_CONTAINED, &[])).await.must_succeed();
    fixture.up(&graph(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE])).await.must_succeed();
    assert_eq!(fixture.world.regions["us-east-1"].dms.tasks.len(), 3);
    assert!(fixture.world.iam.roles.contains_key(VPC_ROLE), "the other replication still needs it");
    fixture.down().await.must_succeed();
    assert!(!fixture.world.iam.roles.contains_key(VPC_ROLE));
}

fn task(world: &mut World) -> &mut migrate_infra::sandbox::world::dms::Task {
    world.region("us-east-1").dms.tasks.values_mut().next().expect("the task")
}

#[tokio::test(start_paused = true)]
pub async fn a_running_task_is_stopped_before_it_is_deleted() {
    let (mut fixture, graph) = replication().await;
    fixture.up(&graph).await.must_succeed();
    let now = fixture.world.now;
    let running = task(&mut fixture.world);
    (running.state, running.started_at) = (TaskState::Running, Some(now));
    // A running task is no difference.
    assert_eq!(fixture.up(&graph).await.must_succeed().calls.mutations(), 0);
    let ran = fixture.down().await;
    assert_eq!(ran.must_succeed().calls.by_call().get("dms:StopReplicationTask"), Some(&1));
}

/// Marks both connections of the task as tested, and adds a table to each schema that a test selects.
fn replicable(world: &mut World) {
    let ends = task(world).clone();
    let connection = |end: &str| Connection::successful(end, &ends.instance_arn);
    world.region("us-east-1").dms.connections =
        vec![connection(&ends.source_endpoint_arn), connection(&ends.target_endpoint_arn)];
    let tables =
        "[[tables]]\nname = \"payments\"\nrows = 1\n[[tables]]\nschema = \"ledger\"\nname = \"entries\"\nrows = 1\n";
    world.load_script(Script::parse(tables, "tables.toml").expect("a script"));
}

/// Killed at any point, the task runs again in the end.
#[tokio::test(start_paused = true)]
pub async fn a_running_task_is_stopped_changed_and_resumed() {
    let mut initial = Fixture::default();
    // It does not stop after the load of the table that the change adds.
    let existing = "replication.schema=existing";
    initial.up(&graph(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE, existing])).await.must_succeed();
    replicable(&mut initial.world);
    let before = task(&mut initial.world).table_mappings.clone();
    let now = initial.world.now;
    let running = task(&mut initial.world);
    (running.state, running.started_at) = (TaskState::Running, Some(now));
    let changed = graph(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE, existing, "replication.tables=[\"ledger.%\"]"]);
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        let ran = fixture.run(&changed, RunKind::Up, crash_points.clone()).await;
        if !crash_points.is_dead() {
            let calls = ran.must_succeed().calls.by_call();
            assert_eq!(
                (calls.get("dms:StopReplicationTask"), calls.get("dms:StartReplicationTask")),
                (Some(&1), Some(&1))
            );
            continue;
        }
        // The recovery is killed as well.
        let mut recovery = Matrix::stepping(1, 2);
        while let Some((again, crash_points)) = recovery.arm() {
            let mut fixture = fixture.fork();
            fixture.run(&changed, RunKind::Up, crash_points.clone()).await;
            if !crash_points.is_dead() {
                continue;
            }
            fixture.run(&changed, RunKind::Up, CrashPoints::default()).await.must_succeed();
            fixture.advance_a_day();
            assert_eq!(task(&mut fixture.world).state, TaskState::Running, "killed at {point}, then at {again}");
        }
        fixture.run(&changed, RunKind::Up, CrashPoints::default()).await.must_succeed();
        fixture.advance_a_day();
        assert_ne!(task(&mut fixture.world).table_mappings, before, "killed at {point}");
        assert_eq!(task(&mut fixture.world).state, TaskState::Running, "killed at {point}");
        assert_eq!(fixture.up(&changed).await.must_succeed().calls.mutations(), 0, "killed at {point}");
    }
}

#[tokio::test(start_paused = true)]
pub async fn manual_changes_of_a_replication_are_corrected() {
    let (mut fixture, graph) = replication().await;
    fixture.up(&graph).await.must_succeed();
    let before = fixture.world.regions["us-east-1"].dms.clone();
    let dms = &mut fixture.world.region("us-east-1").dms;
    dms.endpoints.values_mut().for_each(|endpoint| endpoint.ssl_mode = "none".into());
    dms.subnet_groups.values_mut().for_each(|group| group.description = "somebody's".into());
    dms.tasks.values_mut().for_each(|task| task.table_mappings = serde_json::json!({ "rules": [] }));
    fixture.up(&graph).await.must_succeed();
    let after = &fixture.world.regions["us-east-1"].dms;
    assert!(after.endpoints.values().all(|endpoint| endpoint.ssl_mode == "verify-full"));
    assert_eq!(after.subnet_groups, before.subnet_groups);
    let mappings = |dms: &migrate_infra::sandbox::world::dms::Dms| {
        dms.tasks.values().map(|task| task.table_mappings.clone()).collect::<Vec<_>>()
    };
    assert_eq!(mappings(after), mappings(&before));
    assert_eq!(fixture.up(&graph).await.must_succeed().calls.mutations(), 0);
}

#[tokio::test(start_paused = true)]
pub async fn manual_changes_of_the_routing_are_corrected() {
    let (mut fixture, graph) = routing(&[]).await;
    fixture.up(&graph).await.must_succeed();
    let route53 = &mut fixture.world.route53;
    let before = route53.clone();
    route53.zones.values_mut().for_each(|zone| zone.comment = Some("somebody's".into()));
    for check in route53.health_checks.values_mut() {
        match check.config.kind.as_str() {
            "CALCULATED" => check.config.health_threshold = 0,
            "CLOUDWATCH_METRIC" => check.config.insufficient_data = Some("Unhealthy".into()),
            _ => check.config.path = "/".into(),
        }
        check.config.disabled = true;
        check.config.inverted = true;
        check.tags.clear();
    }
    fixture.up(&graph).await.must_succeed();
    let after = &fixture.world.route53;
    assert_eq!(after.zones, before.zones);
    for (id, check) in &after.health_checks {
        let mut config = before.health_checks[id].config.clone();
        if config.kind == "CALCULATED" {
            // Somebody has let it follow its children; `up` does not change that, as it does not change weights.
            config.health_threshold = 1;
        }
        assert_eq!((&check.config, &check.tags), (&config, &before.health_checks[id].tags));
    }
    assert_eq!(fixture.up(&graph).await.must_succeed().calls.mutations(), 0);
}
