//! Whose a network interface is: of a resource of this stack, of GuardDuty, or of somebody else.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, NatGateway, NatGatewayState, NetworkInterface, SecurityGroup, VpcEndpoint};

use super::endpoint_state::is_deleting;
use super::guardduty;
use infra_base::tags::OWNER_STACK;
use infra_core::resource::{Result, StepContext};

/// The descriptions of the interfaces that services create for the resources of a stack: load balancers ("Security
/// groups for your Application Load Balancer"), databases, replication instances, functions ("Giving Lambda functions
/// access to resources in an Amazon VPC"). Tasks have the ARN of their attachment.
const OF_SERVICES: &[&str] = &["ELB ", "RDSNetworkInterface", "DMSNetworkInterface", "AWS Lambda VPC ENI"];
const OF_NAT_GATEWAYS: &str = "Interface for NAT Gateway ";
const OF_ENDPOINTS: &str = "VPC Endpoint Interface ";

/// Whose an interface is.
pub(super) enum InterfaceOwner {
    /// A service created it for a resource of this stack, and deletes it some time after that resource.
    Released,
    /// GuardDuty's endpoint, which stays until somebody deletes it.
    GuardDuty(Box<VpcEndpoint>),
    /// Somebody else's: an instance, an endpoint, or a resource of a service that is not in this stack.
    Foreign,
}

/// Returns whose each interface is, in the same order.
///
/// # Errors
/// Those of the reads.
pub(super) async fn owners(cx: &StepContext, interfaces: &[NetworkInterface]) -> Result<Vec<InterfaceOwner>> {
    let groups = groups(cx, interfaces).await?;
    let gateways = gateways(cx, interfaces).await?;
    let endpoints = endpoints(cx, interfaces).await?;
    Ok(interfaces
        .iter()
        .map(|interface| {
            let description = interface.description().unwrap_or_default();
            if let Some(id) = description.strip_prefix(OF_NAT_GATEWAYS) {
                let foreign = gateways.get(id).is_some_and(|gateway| !is_ours_or_ends(cx, gateway));
                return if foreign { InterfaceOwner::Foreign } else { InterfaceOwner::Released };
            }
            if let Some(id) = description.strip_prefix(OF_ENDPOINTS) {
                return match endpoints.get(id) {
                    // Its interfaces are deleted after it.
                    None => InterfaceOwner::Released,
                    Some(endpoint) if is_deleting(endpoint) => InterfaceOwner::Released,
                    Some(endpoint) if guardduty::is_endpoint(endpoint) => {
                        InterfaceOwner::GuardDuty(Box::new(endpoint.clone()))
                    }
                    Some(_) => InterfaceOwner::Foreign,
                };
            }
            let of_service = OF_SERVICES.iter().any(|prefix| description.starts_with(prefix))
                || description.starts_with("arn:") && description.contains(":ecs:");
            let is_ours = |id: &str| groups.get(id).is_none_or(|group| has_stack_tag(cx, group));
            let in_ours = interface.groups().iter().filter_map(|group| group.group_id()).any(is_ours);
            match of_service && (interface.groups().is_empty() || in_ours) {
                true => InterfaceOwner::Released,
                false => InterfaceOwner::Foreign,
            }
        })
        .collect())
}

/// A new gateway without tags is one whose tags cannot be seen yet.
fn is_ours_or_ends(cx: &StepContext, gateway: &NatGateway) -> bool {
    let ends = [NatGatewayState::Deleting, NatGatewayState::Deleted, NatGatewayState::Failed];
    let ours = |tag: &aws_sdk_ec2::types::Tag| {
        tag.key() == Some(OWNER_STACK) && tag.value() == Some(cx.identity.stack.as_str())
    };
    let is_new = gateway.state() == Some(&NatGatewayState::Pending) && gateway.tags().is_empty();
    let ends = gateway.state().is_some_and(|state| ends.contains(state));
    ends || is_new || gateway.tags().iter().any(ours)
}

fn has_stack_tag(cx: &StepContext, group: &SecurityGroup) -> bool {
    group.tags().iter().any(|tag| tag.key() == Some(OWNER_STACK) && tag.value() == Some(cx.identity.stack.as_str()))
}

/// Returns the parts of descriptions after a prefix: the ids in them.
fn ids<'a>(interfaces: &'a [NetworkInterface], prefix: &str) -> BTreeSet<&'a str> {
    interfaces.iter().filter_map(|one| one.description()?.strip_prefix(prefix)).collect()
}

fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

async fn groups(cx: &StepContext, interfaces: &[NetworkInterface]) -> Result<BTreeMap<String, SecurityGroup>> {
    let ids: BTreeSet<&str> =
        interfaces.iter().flat_map(NetworkInterface::groups).filter_map(|group| group.group_id()).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    // A filter leaves out what no longer exists; a list of ids would be refused.
    let pages = cx.aws.ec2.describe_security_groups().filters(filter("group-id", ids)).into_paginator().items().send();
    let found = cx.read("ec2:DescribeSecurityGroups", pages.collect::<Result<Vec<_>, _>>()).await?;
    Ok(found.into_iter().map(|group| (group.group_id().unwrap_or_default().to_owned(), group)).collect())
}

async fn gateways(cx: &StepContext, interfaces: &[NetworkInterface]) -> Result<BTreeMap<String, NatGateway>> {
    let ids = ids(interfaces, OF_NAT_GATEWAYS);
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let pages =
        cx.aws.ec2.describe_nat_gateways().filter(filter("nat-gateway-id", ids)).into_paginator().items().send();
    let found = cx.read("ec2:DescribeNatGateways", pages.collect::<Result<Vec<_>, _>>()).await?;
    Ok(found.into_iter().map(|one| (one.nat_gateway_id().unwrap_or_default().to_owned(), one)).collect())
}

async fn endpoints(cx: &StepContext, interfaces: &[NetworkInterface]) -> Result<BTreeMap<String, VpcEndpoint>> {
    let ids = ids(interfaces, OF_ENDPOINTS);
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let pages =
        cx.aws.ec2.describe_vpc_endpoints().filters(filter("vpc-endpoint-id", ids)).into_paginator().items().send();
    let found = cx.read("ec2:DescribeVpcEndpoints", pages.collect::<Result<Vec<_>, _>>()).await?;
    Ok(found.into_iter().map(|one| (one.vpc_endpoint_id().unwrap_or_default().to_owned(), one)).collect())
}
