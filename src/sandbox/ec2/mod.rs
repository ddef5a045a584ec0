//! Amazon EC2: networks.

mod addresses;
mod endpoints;
mod filters;
mod group_defaults;
mod group_rules;
mod groups;
mod interfaces;
mod internet_gateways;
mod nat_gateways;
mod peerings;
mod prefix_lists;
mod route_descriptions;
mod route_tables;
mod routes;
mod subnets;
mod tags;
mod tokens;
mod vpcs;

use super::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    vpcs::register(registry);
    subnets::register(registry);
    internet_gateways::register(registry);
    addresses::register(registry);
    nat_gateways::register(registry);
    route_tables::register(registry);
    routes::register(registry);
    endpoints::register(registry);
    peerings::register(registry);
    groups::register(registry);
    group_rules::register(registry);
    interfaces::register(registry);
    tags::register(registry);
}
