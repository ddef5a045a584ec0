//! The state of EC2 in one region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gateways::{ElasticIp, InternetGateway, NatGateway, NatState};
use super::groups::{Peer, SecurityGroup, SecurityGroupRule};
use super::interfaces::NetworkInterface;
use super::peerings::Peering;
use super::routing::{RouteTable, VpcEndpoint};
use super::vpcs::{Subnet, Vpc};
use crate::world::account_region::AccountRegion;
use crate::world::tags::Tags;

/// The state of EC2 in one region.
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
    /// NAT gateways by id, including those deleted less than an hour ago.
    pub nat_gateways: BTreeMap<String, NatGateway>,
    /// Route tables by id, including main ones.
    pub route_tables: BTreeMap<String, RouteTable>,
    /// VPC endpoints by id.
    pub vpc_endpoints: BTreeMap<String, VpcEndpoint>,
    /// Peerings by id, in the region of the requester's VPC, including ended ones while they are listed.
    pub peerings: BTreeMap<String, Peering>,
    /// Security groups by id, including default ones.
    pub security_groups: BTreeMap<String, SecurityGroup>,
    /// Rules of security groups by id.
    pub security_group_rules: BTreeMap<String, SecurityGroupRule>,
    /// Network interfaces by id, all of them attached by services.
    pub interfaces: BTreeMap<String, NetworkInterface>,
    /// The used client tokens, by operation and token.
    pub tokens: BTreeMap<String, ClientToken>,
}

/// The use of a client token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientToken {
    /// The parameters of the call.
    pub parameters: String,
    /// The id of the created resource.
    pub id: String,
}

impl Ec2 {
    /// Advances the time: removes what has been deleted by now.
    pub fn advance(&mut self, now: u64) {
        self.interfaces.retain(|_, interface| interface.removed_at.is_none_or(|at| at > now));
        self.nat_gateways.retain(|_, gateway| gateway.listed_until().is_none_or(|at| at > now));
        self.peerings.retain(|_, peering| peering.listed_until().is_none_or(|at| at > now));
        self.vpc_endpoints.retain(|_, endpoint| endpoint.removed_at.is_none_or(|at| at > now));
        for address in self.addresses.values_mut() {
            let is_deleted = |holder: &String| {
                self.nat_gateways.get(holder).is_none_or(|gateway| gateway.state(now) == NatState::Deleted)
            };
            if address.nat_gateway_id.as_ref().is_some_and(is_deleted) {
                address.nat_gateway_id = None;
            }
        }
    }

    /// Returns the ids of all existing resources that were created by calls. Resources that AWS creates and deletes
    /// with a VPC (its main route table, its default security group) and NAT gateways that are only listed are not
    /// included.
    pub fn inventory(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            self.vpcs.keys().chain(self.subnets.keys()).chain(self.interfaces.keys()).cloned().collect();
        ids.extend(self.internet_gateways.keys().cloned());
        ids.extend(self.addresses.keys().cloned());
        ids.extend(
            self.nat_gateways
                .values()
                .filter(|gateway| gateway.is_live())
                .map(|gateway| gateway.nat_gateway_id.clone()),
        );
        for table in self.route_tables.values() {
            ids.extend((!table.main).then(|| table.route_table_id.clone()));
            ids.extend(table.associations.keys().cloned());
            ids.extend(table.routes.keys().map(|destination| format!("{} {destination}", table.route_table_id)));
        }
        ids.extend(self.vpc_endpoints.keys().cloned());
        ids.extend(
            self.peerings.values().filter(|peering| !peering.has_ended()).map(|peering| peering.peering_id.clone()),
        );
        ids.extend(
            self.security_groups.values().filter(|group| !group.is_default()).map(|group| group.group_id.clone()),
        );
        let in_default = |group_id: &str| self.security_groups.get(group_id).is_some_and(SecurityGroup::is_default);
        ids.extend(
            self.security_group_rules
                .values()
                .filter(|rule| !in_default(&rule.group_id))
                .map(|rule| rule.rule_id.clone()),
        );
        ids
    }

    /// Returns the ARNs and tags of all taggable resources.
    pub fn tagged(&self, scope: &AccountRegion) -> Vec<(String, Tags)> {
        let arn = |what: &str, id: &str| scope.arn("ec2", &format!("{what}/{id}"));
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
        found.extend(
            self.security_group_rules.iter().map(|(id, one)| (arn("security-group-rule", id), one.tags.clone())),
        );
        found
    }

    /// Attaches an interface in a subnet. The caller has checked that the subnet exists.
    pub fn attach_interface(
        &mut self,
        interface_id: String,
        subnet_id: &str,
        group_ids: &[String],
        description: String,
        requester_id: &str,
        public: bool,
    ) {
        let vpc_id = self.subnets.get(subnet_id).map(|subnet| subnet.vpc_id.clone()).unwrap_or_default();
        let interface = NetworkInterface {
            interface_id: interface_id.clone(),
            subnet_id: subnet_id.to_owned(),
            vpc_id,
            group_ids: group_ids.to_vec(),
            description,
            requester_id: requester_id.to_owned(),
            instance_id: None,
            public,
            removed_at: None,
        };
        self.interfaces.insert(interface_id, interface);
    }

    /// Schedules the deletion of the interfaces with this description.
    pub fn release_interfaces(&mut self, description: &str, at: u64) {
        for interface in self.interfaces.values_mut().filter(|interface| interface.description == description) {
            interface.removed_at = Some(at);
        }
    }

    /// Returns whether a rule of another group references this group.
    pub fn is_referenced(&self, group_id: &str) -> bool {
        self.security_group_rules
            .values()
            .any(|rule| rule.group_id != group_id && rule.peer == Peer::Group(group_id.to_owned()))
    }
}
