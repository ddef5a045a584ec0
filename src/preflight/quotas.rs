//! Quotas: what exists and what is planned, against what the account may have.
//!
//! Service Quotas has the values of most of them. Amazon RDS, AWS DMS and IAM have operations of their own, which also
//! return what is used.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join_all};
use infra_base::address::{Location, Region};
use infra_core::plan::{Action, Step};
use infra_core::resource::{Result, StepContext};
use serde_json::Value;

use super::existing::{self, reader};
use super::finding::{Finding, Verdict, place};
use super::subject::Subject;

/// Quotas of the whole account are kept in this region ("Service Quotas" of IAM and Amazon S3).
const GLOBAL_REGION: &str = "us-east-1";

/// A quota whose value Service Quotas has.
pub(super) struct Quota {
    /// Its name.
    name: &'static str,
    /// The service in Service Quotas.
    service: &'static str,
    /// Its code.
    code: &'static str,
    /// The kinds that count.
    kinds: &'static [&'static str],
    /// What exists.
    used: Used,
    /// Whether it is of the whole account.
    global: bool,
}

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    Networks,
    InternetGateways,
    Addresses,
    SecurityGroups,
    LoadBalancers,
    TargetGroups,
    ReplicationTasks,
    Buckets,
}

const fn regional(
    name: &'static str,
    (service, code): (&'static str, &'static str),
    kinds: &'static [&'static str],
    used: Used,
) -> Quota {
    Quota { name, service, code, kinds, used, global: false }
}

/// "Service Quotas" of each service, AWS General Reference.
const QUOTAS: &[Quota] = &[
    regional("VPCs per Region", ("vpc", "L-F678F1CE"), &["ec2.vpc"], Used::Networks),
    regional("Internet gateways per Region", ("vpc", "L-A4707A72"), &["ec2.internet_gateway"], Used::InternetGateways),
    regional("EC2-VPC Elastic IPs", ("ec2", "L-0263D0A3"), &["ec2.elastic_ip"], Used::Addresses),
    // Each network comes with a default group, which counts.
    regional(
        "VPC security groups per Region",
        ("vpc", "L-E79EC296"),
        &["ec2.security_group", "ec2.vpc"],
        Used::SecurityGroups,
    ),
    regional(
        "Application Load Balancers per Region",
        ("elasticloadbalancing", "L-53DA6B97"),
        &["elbv2.load_balancer"],
        Used::LoadBalancers,
    ),
    regional(
        "Target Groups per Region",
        ("elasticloadbalancing", "L-B22855CB"),
        &["elbv2.target_group"],
        Used::TargetGroups,
    ),
    regional("DMS task count", ("dms", "L-7FD3593B"), &["dms.replication_task"], Used::ReplicationTasks),
    Quota {
        name: "S3 buckets",
        service: "s3",
        code: "L-DC2B2D3D",
        kinds: &["s3.bucket"],
        used: Used::Buckets,
        global: true,
    },
];

/// "NAT gateways per Availability Zone", "Inbound or outbound rules per security group", "Fargate On-Demand vCPU
/// resource count".
const NAT_GATEWAYS: (&str, &str) = ("vpc", "L-FE5A380F");
const RULES: (&str, &str) = ("vpc", "L-0EA8095F");
const FARGATE: (&str, &str) = ("fargate", "L-3032A538");

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let locations: BTreeSet<Location> = subject
        .plan
        .steps
        .iter()
        .filter(|step| step.action.creates())
        .map(|step| Location {
            account: Some(subject.reads.cloud.account_of(&step.location()).clone()),
            region: step.region.clone(),
        })
        .collect();
    let mut accounts: BTreeMap<_, &Location> = BTreeMap::new();
    for location in &locations {
        accounts.entry(location.account.clone()).or_insert(location);
    }
    let regional = join_all(locations.iter().map(|location| of_region(subject, location)));
    let global = join_all(accounts.into_values().map(|location| of_account(subject, location)));
    let (regional, global) = join(regional, global).await;
    regional.into_iter().chain(global).flatten().collect()
}

/// What a plan creates in a place.
struct Planned<'a> {
    subject: &'a Subject<'a>,
    location: &'a Location,
}

impl<'a> Planned<'a> {
    fn steps(&self) -> impl Iterator<Item = &'a Step> {
        let (location, cloud) = (self.location, &self.subject.reads.cloud);
        let is_here = move |step: &&Step| {
            step.region == location.region && Some(cloud.account_of(&step.location())) == location.account.as_ref()
        };
        self.subject.plan.steps.iter().filter(is_here)
    }

    fn count(&self, kinds: &[&str]) -> usize {
        self.steps().filter(|step| step.action.creates() && kinds.contains(&step.kind.as_str())).count()
    }
}

async fn of_region(subject: &Subject<'_>, location: &Location) -> Vec<Finding> {
    let planned = Planned { subject, location };
    let cx = reader(subject, location);
    let listed = QUOTAS.iter().filter(|quota| !quota.global && planned.count(quota.kinds) > 0);
    let listed = join_all(listed.map(|quota| of_service_quotas(&cx, location, quota, planned.count(quota.kinds))));
    let more = join_all([
        boxed(nat_gateways(&cx, &planned)),
        boxed(rules(&cx, &planned)),
        boxed(databases(&cx, &planned)),
        boxed(replication(&cx, &planned)),
        boxed(tasks(&cx, &planned)),
        boxed(log_groups(&cx, &planned)),
    ]);
    let (listed, more) = join(listed, more).await;
    listed.into_iter().chain(more.into_iter().flatten()).collect()
}

fn boxed<'f>(check: impl Future<Output = Vec<Finding>> + Send + 'f) -> futures::future::BoxFuture<'f, Vec<Finding>> {
    Box::pin(check)
}

/// Quotas of the whole account: what is planned in any region counts.
async fn of_account(subject: &Subject<'_>, location: &Location) -> Vec<Finding> {
    let is_here = |step: &&Step| {
        step.action.creates() && Some(subject.reads.cloud.account_of(&step.location())) == location.account.as_ref()
    };
    let count = |kinds: &[&str]| {
        subject.plan.steps.iter().filter(is_here).filter(|step| kinds.contains(&step.kind.as_str())).count()
    };
    // Partitions other than the public one keep them elsewhere.
    let region = match location.region.partition() {
        "aws" => Region::from(GLOBAL_REGION),
        _ => location.region.clone(),
    };
    let home = Location { region, account: location.account.clone() };
    let cx = reader(subject, &home);
    let listed = QUOTAS.iter().filter(|quota| quota.global && count(quota.kinds) > 0);
    let listed = join_all(listed.map(|quota| of_service_quotas(&cx, &home, quota, count(quota.kinds))));
    let (mut findings, roles) = join(listed, roles(&cx, &home, count(&["iam.role", "dms.account_role"]))).await;
    findings.extend(roles);
    findings
}

async fn of_service_quotas(cx: &StepContext, location: &Location, quota: &Quota, planned: usize) -> Finding {
    let (allowed, used) = join(value(cx, (quota.service, quota.code)), used(cx, quota.used)).await;
    let code = Some((quota.service, quota.code));
    match (allowed, used) {
        (Ok(allowed), Ok(used)) => judge(quota.name, code, location, Amounts { used, planned, allowed }),
        (Err(error), _) | (_, Err(error)) => unchecked(quota.name, location, &error),
    }
}

#[derive(Clone, Copy)]
struct Amounts {
    used: usize,
    planned: usize,
    allowed: usize,
}

fn unchecked(name: &str, location: &Location, error: &dyn std::error::Error) -> Finding {
    Finding::new("quotas", place(location), Verdict::Unchecked, format!("{name}: {error}"))
}

/// Compares what will exist with what is allowed.
fn judge(name: &str, code: Option<(&str, &str)>, location: &Location, amounts: Amounts) -> Finding {
    let Amounts { used, planned, allowed } = amounts;
    let detail = format!("{name}: {used} exist, {planned} more are planned, {allowed} are allowed");
    if used + planned <= allowed {
        return Finding::new("quotas", place(location), Verdict::Pass, detail);
    }
    let needed = used + planned;
    let raise = match code {
        Some((service, code)) => {
            let command = infra_aws::raise_command(service, code, &needed.to_string(), location.region.as_str());
            format!("raise it: `{command}`; or delete what is not needed any more")
        }
        None => format!("raise it to {needed} in the console of Service Quotas; or delete what is not needed any more"),
    };
    Finding::new("quotas", place(location), Verdict::Fail, detail).remedy(raise)
}

/// Returns the value of a quota: the one of the account, or the default.
async fn value(cx: &StepContext, (service, code): (&str, &str)) -> Result<usize> {
    let applied = cx.aws.quotas.get_service_quota().service_code(service).quota_code(code).send();
    let quota = match cx.read("servicequotas:GetServiceQuota", applied).await {
        Ok(found) => found.quota,
        // "If the applied quota value is not available for a quota, the quota is not retrieved" (GetServiceQuota).
        Err(error) if error.is_code("NoSuchResourceException") => {
            let call = cx.aws.quotas.get_aws_default_service_quota().service_code(service).quota_code(code).send();
            cx.read("servicequotas:GetAWSDefaultServiceQuota", call).await?.quota
        }
        Err(error) => return Err(error),
    };
    Ok(existing::whole(quota.and_then(|quota| quota.value).unwrap_or(f64::MAX)))
}

async fn used(cx: &StepContext, what: Used) -> Result<usize> {
    match what {
        Used::Networks => Ok(existing::vpcs(cx).await?.len()),
        Used::InternetGateways => existing::internet_gateways(cx).await,
        Used::Addresses => {
            let found = cx.read("ec2:DescribeAddresses", cx.aws.ec2.describe_addresses().send()).await?;
            Ok(found.addresses().len())
        }
        Used::SecurityGroups => existing::security_groups(cx).await,
        Used::LoadBalancers => existing::load_balancers(cx).await,
        Used::TargetGroups => existing::target_groups(cx).await,
        Used::ReplicationTasks => existing::replication_tasks(cx).await,
        Used::Buckets => {
            let found = cx.read("s3:ListBuckets", cx.aws.s3.list_buckets().send()).await?;
            Ok(found.buckets().len())
        }
    }
}

/// A gateway is in the zone of its subnet. Only for new subnets, the number of the zone is known, not its name: those
/// count with the fullest zone.
async fn nat_gateways(cx: &StepContext, planned: &Planned<'_>) -> Vec<Finding> {
    let zone_of = |step: &Step| {
        let subnet = step.spec["subnet"]["$output"]["of"].as_str().unwrap_or_default();
        let subnet = planned.subject.plan.steps.iter().find(|other| other.address.as_str() == subnet);
        subnet.map(|subnet| subnet.spec["zone"].to_string())
    };
    let mut zones: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for step in planned.steps().filter(|step| step.action.creates() && step.kind == "ec2.nat_gateway") {
        *zones.entry(zone_of(step)).or_default() += 1;
    }
    let Some(most) = zones.into_values().max() else { return Vec::new() };
    let (allowed, used) = join(value(cx, NAT_GATEWAYS), existing::nat_gateways_in_fullest_zone(cx)).await;
    let name = "NAT gateways per Availability Zone";
    vec![match (allowed, used) {
        (Ok(allowed), Ok(used)) => {
            judge(name, Some(NAT_GATEWAYS), planned.location, Amounts { used, planned: most, allowed })
        }
        (Err(error), _) | (_, Err(error)) => unchecked(name, planned.location, &error),
    }]
}

/// "This quota is enforced separately for inbound rules and outbound rules" (Amazon VPC quotas).
async fn rules(cx: &StepContext, planned: &Planned<'_>) -> Vec<Finding> {
    let mut groups: BTreeMap<(String, String), usize> = BTreeMap::new();
    let kept = |step: &&Step| step.kind == "ec2.security_group_rule" && step.action != Action::Delete;
    for step in planned.steps().filter(kept) {
        let text = |value: &Value| value.as_str().map_or_else(|| value["$output"]["of"].to_string(), str::to_owned);
        *groups.entry((text(&step.spec["group"]), text(&step.spec["direction"]))).or_default() += 1;
    }
    let Some(most) = groups.into_values().max() else { return Vec::new() };
    let name = "Inbound or outbound rules per security group";
    vec![match value(cx, RULES).await {
        Ok(allowed) => judge(name, Some(RULES), planned.location, Amounts { used: 0, planned: most, allowed }),
        Err(error) => unchecked(name, planned.location, &error),
    }]
}

/// "DescribeAccountAttributes: Lists all of the attributes for a customer account. The attributes include Amazon RDS
/// quotas for the account, such as the number of DB instances allowed."
async fn databases(cx: &StepContext, planned: &Planned<'_>) -> Vec<Finding> {
    let instances = planned.count(&["rds.db_instance"]);
    if instances == 0 {
        return Vec::new();
    }
    let storage = storage(planned, "rds.db_instance");
    let call = cx.aws.rds.describe_account_attributes().send();
    let found = match cx.read("rds:DescribeAccountAttributes", call).await {
        Ok(found) => found,
        Err(error) => return vec![unchecked("DB instances", planned.location, &error)],
    };
    let quotas = found.account_quotas().iter().map(|quota| {
        (quota.account_quota_name().unwrap_or_default(), quota.used().unwrap_or(0), quota.max().unwrap_or(i64::MAX))
    });
    let wanted = [
        ("DBInstances", "DB instances", Some(("rds", "L-7B6409FD")), instances),
        ("AllocatedStorage", "Total storage of DB instances (GiB)", None, storage),
    ];
    attributes(quotas, &wanted, planned.location)
}

async fn replication(cx: &StepContext, planned: &Planned<'_>) -> Vec<Finding> {
    let instances = planned.count(&["dms.replication_instance"]);
    let endpoints = planned.count(&["dms.endpoint"]);
    if instances + endpoints == 0 {
        return Vec::new();
    }
    let call = cx.aws.dms.describe_account_attributes().send();
    let found = match cx.read("dms:DescribeAccountAttributes", call).await {
        Ok(found) => found,
        Err(error) => return vec![unchecked("DMS replication instances", planned.location, &error)],
    };
    let quotas = found
        .account_quotas()
        .iter()
        .map(|quota| (quota.account_quota_name().unwrap_or_default(), quota.used(), quota.max()));
    let wanted = [
        ("ReplicationInstances", "DMS replication instances", Some(("dms", "L-C2341CDC")), instances),
        ("Endpoints", "DMS endpoint count", Some(("dms", "L-E17328E9")), endpoints),
        (
            "AllocatedStorage",
            "Total storage of replication instances (GB)",
            Some(("dms", "L-BBDCBDC8")),
            storage(planned, "dms.replication_instance"),
        ),
    ];
    attributes(quotas, &wanted, planned.location)
}

/// What the attributes of an account are called, what people call it, where it is raised, and what is planned.
type Wanted<'w> = (&'w str, &'w str, Option<(&'w str, &'w str)>, usize);

fn attributes<'q>(
    quotas: impl Iterator<Item = (&'q str, i64, i64)>,
    wanted: &[Wanted<'_>],
    location: &Location,
) -> Vec<Finding> {
    let number = |value: i64| usize::try_from(value).unwrap_or(0);
    quotas
        .filter_map(|(name, used, max)| {
            let (_, shown, code, planned) = wanted.iter().find(|(attribute, ..)| *attribute == name)?;
            let amounts = Amounts { used: number(used), planned: *planned, allowed: number(max) };
            (*planned > 0).then(|| judge(shown, *code, location, amounts))
        })
        .collect()
}

fn storage(planned: &Planned<'_>, kind: &str) -> usize {
    let sizes = planned.steps().filter(|step| step.action.creates() && step.kind == kind);
    let gigabytes = sizes.filter_map(|step| step.spec["allocated_storage_gb"].as_u64());
    usize::try_from(gigabytes.sum::<u64>()).unwrap_or(usize::MAX)
}

/// What is in use is known to CloudWatch only, minutes late.
async fn tasks(cx: &StepContext, planned: &Planned<'_>) -> Vec<Finding> {
    let cpu_of = |service: &Step| -> f64 {
        let definition = service.spec["task_definition"]["$output"]["of"].as_str().unwrap_or_default();
        let definition = planned.subject.plan.steps.iter().find(|step| step.address.as_str() == definition);
        let units = definition.and_then(|step| step.spec["cpu"].as_str()?.parse::<f64>().ok()).unwrap_or(0.0);
        units / 1024.0 * service.spec["desired_count"].as_f64().unwrap_or(0.0)
    };
    let services = planned.steps().filter(|step| step.action.creates() && step.kind == "ecs.service");
    let cpus: f64 = services.map(cpu_of).sum();
    if cpus <= 0.0 {
        return Vec::new();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number above zero")]
    let planned_cpus = cpus.ceil() as usize;
    let name = "Fargate On-Demand vCPUs";
    let (allowed, used) =
        join(value(cx, FARGATE), existing::fargate_cpus(cx, planned.subject.reads.cloud.unix_now())).await;
    vec![match (allowed, used) {
        (Ok(allowed), Ok(used)) => {
            judge(name, Some(FARGATE), planned.location, Amounts { used, planned: planned_cpus, allowed })
        }
        (Err(error), _) | (_, Err(error)) => unchecked(name, planned.location, &error),
    }]
}

/// Service Quotas has this quota under its name. Groups are counted as far as it matters.
async fn log_groups(cx: &StepContext, planned: &Planned<'_>) -> Vec<Finding> {
    const NAME: &str = "Log groups";
    let count = planned.count(&["logs.log_group"]);
    if count == 0 {
        return Vec::new();
    }
    let (allowed, used) = join(existing::quota_by_name(cx, "logs", NAME), existing::log_groups(cx)).await;
    vec![match (allowed, used) {
        (Ok(Some(allowed)), Ok(used)) => judge(NAME, None, planned.location, Amounts { used, planned: count, allowed }),
        (Ok(None), _) => {
            let detail = format!("{NAME}: Service Quotas does not show it");
            Finding::new("quotas", place(planned.location), Verdict::Unchecked, detail)
        }
        (Err(error), _) | (_, Err(error)) => unchecked(NAME, planned.location, &error),
    }]
}

/// "GetAccountSummary: Retrieves information about IAM entity usage and IAM quotas in the AWS account."
async fn roles(cx: &StepContext, location: &Location, planned: usize) -> Vec<Finding> {
    const NAME: &str = "Roles per account";
    if planned == 0 {
        return Vec::new();
    }
    let summary = match cx.read("iam:GetAccountSummary", cx.aws.iam.get_account_summary().send()).await {
        Ok(found) => found.summary_map.unwrap_or_default(),
        Err(error) => return vec![unchecked(NAME, location, &error)],
    };
    let value = |key: &str| summary.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| *value);
    let number = |value: i32| usize::try_from(value).unwrap_or(0);
    let (Some(used), Some(allowed)) = (value("Roles").map(number), value("RolesQuota").map(number)) else {
        let detail = format!("{NAME}: IAM does not show it");
        return vec![Finding::new("quotas", place(location), Verdict::Unchecked, detail)];
    };
    vec![judge(NAME, Some(("iam", "L-FE177D64")), location, Amounts { used, planned, allowed })]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(used: usize, planned: usize, allowed: usize) -> Finding {
        let location = Location { region: "eu-west-1".into(), account: Some("111122223333".into()) };
        judge("VPCs per Region", Some(("vpc", "L-F678F1CE")), &location, Amounts { used, planned, allowed })
    }

    #[test]
    fn what_exists_and_what_is_planned_must_fit() {
        assert_eq!(judged(3, 2, 5).verdict, Verdict::Pass);
        let finding = judged(4, 2, 5);
        assert_eq!(finding.verdict, Verdict::Fail);
        let remedy = finding.remedy.expect("what to do");
        assert!(remedy.contains("--quota-code L-F678F1CE --desired-value 6 --region eu-west-1"), "{remedy}");
        assert_eq!(finding.place, "111122223333 eu-west-1");
    }
}
