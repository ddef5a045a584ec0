//! The network of an environment: a VPC, a public and a private subnet in each zone, the way out of each, and the way to S3
//! that needs no gateway.

use ipnet::Ipv4Net;

use super::build::Builder;
use crate::address::{InternetGatewayId, NatGatewayId};
use crate::config::NatGateways;
use crate::graph::Input;
use crate::resource::Handle;
use crate::resources::ec2::{
    DefaultSecurityGroup, ElasticIp, GatewayEndpoint, InternetGateway, NatGateway, Route, RouteTable, RouteTableAssociation, RouteTarget, Subnet, Vpc,
};

/// Where the third octet of private subnets begins; that of public ones begins at 0.
const PRIVATE: u32 = 10;

/// What other parts need of the network.
pub(super) struct Network {
    pub(super) vpc: Handle<Vpc>,
    pub(super) gateway: Handle<InternetGateway>,
    pub(super) public: Vec<Handle<Subnet>>,
    pub(super) private: Vec<Handle<Subnet>>,
    /// The route tables of the private subnets.
    pub(super) private_tables: Vec<Handle<RouteTable>>,
    /// The default routes of the public subnets and what puts them there: the way of the load balancer and the NAT gateways.
    pub(super) public_ways: Vec<Input<String>>,
    /// The same for the private subnets: without them nothing inside reaches the outside.
    pub(super) private_ways: Vec<Input<String>>,
}

/// Adds the network.
pub(super) fn add(builder: &mut Builder<'_>) -> Network {
    let range = builder.config.vpc_cidr;
    let zones = usize::from(builder.config.network.availability_zones);
    let vpc = builder.add("network", "vpc", &Vpc { cidr: range.to_string() });
    builder.add("network", "default-security-group", &DefaultSecurityGroup { vpc: vpc.id() });
    let gateway = builder.add("network", "internet-gateway", &InternetGateway { vpc: vpc.id() });
    let mut network = Network {
        vpc,
        gateway,
        public: Vec::new(),
        private: Vec::new(),
        private_tables: Vec::new(),
        public_ways: Vec::new(),
        private_ways: Vec::new(),
    };
    let mut tables = Vec::new();

    for zone in 0..zones {
        let name = format!("public-{}", zone + 1);
        let subnet = subnet(builder, &network, &name, range, zone, true);
        let target = RouteTarget::InternetGateway(network.gateway.id());
        let (table, ways) = table(builder, &network, &name, &subnet, target);
        network.public_ways.extend(ways);
        network.public.push(subnet);
        tables.push(table);
    }
    let gateways = nat_gateways(builder, &network, zones);
    for zone in 0..zones {
        let name = format!("private-{}", zone + 1);
        let subnet = subnet(builder, &network, &name, range, zone, false);
        let target = RouteTarget::NatGateway(gateways[zone % gateways.len()].clone());
        let (table, ways) = table(builder, &network, &name, &subnet, target);
        network.private_ways.extend(ways);
        network.private.push(subnet);
        network.private_tables.push(table.clone());
        tables.push(table);
    }
    let endpoint =
        GatewayEndpoint { vpc: network.vpc.id(), service: "s3".to_owned(), route_tables: tables.iter().map(Handle::<RouteTable>::id).collect() };
    builder.add("network", "s3-endpoint", &endpoint);
    network
}

fn subnet(builder: &mut Builder<'_>, network: &Network, name: &str, range: Ipv4Net, zone: usize, public: bool) -> Handle<Subnet> {
    let third = u32::try_from(zone).unwrap_or(0) + if public { 0 } else { PRIVATE };
    let address = std::net::Ipv4Addr::from(u32::from(range.network()) + (third << 8));
    let spec = Subnet { vpc: network.vpc.id(), cidr: format!("{address}/24"), zone, public_addresses: public };
    builder.add("network", name, &spec)
}

/// One NAT gateway for all zones, or one in each; each with its own address, in the public subnet of its zone.
fn nat_gateways(builder: &mut Builder<'_>, network: &Network, zones: usize) -> Vec<Input<NatGatewayId>> {
    let count = match builder.config.network.nat_gateways {
        NatGateways::One => 1,
        NatGateways::PerZone => zones,
    };
    let internet_gateway: Input<InternetGatewayId> = network.gateway.id();
    network.public[..count]
        .iter()
        .enumerate()
        .map(|(zone, subnet)| {
            let number = zone + 1;
            let address = builder.add("network", &format!("nat-address-{number}"), &ElasticIp {});
            let spec = NatGateway { subnet: subnet.id(), allocation: address.id(), internet_gateway: internet_gateway.clone() };
            builder.add("network", &format!("nat-gateway-{number}"), &spec).usable()
        })
        .collect()
}

/// A route table of a subnet, with its default route. Returns what to wait for before something in the subnet needs its way out.
fn table(
    builder: &mut Builder<'_>,
    network: &Network,
    name: &str,
    subnet: &Handle<Subnet>,
    target: RouteTarget,
) -> (Handle<RouteTable>, [Input<String>; 2]) {
    let table = builder.add("network", &format!("{name}-routes"), &RouteTable { vpc: network.vpc.id() });
    let association = builder.add("network", &format!("{name}-association"), &RouteTableAssociation { route_table: table.id(), subnet: subnet.id() });
    let route = Route { route_table: table.id(), destination: "0.0.0.0/0".to_owned(), target };
    let route = builder.add("network", &format!("{name}-default-route"), &route);
    (table, [association.done(), route.done()])
}
