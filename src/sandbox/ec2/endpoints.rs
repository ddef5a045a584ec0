//! VPC endpoints: those of the gateway type, and the interface endpoints that others create.

use std::collections::BTreeSet;

use aws_sdk_ec2::operation::create_vpc_endpoint::{
    CreateVpcEndpointError, CreateVpcEndpointInput, CreateVpcEndpointOutput,
};
use aws_sdk_ec2::operation::delete_vpc_endpoints::{
    DeleteVpcEndpointsError, DeleteVpcEndpointsInput, DeleteVpcEndpointsOutput,
};
use aws_sdk_ec2::operation::describe_vpc_endpoints::{
    DescribeVpcEndpointsError, DescribeVpcEndpointsInput, DescribeVpcEndpointsOutput,
};
use aws_sdk_ec2::operation::modify_vpc_endpoint::{
    ModifyVpcEndpointError, ModifyVpcEndpointInput, ModifyVpcEndpointOutput,
};
use aws_sdk_ec2::types::{ResourceType, State, UnsuccessfulItem, UnsuccessfulItemError, VpcEndpointType};

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use super::prefix_lists::prefix_list;
use super::{route_tables, tokens, vpcs};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::{EndpointState, VpcEndpoint};

pub(super) fn register(registry: &mut Registry) {
    let fields =
        &["vpc_endpoint_type", "vpc_id", "service_name", "route_table_ids", "client_token", "tag_specifications"];
    registry.on("ec2", "CreateVpcEndpoint", fields, CreateVpcEndpointError::generic, create);
    registry.on(
        "ec2",
        "DescribeVpcEndpoints",
        &["vpc_endpoint_ids", "filters"],
        DescribeVpcEndpointsError::generic,
        describe,
    );
    let fields = &["vpc_endpoint_id", "add_route_table_ids", "remove_route_table_ids", "remove_subnet_ids"];
    registry.on("ec2", "ModifyVpcEndpoint", fields, ModifyVpcEndpointError::generic, modify);
    registry.on("ec2", "DeleteVpcEndpoints", &["vpc_endpoint_ids"], DeleteVpcEndpointsError::generic, delete);
}

/// Checks that route tables exist, are in the VPC, and have no route to this service yet.
fn check_tables(
    call: &mut Call<'_>,
    endpoint_id: &str,
    vpc_id: &str,
    service_name: &str,
    ids: &[String],
) -> Result<(), Rejection> {
    for id in ids {
        if route_tables::find(call, id)?.vpc_id != vpc_id {
            return refuse(
                "InvalidParameter",
                format!("Route table {id} and network {vpc_id} belong to different networks"),
            );
        }
        let mut others =
            call.region_state().ec2.vpc_endpoints.values().filter(|other| other.vpc_endpoint_id != endpoint_id);
        // "You can't have multiple routes to the same service in a single route table" ("Gateway endpoints").
        if others.any(|other| other.service_name == service_name && other.route_table_ids.contains(id)) {
            let message = format!(
                "route table {id} already has a route with destination-prefix-list-id {}",
                prefix_list(service_name)
            );
            return refuse("RouteAlreadyExists", message);
        }
    }
    Ok(())
}

fn create(call: &mut Call<'_>, input: &CreateVpcEndpointInput) -> Result<CreateVpcEndpointOutput, Rejection> {
    let parameters = format!("{input:?}");
    if let Some(id) = tokens::find_by_token(call, "CreateVpcEndpoint", input.client_token(), &parameters)? {
        let now = call.now();
        let Some(endpoint) = call.region_state().ec2.vpc_endpoints.get(&id) else { return not_found(&id) };
        return Ok(CreateVpcEndpointOutput::builder().vpc_endpoint(to_sdk(endpoint, now)).build());
    }
    if input.vpc_endpoint_type() != Some(&VpcEndpointType::Gateway) {
        return refuse("SandboxUnknownMember", "the sandbox models gateway endpoints only");
    }
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::VpcEndpoint)?;
    let vpc_id = vpcs::find(call, input.vpc_id().unwrap_or_default())?.vpc_id.clone();
    let service_name = input.service_name().unwrap_or_default();
    // Gateway endpoints exist for two services ("Gateway endpoints").
    if !["s3", "dynamodb"].iter().any(|service| service_name == format!("com.amazonaws.{}.{service}", call.region)) {
        return refuse("InvalidServiceName", format!("The Vpc Endpoint Service '{service_name}' does not exist"));
    }
    check_tables(call, "", &vpc_id, service_name, input.route_table_ids())?;
    let id = call.new_id("vpce");
    let endpoint = VpcEndpoint {
        vpc_endpoint_id: id.clone(),
        vpc_id,
        service_name: service_name.to_owned(),
        route_table_ids: input.route_table_ids().iter().cloned().collect(),
        subnet_ids: BTreeSet::new(),
        available_at: call.completion_time(0.5, 1.0, 5.0),
        removed_at: None,
        tags,
    };
    let answer = to_sdk(&endpoint, call.now());
    call.region_state().ec2.vpc_endpoints.insert(id.clone(), endpoint);
    tokens::record_token(call, "CreateVpcEndpoint", input.client_token(), &parameters, &id);
    Ok(CreateVpcEndpointOutput::builder().vpc_endpoint(answer).build())
}

fn to_sdk(endpoint: &VpcEndpoint, now: u64) -> aws_sdk_ec2::types::VpcEndpoint {
    // EC2 returns these states in lower case, although the documentation of the type capitalises them.
    let state = match endpoint.state(now) {
        EndpointState::Pending => "pending",
        EndpointState::Available => "available",
        EndpointState::Deleting => "deleting",
    };
    aws_sdk_ec2::types::VpcEndpoint::builder()
        .vpc_endpoint_id(&endpoint.vpc_endpoint_id)
        .vpc_endpoint_type(if endpoint.is_gateway() { VpcEndpointType::Gateway } else { VpcEndpointType::Interface })
        .vpc_id(&endpoint.vpc_id)
        .service_name(&endpoint.service_name)
        .set_route_table_ids(Some(endpoint.route_table_ids.iter().cloned().collect()))
        .set_subnet_ids(Some(endpoint.subnet_ids.iter().cloned().collect()))
        .state(State::from(state))
        .set_tags(sdk_tags(&endpoint.tags))
        .build()
}

fn describe(call: &mut Call<'_>, input: &DescribeVpcEndpointsInput) -> Result<DescribeVpcEndpointsOutput, Rejection> {
    let now = call.now();
    let endpoints = &call.region_state().ec2.vpc_endpoints;
    let ids = input.vpc_endpoint_ids();
    if let Some(missing) = ids.iter().find(|id| !endpoints.contains_key(*id)) {
        return not_found(missing);
    }
    let mut found = Vec::new();
    for endpoint in endpoints.values().filter(|endpoint| ids.is_empty() || ids.contains(&endpoint.vpc_endpoint_id)) {
        let field = |name: &str| match name {
            "vpc-id" => Some(vec![endpoint.vpc_id.clone()]),
            "vpc-endpoint-id" => Some(vec![endpoint.vpc_endpoint_id.clone()]),
            "service-name" => Some(vec![endpoint.service_name.clone()]),
            _ => None,
        };
        if matches_filters(input.filters(), &endpoint.tags, field)? {
            found.push(to_sdk(endpoint, now));
        }
    }
    Ok(DescribeVpcEndpointsOutput::builder().set_vpc_endpoints(Some(found)).build())
}

fn not_found<T>(id: &str) -> Result<T, Rejection> {
    refuse("InvalidVpcEndpointId.NotFound", format!("The Vpc Endpoint Id '{id}' does not exist"))
}

fn modify(call: &mut Call<'_>, input: &ModifyVpcEndpointInput) -> Result<ModifyVpcEndpointOutput, Rejection> {
    let id = input.vpc_endpoint_id().unwrap_or_default();
    let now = call.now();
    let Some(endpoint) = call.region_state().ec2.vpc_endpoints.get(id).cloned() else { return not_found(id) };
    if endpoint.state(now) == EndpointState::Deleting {
        return refuse("InvalidState", format!("The Vpc Endpoint '{id}' is being deleted"));
    }
    check_tables(call, id, &endpoint.vpc_id, &endpoint.service_name, input.add_route_table_ids())?;
    leave_subnets(call, &endpoint, input.remove_subnet_ids())?;
    if let Some(endpoint) = call.region_state().ec2.vpc_endpoints.get_mut(id) {
        endpoint.route_table_ids.extend(input.add_route_table_ids().iter().cloned());
        endpoint.route_table_ids.retain(|table| !input.remove_route_table_ids().contains(table));
    }
    Ok(ModifyVpcEndpointOutput::builder().r#return(true).build())
}

/// Takes an endpoint out of subnets, except the last one. Its interfaces there are deleted soon after.
fn leave_subnets(call: &mut Call<'_>, endpoint: &VpcEndpoint, subnets: &[String]) -> Result<(), Rejection> {
    if subnets.is_empty() {
        return Ok(());
    }
    if endpoint.subnet_ids.iter().all(|id| subnets.contains(id)) {
        return refuse("InvalidParameter", "An interface endpoint must have at least one subnet");
    }
    let removed_at = call.completion_time(10.0, 30.0, 90.0);
    let ec2 = &mut call.region_state().ec2;
    if let Some(endpoint) = ec2.vpc_endpoints.get_mut(&endpoint.vpc_endpoint_id) {
        endpoint.subnet_ids.retain(|id| !subnets.contains(id));
    }
    let description = endpoint.interface_description();
    for interface in ec2.interfaces.values_mut() {
        if interface.description == description && subnets.contains(&interface.subnet_id) {
            interface.removed_at = Some(removed_at);
        }
    }
    Ok(())
}

/// An endpoint that cannot be deleted is not an error of the call but an item of its response (DeleteVpcEndpoints).
fn delete(call: &mut Call<'_>, input: &DeleteVpcEndpointsInput) -> Result<DeleteVpcEndpointsOutput, Rejection> {
    let mut unsuccessful = Vec::new();
    for id in input.vpc_endpoint_ids() {
        let gateway = call.region_state().ec2.vpc_endpoints.get(id).is_none_or(VpcEndpoint::is_gateway);
        // An interface endpoint takes minutes (gruntwork-io/cloud-nuke#1030).
        let removed_at =
            if gateway { call.completion_time(1.0, 5.0, 20.0) } else { call.completion_time(30.0, 90.0, 180.0) };
        let description = format!("VPC Endpoint Interface {id}");
        call.region_state().ec2.release_interfaces(&description, removed_at);
        match call.region_state().ec2.vpc_endpoints.get_mut(id) {
            Some(endpoint) => {
                endpoint.removed_at.get_or_insert(removed_at);
                // Its routes are deleted immediately.
                endpoint.route_table_ids.clear();
            }
            None => {
                let message = format!("The Vpc Endpoint Id '{id}' does not exist");
                let error =
                    UnsuccessfulItemError::builder().code("InvalidVpcEndpoint.NotFound").message(message).build();
                unsuccessful.push(UnsuccessfulItem::builder().resource_id(id).error(error).build());
            }
        }
    }
    Ok(DeleteVpcEndpointsOutput::builder().set_unsuccessful(Some(unsuccessful)).build())
}
