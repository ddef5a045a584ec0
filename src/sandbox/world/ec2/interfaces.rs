//! Network interfaces, which other services attach in subnets.

use serde::{Deserialize, Serialize};

/// A network interface that a service has attached in a subnet.
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
    /// The description that the requesting service gave it, for example `ELB app/name/id` or `RDSNetworkInterface`.
    pub description: String,
    /// The service that requested it, for example `amazon-elb`.
    pub requester_id: String,
    /// The instance that it is attached to, if it is that of an instance.
    #[serde(default)]
    pub instance_id: Option<String>,
    /// Whether it has a public address, which prevents detaching the internet gateway.
    pub public: bool,
    /// When it is deleted, once its owner is deleted: services release interfaces with a delay.
    #[serde(rename = "gone_at")]
    pub removed_at: Option<u64>,
}

impl NetworkInterface {
    /// Returns its public address, if it has one.
    pub fn public_ip(&self) -> Option<String> {
        let sum = self.interface_id.bytes().fold(0_u8, u8::wrapping_add);
        self.public.then(|| format!("198.51.100.{sum}"))
    }
}
