//! What would fail a run is found before its first change: each quota, permission, name, offering, one at a time.

use std::time::SystemTime;

use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::graph::Graph;
use migrate_infra::permissions::Access;
use migrate_infra::preflight::{Finding, Subject, Verdict, preflight};
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::MAIN_ACCOUNT;
use migrate_infra::sandbox::world::s3::Bucket;
use migrate_infra::sandbox::world::script::Script;

use crate::harness::sandbox_run::{Fixture, GraphBuilder};
use crate::harness::stacks::{PAIRED, TWO_REGIONS, graph, source};
use crate::permissions::derived::policies_of;

/// Checks the creation of a graph.
async fn checked(fixture: &mut Fixture, graph: &Graph) -> Vec<Finding> {
    let policies = policies_of(&[graph], &[Access::Up]);
    let plan = fixture.plan(graph, &fixture.state());
    let check = async |context: Context| {
        let (reads, state) = (context.read_context(), context.journal.read(Clone::clone));
        let now = SystemTime::now();
        let served_name = Some("api.payments.example");
        let subject = Subject { reads: &reads, state: &state, plan: &plan, policies: &policies, served_name, now };
        preflight(&subject).await
    };
    let (findings, calls) = fixture.with_context(CrashPoints::default(), Faults::default(), check).await;
    assert_eq!(calls.mutations(), 0, "it only reads");
    findings.expect("it was not killed")
}

fn scripted(script: &str) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.world.load_script(Script::parse(script, "script.toml").expect("a script"));
    fixture
}

/// Returns the details of what is not in order.
fn failing(findings: &[Finding]) -> Vec<String> {
    let failing = findings.iter().filter(|finding| finding.verdict != Verdict::Pass);
    failing.map(|finding| format!("{} {}: {}", finding.verdict.name(), finding.check, finding.detail)).collect()
}

/// Two regions, both layouts of accounts: nothing is reported, and everything was checked.
#[tokio::test(start_paused = true)]
async fn nothing_is_reported_of_a_new_account() {
    for sets in [&[][..], &[TWO_REGIONS]] {
        let findings = checked(&mut Fixture::default(), &graph(PAIRED, sets)).await;
        assert_eq!(failing(&findings), [""; 0]);
        for check in
            ["credentials", "identity", "names", "networks", "offerings", "permissions", "quotas", "service roles"]
        {
            assert!(findings.iter().any(|finding| finding.check == check), "{check}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_reported_of_what_exists() {
    let mut fixture = Fixture::default();
    let paired = graph(PAIRED, &[]);
    fixture.up(&paired).await.must_succeed();
    assert_eq!(failing(&checked(&mut fixture, &paired).await), [""; 0]);
}

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
    ("replication_instances", 0, "DMS replication instances"),
    ("replication_endpoints", 1, "DMS endpoint count"),
    ("replication_tasks", 0, "DMS task count"),
    ("buckets", 1, "S3 buckets"),
    ("roles", 4, "Roles per account"),
    ("log_groups", 1, "Log groups"),
];

#[tokio::test(start_paused = true)]
async fn each_quota_that_is_too_small_is_found() {
    let known: Vec<&str> = migrate_infra::sandbox::world::quotas::QUOTAS.iter().map(|(key, _)| *key).collect();
    assert_eq!(QUOTAS.iter().map(|(key, ..)| *key).collect::<Vec<_>>(), known, "each quota of the sandbox");
    let stack = graph(PAIRED, &[]);
    for (key, value, name) in QUOTAS {
        let findings = checked(&mut scripted(&format!("[quotas]\n{key} = {value}\n")), &stack).await;
        let failing = failing(&findings);
        assert!(failing.len() == 1 && failing[0].starts_with(&format!("fail quotas: {name}: ")), "{key}: {failing:#?}");
        let remedy = findings[0].remedy.as_deref().unwrap_or_default();
        assert!(remedy.contains("raise it"), "{remedy}");
    }
}

/// What is planned just fits.
#[tokio::test(start_paused = true)]
async fn a_quota_that_is_just_enough_is_in_order() {
    let mut fixture = scripted("[quotas]\nvpcs = 2\nload_balancers = 2\ninternet_gateways = 2\n");
    assert_eq!(failing(&checked(&mut fixture, &graph(PAIRED, &[])).await), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn each_permission_that_is_missing_is_found() {
    let stack = graph(PAIRED, &[]);
    let calls: Vec<&str> = stack
        .nodes()
        .values()
        .flat_map(|node| node.kind.get().schema().creates)
        .copied()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    assert!(calls.len() > 40, "{}", calls.len());
    for call in calls {
        for action in migrate_infra::aws::iam_actions(call) {
            let script = format!("[[events]]\nat_seconds = 0\ncalls_fail = {{ \"{action}\" = \"AccessDenied\" }}\n");
            let failing = failing(&checked(&mut scripted(&script), &stack).await);
            let is_named = |text: &String| text.contains("fail permissions: ") && text.contains(action);
            assert!(failing.iter().any(is_named), "{action}: {failing:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_not_checked_and_stops_nothing() {
    let stack = graph(PAIRED, &[]);
    for (call, check) in [
        ("iam:SimulatePrincipalPolicy", "permissions"),
        ("servicequotas:GetServiceQuota", "quotas"),
        ("rds:DescribeAccountAttributes", "quotas"),
    ] {
        let script = format!("[[events]]\nat_seconds = 0\ncalls_fail = {{ \"{call}\" = \"AccessDenied\" }}\n");
        let findings = checked(&mut scripted(&script), &stack).await;
        let unchecked = findings.iter().any(|one| one.check == check && one.verdict == Verdict::Unchecked);
        let may_not = findings.iter().any(|one| one.verdict == Verdict::Fail && one.detail.contains(call));
        // The permission to ask is one of those that are asked for.
        assert!(unchecked || may_not, "{call}: {findings:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_found() {
    let stack = graph(PAIRED, &[]);
    let bucket = stack.nodes().values().find(|node| node.kind == "s3.bucket").expect("a bucket");
    let name = bucket.spec["name"]
        .as_str()
        .expect("a name")
        .replace("{account}", "111122223333")
        .replace("{region}", "us-east-1");
    let mut fixture = Fixture::default();
    fixture.world.s3.buckets.insert(name.clone(), Bucket::new(&name, "us-east-1", "999999999999"));
    let failing = failing(&checked(&mut fixture, &stack).await);
    assert!(failing.len() == 1 && failing[0].contains("fail names") && failing[0].contains(&name), "{failing:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_instance_class_that_no_zone_offers_is_found() {
    for class in ["db.*", "dms.*"] {
        let zones: String = ["a", "b", "c", "d", "e", "f"].map(|zone| format!("{zone} = [\"{class}\"]\n")).concat();
        let mut fixture = scripted(&format!("[regions.us-east-1.not_offered]\n{zones}"));
        let failing = failing(&checked(&mut fixture, &graph(PAIRED, &[])).await);
        assert!(failing.iter().any(|text| text.starts_with("fail offerings: no zone offers")), "{class}: {failing:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_overlaps_is_a_warning() {
    let mut fixture = Fixture::default();
    let mut other = GraphBuilder::new();
    other.add(
        "other/network/vpc",
        migrate_infra::resources::ec2::Vpc { cidr: "10.0.0.0/16".to_owned(), remove_guardduty: true },
    );
    fixture.up(&other.finish()).await.must_succeed();
    let world = fixture.world.clone();
    let mut fixture = Fixture { world, ..Fixture::default() };
    let failing = failing(&checked(&mut fixture, &graph(PAIRED, &[])).await);
    assert!(failing.iter().all(|text| text.starts_with("warn networks: ")) && !failing.is_empty(), "{failing:#?}");
}

/// What the script says of the certificate, and what is found.
const CERTIFICATES: &[(&str, &str)] = &[
    ("names = [\"*.payments.example\"]", "pass"),
    ("names = [\"payments.example\", \"API.payments.example\"]", "pass"),
    ("names = [\"*.payments.example\"]\nstatus = \"PENDING_VALIDATION\"", "fail: * is PENDING_VALIDATION: *"),
    ("names = [\"*.payments.example\"]\nstatus = \"EXPIRED\"", "fail: * is EXPIRED: *"),
    ("names = [\"payments.example\"]", "warn: * is for payments.example, and clients use api.payments.example: *"),
    ("names = [\"*.payments.example\"]\ndays_left = 29", "warn: * expires in 29 days"),
    ("names = [\"*.payments.example\"]\ndays_left = 30", "pass"),
];

/// A load balancer was created, and then the listener refused the certificate.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_cannot_serve_is_found() {
    let arn = format!("arn:aws:acm:us-east-1:{MAIN_ACCOUNT}:certificate/a");
    let set = format!("environments.source.service.certificate_arn={arn}");
    let stack = graph(PAIRED, &[&set]);
    for (facts, expected) in CERTIFICATES {
        let mut fixture = scripted(&format!("[certificates.\"{arn}\"]\n{facts}\n"));
        let findings = checked(&mut fixture, &stack).await;
        let found: Vec<&Finding> = findings.iter().filter(|finding| finding.check == "certificates").collect();
        let [found] = found[..] else { panic!("{findings:#?}") };
        let shown = match found.verdict {
            Verdict::Pass => "pass".to_owned(),
            verdict => format!("{}: {}", verdict.name(), found.detail),
        };
        let (begin, end) = expected.split_once('*').unwrap_or((expected, ""));
        let is_as_expected = shown.starts_with(begin) && end.split('*').all(|part| shown.contains(part));
        assert!(is_as_expected, "{facts}: {shown}");
        if facts != &CERTIFICATES[0].0 && found.verdict != Verdict::Fail {
            continue;
        }
        let up = fixture.up(&stack).await;
        assert_eq!(up.report().failures.is_empty(), found.verdict != Verdict::Fail, "{facts}: {shown}");
    }
    let findings = checked(&mut Fixture::default(), &stack).await;
    let unknown: Vec<String> = failing(&findings);
    assert!(unknown.len() == 1 && unknown[0].starts_with("not checked certificates: "), "{unknown:#?}");
}

/// What other services of the account run counts, too.
#[tokio::test(start_paused = true)]
async fn what_runs_on_fargate_counts() {
    let mut fixture = Fixture::default();
    fixture.up(&source(&[])).await.must_succeed();
    let findings = checked(&mut fixture, &graph(PAIRED, &[])).await;
    let cpus: Vec<&str> =
        findings.iter().map(|finding| finding.detail.as_str()).filter(|one| one.contains("vCPU")).collect();
    assert!(!cpus.is_empty() && cpus.iter().any(|one| !one.contains(": 0 exist")), "{cpus:?}");
}
