//! Routes as AWS describes them.

use aws_sdk_ec2::types::{Route, RouteOrigin, RouteState};

use super::prefix_lists::prefix_list;
use crate::world::ec2::{Ec2, RouteTable};

/// Returns whether a route has an available target: "blackhole: the route's target isn't available (for example, the
/// specified gateway isn't attached to the VPC)" (Route).
pub(super) fn is_active(ec2: &Ec2, table: &RouteTable, target: &str) -> bool {
    match target.split_once('-').map(|(prefix, _)| prefix) {
        Some("igw") => {
            ec2.internet_gateways.get(target).is_some_and(|gateway| gateway.vpc_id.as_ref() == Some(&table.vpc_id))
        }
        // A peering that was requested in the other region is not stored here.
        Some("pcx") => ec2.peerings.get(target).is_none_or(|peering| !peering.has_ended()),
        Some("nat") => ec2
            .nat_gateways
            .get(target)
            .is_some_and(|gateway| gateway.removed_at.is_none() && gateway.failure.is_none()),
        _ => true,
    }
}

/// Returns the routes of a table as AWS describes them: the local one, the created ones, and those of gateway
/// endpoints.
pub(super) fn routes_to_sdk(ec2: &Ec2, table: &RouteTable) -> Vec<Route> {
    let local = ec2.vpcs.get(&table.vpc_id).map(|vpc| {
        let route = Route::builder().destination_cidr_block(&vpc.cidr_block).gateway_id("local");
        route.origin(RouteOrigin::CreateRouteTable).state(RouteState::Active).build()
    });
    let created = table.routes.iter().map(|(destination, target)| {
        let state = if is_active(ec2, table, target) { RouteState::Active } else { RouteState::Blackhole };
        let route = Route::builder().destination_cidr_block(destination).origin(RouteOrigin::CreateRoute).state(state);
        match target.split_once('-').map(|(prefix, _)| prefix) {
            Some("nat") => route.nat_gateway_id(target).build(),
            Some("pcx") => route.vpc_peering_connection_id(target).build(),
            _ => route.gateway_id(target).build(),
        }
    });
    let via_endpoints =
        ec2.vpc_endpoints.values().filter(|endpoint| endpoint.route_table_ids.contains(&table.route_table_id)).map(
            |endpoint| {
                let route = Route::builder()
                    .destination_prefix_list_id(prefix_list(&endpoint.service_name))
                    .gateway_id(&endpoint.vpc_endpoint_id);
                route.origin(RouteOrigin::CreateRoute).state(RouteState::Active).build()
            },
        );
    local.into_iter().chain(created).chain(via_endpoints).collect()
}
