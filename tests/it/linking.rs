//! Replication and routing on the embedded AWS: what they refuse, what they leave alone, and what somebody else's hands do to them.

use std::collections::BTreeMap;

use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::resource::{Error, describe};
use migrate_infra::sandbox::world::dms::{Connection, Doing};
use migrate_infra::sandbox::world::iam::Role;
use migrate_infra::sandbox::world::route53::{HostedZone, Record};
use migrate_infra::sandbox::{Script, World};

use crate::lab::{Lab, Ran, Way};
use crate::stacks::{PAIRED, SELF_CONTAINED, graph, links};

const VPC_ROLE: &str = "dms-vpc-role";
const NO_REPLICATION_IN_SOURCE: &str = "environments.source.replicates={}";

fn failures(ran: &Ran) -> Vec<(String, String)> {
    ran.report().failures.iter().map(|failure| (failure.address.to_string(), describe(&failure.error))).collect()
}

fn weights(world: &World) -> BTreeMap<String, i64> {
    let records = world.route53.zones.values().flat_map(|zone| &zone.records);
    records.filter_map(|record| Some((record.set_identifier.clone()?, record.weight?))).collect()
}

fn set_weight(world: &mut World, environment: &str, weight: i64) {
    let mut records = world.route53.zones.values_mut().flat_map(|zone| &mut zone.records);
    records.find(|record| record.set_identifier.as_deref() == Some(environment)).expect("the record").weight = Some(weight);
}

fn expected(source: i64, target: i64) -> BTreeMap<String, i64> {
    [("source".to_owned(), source), ("target".to_owned(), target)].into()
}

async fn routing(sets: &[&str]) -> (Lab, Graph) {
    links(PAIRED, sets, &["dns"]).await
}

#[tokio::test(start_paused = true)]
async fn a_later_up_leaves_the_weights_alone() {
    let (mut lab, graph) = routing(&[]).await;
    lab.up(&graph).await.must_succeed();
    assert_eq!(weights(&lab.world), expected(100, 0));
    set_weight(&mut lab.world, "source", 30);
    set_weight(&mut lab.world, "target", 70);
    assert_eq!(lab.up(&graph).await.must_succeed().meter.mutations(), 0);
    assert_eq!(weights(&lab.world), expected(30, 70));
    // Also when something else of the records has to be put right.
    for zone in lab.world.route53.zones.values_mut() {
        zone.records.iter_mut().filter_map(|record| record.alias.as_mut()).for_each(|alias| alias.evaluate_target_health = false);
    }
    assert!(lab.up(&graph).await.must_succeed().meter.mutations() > 0);
    assert_eq!(weights(&lab.world), expected(30, 70));
    assert!(
        lab.world
            .route53
            .zones
            .values()
            .flat_map(|zone| &zone.records)
            .all(|record| record.alias.as_ref().is_some_and(|alias| alias.evaluate_target_health))
    );
}

/// A record that is made anew in the middle of a migration must not draw the traffic back.
#[tokio::test(start_paused = true)]
async fn a_record_that_was_deleted_by_hand_comes_back_without_traffic() {
    let (mut lab, graph) = routing(&[]).await;
    lab.up(&graph).await.must_succeed();
    set_weight(&mut lab.world, "target", 100);
    for zone in lab.world.route53.zones.values_mut() {
        zone.records.retain(|record| record.set_identifier.as_deref() != Some("source"));
    }
    lab.up(&graph).await.must_succeed();
    assert_eq!(weights(&lab.world), expected(0, 100));
}

fn zone_of_somebody(records: Vec<Record>) -> HostedZone {
    HostedZone {
        id: "Z0000000000001".into(),
        name: "payment-migration.internal.".into(),
        caller_reference: "somebody".into(),
        comment: None,
        name_servers: vec!["ns-1.awsdns-01.com".into()],
        records,
        tags: BTreeMap::new(),
    }
}

fn record(name: &str) -> Record {
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
async fn a_zone_that_is_given_is_used_and_never_deleted() {
    let (mut lab, graph) = routing(&["routing.zone_id=Z0000000000001"]).await;
    let theirs = zone_of_somebody(vec![record("www.payment-migration.internal.")]);
    lab.world.route53.zones.insert(theirs.id.clone(), theirs.clone());
    lab.up(&graph).await.must_succeed();
    assert_eq!(lab.world.route53.zones.len(), 1);
    assert_eq!(weights(&lab.world), expected(100, 0));
    lab.down().await.must_succeed();
    assert_eq!(lab.world.route53.zones[&theirs.id], theirs);
    assert!(lab.world.route53.health_checks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_record_of_somebody_else_is_not_overwritten() {
    let (mut lab, graph) = routing(&["routing.zone_id=Z0000000000001"]).await;
    let theirs = zone_of_somebody(vec![record("api.payment-migration.internal.")]);
    lab.world.route53.zones.insert(theirs.id.clone(), theirs.clone());
    let ran = lab.up(&graph).await;
    assert!(ran.report().failures.iter().all(|failure| matches!(failure.error, Error::Foreign { .. })), "{:?}", failures(&ran));
    assert_eq!(ran.report().failures.len(), 2);
    assert_eq!(lab.world.route53.zones[&theirs.id], theirs);
}

#[tokio::test(start_paused = true)]
async fn a_zone_with_records_of_somebody_else_stays_and_they_are_named() {
    let (mut lab, graph) = routing(&[]).await;
    lab.up(&graph).await.must_succeed();
    lab.world.route53.zones.values_mut().next().expect("the zone").records.push(record("www.payment-migration.internal."));
    let ran = lab.down().await;
    let told = failures(&ran);
    assert_eq!(told.len(), 1);
    assert!(told[0].0 == "routing/dns/zone" && told[0].1.contains("www.payment-migration.internal A"), "{told:?}");
    let zone = lab.world.route53.zones.values_mut().next().expect("the zone is still there");
    assert_eq!(zone.records.len(), 1);
    // Once they are gone, the same command goes on.
    zone.records.clear();
    lab.down().await.must_succeed();
    assert!(lab.world.route53.zones.is_empty());
}

async fn replication() -> (Lab, Graph) {
    links(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE], &["replication"]).await
}

fn role_of_somebody(name: &str, trusted: &str) -> Role {
    Role {
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
        assumable_at: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_of_the_account_that_was_there_before_is_left_alone() {
    let (mut lab, graph) = replication().await;
    let theirs = role_of_somebody(VPC_ROLE, "dms.amazonaws.com");
    lab.world.iam.roles.insert(VPC_ROLE.into(), theirs.clone());
    lab.up(&graph).await.must_succeed();
    assert_eq!(lab.world.iam.roles[VPC_ROLE], theirs);
    lab.down().await.must_succeed();
    assert_eq!(lab.world.iam.roles[VPC_ROLE], theirs);
    assert!(!lab.world.iam.roles.contains_key("dms-cloudwatch-logs-role"));
}

#[tokio::test(start_paused = true)]
async fn a_role_of_the_account_goes_with_the_last_that_uses_it() {
    let mut lab = Lab::default();
    lab.up(&graph(SELF_CONTAINED, &[])).await.must_succeed();
    lab.up(&graph(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE])).await.must_succeed();
    assert_eq!(lab.world.regions["us-east-1"].dms.tasks.len(), 1);
    assert!(lab.world.iam.roles.contains_key(VPC_ROLE), "the other replication still needs it");
    lab.down().await.must_succeed();
    assert!(!lab.world.iam.roles.contains_key(VPC_ROLE));
}

fn task(world: &mut World) -> &mut migrate_infra::sandbox::world::dms::Task {
    world.region("us-east-1").dms.tasks.values_mut().next().expect("the task")
}

#[tokio::test(start_paused = true)]
pub async fn a_task_that_runs_is_stopped_before_it_is_deleted() {
    let (mut lab, graph) = replication().await;
    lab.up(&graph).await.must_succeed();
    let now = lab.world.now;
    let running = task(&mut lab.world);
    (running.doing, running.started_at) = (Doing::Running, Some(now));
    // That it runs is no difference.
    assert_eq!(lab.up(&graph).await.must_succeed().meter.mutations(), 0);
    let ran = lab.down().await;
    assert_eq!(ran.must_succeed().meter.by_call().get("dms:StopReplicationTask"), Some(&1));
}

/// Says that the task's instance was seen to reach both databases, and that there is a table in each schema that a test selects.
fn replicable(world: &mut World) {
    let ends = task(world).clone();
    let connection = |end: &str| Connection::successful(end, &ends.instance_arn);
    world.region("us-east-1").dms.connections = vec![connection(&ends.source_endpoint_arn), connection(&ends.target_endpoint_arn)];
    let tables = "[[tables]]\nname = \"payments\"\nrows = 1\n[[tables]]\nschema = \"ledger\"\nname = \"entries\"\nrows = 1\n";
    world.play(Script::parse(tables, "tables.toml").expect("a script"));
}

/// Killed at any point, it goes on in the end: that it ran is not forgotten.
#[tokio::test(start_paused = true)]
pub async fn a_task_that_runs_is_stopped_changed_and_goes_on() {
    let mut ground = Lab::default();
    ground.up(&graph(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE])).await.must_succeed();
    replicable(&mut ground.world);
    let before = task(&mut ground.world).table_mappings.clone();
    let now = ground.world.now;
    let running = task(&mut ground.world);
    (running.doing, running.started_at) = (Doing::Running, Some(now));
    let changed = graph(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE, "replication.tables=[\"ledger.%\"]"]);
    for point in 1.. {
        let mut lab = ground.fork();
        let fuse = Fuse::blowing_at(point);
        let ran = lab.run(&changed, Way::Up, fuse.clone()).await;
        if !fuse.is_dead() {
            let calls = ran.must_succeed().meter.by_call();
            assert_eq!((calls.get("dms:StopReplicationTask"), calls.get("dms:StartReplicationTask")), (Some(&1), Some(&1)));
            crate::points::killed_at(point - 1);
            break;
        }
        // The recovery is killed as well.
        for again in (1..).step_by(2) {
            let mut lab = lab.fork();
            let fuse = Fuse::blowing_at(again);
            lab.run(&changed, Way::Up, fuse.clone()).await;
            if !fuse.is_dead() {
                break;
            }
            lab.run(&changed, Way::Up, Fuse::default()).await.must_succeed();
            lab.rest();
            assert_eq!(task(&mut lab.world).doing, Doing::Running, "killed at {point}, then at {again}");
        }
        lab.run(&changed, Way::Up, Fuse::default()).await.must_succeed();
        lab.rest();
        assert_ne!(task(&mut lab.world).table_mappings, before, "killed at {point}");
        assert_eq!(task(&mut lab.world).doing, Doing::Running, "killed at {point}");
        assert_eq!(lab.up(&changed).await.must_succeed().meter.mutations(), 0, "killed at {point}");
    }
}

#[tokio::test(start_paused = true)]
pub async fn what_somebody_changed_in_a_replication_is_put_right() {
    let (mut lab, graph) = replication().await;
    lab.up(&graph).await.must_succeed();
    let before = lab.world.regions["us-east-1"].dms.clone();
    let dms = &mut lab.world.region("us-east-1").dms;
    dms.endpoints.values_mut().for_each(|endpoint| endpoint.ssl_mode = "none".into());
    dms.subnet_groups.values_mut().for_each(|group| group.description = "somebody's".into());
    dms.tasks.values_mut().for_each(|task| task.table_mappings = serde_json::json!({ "rules": [] }));
    lab.up(&graph).await.must_succeed();
    let after = &lab.world.regions["us-east-1"].dms;
    assert!(after.endpoints.values().all(|endpoint| endpoint.ssl_mode == "require"));
    assert_eq!(after.subnet_groups, before.subnet_groups);
    let mappings = |dms: &migrate_infra::sandbox::world::dms::Dms| dms.tasks.values().map(|task| task.table_mappings.clone()).collect::<Vec<_>>();
    assert_eq!(mappings(after), mappings(&before));
    assert_eq!(lab.up(&graph).await.must_succeed().meter.mutations(), 0);
}

#[tokio::test(start_paused = true)]
pub async fn what_somebody_changed_in_the_routing_is_put_right() {
    let (mut lab, graph) = routing(&[]).await;
    lab.up(&graph).await.must_succeed();
    let route53 = &mut lab.world.route53;
    let before = route53.clone();
    route53.zones.values_mut().for_each(|zone| zone.comment = Some("somebody's".into()));
    for check in route53.health_checks.values_mut() {
        match check.config.kind.as_str() {
            "CALCULATED" => check.config.health_threshold = 1,
            "CLOUDWATCH_METRIC" => check.config.insufficient_data = Some("Unhealthy".into()),
            _ => check.config.path = "/".into(),
        }
        check.config.disabled = true;
        check.config.inverted = true;
        check.tags.clear();
    }
    lab.up(&graph).await.must_succeed();
    let after = &lab.world.route53;
    assert_eq!(after.zones, before.zones);
    for (id, check) in &after.health_checks {
        assert_eq!((&check.config, &check.tags), (&before.health_checks[id].config, &before.health_checks[id].tags));
    }
    assert_eq!(lab.up(&graph).await.must_succeed().meter.mutations(), 0);
}
