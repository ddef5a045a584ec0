//! Routes.

use aws_sdk_ec2::operation::create_route::{CreateRouteError, CreateRouteInput, CreateRouteOutput};
use aws_sdk_ec2::operation::delete_route::{DeleteRouteError, DeleteRouteInput, DeleteRouteOutput};
use aws_sdk_ec2::operation::replace_route::{ReplaceRouteError, ReplaceRouteInput, ReplaceRouteOutput};
use ipnet::Ipv4Net;

use super::{peerings, route_tables};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::PeeringState;

pub(super) fn register(registry: &mut Registry) {
    let fields =
        &["route_table_id", "destination_cidr_block", "gateway_id", "nat_gateway_id", "vpc_peering_connection_id"];
    registry.on("ec2", "CreateRoute", fields, CreateRouteError::generic, create);
    registry.on("ec2", "ReplaceRoute", fields, ReplaceRouteError::generic, replace);
    registry.on("ec2", "DeleteRoute", &["route_table_id", "destination_cidr_block"], DeleteRouteError::generic, delete);
}

/// The target that a call requests for a route.
struct RouteTarget<'a> {
    gateway: Option<&'a str>,
    nat: Option<&'a str>,
    peering: Option<&'a str>,
}

/// Checks table, destination and target. Returns the canonical destination and the target.
fn check_route(
    call: &mut Call<'_>,
    id: &str,
    destination: &str,
    wanted: &RouteTarget<'_>,
) -> Result<(String, String), Rejection> {
    let vpc_id = route_tables::find(call, id)?.vpc_id.clone();
    let Ok(range) = destination.parse::<Ipv4Net>() else {
        let message = format!(
            "Value ({destination}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
        );
        return refuse("InvalidParameterValue", message);
    };
    // "We modify the specified CIDR block to its canonical form" (CreateRoute).
    let range = range.trunc();
    if let Some(peering) = wanted.peering {
        let now = call.now();
        let found = peerings::find(call, peering)?;
        if ![&found.requester.vpc_id, &found.accepter.vpc_id].contains(&&vpc_id) {
            return refuse(
                "InvalidParameterValue",
                format!("route table {id} and peering {peering} belong to different networks"),
            );
        }
        // "To add a route, the VPC peering connection must be in the active or provisioning state", according to the
        // guide; the call rejects other states.
        if !matches!(found.state(now), PeeringState::Active | PeeringState::Provisioning) {
            return refuse(
                "InvalidVpcPeeringConnectionState.NotActive",
                format!("VpcPeeringConnection {peering} is not active"),
            );
        }
    }
    let ec2 = &call.region_state().ec2;
    let target = match (wanted.gateway, wanted.nat, wanted.peering) {
        (None, None, Some(peering)) => peering,
        (Some(gateway), None, None) => {
            let Some(found) = ec2.internet_gateways.get(gateway) else {
                return refuse("InvalidGatewayID.NotFound", format!("The gateway ID '{gateway}' does not exist"));
            };
            if found.vpc_id.as_ref() != Some(&vpc_id) {
                return refuse(
                    "InvalidParameterValue",
                    format!("route table {id} and network gateway {gateway} belong to different networks"),
                );
            }
            gateway
        }
        (None, Some(nat), None) => {
            let Some(found) =
                ec2.nat_gateways.get(nat).filter(|found| found.removed_at.is_none() && found.failure.is_none())
            else {
                return refuse("InvalidNatGatewayID.NotFound", format!("The natGateway ID '{nat}' does not exist"));
            };
            if found.vpc_id != vpc_id {
                return refuse(
                    "InvalidParameterValue",
                    format!("route table {id} and nat gateway {nat} belong to different networks"),
                );
            }
            nat
        }
        _ => {
            return refuse(
                "InvalidParameterCombination",
                "A route requires one target: gatewayId, natGatewayId or vpcPeeringConnectionId",
            );
        }
    };
    let local = ec2.vpcs.get(&vpc_id).and_then(|vpc| vpc.cidr_block.parse::<Ipv4Net>().ok());
    if local == Some(range) {
        return refuse("RouteAlreadyExists", format!("The route identified by {range} already exists."));
    }
    // A route inside the VPC's range can only target a NAT gateway, a network interface or an endpoint ("Route tables",
    // "More specific route than local route").
    if wanted.nat.is_none() && local.is_some_and(|local| local.contains(&range)) {
        return refuse(
            "InvalidParameterValue",
            format!("{range} is more specific than the local route and cannot have the target {target}"),
        );
    }
    Ok((range.to_string(), target.to_owned()))
}

fn create(call: &mut Call<'_>, input: &CreateRouteInput) -> Result<CreateRouteOutput, Rejection> {
    let id = input.route_table_id().unwrap_or_default();
    let destination = input.destination_cidr_block().unwrap_or_default();
    let wanted = RouteTarget {
        gateway: input.gateway_id(),
        nat: input.nat_gateway_id(),
        peering: input.vpc_peering_connection_id(),
    };
    let (destination, target) = check_route(call, id, destination, &wanted)?;
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
    let wanted = RouteTarget {
        gateway: input.gateway_id(),
        nat: input.nat_gateway_id(),
        peering: input.vpc_peering_connection_id(),
    };
    let (destination, target) = check_route(call, id, destination, &wanted)?;
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
