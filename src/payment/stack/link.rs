//! Connects the network of one environment to the databases of another: a VPC peering, with routes and security group
//! rules on both sides.
//!
//! The environment that replicates requests the peering. Resources of the other side are in the other side's region.
//! Their addresses belong to the environment that replicates, so that they are deleted with it.

use super::builder::Builder;
use super::environment::Environment;
use super::security::POSTGRES;
use infra_base::address::{Region, SecurityGroupId, VpcPeeringConnectionId};
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::ec2::{
    Direction, Peer, PeeringSide, Route, RouteTable, RouteTarget, SecurityGroupRule, VpcPeeringAcceptance,
    VpcPeeringConnection, VpcPeeringDns,
};

const PART: &str = "link";

/// Connects the replication in `own` to the databases of `from`. Returns what must be ready before it can connect.
pub(super) fn add(builder: &mut Builder<'_>, own: &Environment, from: &Environment) -> Vec<Input<String>> {
    if own.config.name == from.config.name {
        return Vec::new();
    }
    let far = from.config.region.clone();
    let peering = VpcPeeringConnection {
        vpc: own.network.vpc.id(),
        peer_vpc: from.network.vpc.id(),
        peer_region: far.to_string(),
    };
    let peering = builder.add(PART, "peering", &peering);
    let acceptance = builder.add_in(&far, PART, "peering-acceptance", &VpcPeeringAcceptance { peering: peering.id() });
    // AWS refuses options and routes until the peering is active ("Work with VPC peering connections").
    let active = acceptance.active_id();
    let mut ready = Vec::new();
    for (name, region, side) in
        [("dns-requester", &own.config.region, PeeringSide::Requester), ("dns-accepter", &far, PeeringSide::Accepter)]
    {
        ready.push(builder.add_in(region, PART, name, &VpcPeeringDns { peering: active.clone(), side }).done());
    }
    ready.extend(routes(builder, "route-there", &own.config.region, &own.network.private_tables, from, &active));
    ready.extend(routes(builder, "route-back", &far, &from.network.private_tables, own, &active));
    ready.extend(rules(builder, own, from, &active));
    ready
}

/// Adds a route to the VPC of `to` to each of the route tables.
fn routes(
    builder: &mut Builder<'_>,
    name: &str,
    region: &Region,
    tables: &[Handle<RouteTable>],
    to: &Environment,
    peering: &Input<VpcPeeringConnectionId>,
) -> Vec<Input<String>> {
    let destination = to.config.vpc_cidr.to_string();
    let mut ready = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let route = Route {
            route_table: table.id(),
            destination: destination.clone(),
            target: RouteTarget::Peering(peering.clone()),
        };
        ready.push(builder.add_in(region, PART, &format!("{name}-{}", index + 1), &route).done());
    }
    ready
}

/// Adds the rules that allow PostgreSQL traffic. Within a region they reference the peer's security group. Across
/// regions a rule cannot reference it ("Update your security groups to reference peer security groups"), so it names
/// the address range of the peer VPC.
fn rules(
    builder: &mut Builder<'_>,
    own: &Environment,
    from: &Environment,
    peering: &Input<VpcPeeringConnectionId>,
) -> [Input<String>; 2] {
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
    let egress = rule(
        own.groups.dms.id(),
        Direction::Egress,
        peer(from.groups.db.id(), from),
        &format!("PostgreSQL of {there}"),
    );
    let ingress = rule(
        from.groups.db.id(),
        Direction::Ingress,
        peer(own.groups.dms.id(), own),
        &format!("PostgreSQL from the replication in {here}"),
    );
    let egress = builder.add(PART, "dms-to-db", &egress).done();
    [egress, builder.add_in(&from.config.region, PART, "db-from-dms", &ingress).done()]
}
