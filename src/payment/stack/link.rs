//! Connects the network of one environment to the databases of another: a VPC peering, with routes and security group
//! rules on both sides, for the replication and for a service.
//!
//! The environment that replicates requests the peering. Resources of the other side are in the other side's region and
//! account. Their addresses belong to the environment that replicates, so that they are deleted with it.

use super::builder::Builder;
use super::environment::Environment;
use super::security::POSTGRES;
use infra_base::address::{Location, SecurityGroupId, VpcPeeringConnectionId};
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::ec2::{
    Direction, Peer, PeeringSide, Route, RouteTable, RouteTarget, SecurityGroupRule, VpcPeeringAcceptance,
    VpcPeeringConnection, VpcPeeringDns,
};

const PART: &str = "link";

/// What must be ready before something can connect to the databases of the other environment.
#[derive(Clone, Default)]
pub(super) struct Link {
    pub(super) replication: Vec<Input<String>>,
    pub(super) service: Vec<Input<String>>,
}

/// Connects the replication in `own` to the databases of `from`, and with `with_service` the service, too.
pub(super) fn add(builder: &mut Builder<'_>, own: &Environment, from: &Environment, with_service: bool) -> Link {
    if own.config.name == from.config.name {
        return Link::default();
    }
    let far = from.location.clone();
    let peering = VpcPeeringConnection {
        vpc: own.network.vpc.id(),
        peer_vpc: from.network.vpc.id(),
        peer_region: far.region.to_string(),
        peer_account: builder.account_of(&far).filter(|_| far.account != own.location.account),
    };
    let peering = builder.add(PART, "peering", &peering);
    let acceptance = builder.add_in(&far, PART, "peering-acceptance", &VpcPeeringAcceptance { peering: peering.id() });
    // AWS refuses options and routes until the peering is active ("Work with VPC peering connections").
    let active = acceptance.active_id();
    let mut ready = Vec::new();
    for (name, location, side) in
        [("dns-requester", &own.location, PeeringSide::Requester), ("dns-accepter", &far, PeeringSide::Accepter)]
    {
        ready.push(builder.add_in(location, PART, name, &VpcPeeringDns { peering: active.clone(), side }).done());
    }
    ready.extend(routes(builder, "route-there", &own.location, &own.network.private_tables, from, &active));
    ready.extend(routes(builder, "route-back", &far, &from.network.private_tables, own, &active));
    let rules = Rules { own, from, peering: active };
    let [egress, ingress] = [rules.egress(builder, Client::Replication), rules.ingress(builder, Client::Replication)];
    let mut link = Link { replication: ready.clone(), service: Vec::new() };
    link.replication.extend([egress, ingress.clone()]);
    if with_service {
        link.service = ready;
        // A second rule for the same range would be a duplicate (AuthorizeSecurityGroupIngress).
        let ingress = if rules.may_refer_to_groups() { rules.ingress(builder, Client::Service) } else { ingress };
        link.service.extend([rules.egress(builder, Client::Service), ingress]);
    }
    link
}

/// Adds a route to the VPC of `to` to each of the route tables.
fn routes(
    builder: &mut Builder<'_>,
    name: &str,
    location: &Location,
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
        ready.push(builder.add_in(location, PART, &format!("{name}-{}", index + 1), &route).done());
    }
    ready
}

/// Who connects to the databases of the other environment.
#[derive(Clone, Copy)]
enum Client {
    Replication,
    Service,
}

/// The rules that allow PostgreSQL traffic. Within a region of an account they reference the peer's security group.
/// Across regions a rule cannot reference it ("Update your security groups to reference peer security groups"), so it
/// names the address range of the peer VPC.
struct Rules<'a> {
    own: &'a Environment,
    from: &'a Environment,
    peering: Input<VpcPeeringConnectionId>,
}

impl Rules<'_> {
    fn may_refer_to_groups(&self) -> bool {
        self.own.location == self.from.location
    }

    fn group(&self, client: Client) -> Input<SecurityGroupId> {
        match client {
            Client::Replication => self.own.groups.dms.id(),
            Client::Service => self.own.groups.ecs.id(),
        }
    }

    fn peer(&self, group: Input<SecurityGroupId>, of: &Environment) -> Peer {
        if self.may_refer_to_groups() { Peer::Group(group) } else { Peer::Cidr(of.config.vpc_cidr.to_string()) }
    }

    fn rule(
        &self,
        group: Input<SecurityGroupId>,
        direction: Direction,
        peer: Peer,
        description: String,
    ) -> SecurityGroupRule {
        SecurityGroupRule {
            group,
            direction,
            protocol: "tcp".to_owned(),
            from_port: POSTGRES,
            to_port: POSTGRES,
            peer,
            description,
            peering: Some(self.peering.clone()),
        }
    }

    /// Adds the rule that lets the client connect to the other environment.
    fn egress(&self, builder: &mut Builder<'_>, client: Client) -> Input<String> {
        let name = match client {
            Client::Replication => "dms-to-db",
            Client::Service => "ecs-to-db",
        };
        let peer = self.peer(self.from.groups.db.id(), self.from);
        let description = format!("PostgreSQL of {}", self.from.config.name);
        let rule = self.rule(self.group(client), Direction::Egress, peer, description);
        builder.add(PART, name, &rule).done()
    }

    /// Adds the rule that lets the databases of the other environment accept the client.
    fn ingress(&self, builder: &mut Builder<'_>, client: Client) -> Input<String> {
        let (name, who) = match client {
            Client::Replication => ("db-from-dms", "replication"),
            Client::Service => ("db-from-ecs", "payment service"),
        };
        let peer = self.peer(self.group(client), self.own);
        let description = format!("PostgreSQL from the {who} in {}", self.own.config.name);
        let rule = self.rule(self.from.groups.db.id(), Direction::Ingress, peer, description);
        builder.add_in(&self.from.location, PART, name, &rule).done()
    }
}
