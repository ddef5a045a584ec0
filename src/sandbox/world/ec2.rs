//! Networks: what EC2 keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Place;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What EC2 keeps in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ec2 {
    /// VPCs by id.
    pub vpcs: BTreeMap<String, Vpc>,
    /// Subnets by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// Security groups by id.
    pub security_groups: BTreeMap<String, SecurityGroup>,
    /// Network interfaces by id: those that other services put into subnets.
    pub interfaces: BTreeMap<String, NetworkInterface>,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `Vpc`")]
pub struct Vpc {
    pub vpc_id: String,
    pub cidr_block: String,
    pub dns_support: bool,
    pub dns_hostnames: bool,
    pub available_at: u64,
    pub tags: Tags,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `Subnet`")]
pub struct Subnet {
    pub subnet_id: String,
    pub vpc_id: String,
    pub cidr_block: String,
    pub availability_zone: String,
    pub map_public_ip_on_launch: bool,
    pub available_at: u64,
    pub tags: Tags,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `SecurityGroup`")]
pub struct SecurityGroup {
    pub group_id: String,
    pub group_name: String,
    pub description: String,
    pub vpc_id: String,
    pub tags: Tags,
}

/// A network interface that a service has put into a subnet for one of its things.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// `eni-…`
    pub interface_id: String,
    /// The subnet.
    pub subnet_id: String,
    /// The subnet's VPC.
    pub vpc_id: String,
    /// Its security groups.
    pub group_ids: Vec<String>,
    /// What it is for, in the words of the service that made it, for example `ELB app/name/id` or `RDSNetworkInterface`.
    pub description: String,
    /// The service that made it, for example `amazon-elb`.
    pub requester_id: String,
    /// Whether it has a public address; an internet gateway cannot be detached while one does.
    pub public: bool,
    /// When it goes, once the thing that it belongs to is deleted: services let go of them late.
    pub gone_at: Option<u64>,
}

impl Ec2 {
    /// Lets time pass: what was being deleted goes when its time has come.
    pub fn advance(&mut self, now: u64) {
        self.interfaces.retain(|_, interface| interface.gone_at.is_none_or(|at| at > now));
    }

    /// Puts an interface into a subnet. The caller has checked that the subnet exists.
    pub fn attach_interface(&mut self, interface_id: String, subnet_id: &str, group_ids: &[String], description: String, requester_id: &str, public: bool) {
        let vpc_id = self.subnets.get(subnet_id).map(|subnet| subnet.vpc_id.clone()).unwrap_or_default();
        let interface = NetworkInterface {
            interface_id: interface_id.clone(),
            subnet_id: subnet_id.to_owned(),
            vpc_id,
            group_ids: group_ids.to_vec(),
            description,
            requester_id: requester_id.to_owned(),
            public,
            gone_at: None,
        };
        self.interfaces.insert(interface_id, interface);
    }

    /// Lets the interfaces with this description go at a later time.
    pub fn release_interfaces(&mut self, description: &str, at: u64) {
        for interface in self.interfaces.values_mut().filter(|interface| interface.description == description) {
            interface.gone_at = Some(at);
        }
    }

    /// Returns the ARN and the tags of everything that can have tags.
    pub fn tagged(&self, place: &Place) -> Vec<(String, Tags)> {
        let vpcs = self.vpcs.values().map(|vpc| (place.arn("ec2", &format!("vpc/{}", vpc.vpc_id)), vpc.tags.clone()));
        let subnets = self.subnets.values().map(|subnet| (place.arn("ec2", &format!("subnet/{}", subnet.subnet_id)), subnet.tags.clone()));
        let groups = self.security_groups.values();
        let groups = groups.map(|group| (place.arn("ec2", &format!("security-group/{}", group.group_id)), group.tags.clone()));
        vpcs.chain(subnets).chain(groups).collect()
    }

    /// Returns the id of everything that exists.
    pub fn inventory(&self) -> Vec<String> {
        self.vpcs.keys().chain(self.subnets.keys()).chain(self.interfaces.keys()).cloned().collect()
    }
}
