//! The one way to find an EC2 object: by its id, or by the ownership tags of its address. During a refresh it is taken
//! from a list of all objects of the stack in the region.

use std::future::Future;

use aws_sdk_ec2::types::{
    Address, Filter, InternetGateway, NatGateway, RouteTable, SecurityGroup, SecurityGroupRule, Subnet, Tag, Vpc,
    VpcEndpoint, VpcPeeringConnection,
};

use super::tagging::{filters, from_sdk, of_stack};
use crate::ownership;
use infra_base::address::Arn;
use infra_base::tags::OWNER_ADDRESS;
use infra_core::resource::{Error, Observed, Result, StepContext, ignore_codes};

/// An EC2 object that carries tags.
pub(super) trait Tagged: Clone + Send + Sync + 'static {
    /// Returns its id.
    fn id(&self) -> Option<&str>;
    /// Returns its tags.
    fn tags(&self) -> &[Tag];
}

/// An EC2 object that a describe call returns by id or by filters.
pub(super) trait Described: Tagged {
    /// The operation.
    const CALL: &'static str;
    /// The error codes when no object has the id.
    const NOT_FOUND: &'static [&'static str];

    /// Returns all objects with these ids, or all that pass the filters.
    fn describe(
        cx: &StepContext,
        ids: Option<Vec<String>>,
        filters: Option<Vec<Filter>>,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send;
}

/// Returns the objects with a known id, or with the ownership tags of this address; `None` when the id does not exist.
///
/// # Errors
/// The error of AWS, except the codes of a missing object.
pub(super) async fn find_by_id_or_tags<T: Described>(cx: &StepContext, known: Option<&str>) -> Result<Option<Vec<T>>> {
    if let Some(known) = known
        && let Some(all) = cx.cached_list(T::CALL, || T::describe(cx, None, Some(vec![of_stack(cx)]))).await?
        && let Some(object) = all.iter().find(|object| object.id() == Some(known))
    {
        return Ok(Some(vec![object.clone()]));
    }
    if known.is_none() && is_new::<T>(cx).await? {
        return Ok(Some(Vec::new()));
    }
    // An object that is not in the list may be new, or may have lost its tags.
    let ids = known.map(|id| vec![id.to_owned()]);
    let filters = known.is_none().then(|| filters(cx));
    ignore_codes(T::describe(cx, ids, filters).await, T::NOT_FOUND)
}

/// Returns whether no object had the tags of this address before the run, and no run has begun to create one.
///
/// # Errors
/// The error of AWS.
pub(super) async fn is_new<T: Described>(cx: &StepContext) -> Result<bool> {
    let list = || T::describe(cx, None, Some(vec![of_stack(cx)]));
    let Some(all) = cx.listed_before(T::CALL, list).await? else { return Ok(false) };
    let address = Some(cx.identity.tag_address().as_str());
    let is_this = |tag: &Tag| tag.key() == Some(OWNER_ADDRESS) && tag.value() == address;
    Ok(!all.iter().any(|object| object.tags().iter().any(is_this)))
}

/// Returns whether the object with this ARN exists: whether EC2 describes it, and `exists` accepts what it describes.
///
/// # Errors
/// The error of AWS, except the codes of a missing object.
pub(super) async fn exists<T: Described>(
    cx: &StepContext,
    arn: &Arn,
    prefix: &str,
    exists: impl Fn(&T) -> bool,
) -> Result<bool> {
    let Some(id) = arn.id_after(prefix) else { return Ok(true) };
    let found = ignore_codes(T::describe(cx, Some(vec![id.to_owned()]), None).await, T::NOT_FOUND)?;
    Ok(found.is_some_and(|found| found.iter().any(exists)))
}

/// Classifies what was found by id or by tags.
///
/// # Errors
/// Several objects have the ownership tags of this address.
pub(super) fn classify<T: Tagged, A>(
    cx: &StepContext,
    mut found: Vec<T>,
    attrs: impl FnOnce(T) -> A,
) -> Result<Observed<A>> {
    let id = |object: &T| object.id().unwrap_or_default().to_owned();
    found.retain(|object| !cx.tag_siblings.contains(&id(object)));
    match <[T; 1]>::try_from(found) {
        Ok([object]) => {
            let (tags, id) = (from_sdk(object.tags()), id(&object));
            Ok(ownership::classify(cx, &tags, &id, || attrs(object)))
        }
        Err(none) if none.is_empty() => Ok(Observed::Absent),
        Err(many) => Err(Error::Ambiguous(many.iter().map(id).collect())),
    }
}

/// Finds an object and classifies it.
///
/// # Errors
/// Those of [`find_by_id_or_tags`] and [`classify`].
pub(super) async fn observe<T: Described, A>(
    cx: &StepContext,
    known: Option<&str>,
    attrs: impl FnOnce(T) -> A,
) -> Result<Observed<A>> {
    match find_by_id_or_tags(cx, known).await? {
        Some(found) => classify(cx, found, attrs),
        None => Ok(Observed::Absent),
    }
}

macro_rules! tagged {
    ($($object:ident: $id:ident;)*) => {$(
        impl Tagged for $object {
            fn id(&self) -> Option<&str> {
                self.$id()
            }

            fn tags(&self) -> &[Tag] {
                self.tags()
            }
        }
    )*};
}

tagged! {
    Address: allocation_id;
    InternetGateway: internet_gateway_id;
    NatGateway: nat_gateway_id;
    RouteTable: route_table_id;
    SecurityGroup: group_id;
    SecurityGroupRule: security_group_rule_id;
    Subnet: subnet_id;
    Vpc: vpc_id;
    VpcEndpoint: vpc_endpoint_id;
    VpcPeeringConnection: vpc_peering_connection_id;
}

macro_rules! described {
    ($($object:ty: $operation:literal, $describe:ident, $set_ids:ident, $set_filters:ident, $not_found:expr;)*) => {$(
        impl Described for $object {
            const CALL: &'static str = $operation;
            const NOT_FOUND: &'static [&'static str] = $not_found;

            async fn describe(
                cx: &StepContext,
                ids: Option<Vec<String>>,
                filters: Option<Vec<Filter>>,
            ) -> Result<Vec<Self>> {
                let call = cx.aws.ec2.$describe().$set_ids(ids).$set_filters(filters);
                let pages = call.into_paginator().items().send();
                cx.read(Self::CALL, pages.collect::<Result<Vec<_>, _>>()).await
            }
        }
    )*};
}

described! {
    InternetGateway: "ec2:DescribeInternetGateways", describe_internet_gateways, set_internet_gateway_ids, set_filters,
        &["InvalidInternetGatewayID.NotFound"];
    NatGateway: "ec2:DescribeNatGateways", describe_nat_gateways, set_nat_gateway_ids, set_filter,
        &["NatGatewayNotFound"];
    SecurityGroupRule: "ec2:DescribeSecurityGroupRules", describe_security_group_rules, set_security_group_rule_ids,
        set_filters, &["InvalidSecurityGroupRuleId.NotFound"];
    RouteTable: "ec2:DescribeRouteTables", describe_route_tables, set_route_table_ids, set_filters,
        &["InvalidRouteTableID.NotFound"];
    Subnet: "ec2:DescribeSubnets", describe_subnets, set_subnet_ids, set_filters, &["InvalidSubnetID.NotFound"];
    Vpc: "ec2:DescribeVpcs", describe_vpcs, set_vpc_ids, set_filters, &["InvalidVpcID.NotFound"];
    VpcEndpoint: "ec2:DescribeVpcEndpoints", describe_vpc_endpoints, set_vpc_endpoint_ids, set_filters,
        &["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];
    VpcPeeringConnection: "ec2:DescribeVpcPeeringConnections", describe_vpc_peering_connections,
        set_vpc_peering_connection_ids, set_filters, &["InvalidVpcPeeringConnectionID.NotFound"];
}

/// Addresses have no pages.
impl Described for Address {
    const CALL: &'static str = "ec2:DescribeAddresses";
    const NOT_FOUND: &'static [&'static str] = &["InvalidAllocationID.NotFound"];

    async fn describe(cx: &StepContext, ids: Option<Vec<String>>, filters: Option<Vec<Filter>>) -> Result<Vec<Self>> {
        let call = cx.aws.ec2.describe_addresses().set_allocation_ids(ids).set_filters(filters).send();
        Ok(cx.read(Self::CALL, call).await?.addresses.unwrap_or_default())
    }
}
