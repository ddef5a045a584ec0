//! The whole system on the sandbox: both environments, the link between them and the routing, in both layouts, in
//! one region and in two.

use std::collections::BTreeMap;

use migrate_infra::address::Address;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::state::Status;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, RunKind, check_lifecycle_in};
use crate::harness::stacks::{FAR, PAIRED, SELF_CONTAINED, TWO_REGIONS, graph, links};

async fn goes_up_stays_quiet_and_goes_down(graph: &Graph) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.up(graph).await.must_succeed();
    let state = fixture.state();
    assert_eq!(state.resources.len(), graph.nodes().len());
    assert!(state.resources.values().all(|entry| entry.status == Status::Ready));
    let quiet = fixture.up(graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.calls.mutations(), 0, "a second up changed something: {:?}", quiet.calls.by_call());
    let up = fixture.fork();
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
    assert!(fixture.state().resources.is_empty());
    up
}

#[tokio::test(start_paused = true)]
async fn the_paired_layout_in_one_region() {
    goes_up_stays_quiet_and_goes_down(&graph(PAIRED, &[])).await;
}

#[tokio::test(start_paused = true)]
async fn the_paired_layout_in_two_regions() {
    let up = goes_up_stays_quiet_and_goes_down(&graph(PAIRED, &[TWO_REGIONS])).await;
    // The source's secret is read from a replica in the target's region.
    let replicas =
        up.world.regions[FAR].secretsmanager.secrets.values().filter(|secret| secret.primary_region.is_some());
    assert_eq!(replicas.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_self_contained_layout_in_one_region() {
    goes_up_stays_quiet_and_goes_down(&graph(SELF_CONTAINED, &[])).await;
}

#[tokio::test(start_paused = true)]
async fn the_self_contained_layout_in_two_regions() {
    goes_up_stays_quiet_and_goes_down(&graph(SELF_CONTAINED, &[TWO_REGIONS])).await;
}

#[tokio::test(start_paused = true)]
async fn customer_keys_certificates_and_everything_that_is_off_by_default() {
    let key = |region: &str| format!("arn:aws:kms:{region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let sets = [
        TWO_REGIONS.to_owned(),
        format!("environments.source.encryption.kms_key_arn={}", key("us-east-1")),
        format!("environments.target.encryption.kms_key_arn={}", key(FAR)),
        "environments.source.service.certificate_arn=arn:aws:acm:us-east-1:111122223333:certificate/1234abcd"
            .to_owned(),
        format!("environments.target.service.certificate_arn=arn:aws:acm:{FAR}:111122223333:certificate/1234abcd"),
        "environments.source.monitoring.alarm_topic_arn=arn:aws:sns:us-east-1:111122223333:alarms".to_owned(),
        "network.nat_gateways=per-zone".to_owned(),
        "network.availability_zones=3".to_owned(),
        "database.multi_az=true".to_owned(),
        "replication.multi_az=true".to_owned(),
        "secrets.recovery_window_days=7".to_owned(),
    ];
    goes_up_stays_quiet_and_goes_down(&graph(PAIRED, &sets.each_ref().map(String::as_str))).await;
}

/// The resources of one environment of the self-contained layout, by kind.
#[test]
fn an_environment_of_the_self_contained_layout_has_all_its_parts() {
    let graph = graph(SELF_CONTAINED, &[]);
    let count = |environment: &str, kind: &str| {
        let nodes = graph.nodes().values();
        nodes.filter(|node| node.address.environment() == environment && node.kind == kind).count()
    };
    let expected: BTreeMap<&str, usize> = [
        ("ec2.vpc", 1),
        ("ec2.subnet", 4),
        ("ec2.internet_gateway", 1),
        ("ec2.nat_gateway", 1),
        ("ec2.elastic_ip", 1),
        ("ec2.route_table", 4),
        ("ec2.route_table_association", 4),
        ("ec2.route", 4),
        ("ec2.security_group", 4),
        ("secretsmanager.secret", 2),
        ("secretsmanager.secret_rotation", 2),
        ("lambda.function", 2),
        ("rds.db_subnet_group", 2),
        ("rds.db_parameter_group", 2),
        ("rds.db_instance", 2),
        ("s3.bucket", 2),
        ("s3.bucket_replication", 1),
        ("dms.replication_subnet_group", 1),
        ("dms.replication_instance", 1),
        // The replication and the fallback.
        ("dms.endpoint", 5),
        ("dms.replication_task", 3),
        ("ecs.cluster", 1),
        ("ecs.task_definition", 1),
        ("ecs.service", 1),
        ("elbv2.load_balancer", 1),
        ("elbv2.target_group", 1),
        ("elbv2.listener", 1),
        ("autoscaling.scalable_target", 1),
        ("autoscaling.scaling_policy", 2),
        ("cloudwatch.dashboard", 1),
        // Lag, the CPU of both databases, unhealthy hosts.
        ("cloudwatch.alarm", 4),
        ("ec2.vpc_peering_connection", 0),
    ]
    .into();
    for environment in ["source", "target"] {
        for (kind, wanted) in &expected {
            assert_eq!(count(environment, kind), *wanted, "{kind} in {environment}");
        }
        let ingress = graph
            .nodes()
            .values()
            .filter(|node| node.address.environment() == environment && node.spec["direction"] == "ingress");
        assert_eq!(ingress.count(), 5, "rules that let something into {environment}");
    }
    let routing = [
        ("route53.hosted_zone", 1),
        ("route53.health_check", 2),
        ("route53.weighted_record", 2),
        // The emergency switch.
        ("cloudwatch.alarm", 1),
        ("route53.alarm_health_check", 1),
        ("route53.calculated_health_check", 1),
    ];
    for (kind, wanted) in routing {
        assert_eq!(count("routing", kind), wanted, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_that_have_tags_carry_them() {
    let graph = graph(PAIRED, &[TWO_REGIONS]);
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    let mut tagged: Vec<_> = ["us-east-1", FAR].iter().flat_map(|region| fixture.world.tagged(region)).collect();
    tagged.extend(fixture.world.iam.roles.values().map(|role| (role.arn.clone(), role.tags.clone())));
    let addresses: std::collections::BTreeSet<Address> =
        tagged.iter().filter_map(|(_, tags)| Some(Address::new(tags.get(infra_base::tags::OWNER_ADDRESS)?))).collect();
    for node in graph.nodes().values() {
        let says = node.kind.get().schema().tagged;
        assert_eq!(addresses.contains(&node.address), says, "{} ({})", node.address, node.kind);
    }
}

/// Checks the links between existing environments on their own, with a kill at every point.
async fn the_links_pass_the_lifecycle_checks(file: &str, sets: &[&str], chosen: &[&str]) {
    let (initial, part) = links(file, sets, chosen).await;
    check_lifecycle_in(&initial, &part).await;
}

#[tokio::test(start_paused = true)]
async fn a_peering_in_one_region_passes_the_lifecycle_checks() {
    the_links_pass_the_lifecycle_checks(PAIRED, &[], &["link"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_peering_between_regions_passes_the_lifecycle_checks() {
    the_links_pass_the_lifecycle_checks(PAIRED, &[TWO_REGIONS], &["link"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_replication_within_an_environment_passes_the_lifecycle_checks() {
    let chosen = ["replication"];
    the_links_pass_the_lifecycle_checks(SELF_CONTAINED, &["environments.source.replicates={}"], &chosen).await;
}

#[tokio::test(start_paused = true)]
async fn bucket_replication_between_regions_passes_the_lifecycle_checks() {
    the_links_pass_the_lifecycle_checks(PAIRED, &[TWO_REGIONS], &["storage-replication"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_routing_passes_the_lifecycle_checks() {
    the_links_pass_the_lifecycle_checks(PAIRED, &[], &["dns"]).await;
}

/// Kills `up` or `down` of the whole system at points far apart, and compares with the undisturbed run. Other tests
/// kill each part at every point; this one checks the interactions of the parts.
async fn survives(file: &str, kind: RunKind, first: u64, step: u64) {
    let graph = graph(file, &[TWO_REGIONS]);
    let mut undisturbed = Fixture::default();
    undisturbed.up(&graph).await.must_succeed();
    let count = undisturbed.world.inventory().len();
    let before = if kind == RunKind::Up { Fixture::default() } else { undisturbed };
    let mut matrix = Matrix::stepping(first, step);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = before.fork();
        let killed = fixture.run(&graph, kind, crash_points.clone()).await;
        if !crash_points.is_dead() {
            killed.must_succeed();
            continue;
        }
        // The recovery is killed as well.
        fixture.run(&graph, kind, CrashPoints::crashing_at(1 + point / 2)).await;
        fixture.run(&graph, kind, CrashPoints::default()).await.must_succeed();
        let (inventory, state) = (fixture.world.inventory(), fixture.state());
        if kind == RunKind::Up {
            assert_eq!(inventory.len(), count, "killed at point {point} of up: {inventory:#?}");
            assert!(
                state.resources.values().all(|entry| entry.status == Status::Ready && entry.open.is_none()),
                "killed at point {point} of up"
            );
        } else {
            assert_eq!(inventory, Vec::<String>::new(), "killed at point {point} of down");
            assert!(state.resources.is_empty());
        }
    }
    assert!(matrix.points() > 10, "only {} points", matrix.points());
}

#[tokio::test(start_paused = true)]
async fn up_of_everything_survives_kills() {
    survives(PAIRED, RunKind::Up, 7, 97).await;
}

#[tokio::test(start_paused = true)]
async fn down_of_everything_survives_kills() {
    survives(PAIRED, RunKind::Down, 11, 79).await;
}

#[tokio::test(start_paused = true)]
async fn up_of_the_self_contained_layout_survives_kills() {
    survives(SELF_CONTAINED, RunKind::Up, 13, 131).await;
}
