//! Routes.

use aws_sdk_ec2::operation::create_route::{CreateRouteError, CreateRouteInput, CreateRouteOutput};
use aws_sdk_ec2::operation::delete_route::{DeleteRouteError, DeleteRouteInput, DeleteRouteOutput};
use aws_sdk_ec2::operation::replace_route::{ReplaceRouteError, ReplaceRouteInput, ReplaceRouteOutput};
use aws_sdk_ec2::types::{Route, RouteOrigin, RouteState};
use ipnet::Ipv4Net;

use super::{endpoints, peerings, route_tables};
use crate::sandbox::registry::{Call, Registry, Rejection, refuse};
use crate::sandbox::world::ec2::{Ec2, PeeringState, RouteTable};

pub(super) fn register(registry: &mut Registry) {
    let members = &["route_table_id", "destination_cidr_block", "gateway_id", "nat_gateway_id", "vpc_peering_connection_id"];
    registry.on("ec2", "CreateRoute", members, CreateRouteError::generic, create);
    registry.on("ec2", "ReplaceRoute", members, ReplaceRouteError::generic, replace);
    registry.on("ec2", "DeleteRoute", &["route_table_id", "destination_cidr_block"], DeleteRouteError::generic, delete);
}

/// Returns whether traffic gets anywhere: "blackhole: the route's target isn't available (for example, the specified gateway
/// isn't attached to the VPC)" (Route).
fn is_active(ec2: &Ec2, table: &RouteTable, target: &str) -> bool {
    match target.split_once('-').map(|(prefix, _)| prefix) {
        Some("igw") => ec2.internet_gateways.get(target).is_some_and(|gateway| gateway.vpc_id.as_ref() == Some(&table.vpc_id)),
        // A peering that the other region asked for is not known here.
        Some("pcx") => ec2.peerings.get(target).is_none_or(|peering| !peering.is_over()),
        Some("nat") => ec2.nat_gateways.get(target).is_some_and(|gateway| gateway.gone_at.is_none() && gateway.failure.is_none()),
        _ => true,
    }
}

/// The routes of a table as answers carry them: the local one, those made by hand, and those of gateway endpoints.
pub(super) fn print(ec2: &Ec2, table: &RouteTable) -> Vec<Route> {
    let local = ec2.vpcs.get(&table.vpc_id).map(|vpc| {
        let route = Route::builder().destination_cidr_block(&vpc.cidr_block).gateway_id("local");
        route.origin(RouteOrigin::CreateRouteTable).state(RouteState::Active).build()
    });
    let made = table.routes.iter().map(|(destination, target)| {
        let state = if is_active(ec2, table, target) { RouteState::Active } else { RouteState::Blackhole };
        let route = Route::builder().destination_cidr_block(destination).origin(RouteOrigin::CreateRoute).state(state);
        match target.split_once('-').map(|(prefix, _)| prefix) {
            Some("nat") => route.nat_gateway_id(target).build(),
            Some("pcx") => route.vpc_peering_connection_id(target).build(),
            _ => route.gateway_id(target).build(),
        }
    });
    let through = ec2.vpc_endpoints.values().filter(|endpoint| endpoint.route_table_ids.contains(&table.route_table_id)).map(|endpoint| {
        let route = Route::builder().destination_prefix_list_id(endpoints::prefix_list(&endpoint.service_name)).gateway_id(&endpoint.vpc_endpoint_id);
        route.origin(RouteOrigin::CreateRoute).state(RouteState::Active).build()
    });
    local.into_iter().chain(made).chain(through).collect()
}

/// Where a call wants a route to lead to.
struct Wanted<'a> {
    gateway: Option<&'a str>,
    nat: Option<&'a str>,
    peering: Option<&'a str>,
}

/// Checks table, destination and target, and returns the destination as EC2 writes it, and the target.
fn checked(call: &mut Call<'_>, id: &str, destination: &str, wanted: &Wanted<'_>) -> Result<(String, String), Rejection> {
    let vpc_id = route_tables::find(call, id)?.vpc_id.clone();
    let Ok(range) = destination.parse::<Ipv4Net>() else {
        let message = format!("Value ({destination}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.");
        return refuse("InvalidParameterValue", message);
    };
    // "We modify the specified CIDR block to its canonical form" (CreateRoute).
    let range = range.trunc();
    if let Some(peering) = wanted.peering {
        let now = call.now();
        let found = peerings::find(call, peering)?;
        if ![&found.requester.vpc_id, &found.accepter.vpc_id].contains(&&vpc_id) {
            return refuse("InvalidParameterValue", format!("route table {id} and peering {peering} belong to different networks"));
        }
        // "To add a route, the VPC peering connection must be in the active or provisioning state" is what the guide says; the
        // call refuses others.
        if !matches!(found.state(now), PeeringState::Active | PeeringState::Provisioning) {
            return refuse("InvalidVpcPeeringConnectionState.NotActive", format!("VpcPeeringConnection {peering} is not active"));
        }
    }
    let ec2 = &call.here().ec2;
    let target = match (wanted.gateway, wanted.nat, wanted.peering) {
        (None, None, Some(peering)) => peering,
        (Some(gateway), None, None) => {
            let Some(found) = ec2.internet_gateways.get(gateway) else {
                return refuse("InvalidGatewayID.NotFound", format!("The gateway ID '{gateway}' does not exist"));
            };
            if found.vpc_id.as_ref() != Some(&vpc_id) {
                return refuse("InvalidParameterValue", format!("route table {id} and network gateway {gateway} belong to different networks"));
            }
            gateway
        }
        (None, Some(nat), None) => {
            let Some(found) = ec2.nat_gateways.get(nat).filter(|found| found.gone_at.is_none() && found.failure.is_none()) else {
                return refuse("InvalidNatGatewayID.NotFound", format!("The natGateway ID '{nat}' does not exist"));
            };
            if found.vpc_id != vpc_id {
                return refuse("InvalidParameterValue", format!("route table {id} and nat gateway {nat} belong to different networks"));
            }
            nat
        }
        _ => return refuse("InvalidParameterCombination", "A route needs one target: gatewayId, natGatewayId or vpcPeeringConnectionId"),
    };
    let local = ec2.vpcs.get(&vpc_id).and_then(|vpc| vpc.cidr_block.parse::<Ipv4Net>().ok());
    if local == Some(range) {
        return refuse("RouteAlreadyExists", format!("The route identified by {range} already exists."));
    }
    // A route inside the VPC's range can lead to a NAT gateway, a network interface or an endpoint only ("Route tables",
    // "More specific route than local route").
    if wanted.nat.is_none() && local.is_some_and(|local| local.contains(&range)) {
        return refuse("InvalidParameterValue", format!("{range} is more specific than the local route and can not lead to {target}"));
    }
    Ok((range.to_string(), target.to_owned()))
}

fn create(call: &mut Call<'_>, input: &CreateRouteInput) -> Result<CreateRouteOutput, Rejection> {
    let id = input.route_table_id().unwrap_or_default();
    let destination = input.destination_cidr_block().unwrap_or_default();
    let wanted = Wanted { gateway: input.gateway_id(), nat: input.nat_gateway_id(), peering: input.vpc_peering_connection_id() };
    let (destination, target) = checked(call, id, destination, &wanted)?;
    let table = route_tables::find(call, id)?;
    // "RouteAlreadyExists: a route for the specified CIDR block already exists in this route table" (EC2 error codes).
    if table.routes.contains_key(&destination) {
        return refuse("RouteAlreadyExists", format!("The route identified by {destination} already exists."));
    }
    table.routes.insert(destination, target);
    Ok(CreateRouteOutput::builder().r#return(true).build())
}

fn no_route<T>(id: &str, destination: &str) -> Result<T, Rejection> {
    refuse("InvalidRoute.NotFound", format!("no route with destination-cidr-block {destination} in route table {id}"))
}

fn replace(call: &mut Call<'_>, input: &ReplaceRouteInput) -> Result<ReplaceRouteOutput, Rejection> {
    let id = input.route_table_id().unwrap_or_default();
    let destination = input.destination_cidr_block().unwrap_or_default();
    let wanted = Wanted { gateway: input.gateway_id(), nat: input.nat_gateway_id(), peering: input.vpc_peering_connection_id() };
    let (destination, target) = checked(call, id, destination, &wanted)?;
    match route_tables::find(call, id)?.routes.get_mut(&destination) {
        Some(route) => *route = target,
        None => return no_route(id, &destination),
    }
    Ok(ReplaceRouteOutput::builder().build())
}

fn delete(call: &mut Call<'_>, input: &DeleteRouteInput) -> Result<DeleteRouteOutput, Rejection> {
    let id = input.route_table_id().unwrap_or_default();
    let destination = input.destination_cidr_block().unwrap_or_default();
    if route_tables::find(call, id)?.routes.remove(destination).is_none() {
        return no_route(id, destination);
    }
    Ok(DeleteRouteOutput::builder().build())
}
