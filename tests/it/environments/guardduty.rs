//! An account in which others create objects inside the VPCs of a stack: GuardDuty, people, and services that write
//! logs.

use std::time::Duration;

use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::ec2::{Subnet, Vpc, ZoneOffers};
use migrate_infra::sandbox::world::script::Script;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind};
use crate::harness::stacks::{PAIRED, graph};

const GUARDDUTY: &str = "[[events]]\nat_seconds = 0\nguardduty = true\n";

/// Returns a fixture whose sandbox runs this script.
fn scripted(script: &str) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.world.load_script(Script::parse(script, "script.toml").expect("a script"));
    fixture
}

fn guardduty_objects(fixture: &Fixture) -> Vec<String> {
    let mut found = Vec::new();
    for region in fixture.world.regions.values() {
        let endpoints = region.ec2.vpc_endpoints.values().filter(|one| one.tags.contains_key("GuardDutyManaged"));
        found.extend(endpoints.map(|one| one.service_name.clone()));
        let groups = region.ec2.security_groups.values().filter(|one| one.tags.contains_key("GuardDutyManaged"));
        found.extend(groups.map(|one| one.description.clone()));
    }
    found
}

/// hashicorp/terraform-provider-aws#46747: without their removal, the subnets and the VPC remain.
#[tokio::test(start_paused = true)]
pub async fn down_succeeds_at_the_first_attempt() {
    let mut fixture = scripted(GUARDDUTY);
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
    assert_eq!(guardduty_objects(&fixture).len(), 4, "one endpoint and one group in each VPC");
    fixture.down().await.must_succeed();
    assert_eq!(guardduty_objects(&fixture), [""; 0]);
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

/// What GuardDuty watches may need it: it is left alone while something of somebody else stays.
#[tokio::test(start_paused = true)]
pub async fn an_endpoint_beside_a_foreign_instance_stays() {
    let mut fixture = scripted("[[events]]\nat_seconds = 0\nguardduty = true\nforeign_instances = 1\n");
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
    let ran = fixture.down().await;
    assert!(!ran.report().failures.is_empty());
    let left: Vec<usize> = fixture.world.regions.values().map(|region| region.ec2.vpc_endpoints.len()).collect();
    assert!(left.iter().sum::<usize>() >= 2, "{left:?}");
    fixture.world.load_script(Script::default());
    fixture.down().await.must_succeed();
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

/// Somebody can forbid it: then the endpoint is named soon, and it still exists.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_kept_is_named_soon() {
    let mut fixture = scripted(GUARDDUTY);
    let keep: Graph = graph(PAIRED, &["network.remove_guardduty=false"]);
    fixture.up(&keep).await.must_succeed();
    let ran = fixture.down().await;
    let blocked = |error: &Error| match error {
        Error::Blocked(blockers) => {
            blockers.iter().any(|one| one.id.starts_with("vpce-") && one.what.contains("GuardDuty"))
        }
        _ => false,
    };
    let failures = &ran.report().failures;
    assert!(failures.iter().any(|failure| blocked(&failure.error)), "{failures:?}");
    assert!(guardduty_objects(&fixture).len() >= 4);
    // With the default, the next run ends.
    let removed = graph(PAIRED, &[]);
    fixture.up(&removed).await.must_succeed();
    fixture.down().await.must_succeed();
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

/// A policy of the organization protects the endpoint.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_must_not_be_deleted_is_named() {
    let mut fixture = scripted(GUARDDUTY);
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
    let denied = "[[events]]\nat_seconds = 0\ncalls_fail = { \"ec2:DeleteVpcEndpoints\" = \"UnauthorizedOperation\", \
        \"ec2:ModifyVpcEndpoint\" = \"UnauthorizedOperation\" }\n";
    fixture.world.load_script(Script::parse(denied, "denied.toml").expect("a script"));
    let ran = fixture.down().await;
    let texts: Vec<String> = ran.report().failures.iter().map(|failure| failure.error.to_string()).collect();
    assert!(texts.iter().any(|text| text.contains("vpce-") && text.contains("not allowed to")), "{texts:?}");
}

/// Returns the first error, and how long the run took.
async fn failed_down(fixture: &mut Fixture) -> (String, Duration) {
    let began = tokio::time::Instant::now();
    let ran = fixture.down().await;
    let error = &ran.report().failures.first().expect("it is blocked").error;
    assert!(matches!(error, Error::Blocked(_)), "{error}");
    (error.to_string(), began.elapsed())
}

/// What stays until somebody removes it is named after half a minute, not after the 25 minutes that the interfaces of
/// services can take: an instance, and a database in groups that are not of this stack.
#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_in_a_subnet_is_named_within_half_a_minute() {
    let mut builder = GraphBuilder::new();
    let vpc = builder.add("source/network/vpc", Vpc { cidr: "10.0.0.0/16".into(), remove_guardduty: true });
    let subnet = Subnet {
        vpc: vpc.id(),
        cidr: "10.0.0.0/24".into(),
        zone: 0,
        zone_id: None,
        offers: ZoneOffers::default(),
        public_addresses: false,
        remove_guardduty: true,
    };
    builder.add("source/network/private-1", subnet);
    let stack = builder.finish();
    let mut fixture = Fixture::default();
    fixture.up(&stack).await.must_succeed();
    let script = "[[events]]\nat_seconds = 0\nforeign_instances = 1\n";
    fixture.world.load_script(Script::parse(script, "script.toml").expect("a script"));
    let (error, took) = failed_down(&mut fixture).await;
    assert!(error.contains("eni-") && error.contains("attached to the instance i-"), "{error}");
    assert!(took <= Duration::from_secs(35), "{took:?}");
    // The instance is terminated. A database of somebody else is in the subnet.
    fixture.world.load_script(Script::default());
    let subnet = fixture.attrs("source/network/private-1")["subnet_id"].as_str().expect("an id").to_owned();
    let ec2 = &mut fixture.world.region("us-east-1").ec2;
    let default = ec2.security_groups.keys().next().expect("the default group").clone();
    ec2.attach_interface("eni-1".into(), &subnet, &[default], "RDSNetworkInterface".into(), "amazon-rds", false);
    let (error, took) = failed_down(&mut fixture).await;
    assert!(error.contains("eni-1 (RDSNetworkInterface, created by amazon-rds)"), "{error}");
    assert!(took <= Duration::from_secs(35), "{took:?}");
    fixture.world.region("us-east-1").ec2.interfaces.clear();
    fixture.down().await.must_succeed();
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}

/// hashicorp/terraform-provider-aws#42858: the last entries arrive after the deletion of their group.
#[tokio::test(start_paused = true)]
async fn log_groups_that_services_create_again_are_deleted_again() {
    let script = "[[events]]\nat_seconds = 0\nlate_logs = [\"/aws/*\", \"dms-tasks-*\"]\n";
    let mut fixture = scripted(script);
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
    fixture.down().await.must_succeed();
    let mut later = fixture.world.clone();
    later.advance(later.now + 600_000);
    let left: Vec<String> = later.regions.values().flat_map(|region| region.logs.inventory()).collect();
    assert_eq!(left, [""; 0]);
    let returned: Vec<&String> = later.regions.values().flat_map(|region| &region.logs.returned).collect();
    assert!(!returned.is_empty(), "some came back");
    let has_ended = |name: &str| name.starts_with("/aws/rds/") || name.starts_with("/aws/ecs/");
    assert!(!returned.iter().any(|name| has_ended(name)), "the export was ended before the deletion: {returned:?}");
}

/// A deletion that was killed while it looked again left a group without tags, which nothing finds any more.
#[tokio::test(start_paused = true)]
async fn a_killed_down_leaves_no_group_behind() {
    let script = "[[events]]\nat_seconds = 0\nlate_logs = [\"/aws/*\", \"dms-tasks-*\"]\n";
    let mut initial = scripted(script);
    initial.up(&graph(PAIRED, &[])).await.must_succeed();
    let mut matrix = Matrix::stepping(1, 7);
    while let Some((point, crash_points)) = matrix.arm() {
        let Some(mut fixture) = initial.killed(&Graph::default(), RunKind::Down, crash_points).await else { continue };
        fixture.down().await.must_succeed();
        let mut later = fixture.world.clone();
        later.advance(later.now + 600_000);
        let left: Vec<String> = later.regions.values().flat_map(|region| region.logs.inventory()).collect();
        assert_eq!(left, [""; 0], "killed at {point}");
    }
}

/// The group of a database that somebody made by hand has the same form. Its old entries would be lost.
#[tokio::test(start_paused = true)]
async fn the_group_of_somebody_elses_database_is_not_taken_over() {
    let mut fixture = Fixture::default();
    let stack = graph(PAIRED, &[]);
    fixture.up(&stack).await.must_succeed();
    let theirs: Vec<_> = fixture.world.region("us-east-1").rds.instances.values().cloned().collect();
    fixture.down().await.must_succeed();
    let rds = &mut fixture.world.region("us-east-1").rds;
    for mut one in theirs {
        one.tags.clear();
        rds.instances.insert(one.identifier.clone(), one);
    }
    let name = {
        let identifier = rds.instances.keys().next().expect("a database").clone();
        format!("/aws/rds/instance/{identifier}/postgresql")
    };
    fixture.world.region("us-east-1").logs.create_by_service(&name, 0);
    let ran = fixture.up(&stack).await;
    let foreign = ran.report().failures.iter().find(|failure| failure.address.as_str().contains("log"));
    let foreign = foreign.unwrap_or_else(|| panic!("{:?}", ran.report().failures)).error.to_string();
    assert!(foreign.contains("which writes to it and belongs to somebody else"), "{foreign}");
    assert_eq!(fixture.world.region("us-east-1").logs.groups[&name].retention_days, None);
}

/// A group that a service has created since the last `down` is taken over: it has no tags, and exactly the name.
#[tokio::test(start_paused = true)]
async fn an_untagged_group_of_a_service_is_taken_over() {
    let mut fixture = Fixture::default();
    let stack = graph(PAIRED, &[]);
    fixture.up(&stack).await.must_succeed();
    let mut names: Vec<String> = Vec::new();
    for region in fixture.world.regions.values() {
        names.extend(region.logs.groups.keys().filter(|name| name.starts_with("/aws/rds/")).cloned());
    }
    assert!(!names.is_empty());
    fixture.down().await.must_succeed();
    for name in &names {
        fixture.world.region("us-east-1").logs.create_by_service(name, 0);
    }
    fixture.up(&stack).await.must_succeed();
    for name in &names {
        let group = &fixture.world.region("us-east-1").logs.groups[name];
        assert!(group.retention_days.is_some() && group.tags.contains_key("migrate-infra:stack"), "{group:?}");
    }
    fixture.down().await.must_succeed();
    assert_eq!(fixture.stable_inventory(), [""; 0]);
}
