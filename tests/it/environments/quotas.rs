//! Quotas: the refusal names the quota, and the run ends when it is raised.

use migrate_infra::aws::quota;
use migrate_infra::sandbox::world::script::Script;

use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, graph};

/// Key of the script, a value that is too small, and the name of the quota.
const QUOTAS: &[(&str, usize, &str)] = &[
    ("vpcs", 1, "VPCs per Region"),
    ("internet_gateways", 1, "Internet gateways per Region"),
    ("elastic_ips", 1, "EC2-VPC Elastic IPs"),
    ("nat_gateways_per_zone", 0, "NAT gateways per Availability Zone"),
    ("security_groups", 3, "VPC security groups per Region"),
    ("rules_per_security_group", 1, "Inbound or outbound rules per security group"),
    ("db_instances", 1, "DB instances"),
    ("load_balancers", 1, "Application Load Balancers per Region"),
    ("target_groups", 1, "Target Groups per Region"),
    ("replication_instances", 0, "Replication instances per account"),
    ("replication_endpoints", 1, "Endpoints per account"),
    ("replication_tasks", 0, "Tasks per account"),
    ("buckets", 1, "Buckets"),
    ("roles", 4, "Roles per account"),
    ("log_groups", 1, "Log groups"),
];

#[tokio::test(start_paused = true)]
async fn a_used_up_quota_is_named_and_the_run_resumes() {
    let stack = graph(PAIRED, &[]);
    for (key, value, name) in QUOTAS {
        let mut fixture = Fixture::default();
        let script = format!("[quotas]\n{key} = {value}\n");
        fixture.world.load_script(Script::parse(&script, "script.toml").expect("a script"));
        let ran = fixture.up(&stack).await;
        let named: Vec<&str> =
            ran.report().failures.iter().filter_map(|failure| Some(quota(failure.error.aws()?)?.name)).collect();
        assert!(named.contains(name), "{key}: {named:?} {:?}", ran.report().failures);
        fixture.world.load_script(Script::default());
        fixture.up(&stack).await.must_succeed();
    }
}

/// AWS has refused the creation, so nothing has to be looked for. It took five minutes.
#[tokio::test(start_paused = true)]
async fn the_next_run_does_not_look_for_what_was_refused() {
    let stack = graph(PAIRED, &[]);
    let mut fixture = Fixture::default();
    fixture.world.load_script(Script::parse("[quotas]\nvpcs = 0\n", "script.toml").expect("a script"));
    assert!(!fixture.up(&stack).await.report().failures.is_empty());
    let began = tokio::time::Instant::now();
    fixture.down().await.must_succeed();
    assert!(began.elapsed() < std::time::Duration::from_mins(2), "{:?}", began.elapsed());
}

/// The stack fits into a new account.
#[tokio::test(start_paused = true)]
async fn the_default_quotas_are_enough() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(PAIRED, &[])).await.must_succeed();
}
