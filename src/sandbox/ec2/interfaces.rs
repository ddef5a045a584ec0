//! Network interfaces.

use aws_sdk_ec2::operation::describe_network_interfaces::{
    DescribeNetworkInterfacesError, DescribeNetworkInterfacesInput, DescribeNetworkInterfacesOutput,
};
use aws_sdk_ec2::types::{
    AttachmentStatus, GroupIdentifier, NetworkInterfaceAssociation, NetworkInterfaceAttachment, NetworkInterfaceStatus,
};

use super::filters::matches_filters;
use crate::registry::{Call, Registry, Rejection};
use crate::world::ec2::NetworkInterface;
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on("ec2", "DescribeNetworkInterfaces", &["filters"], DescribeNetworkInterfacesError::generic, describe);
}

fn to_sdk(interface: &NetworkInterface) -> aws_sdk_ec2::types::NetworkInterface {
    let groups = interface.group_ids.iter().map(|id| GroupIdentifier::builder().group_id(id).build()).collect();
    let association = interface.public_ip().map(|ip| NetworkInterfaceAssociation::builder().public_ip(ip).build());
    let of_service = !interface.requester_id.is_empty();
    let attachment = interface
        .instance_id
        .as_ref()
        .map(|id| NetworkInterfaceAttachment::builder().instance_id(id).status(AttachmentStatus::Attached).build());
    aws_sdk_ec2::types::NetworkInterface::builder()
        .network_interface_id(&interface.interface_id)
        .subnet_id(&interface.subnet_id)
        .vpc_id(&interface.vpc_id)
        .set_groups(Some(groups))
        .description(&interface.description)
        .set_requester_id(of_service.then(|| interface.requester_id.clone()))
        .requester_managed(of_service)
        .set_attachment(attachment)
        .status(NetworkInterfaceStatus::InUse)
        .set_association(association)
        .build()
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeNetworkInterfacesInput,
) -> Result<DescribeNetworkInterfacesOutput, Rejection> {
    let mut found = Vec::new();
    for interface in call.region_state().ec2.interfaces.values() {
        let field = |name: &str| match name {
            "vpc-id" => Some(vec![interface.vpc_id.clone()]),
            "subnet-id" => Some(vec![interface.subnet_id.clone()]),
            "group-id" => Some(interface.group_ids.clone()),
            "description" => Some(vec![interface.description.clone()]),
            _ => None,
        };
        if matches_filters(input.filters(), &Tags::new(), field)? {
            found.push(to_sdk(interface));
        }
    }
    Ok(DescribeNetworkInterfacesOutput::builder().set_network_interfaces(Some(found)).build())
}
