//! The way from the network of one environment to the databases of another: a peering, routes and rules on both sides.
//!
//! The environment that replicates asks for the peering. What belongs to the other side lives in the other's region, but it
//! goes when the environment that replicates goes: its addresses are those of the latter.

use super::build::Builder;
use super::environment::Environment;
use super::security::POSTGRES;
use crate::address::{Region, SecurityGroupId, VpcPeeringConnectionId};
use crate::graph::Input;
use crate::resource::Handle;
use crate::resources::ec2::{
    Direction, Peer, PeeringSide, Route, RouteTable, RouteTarget, SecurityGroupRule, VpcPeeringAcceptance, VpcPeeringConnection, VpcPeeringDns,
};

const PART: &str = "link";

/// Adds what lets the replication in `own` reach the databases of `from`, and returns what to wait for before it can.
pub(super) fn add(builder: &mut Builder<'_>, own: &Environment, from: &Environment) -> Vec<Input<String>> {
    if own.config.name == from.config.name {
        return Vec::new();
    }
    let far = from.config.region.clone();
    let peering = VpcPeeringConnection { vpc: own.network.vpc.id(), peer_vpc: from.network.vpc.id(), peer_region: far.to_string() };
    let peering = builder.add(PART, "peering", &peering);
    let acceptance = builder.add_in(&far, PART, "peering-acceptance", &VpcPeeringAcceptance { peering: peering.id() });
    // Options and routes are refused as long as the peering is not active ("Work with VPC peering connections").
    let active = acceptance.active_id();
    let mut ways = Vec::new();
    for (name, region, side) in [("dns-requester", &own.config.region, PeeringSide::Requester), ("dns-accepter", &far, PeeringSide::Accepter)] {
        ways.push(builder.add_in(region, PART, name, &VpcPeeringDns { peering: active.clone(), side }).done());
    }
    ways.extend(routes(builder, "route-there", &own.config.region, &own.network.private_tables, from, &active));
    ways.extend(routes(builder, "route-back", &far, &from.network.private_tables, own, &active));
    ways.extend(rules(builder, own, from, &active));
    ways
}

/// A route to the VPC of `to` in each of the tables.
fn routes(
    builder: &mut Builder<'_>,
    name: &str,
    region: &Region,
    tables: &[Handle<RouteTable>],
    to: &Environment,
    peering: &Input<VpcPeeringConnectionId>,
) -> Vec<Input<String>> {
    let destination = to.config.vpc_cidr.to_string();
    let mut ways = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let route = Route { route_table: table.id(), destination: destination.clone(), target: RouteTarget::Peering(peering.clone()) };
        ways.push(builder.add_in(region, PART, &format!("{name}-{}", index + 1), &route).done());
    }
    ways
}

/// The rules that let PostgreSQL through: from group to group within a region. Across regions a rule can not refer to the other
/// group ("Update your security groups to reference peer security groups"), so it names the other VPC's range.
fn rules(builder: &mut Builder<'_>, own: &Environment, from: &Environment, peering: &Input<VpcPeeringConnectionId>) -> [Input<String>; 2] {
    let same_region = own.config.region == from.config.region;
    let peer = |group: Input<SecurityGroupId>, of: &Environment| {
        if same_region { Peer::Group(group) } else { Peer::Cidr(of.config.vpc_cidr.to_string()) }
    };
    let rule = |group: Input<SecurityGroupId>, direction: Direction, peer: Peer, description: &str| SecurityGroupRule {
        group,
        direction,
        protocol: "tcp".to_owned(),
        from_port: POSTGRES,
        to_port: POSTGRES,
        peer,
        description: description.to_owned(),
        peering: Some(peering.clone()),
    };
    let (here, there) = (&own.config.name, &from.config.name);
    let to = rule(own.groups.dms.id(), Direction::Egress, peer(from.groups.db.id(), from), &format!("PostgreSQL of {there}"));
    let back = rule(from.groups.db.id(), Direction::Ingress, peer(own.groups.dms.id(), own), &format!("PostgreSQL from the replication in {here}"));
    let to = builder.add(PART, "dms-to-db", &to).done();
    [to, builder.add_in(&from.config.region, PART, "db-from-dms", &back).done()]
}
