//! Subnets and availability zones.

use aws_sdk_ec2::operation::create_subnet::{CreateSubnetError, CreateSubnetInput, CreateSubnetOutput};
use aws_sdk_ec2::operation::delete_subnet::{DeleteSubnetError, DeleteSubnetInput, DeleteSubnetOutput};
use aws_sdk_ec2::operation::describe_availability_zones::{
    DescribeAvailabilityZonesError, DescribeAvailabilityZonesInput, DescribeAvailabilityZonesOutput,
};
use aws_sdk_ec2::operation::describe_subnets::{DescribeSubnetsError, DescribeSubnetsInput, DescribeSubnetsOutput};
use aws_sdk_ec2::operation::modify_subnet_attribute::{
    ModifySubnetAttributeError, ModifySubnetAttributeInput, ModifySubnetAttributeOutput,
};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AvailabilityZone, AvailabilityZoneOptInStatus, AvailabilityZoneState, ResourceType,
    SubnetState,
};
use ipnet::Ipv4Net;

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::Subnet;
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "ec2",
        "DescribeAvailabilityZones",
        &["filters"],
        DescribeAvailabilityZonesError::generic,
        describe_zones,
    );
    registry.on(
        "ec2",
        "CreateSubnet",
        &["vpc_id", "cidr_block", "availability_zone", "tag_specifications"],
        CreateSubnetError::generic,
        create,
    );
    registry.on("ec2", "DescribeSubnets", &["subnet_ids", "filters"], DescribeSubnetsError::generic, describe);
    registry.on(
        "ec2",
        "ModifySubnetAttribute",
        &["subnet_id", "map_public_ip_on_launch"],
        ModifySubnetAttributeError::generic,
        modify,
    );
    registry.on("ec2", "DeleteSubnet", &["subnet_id"], DeleteSubnetError::generic, delete);
}

fn describe_zones(
    call: &mut Call<'_>,
    input: &DescribeAvailabilityZonesInput,
) -> Result<DescribeAvailabilityZonesOutput, Rejection> {
    let mut found = Vec::new();
    for zone in call.world.zones(call.region.as_str()) {
        let field = |filter: &str| (filter == "zone-type").then(|| vec!["availability-zone".to_owned()]);
        if matches_filters(input.filters(), &Tags::new(), field)? {
            found.push(
                AvailabilityZone::builder()
                    .zone_name(zone.name)
                    .zone_id(zone.id)
                    .zone_type("availability-zone")
                    // "For Availability Zones, this parameter always has the value of opt-in-not-required"
                    // (AvailabilityZone).
                    .opt_in_status(AvailabilityZoneOptInStatus::OptInNotRequired)
                    .state(AvailabilityZoneState::Available)
                    .region_name(call.region.as_str())
                    .build(),
            );
        }
    }
    Ok(DescribeAvailabilityZonesOutput::builder().set_availability_zones(Some(found)).build())
}

fn create(call: &mut Call<'_>, input: &CreateSubnetInput) -> Result<CreateSubnetOutput, Rejection> {
    let vpc_id = input.vpc_id().unwrap_or_default().to_owned();
    let cidr = input.cidr_block().unwrap_or_default();
    let zones = call.world.zones(call.region.as_str());
    let wanted = input.availability_zone();
    let Some(zone) = zones.into_iter().find(|zone| wanted.is_none_or(|wanted| zone.name == wanted)) else {
        let zone = wanted.unwrap_or_default();
        return refuse("InvalidParameterValue", format!("Value ({zone}) for parameter availabilityZone is invalid."));
    };
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::Subnet)?;
    let subnet_id = call.new_id("subnet");
    let available_at = call.completion_time(1.0, 1.0, 3.0);
    let ec2 = &mut call.region_state().ec2;
    let Some(vpc) = ec2.vpcs.get(&vpc_id) else {
        return refuse("InvalidVpcID.NotFound", format!("The vpc ID '{vpc_id}' does not exist"));
    };
    let Some(range) = cidr.parse::<Ipv4Net>().ok().filter(|range| range.trunc() == *range) else {
        return refuse(
            "InvalidParameterValue",
            format!("Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."),
        );
    };
    let inside = vpc.cidr_block.parse::<Ipv4Net>().is_ok_and(|whole| whole.contains(&range));
    if !inside || range.prefix_len() > 28 {
        return refuse("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid."));
    }
    let mut siblings = ec2.subnets.values().filter(|subnet| subnet.vpc_id == vpc_id);
    if siblings.any(|subnet| {
        subnet.cidr_block.parse::<Ipv4Net>().is_ok_and(|other| other.contains(&range) || range.contains(&other))
    }) {
        return refuse("InvalidSubnet.Conflict", format!("The CIDR '{cidr}' conflicts with another subnet"));
    }
    let subnet = Subnet {
        subnet_id: subnet_id.clone(),
        vpc_id,
        cidr_block: cidr.to_owned(),
        availability_zone: zone.name,
        availability_zone_id: zone.id,
        map_public_ip_on_launch: false,
        available_at,
        tags,
    };
    let answer = to_sdk(&subnet, call.now());
    call.region_state().ec2.subnets.insert(subnet_id, subnet);
    Ok(CreateSubnetOutput::builder().subnet(answer).build())
}

fn to_sdk(subnet: &Subnet, now: u64) -> aws_sdk_ec2::types::Subnet {
    aws_sdk_ec2::types::Subnet::builder()
        .subnet_id(&subnet.subnet_id)
        .vpc_id(&subnet.vpc_id)
        .cidr_block(&subnet.cidr_block)
        .availability_zone(&subnet.availability_zone)
        .availability_zone_id(&subnet.availability_zone_id)
        .map_public_ip_on_launch(subnet.map_public_ip_on_launch)
        .state(if now < subnet.available_at { SubnetState::Pending } else { SubnetState::Available })
        .set_tags(sdk_tags(&subnet.tags))
        .build()
}

fn describe(call: &mut Call<'_>, input: &DescribeSubnetsInput) -> Result<DescribeSubnetsOutput, Rejection> {
    let now = call.now();
    let subnets = &call.region_state().ec2.subnets;
    if let Some(missing) = input.subnet_ids().iter().find(|id| !subnets.contains_key(*id)) {
        return not_found(missing);
    }
    let mut found = Vec::new();
    for subnet in subnets
        .values()
        .filter(|subnet| input.subnet_ids().is_empty() || input.subnet_ids().contains(&subnet.subnet_id))
    {
        let field = |name: &str| match name {
            "vpc-id" => Some(vec![subnet.vpc_id.clone()]),
            "subnet-id" => Some(vec![subnet.subnet_id.clone()]),
            _ => None,
        };
        if matches_filters(input.filters(), &subnet.tags, field)? {
            found.push(to_sdk(subnet, now));
        }
    }
    Ok(DescribeSubnetsOutput::builder().set_subnets(Some(found)).build())
}

fn not_found<T>(subnet_id: &str) -> Result<T, Rejection> {
    refuse("InvalidSubnetID.NotFound", format!("The subnet ID '{subnet_id}' does not exist"))
}

fn modify(call: &mut Call<'_>, input: &ModifySubnetAttributeInput) -> Result<ModifySubnetAttributeOutput, Rejection> {
    let subnet_id = input.subnet_id().unwrap_or_default();
    let Some(subnet) = call.region_state().ec2.subnets.get_mut(subnet_id) else { return not_found(subnet_id) };
    if let Some(on) = input.map_public_ip_on_launch().and_then(AttributeBooleanValue::value) {
        subnet.map_public_ip_on_launch = on;
    }
    Ok(ModifySubnetAttributeOutput::builder().build())
}

fn delete(call: &mut Call<'_>, input: &DeleteSubnetInput) -> Result<DeleteSubnetOutput, Rejection> {
    let subnet_id = input.subnet_id().unwrap_or_default();
    let ec2 = &mut call.region_state().ec2;
    if !ec2.subnets.contains_key(subnet_id) {
        return not_found(subnet_id);
    }
    // "You must terminate all running instances in the subnet before you can delete the subnet" (DeleteSubnet); this
    // applies to all network interfaces.
    if ec2.interfaces.values().any(|interface| interface.subnet_id == subnet_id) {
        return refuse(
            "DependencyViolation",
            format!("The subnet '{subnet_id}' has dependencies and cannot be deleted."),
        );
    }
    ec2.subnets.remove(subnet_id);
    // Its association with a route table is deleted too.
    for table in ec2.route_tables.values_mut() {
        table.associations.retain(|_, subnet| subnet != subnet_id);
    }
    Ok(DeleteSubnetOutput::builder().build())
}
