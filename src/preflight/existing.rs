//! What an account has already.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{NatGatewayState, Vpc};
use aws_sdk_servicequotas::operation::list_service_quotas::ListServiceQuotasOutput;
use aws_sdk_servicequotas::types::ServiceQuota;
use infra_base::address::{Address, Location};
use infra_base::metric::{Metric, Query, Statistic};
use infra_core::resource::{Result, StepContext};
use infra_kinds::cloudwatch::metric::{self, Asked};

use super::subject::Subject;

/// Returns the context of reads in a region of an account.
pub(super) fn reader(subject: &Subject<'_>, location: &Location) -> StepContext {
    subject.reads.reader(&Address::new("preflight"), location.clone())
}

/// Reads all pages of a list.
macro_rules! all {
    ($cx:expr, $call:literal, $request:expr) => {
        $cx.read($call, $request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>())
    };
}

/// Returns the networks, with their blocks of addresses.
pub(super) async fn vpcs(cx: &StepContext) -> Result<Vec<(String, Vec<String>)>> {
    let found = all!(cx, "ec2:DescribeVpcs", cx.aws.ec2.describe_vpcs()).await?;
    let blocks = |vpc: &Vpc| {
        let associated = vpc.cidr_block_association_set().iter().filter_map(|block| block.cidr_block());
        associated.chain(vpc.cidr_block()).map(str::to_owned).collect()
    };
    Ok(found.iter().map(|vpc| (vpc.vpc_id().unwrap_or_default().to_owned(), blocks(vpc))).collect())
}

pub(super) async fn internet_gateways(cx: &StepContext) -> Result<usize> {
    Ok(all!(cx, "ec2:DescribeInternetGateways", cx.aws.ec2.describe_internet_gateways()).await?.len())
}

pub(super) async fn security_groups(cx: &StepContext) -> Result<usize> {
    Ok(all!(cx, "ec2:DescribeSecurityGroups", cx.aws.ec2.describe_security_groups()).await?.len())
}

pub(super) async fn load_balancers(cx: &StepContext) -> Result<usize> {
    Ok(all!(cx, "elasticloadbalancing:DescribeLoadBalancers", cx.aws.elb.describe_load_balancers()).await?.len())
}

pub(super) async fn target_groups(cx: &StepContext) -> Result<usize> {
    Ok(all!(cx, "elasticloadbalancing:DescribeTargetGroups", cx.aws.elb.describe_target_groups()).await?.len())
}

pub(super) async fn replication_tasks(cx: &StepContext) -> Result<usize> {
    let pages = cx.aws.dms.describe_replication_tasks().without_settings(true).into_paginator().send();
    let pages = cx.read("dms:DescribeReplicationTasks", pages.collect::<std::result::Result<Vec<_>, _>>()).await?;
    Ok(pages.iter().map(|page| page.replication_tasks().len()).sum())
}

/// Returns how many log groups there are, or at least are.
pub(super) async fn log_groups(cx: &StepContext) -> Result<usize> {
    /// An account can have a million of them, fifty a page.
    const PAGES: usize = 20;
    let mut count = 0;
    let mut token = None;
    for _ in 0..PAGES {
        let call = cx.aws.logs.describe_log_groups().set_next_token(token).send();
        let page = cx.read("logs:DescribeLogGroups", call).await?;
        count += page.log_groups().len();
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(count)
}

/// Returns how many vCPUs run on Fargate: the most of the last minutes. `now` is in seconds since 1970. An account that
/// runs nothing has no such metric ("AWS Fargate usage metrics", Amazon ECS Developer Guide).
pub(super) async fn fargate_cpus(cx: &StepContext, now: i64) -> Result<usize> {
    const LOOKBACK: i64 = 15 * 60;
    let dimensions =
        [("Class", "Standard/OnDemand"), ("Resource", "vCPU"), ("Service", "Fargate"), ("Type", "Resource")];
    let metric = Metric {
        namespace: "AWS/Usage".to_owned(),
        name: "ResourceCount".to_owned(),
        dimensions: dimensions.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        statistic: Statistic::average(),
    };
    let asked = Asked { id: "cpus".to_owned(), query: Query::Metric(metric), period_seconds: 60 };
    let values = metric::read(cx, &[asked], now - LOOKBACK, now + 60).await?;
    Ok(whole(values.values().flatten().map(|(_, value)| value.ceil()).fold(0.0, f64::max)))
}

/// Returns how many NAT gateways the zone with most of them has.
pub(super) async fn nat_gateways_in_fullest_zone(cx: &StepContext) -> Result<usize> {
    let gateways = all!(cx, "ec2:DescribeNatGateways", cx.aws.ec2.describe_nat_gateways()).await?;
    // Those that are gone stay visible for an hour.
    let counts =
        |state: Option<&NatGatewayState>| !matches!(state, Some(NatGatewayState::Deleted | NatGatewayState::Failed));
    let subnets: Vec<&str> =
        gateways.iter().filter(|gateway| counts(gateway.state())).filter_map(|gateway| gateway.subnet_id()).collect();
    if subnets.is_empty() {
        return Ok(0);
    }
    let found = all!(cx, "ec2:DescribeSubnets", cx.aws.ec2.describe_subnets()).await?;
    let zone_of = |id: &str| {
        let subnet = found.iter().find(|subnet| subnet.subnet_id() == Some(id));
        subnet.and_then(|subnet| subnet.availability_zone())
    };
    let mut zones: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for subnet in subnets {
        *zones.entry(zone_of(subnet)).or_default() += 1;
    }
    Ok(zones.into_values().max().unwrap_or(0))
}

/// Returns the value of a quota that is known by its name only.
pub(super) async fn quota_by_name(cx: &StepContext, service: &str, name: &str) -> Result<Option<usize>> {
    let request = cx.aws.quotas.list_service_quotas().service_code(service).into_paginator().send();
    let pages = cx.read("servicequotas:ListServiceQuotas", request.collect::<std::result::Result<Vec<_>, _>>()).await?;
    let mut quotas = pages.iter().flat_map(ListServiceQuotasOutput::quotas);
    Ok(quotas.find(|quota| quota.quota_name() == Some(name)).and_then(ServiceQuota::value).map(whole))
}

/// Returns the value of a quota, which is a whole number.
pub(super) fn whole(value: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped before")]
    let whole = value.clamp(0.0, f64::from(u32::MAX)) as usize;
    whole
}
