//! VPCs.

use std::collections::BTreeMap;

use aws_sdk_ec2::operation::create_vpc::{CreateVpcError, CreateVpcInput, CreateVpcOutput};
use aws_sdk_ec2::operation::delete_vpc::{DeleteVpcError, DeleteVpcInput, DeleteVpcOutput};
use aws_sdk_ec2::operation::describe_vpc_attribute::{
    DescribeVpcAttributeError, DescribeVpcAttributeInput, DescribeVpcAttributeOutput,
};
use aws_sdk_ec2::operation::describe_vpcs::{DescribeVpcsError, DescribeVpcsInput, DescribeVpcsOutput};
use aws_sdk_ec2::operation::modify_vpc_attribute::{
    ModifyVpcAttributeError, ModifyVpcAttributeInput, ModifyVpcAttributeOutput,
};
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName, VpcState};
use ipnet::Ipv4Net;

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use super::group_defaults;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::{Ec2, Peer, Peering, RouteTable, SecurityGroup, Vpc};
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on("ec2", "CreateVpc", &["cidr_block", "tag_specifications"], CreateVpcError::generic, create);
    registry.on("ec2", "DescribeVpcs", &["vpc_ids", "filters"], DescribeVpcsError::generic, describe);
    registry.on(
        "ec2",
        "DescribeVpcAttribute",
        &["vpc_id", "attribute"],
        DescribeVpcAttributeError::generic,
        describe_attribute,
    );
    registry.on(
        "ec2",
        "ModifyVpcAttribute",
        &["vpc_id", "enable_dns_support", "enable_dns_hostnames"],
        ModifyVpcAttributeError::generic,
        modify_attribute,
    );
    registry.on("ec2", "DeleteVpc", &["vpc_id"], DeleteVpcError::generic, delete);
}

fn create(call: &mut Call<'_>, input: &CreateVpcInput) -> Result<CreateVpcOutput, Rejection> {
    let cidr = input.cidr_block().unwrap_or_default();
    // "The allowed block size is between a /16 netmask and a /28 netmask" (VPC User Guide, "VPC CIDR blocks").
    let Some(range) = cidr.parse::<Ipv4Net>().ok().filter(|range| range.trunc() == *range) else {
        return refuse(
            "InvalidParameterValue",
            format!("Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."),
        );
    };
    let address = range.addr();
    // This host, loopback, link-local, multicast and reserved addresses (RFC 6890).
    let is_special = address.is_loopback() || address.is_link_local() || matches!(address.octets()[0], 0 | 224..=255);
    if !(16..=28).contains(&range.prefix_len()) || is_special {
        return refuse("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid."));
    }
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::Vpc)?;
    let used = call.region_state().ec2.vpcs.len();
    quotas::check(call, "vpcs", used)?;
    let vpc_id = call.new_id("vpc");
    let available_at = call.completion_time(1.0, 3.0, 5.0);
    let vpc = Vpc {
        vpc_id: vpc_id.clone(),
        cidr_block: cidr.to_owned(),
        dns_support: true,
        dns_hostnames: false,
        available_at,
        tags,
    };
    let answer = to_sdk(&vpc, call.now());
    call.region_state().ec2.vpcs.insert(vpc_id.clone(), vpc);
    create_defaults(call, &vpc_id);
    Ok(CreateVpcOutput::builder().vpc(answer).build())
}

/// Creates the parts of every VPC: "when you create a VPC, it automatically has a main route table" ("Route tables")
/// and "a default security group", whose members can reach each other and any destination ("Default security groups").
fn create_defaults(call: &mut Call<'_>, vpc_id: &str) {
    let (route_table_id, group_id, rule_id) = (call.new_id("rtb"), call.new_id("sg"), call.new_id("sgr"));
    let table = RouteTable {
        route_table_id: route_table_id.clone(),
        vpc_id: vpc_id.to_owned(),
        main: true,
        routes: BTreeMap::new(),
        associations: BTreeMap::new(),
        tags: Tags::new(),
    };
    let group = SecurityGroup {
        group_id: group_id.clone(),
        group_name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        vpc_id: vpc_id.to_owned(),
        tags: Tags::new(),
    };
    group_defaults::insert(call, group);
    let among_themselves = group_defaults::open_rule(rule_id, &group_id, false, Peer::Group(group_id.clone()));
    let ec2 = &mut call.region_state().ec2;
    ec2.security_group_rules.insert(among_themselves.rule_id.clone(), among_themselves);
    ec2.route_tables.insert(route_table_id, table);
}

fn to_sdk(vpc: &Vpc, now: u64) -> aws_sdk_ec2::types::Vpc {
    let state = if now < vpc.available_at { VpcState::Pending } else { VpcState::Available };
    aws_sdk_ec2::types::Vpc::builder()
        .vpc_id(&vpc.vpc_id)
        .cidr_block(&vpc.cidr_block)
        .state(state)
        .is_default(false)
        .set_tags(sdk_tags(&vpc.tags))
        .build()
}

fn describe(call: &mut Call<'_>, input: &DescribeVpcsInput) -> Result<DescribeVpcsOutput, Rejection> {
    let now = call.now();
    let vpcs = &call.region_state().ec2.vpcs;
    if let Some(missing) = input.vpc_ids().iter().find(|id| !vpcs.contains_key(*id)) {
        return not_found(missing);
    }
    let mut found = Vec::new();
    for vpc in vpcs.values().filter(|vpc| input.vpc_ids().is_empty() || input.vpc_ids().contains(&vpc.vpc_id)) {
        let field = |name: &str| match name {
            "vpc-id" => Some(vec![vpc.vpc_id.clone()]),
            "cidr-block" => Some(vec![vpc.cidr_block.clone()]),
            _ => None,
        };
        if matches_filters(input.filters(), &vpc.tags, field)? {
            found.push(to_sdk(vpc, now));
        }
    }
    Ok(DescribeVpcsOutput::builder().set_vpcs(Some(found)).build())
}

fn not_found<T>(vpc_id: &str) -> Result<T, Rejection> {
    refuse("InvalidVpcID.NotFound", format!("The vpc ID '{vpc_id}' does not exist"))
}

pub(super) fn find<'a>(call: &'a mut Call<'_>, vpc_id: &str) -> Result<&'a mut Vpc, Rejection> {
    match call.region_state().ec2.vpcs.get_mut(vpc_id) {
        Some(vpc) => Ok(vpc),
        None => not_found(vpc_id),
    }
}

fn describe_attribute(
    call: &mut Call<'_>,
    input: &DescribeVpcAttributeInput,
) -> Result<DescribeVpcAttributeOutput, Rejection> {
    let vpc = find(call, input.vpc_id().unwrap_or_default())?;
    let value = |on| AttributeBooleanValue::builder().value(on).build();
    let answer = DescribeVpcAttributeOutput::builder().vpc_id(&vpc.vpc_id);
    match input.attribute() {
        Some(VpcAttributeName::EnableDnsSupport) => Ok(answer.enable_dns_support(value(vpc.dns_support)).build()),
        Some(VpcAttributeName::EnableDnsHostnames) => Ok(answer.enable_dns_hostnames(value(vpc.dns_hostnames)).build()),
        other => refuse("InvalidParameterValue", format!("Value ({other:?}) for parameter attribute is invalid.")),
    }
}

fn modify_attribute(
    call: &mut Call<'_>,
    input: &ModifyVpcAttributeInput,
) -> Result<ModifyVpcAttributeOutput, Rejection> {
    // "You can only modify one attribute at a time" (ModifyVpcAttribute).
    if input.enable_dns_support().is_some() && input.enable_dns_hostnames().is_some() {
        return refuse("InvalidParameterCombination", "Fields for multiple attribute types specified");
    }
    let vpc = find(call, input.vpc_id().unwrap_or_default())?;
    if let Some(on) = input.enable_dns_support().and_then(AttributeBooleanValue::value) {
        vpc.dns_support = on;
    }
    if let Some(on) = input.enable_dns_hostnames().and_then(AttributeBooleanValue::value) {
        vpc.dns_hostnames = on;
    }
    Ok(ModifyVpcAttributeOutput::builder().build())
}

/// Returns whether the VPC contains resources that AWS does not delete with it.
fn is_occupied(ec2: &Ec2, vpc_id: &str) -> bool {
    let is_in_vpc = |peering: &Peering| peering.requester.vpc_id == vpc_id || peering.accepter.vpc_id == vpc_id;
    ec2.subnets.values().any(|subnet| subnet.vpc_id == vpc_id)
        || ec2.interfaces.values().any(|interface| interface.vpc_id == vpc_id)
        || ec2.internet_gateways.values().any(|gateway| gateway.vpc_id.as_deref() == Some(vpc_id))
        || ec2.route_tables.values().any(|table| table.vpc_id == vpc_id && !table.main)
        || ec2.vpc_endpoints.values().any(|endpoint| endpoint.vpc_id == vpc_id)
        || ec2.security_groups.values().any(|group| group.vpc_id == vpc_id && !group.is_default())
        || ec2.peerings.values().any(|peering| !peering.has_ended() && is_in_vpc(peering))
}

fn delete(call: &mut Call<'_>, input: &DeleteVpcInput) -> Result<DeleteVpcOutput, Rejection> {
    let vpc_id = input.vpc_id().unwrap_or_default();
    find(call, vpc_id)?;
    let ec2 = &mut call.region_state().ec2;
    // "You must detach or delete all gateways and resources that are associated with the VPC before you can delete it.
    // […] When you delete the VPC, it deletes the default security group, network ACL, and route table for the VPC"
    // (DeleteVpc).
    if is_occupied(ec2, vpc_id) {
        return refuse("DependencyViolation", format!("The vpc '{vpc_id}' has dependencies and cannot be deleted."));
    }
    ec2.route_tables.retain(|_, table| table.vpc_id != vpc_id);
    ec2.security_groups.retain(|_, group| group.vpc_id != vpc_id);
    let groups = &ec2.security_groups;
    ec2.security_group_rules.retain(|_, rule| groups.contains_key(&rule.group_id));
    ec2.vpcs.remove(vpc_id);
    Ok(DeleteVpcOutput::builder().build())
}
