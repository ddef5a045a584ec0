//! NAT gateways.

use aws_sdk_ec2::operation::create_nat_gateway::{
    CreateNatGatewayError, CreateNatGatewayInput, CreateNatGatewayOutput,
};
use aws_sdk_ec2::operation::delete_nat_gateway::{
    DeleteNatGatewayError, DeleteNatGatewayInput, DeleteNatGatewayOutput,
};
use aws_sdk_ec2::operation::describe_nat_gateways::{
    DescribeNatGatewaysError, DescribeNatGatewaysInput, DescribeNatGatewaysOutput,
};
use aws_sdk_ec2::types::{NatGatewayAddress, NatGatewayState, ResourceType};

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use super::tokens;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::{NatGateway, NatState};

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "ec2",
        "CreateNatGateway",
        &["subnet_id", "allocation_id", "client_token", "tag_specifications"],
        CreateNatGatewayError::generic,
        create,
    );
    registry.on(
        "ec2",
        "DescribeNatGateways",
        &["nat_gateway_ids", "filter"],
        DescribeNatGatewaysError::generic,
        describe,
    );
    registry.on("ec2", "DeleteNatGateway", &["nat_gateway_id"], DeleteNatGatewayError::generic, delete);
}

fn create(call: &mut Call<'_>, input: &CreateNatGatewayInput) -> Result<CreateNatGatewayOutput, Rejection> {
    let parameters = format!("{input:?}");
    if let Some(id) = tokens::find_by_token(call, "CreateNatGateway", input.client_token(), &parameters)? {
        let now = call.now();
        let Some(gateway) = call.region_state().ec2.nat_gateways.get(&id) else { return not_found(&id) };
        return Ok(CreateNatGatewayOutput::builder().nat_gateway(to_sdk(gateway, now)).build());
    }
    let (subnet_id, allocation_id) = (input.subnet_id().unwrap_or_default(), input.allocation_id().unwrap_or_default());
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::Natgateway)?;
    check_quota(call, subnet_id)?;
    let ec2 = &call.region_state().ec2;
    let Some(vpc_id) = ec2.subnets.get(subnet_id).map(|subnet| subnet.vpc_id.clone()) else {
        return refuse("InvalidSubnetID.NotFound", format!("The subnet ID '{subnet_id}' does not exist"));
    };
    let Some(address) = ec2.addresses.get(allocation_id) else {
        return refuse("InvalidElasticIpID.NotFound", format!("Elastic IP address {allocation_id} does not exist"));
    };
    // These two errors do not reject the call: the gateway changes from `pending` to `failed`, with the error as its
    // failure code ("Troubleshoot NAT gateways", "NAT gateway creation fails").
    let has_internet = ec2.internet_gateways.values().any(|gateway| gateway.vpc_id.as_ref() == Some(&vpc_id));
    let failure = if !has_internet {
        Some(("Gateway.NotAttached".to_owned(), format!("Network {vpc_id} has no Internet gateway attached")))
    } else if address.nat_gateway_id.is_some() {
        Some((
            "Resource.AlreadyAssociated".to_owned(),
            format!("Elastic IP address [{allocation_id}] is already associated"),
        ))
    } else {
        None
    };
    let creation_ends_at =
        if failure.is_some() { call.completion_time(2.0, 5.0, 15.0) } else { call.completion_time(95.0, 105.0, 140.0) };
    let (nat_gateway_id, interface_id) = (call.new_id("nat"), call.new_id("eni"));
    let gateway = NatGateway {
        nat_gateway_id: nat_gateway_id.clone(),
        subnet_id: subnet_id.to_owned(),
        vpc_id,
        allocation_id: allocation_id.to_owned(),
        interface_id: interface_id.clone(),
        creation_ends_at,
        failure,
        removed_at: None,
        tags,
    };
    let answer = to_sdk(&gateway, call.now());
    let ec2 = &mut call.region_state().ec2;
    if gateway.failure.is_none() {
        ec2.attach_interface(interface_id, subnet_id, &[], gateway.interface_description(), "amazon-vpc", true);
        if let Some(address) = ec2.addresses.get_mut(allocation_id) {
            address.nat_gateway_id = Some(nat_gateway_id.clone());
        }
    }
    ec2.nat_gateways.insert(nat_gateway_id.clone(), gateway);
    tokens::record_token(call, "CreateNatGateway", input.client_token(), &parameters, &nat_gateway_id);
    Ok(CreateNatGatewayOutput::builder().nat_gateway(answer).build())
}

fn to_sdk(gateway: &NatGateway, now: u64) -> aws_sdk_ec2::types::NatGateway {
    let state = match gateway.state(now) {
        NatState::Pending => NatGatewayState::Pending,
        NatState::Available => NatGatewayState::Available,
        NatState::Failed => NatGatewayState::Failed,
        NatState::Deleting => NatGatewayState::Deleting,
        NatState::Deleted => NatGatewayState::Deleted,
    };
    let failure = gateway.failure.as_ref().filter(|_| state == NatGatewayState::Failed);
    let address = NatGatewayAddress::builder()
        .allocation_id(&gateway.allocation_id)
        .network_interface_id(&gateway.interface_id)
        .build();
    aws_sdk_ec2::types::NatGateway::builder()
        .nat_gateway_id(&gateway.nat_gateway_id)
        .subnet_id(&gateway.subnet_id)
        .vpc_id(&gateway.vpc_id)
        .nat_gateway_addresses(address)
        .state(state)
        .set_failure_code(failure.map(|(code, _)| code.clone()))
        .set_failure_message(failure.map(|(_, message)| message.clone()))
        .set_tags(sdk_tags(&gateway.tags))
        .build()
}

/// "NAT gateways per Availability Zone" counts those that are pending, active or being deleted.
fn check_quota(call: &mut Call<'_>, subnet_id: &str) -> Result<(), Rejection> {
    let now = call.now();
    let ec2 = &call.region_state().ec2;
    let zone = |subnet: &str| ec2.subnets.get(subnet).map(|subnet| &subnet.availability_zone);
    let counts = |one: &&NatGateway| !matches!(one.state(now), NatState::Deleted | NatState::Failed);
    let used = ec2.nat_gateways.values().filter(counts).filter(|one| zone(&one.subnet_id) == zone(subnet_id)).count();
    quotas::check(call, "nat_gateways_per_zone", used)
}

fn describe(call: &mut Call<'_>, input: &DescribeNatGatewaysInput) -> Result<DescribeNatGatewaysOutput, Rejection> {
    let now = call.now();
    let gateways = &call.region_state().ec2.nat_gateways;
    let ids = input.nat_gateway_ids();
    if let Some(missing) = ids.iter().find(|id| !gateways.contains_key(*id)) {
        return not_found(missing);
    }
    let mut found = Vec::new();
    for gateway in gateways.values().filter(|gateway| ids.is_empty() || ids.contains(&gateway.nat_gateway_id)) {
        let field = |name: &str| match name {
            "nat-gateway-id" => Some(vec![gateway.nat_gateway_id.clone()]),
            "subnet-id" => Some(vec![gateway.subnet_id.clone()]),
            "vpc-id" => Some(vec![gateway.vpc_id.clone()]),
            _ => None,
        };
        if matches_filters(input.filter(), &gateway.tags, field)? {
            found.push(to_sdk(gateway, now));
        }
    }
    Ok(DescribeNatGatewaysOutput::builder().set_nat_gateways(Some(found)).build())
}

fn not_found<T>(id: &str) -> Result<T, Rejection> {
    refuse("NatGatewayNotFound", format!("NatGateway {id} was not found"))
}

fn delete(call: &mut Call<'_>, input: &DeleteNatGatewayInput) -> Result<DeleteNatGatewayOutput, Rejection> {
    let id = input.nat_gateway_id().unwrap_or_default();
    let now = call.now();
    let removed_at = call.completion_time(40.0, 60.0, 90.0);
    let ec2 = &mut call.region_state().ec2;
    let Some(gateway) = ec2.nat_gateways.get_mut(id) else { return not_found(id) };
    // "Deleting a NAT gateway disassociates its Elastic IP address, but does not release the address from your account"
    // (DeleteNatGateway). This happens at the end of the deletion. A second deletion has no effect.
    if matches!(gateway.state(now), NatState::Pending | NatState::Available | NatState::Failed) {
        gateway.removed_at = Some(removed_at);
        let description = gateway.interface_description();
        ec2.release_interfaces(&description, removed_at);
    }
    Ok(DeleteNatGatewayOutput::builder().nat_gateway_id(id).build())
}
