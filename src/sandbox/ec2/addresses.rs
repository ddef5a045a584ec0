//! Elastic IP addresses.

use aws_sdk_ec2::operation::allocate_address::{AllocateAddressError, AllocateAddressInput, AllocateAddressOutput};
use aws_sdk_ec2::operation::describe_addresses::{
    DescribeAddressesError, DescribeAddressesInput, DescribeAddressesOutput,
};
use aws_sdk_ec2::operation::release_address::{ReleaseAddressError, ReleaseAddressInput, ReleaseAddressOutput};
use aws_sdk_ec2::types::{Address, DomainType, ResourceType};

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::{Ec2, ElasticIp};

pub(super) fn register(registry: &mut Registry) {
    registry.on("ec2", "AllocateAddress", &["domain", "tag_specifications"], AllocateAddressError::generic, allocate);
    registry.on("ec2", "DescribeAddresses", &["allocation_ids", "filters"], DescribeAddressesError::generic, describe);
    registry.on("ec2", "ReleaseAddress", &["allocation_id"], ReleaseAddressError::generic, release);
}

fn allocate(call: &mut Call<'_>, input: &AllocateAddressInput) -> Result<AllocateAddressOutput, Rejection> {
    if input.domain() != Some(&DomainType::Vpc) {
        return refuse(
            "InvalidParameterValue",
            "Value (standard) for parameter domain is invalid. EC2-Classic is retired.",
        );
    }
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::ElasticIp)?;
    let used = call.region_state().ec2.addresses.len();
    quotas::check(call, "elastic_ips", used)?;
    let allocation_id = call.new_id("eipalloc");
    let number = call.world.counter;
    let public_ip = format!("203.0.{}.{}", number / 250 % 250, number % 250 + 1);
    let address =
        ElasticIp { allocation_id: allocation_id.clone(), public_ip: public_ip.clone(), nat_gateway_id: None, tags };
    call.region_state().ec2.addresses.insert(allocation_id.clone(), address);
    Ok(AllocateAddressOutput::builder()
        .allocation_id(allocation_id)
        .public_ip(public_ip)
        .domain(DomainType::Vpc)
        .build())
}

fn to_sdk(ec2: &Ec2, address: &ElasticIp) -> Address {
    let described = Address::builder()
        .allocation_id(&address.allocation_id)
        .public_ip(&address.public_ip)
        .domain(DomainType::Vpc)
        .set_tags(sdk_tags(&address.tags));
    match address.nat_gateway_id.as_ref().and_then(|holder| ec2.nat_gateways.get(holder)) {
        Some(holder) => described
            .association_id(address.allocation_id.replace("eipalloc", "eipassoc"))
            .network_interface_id(&holder.interface_id)
            .build(),
        None => described.build(),
    }
}

fn describe(call: &mut Call<'_>, input: &DescribeAddressesInput) -> Result<DescribeAddressesOutput, Rejection> {
    let ec2 = &call.region_state().ec2;
    let ids = input.allocation_ids();
    if let Some(missing) = ids.iter().find(|id| !ec2.addresses.contains_key(*id)) {
        return not_found(missing);
    }
    let mut found = Vec::new();
    for address in ec2.addresses.values().filter(|address| ids.is_empty() || ids.contains(&address.allocation_id)) {
        let field = |name: &str| (name == "allocation-id").then(|| vec![address.allocation_id.clone()]);
        if matches_filters(input.filters(), &address.tags, field)? {
            found.push(to_sdk(ec2, address));
        }
    }
    Ok(DescribeAddressesOutput::builder().set_addresses(Some(found)).build())
}

fn not_found<T>(id: &str) -> Result<T, Rejection> {
    refuse("InvalidAllocationID.NotFound", format!("The allocation ID '{id}' does not exist"))
}

fn release(call: &mut Call<'_>, input: &ReleaseAddressInput) -> Result<ReleaseAddressOutput, Rejection> {
    let id = input.allocation_id().unwrap_or_default();
    let addresses = &mut call.region_state().ec2.addresses;
    let Some(address) = addresses.get(id) else { return not_found(id) };
    // "Be sure to disassociate the address before attempting to release it. Otherwise, Amazon EC2 returns an error
    // (InvalidIPAddress.InUse)" (ReleaseAddress).
    if address.nat_gateway_id.is_some() {
        return refuse("InvalidIPAddress.InUse", format!("Address {} is in use.", address.public_ip));
    }
    addresses.remove(id);
    Ok(ReleaseAddressOutput::builder().build())
}
