//! Networks: what EC2 keeps.

mod gateways;
mod groups;
mod interfaces;
mod peerings;
mod routing;
mod vpcs;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Place;

pub use gateways::{ElasticIp, InternetGateway, NatGateway, NatState};
pub use groups::{Peer, SecurityGroup, SecurityGroupRule};
pub use interfaces::NetworkInterface;
pub use peerings::{Peering, PeeringState, Side};
pub use routing::{EndpointState, RouteTable, VpcEndpoint};
pub use vpcs::{Subnet, Vpc};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What EC2 keeps in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ec2 {
    /// VPCs by id.
    pub vpcs: BTreeMap<String, Vpc>,
    /// Subnets by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// Internet gateways by id.
    pub internet_gateways: BTreeMap<String, InternetGateway>,
    /// Elastic IP addresses by allocation id.
    pub addresses: BTreeMap<String, ElasticIp>,
    /// NAT gateways by id, also those that were deleted less than an hour ago.
    pub nat_gateways: BTreeMap<String, NatGateway>,
    /// Route tables by id, also the main ones.
    pub route_tables: BTreeMap<String, RouteTable>,
    /// VPC endpoints by id.
    pub vpc_endpoints: BTreeMap<String, VpcEndpoint>,
    /// Peerings by id, in the region of the VPC that asked; also those that are over, as long as they are shown.
    pub peerings: BTreeMap<String, Peering>,
    /// Security groups by id, also the default ones.
    pub security_groups: BTreeMap<String, SecurityGroup>,
    /// Rules of security groups by id.
    pub security_group_rules: BTreeMap<String, SecurityGroupRule>,
    /// Network interfaces by id: those that services put into subnets.
    pub interfaces: BTreeMap<String, NetworkInterface>,
    /// The client tokens seen, by operation and token.
    pub tokens: BTreeMap<String, Redeemed>,
}

/// What a client token was used for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redeemed {
    /// The parameters of the call.
    pub parameters: String,
    /// The id of what was made.
    pub id: String,
}

impl Ec2 {
    /// Lets time pass: what was being deleted goes when its time has come.
    pub fn advance(&mut self, now: u64) {
        self.interfaces.retain(|_, interface| interface.gone_at.is_none_or(|at| at > now));
        self.nat_gateways.retain(|_, gateway| gateway.shown_until().is_none_or(|at| at > now));
        self.peerings.retain(|_, peering| peering.shown_until().is_none_or(|at| at > now));
        self.vpc_endpoints.retain(|_, endpoint| endpoint.gone_at.is_none_or(|at| at > now));
        for address in self.addresses.values_mut() {
            let gone = |holder: &String| self.nat_gateways.get(holder).is_none_or(|gateway| gateway.state(now) == NatState::Deleted);
            if address.held_by.as_ref().is_some_and(gone) {
                address.held_by = None;
            }
        }
    }

    /// Returns the id of everything that somebody has made and that still exists. What AWS makes and deletes with a VPC (its
    /// main route table, its default security group) does not count, nor do NAT gateways that are only still shown.
    pub fn inventory(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.vpcs.keys().chain(self.subnets.keys()).chain(self.interfaces.keys()).cloned().collect();
        ids.extend(self.internet_gateways.keys().cloned());
        ids.extend(self.addresses.keys().cloned());
        ids.extend(self.nat_gateways.values().filter(|gateway| gateway.holds_something()).map(|gateway| gateway.nat_gateway_id.clone()));
        for table in self.route_tables.values() {
            ids.extend((!table.main).then(|| table.route_table_id.clone()));
            ids.extend(table.associations.keys().cloned());
            ids.extend(table.routes.keys().map(|destination| format!("{} {destination}", table.route_table_id)));
        }
        ids.extend(self.vpc_endpoints.keys().cloned());
        ids.extend(self.peerings.values().filter(|peering| !peering.is_over()).map(|peering| peering.peering_id.clone()));
        ids.extend(self.security_groups.values().filter(|group| !group.is_default()).map(|group| group.group_id.clone()));
        let in_default = |group_id: &str| self.security_groups.get(group_id).is_some_and(SecurityGroup::is_default);
        ids.extend(self.security_group_rules.values().filter(|rule| !in_default(&rule.group_id)).map(|rule| rule.rule_id.clone()));
        ids
    }

    /// Returns the ARN and the tags of everything that can have tags.
    pub fn tagged(&self, place: &Place) -> Vec<(String, Tags)> {
        let arn = |what: &str, id: &str| place.arn("ec2", &format!("{what}/{id}"));
        let mut found: Vec<(String, Tags)> = Vec::new();
        found.extend(self.vpcs.iter().map(|(id, one)| (arn("vpc", id), one.tags.clone())));
        found.extend(self.subnets.iter().map(|(id, one)| (arn("subnet", id), one.tags.clone())));
        found.extend(self.internet_gateways.iter().map(|(id, one)| (arn("internet-gateway", id), one.tags.clone())));
        found.extend(self.addresses.iter().map(|(id, one)| (arn("elastic-ip", id), one.tags.clone())));
        found.extend(self.nat_gateways.iter().map(|(id, one)| (arn("natgateway", id), one.tags.clone())));
        found.extend(self.route_tables.iter().map(|(id, one)| (arn("route-table", id), one.tags.clone())));
        found.extend(self.vpc_endpoints.iter().map(|(id, one)| (arn("vpc-endpoint", id), one.tags.clone())));
        found.extend(self.peerings.iter().map(|(id, one)| (arn("vpc-peering-connection", id), one.tags.clone())));
        found.extend(self.security_groups.iter().map(|(id, one)| (arn("security-group", id), one.tags.clone())));
        found.extend(self.security_group_rules.iter().map(|(id, one)| (arn("security-group-rule", id), one.tags.clone())));
        found
    }
}
