//! What an account has already.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::NatGatewayState;
use infra_base::address::{Address, Location};
use infra_core::resource::{Result, StepContext};

use super::subject::Subject;

/// Returns the context of reads in a region of an account.
pub(super) fn reader(subject: &Subject<'_>, location: &Location) -> StepContext {
    subject.reads.reader(&Address::new("preflight"), location.clone())
}

/// Returns the networks, with their blocks of addresses.
pub(super) async fn vpcs(cx: &StepContext) -> Result<Vec<(String, Vec<String>)>> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = cx.read("ec2:DescribeVpcs", cx.aws.ec2.describe_vpcs().set_next_token(token).send()).await?;
        for vpc in page.vpcs() {
            let blocks = vpc.cidr_block_association_set().iter().filter_map(|block| block.cidr_block());
            let blocks: Vec<String> = blocks.chain(vpc.cidr_block()).map(str::to_owned).collect();
            found.push((vpc.vpc_id().unwrap_or_default().to_owned(), blocks));
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Counts a list that comes in pages.
macro_rules! counted {
    ($cx:expr, $call:literal, $request:expr, $next:ident, $set:ident, $list:ident) => {{
        let mut count = 0;
        let mut token = None;
        loop {
            let page = $cx.read($call, $request.$set(token).send()).await?;
            count += page.$list().len();
            token = page.$next;
            if token.as_ref().is_none_or(String::is_empty) {
                break Ok(count);
            }
        }
    }};
}

pub(super) async fn internet_gateways(cx: &StepContext) -> Result<usize> {
    counted!(
        cx,
        "ec2:DescribeInternetGateways",
        cx.aws.ec2.describe_internet_gateways(),
        next_token,
        set_next_token,
        internet_gateways
    )
}

pub(super) async fn security_groups(cx: &StepContext) -> Result<usize> {
    counted!(
        cx,
        "ec2:DescribeSecurityGroups",
        cx.aws.ec2.describe_security_groups(),
        next_token,
        set_next_token,
        security_groups
    )
}

pub(super) async fn load_balancers(cx: &StepContext) -> Result<usize> {
    counted!(
        cx,
        "elasticloadbalancing:DescribeLoadBalancers",
        cx.aws.elb.describe_load_balancers(),
        next_marker,
        set_marker,
        load_balancers
    )
}

pub(super) async fn target_groups(cx: &StepContext) -> Result<usize> {
    counted!(
        cx,
        "elasticloadbalancing:DescribeTargetGroups",
        cx.aws.elb.describe_target_groups(),
        next_marker,
        set_marker,
        target_groups
    )
}

pub(super) async fn replication_tasks(cx: &StepContext) -> Result<usize> {
    counted!(
        cx,
        "dms:DescribeReplicationTasks",
        cx.aws.dms.describe_replication_tasks().without_settings(true),
        marker,
        set_marker,
        replication_tasks
    )
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

/// Returns how many NAT gateways the zone with most of them has.
pub(super) async fn nat_gateways_in_fullest_zone(cx: &StepContext) -> Result<usize> {
    let gateways = cx.read("ec2:DescribeNatGateways", cx.aws.ec2.describe_nat_gateways().send()).await?;
    // Those that are gone stay visible for an hour.
    let counts =
        |state: Option<&NatGatewayState>| !matches!(state, Some(NatGatewayState::Deleted | NatGatewayState::Failed));
    let subnets: Vec<&str> = gateways
        .nat_gateways()
        .iter()
        .filter(|gateway| counts(gateway.state()))
        .filter_map(|gateway| gateway.subnet_id())
        .collect();
    if subnets.is_empty() {
        return Ok(0);
    }
    let found = cx.read("ec2:DescribeSubnets", cx.aws.ec2.describe_subnets().send()).await?;
    let zone_of = |id: &str| {
        let subnet = found.subnets().iter().find(|subnet| subnet.subnet_id() == Some(id));
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
    let mut token = None;
    loop {
        let call = cx.aws.quotas.list_service_quotas().service_code(service).set_next_token(token).send();
        let page = cx.read("servicequotas:ListServiceQuotas", call).await?;
        if let Some(quota) = page.quotas().iter().find(|quota| quota.quota_name() == Some(name)) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped before")]
            let value = quota.value().map(|value| value.clamp(0.0, f64::from(u32::MAX)) as usize);
            return Ok(value);
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(None);
        }
    }
}
