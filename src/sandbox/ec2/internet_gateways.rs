//! Internet gateways.

use aws_sdk_ec2::operation::attach_internet_gateway::{
    AttachInternetGatewayError, AttachInternetGatewayInput, AttachInternetGatewayOutput,
};
use aws_sdk_ec2::operation::create_internet_gateway::{
    CreateInternetGatewayError, CreateInternetGatewayInput, CreateInternetGatewayOutput,
};
use aws_sdk_ec2::operation::delete_internet_gateway::{
    DeleteInternetGatewayError, DeleteInternetGatewayInput, DeleteInternetGatewayOutput,
};
use aws_sdk_ec2::operation::describe_internet_gateways::{
    DescribeInternetGatewaysError, DescribeInternetGatewaysInput, DescribeInternetGatewaysOutput,
};
use aws_sdk_ec2::operation::detach_internet_gateway::{
    DetachInternetGatewayError, DetachInternetGatewayInput, DetachInternetGatewayOutput,
};
use aws_sdk_ec2::types::{AttachmentStatus, InternetGatewayAttachment, ResourceType};

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use super::vpcs;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::InternetGateway;

pub(super) fn register(registry: &mut Registry) {
    registry.on("ec2", "CreateInternetGateway", &["tag_specifications"], CreateInternetGatewayError::generic, create);
    registry.on(
        "ec2",
        "DescribeInternetGateways",
        &["internet_gateway_ids", "filters"],
        DescribeInternetGatewaysError::generic,
        describe,
    );
    registry.on(
        "ec2",
        "AttachInternetGateway",
        &["internet_gateway_id", "vpc_id"],
        AttachInternetGatewayError::generic,
        attach,
    );
    registry.on(
        "ec2",
        "DetachInternetGateway",
        &["internet_gateway_id", "vpc_id"],
        DetachInternetGatewayError::generic,
        detach,
    );
    registry.on("ec2", "DeleteInternetGateway", &["internet_gateway_id"], DeleteInternetGatewayError::generic, delete);
}

fn create(call: &mut Call<'_>, input: &CreateInternetGatewayInput) -> Result<CreateInternetGatewayOutput, Rejection> {
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::InternetGateway)?;
    let used = call.region_state().ec2.internet_gateways.len();
    quotas::check(call, "internet_gateways", used)?;
    let internet_gateway_id = call.new_id("igw");
    let gateway = InternetGateway { internet_gateway_id: internet_gateway_id.clone(), vpc_id: None, tags };
    let answer = to_sdk(&gateway);
    call.region_state().ec2.internet_gateways.insert(internet_gateway_id, gateway);
    Ok(CreateInternetGatewayOutput::builder().internet_gateway(answer).build())
}

fn to_sdk(gateway: &InternetGateway) -> aws_sdk_ec2::types::InternetGateway {
    // "For an internet gateway, the state is `available` when attached to a VPC" (InternetGatewayAttachment).
    let attachment = |vpc_id: &String| {
        InternetGatewayAttachment::builder().vpc_id(vpc_id).state(AttachmentStatus::from("available")).build()
    };
    aws_sdk_ec2::types::InternetGateway::builder()
        .internet_gateway_id(&gateway.internet_gateway_id)
        .set_attachments(Some(gateway.vpc_id.iter().map(attachment).collect()))
        .set_tags(sdk_tags(&gateway.tags))
        .build()
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeInternetGatewaysInput,
) -> Result<DescribeInternetGatewaysOutput, Rejection> {
    let gateways = &call.region_state().ec2.internet_gateways;
    let ids = input.internet_gateway_ids();
    if let Some(missing) = ids.iter().find(|id| !gateways.contains_key(*id)) {
        return not_found(missing);
    }
    let mut found = Vec::new();
    for gateway in gateways.values().filter(|gateway| ids.is_empty() || ids.contains(&gateway.internet_gateway_id)) {
        let field = |name: &str| match name {
            "internet-gateway-id" => Some(vec![gateway.internet_gateway_id.clone()]),
            "attachment.vpc-id" => Some(gateway.vpc_id.iter().cloned().collect()),
            _ => None,
        };
        if matches_filters(input.filters(), &gateway.tags, field)? {
            found.push(to_sdk(gateway));
        }
    }
    Ok(DescribeInternetGatewaysOutput::builder().set_internet_gateways(Some(found)).build())
}

fn not_found<T>(id: &str) -> Result<T, Rejection> {
    refuse("InvalidInternetGatewayID.NotFound", format!("The internetGateway ID '{id}' does not exist"))
}

fn find<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut InternetGateway, Rejection> {
    match call.region_state().ec2.internet_gateways.get_mut(id) {
        Some(gateway) => Ok(gateway),
        None => not_found(id),
    }
}

fn attach(call: &mut Call<'_>, input: &AttachInternetGatewayInput) -> Result<AttachInternetGatewayOutput, Rejection> {
    let (id, vpc_id) = (input.internet_gateway_id().unwrap_or_default(), input.vpc_id().unwrap_or_default());
    vpcs::find(call, vpc_id)?;
    // "Resource.AlreadyAssociated: the specified resource is already in use. […] you cannot attach an internet gateway
    // to more than one VPC" (EC2 error codes).
    if let Some(other) = &find(call, id)?.vpc_id {
        return refuse("Resource.AlreadyAssociated", format!("resource {id} is already attached to network {other}"));
    }
    // A VPC has at most one internet gateway ("Amazon VPC quotas").
    if call.region_state().ec2.internet_gateways.values().any(|gateway| gateway.vpc_id.as_deref() == Some(vpc_id)) {
        return refuse("InvalidParameterValue", format!("Network {vpc_id} already has an internet gateway attached"));
    }
    find(call, id)?.vpc_id = Some(vpc_id.to_owned());
    Ok(AttachInternetGatewayOutput::builder().build())
}

fn detach(call: &mut Call<'_>, input: &DetachInternetGatewayInput) -> Result<DetachInternetGatewayOutput, Rejection> {
    let (id, vpc_id) = (input.internet_gateway_id().unwrap_or_default(), input.vpc_id().unwrap_or_default());
    if find(call, id)?.vpc_id.as_deref() != Some(vpc_id) {
        return refuse("Gateway.NotAttached", format!("resource {id} is not attached to network {vpc_id}"));
    }
    // "The VPC must not contain any running instances with Elastic IP addresses or public IPv4 addresses"
    // (DetachInternetGateway).
    if call.region_state().ec2.interfaces.values().any(|interface| interface.vpc_id == vpc_id && interface.public) {
        let message = format!(
            "Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before \
             detaching the gateway."
        );
        return refuse("DependencyViolation", message);
    }
    find(call, id)?.vpc_id = None;
    Ok(DetachInternetGatewayOutput::builder().build())
}

fn delete(call: &mut Call<'_>, input: &DeleteInternetGatewayInput) -> Result<DeleteInternetGatewayOutput, Rejection> {
    let id = input.internet_gateway_id().unwrap_or_default();
    // "You must detach the internet gateway from the VPC before you can delete it" (DeleteInternetGateway).
    if find(call, id)?.vpc_id.is_some() {
        return refuse(
            "DependencyViolation",
            format!("The internetGateway '{id}' has dependencies and cannot be deleted."),
        );
    }
    call.region_state().ec2.internet_gateways.remove(id);
    Ok(DeleteInternetGatewayOutput::builder().build())
}
