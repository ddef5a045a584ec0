//! Network interfaces, which other services put into subnets.

use serde::{Deserialize, Serialize};

use super::Ec2;

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

impl NetworkInterface {
    /// Returns its public address, if it has one.
    pub fn public_ip(&self) -> Option<String> {
        let sum = self.interface_id.bytes().fold(0_u8, u8::wrapping_add);
        self.public.then(|| format!("198.51.100.{sum}"))
    }
}

impl Ec2 {
    /// Puts an interface into a subnet. The caller has checked that the subnet exists.
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
}
