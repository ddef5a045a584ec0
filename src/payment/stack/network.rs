//! The network of an environment: a VPC, a public and a private subnet in each availability zone with its default
//! route, and a gateway endpoint for S3.

use ipnet::Ipv4Net;

use super::builder::Builder;
use infra_base::address::{InternetGatewayId, NatGatewayId};
use infra_config::NatGateways;
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::ec2::{
    DatabaseOffer, DefaultSecurityGroup, ElasticIp, GatewayEndpoint, InternetGateway, NatGateway, Route, RouteTable,
    RouteTableAssociation, RouteTarget, Subnet, Vpc, ZoneOffers,
};

/// The first third octet of private subnets. That of public subnets starts at 0.
const PRIVATE: u32 = 10;

/// The resources of the network that other parts refer to.
pub(super) struct Network {
    pub(super) vpc: Handle<Vpc>,
    pub(super) gateway: Handle<InternetGateway>,
    pub(super) public: Vec<Handle<Subnet>>,
    pub(super) private: Vec<Handle<Subnet>>,
    /// The route tables of the private subnets.
    pub(super) private_tables: Vec<Handle<RouteTable>>,
    /// Ready when the default routes of the public subnets are in effect. The load balancer and the NAT gateways use
    /// them.
    pub(super) public_routes: Vec<Input<String>>,
    /// Ready when the default routes of the private subnets are in effect. Outgoing traffic depends on them.
    pub(super) private_routes: Vec<Input<String>>,
}

/// Adds the network.
pub(super) fn add(builder: &mut Builder<'_>) -> Network {
    let range = builder.config.vpc_cidr;
    let zones = builder.config.network.zone_count();
    let remove_guardduty = builder.config.network.remove_guardduty;
    let vpc = builder.add("network", "vpc", &Vpc { cidr: range.to_string(), remove_guardduty });
    builder.add("network", "default-security-group", &DefaultSecurityGroup { vpc: vpc.id() });
    let gateway = builder.add("network", "internet-gateway", &InternetGateway { vpc: vpc.id() });
    let mut network = Network {
        vpc,
        gateway,
        public: Vec::new(),
        private: Vec::new(),
        private_tables: Vec::new(),
        public_routes: Vec::new(),
        private_routes: Vec::new(),
    };
    let mut tables = Vec::new();

    for zone in 0..zones {
        let name = format!("public-{}", zone + 1);
        let subnet = subnet(builder, &network, &name, range, zone, true);
        let target = RouteTarget::InternetGateway(network.gateway.id());
        let (table, routes) = table(builder, &network, &name, &subnet, target);
        network.public_routes.extend(routes);
        network.public.push(subnet);
        tables.push(table);
    }
    let gateways = nat_gateways(builder, &network, zones);
    for zone in 0..zones {
        let name = format!("private-{}", zone + 1);
        let subnet = subnet(builder, &network, &name, range, zone, false);
        let target = RouteTarget::NatGateway(gateways[zone % gateways.len()].clone());
        let (table, routes) = table(builder, &network, &name, &subnet, target);
        network.private_routes.extend(routes);
        network.private.push(subnet);
        network.private_tables.push(table.clone());
        tables.push(table);
    }
    let endpoint = GatewayEndpoint {
        vpc: network.vpc.id(),
        service: "s3".to_owned(),
        route_tables: tables.iter().map(Handle::<RouteTable>::id).collect(),
    };
    builder.add("network", "s3-endpoint", &endpoint);
    network
}

fn subnet(
    builder: &mut Builder<'_>,
    network: &Network,
    name: &str,
    range: Ipv4Net,
    zone: usize,
    public: bool,
) -> Handle<Subnet> {
    let third = u32::try_from(zone).unwrap_or(0) + if public { 0 } else { PRIVATE };
    let address = std::net::Ipv4Addr::from(u32::from(range.network()) + (third << 8));
    let config = &builder.config.network;
    let spec = Subnet {
        vpc: network.vpc.id(),
        cidr: format!("{address}/24"),
        zone,
        zone_id: config.zones.get(zone).cloned(),
        offers: offers(builder),
        public_addresses: public,
        remove_guardduty: config.remove_guardduty,
    };
    builder.add("network", name, &spec)
}

/// Returns what the zones of the environment must offer. It is the same for all subnets, so that the public and the
/// private subnet of a number are in the same zone.
fn offers(builder: &Builder<'_>) -> ZoneOffers {
    let config = &builder.config;
    ZoneOffers {
        fargate: true,
        database: (!config.databases.is_empty()).then(|| DatabaseOffer {
            engine: "postgres".to_owned(),
            version: config.database.engine_version.clone(),
            class: config.database.instance_class.clone(),
        }),
        replication_class: config.replicates.database.is_some().then(|| config.replication.instance_class.clone()),
    }
}

/// Adds one NAT gateway for all zones, or one per zone, each with its own address in the public subnet of its zone.
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
            let spec = NatGateway {
                subnet: subnet.id(),
                allocation: address.id(),
                internet_gateway: internet_gateway.clone(),
            };
            builder.add("network", &format!("nat-gateway-{number}"), &spec).usable()
        })
        .collect()
}

/// Adds the route table of a subnet with its default route. Returns the table, and what must be ready before resources
/// in the subnet use the default route.
fn table(
    builder: &mut Builder<'_>,
    network: &Network,
    name: &str,
    subnet: &Handle<Subnet>,
    target: RouteTarget,
) -> (Handle<RouteTable>, [Input<String>; 2]) {
    let table = builder.add("network", &format!("{name}-routes"), &RouteTable { vpc: network.vpc.id() });
    let association = builder.add(
        "network",
        &format!("{name}-association"),
        &RouteTableAssociation { route_table: table.id(), subnet: subnet.id() },
    );
    let route = Route { route_table: table.id(), destination: "0.0.0.0/0".to_owned(), target };
    let route = builder.add("network", &format!("{name}-default-route"), &route);
    (table, [association.done(), route.done()])
}
