//! VPCs and subnets.

use serde::{Deserialize, Serialize};

use crate::world::tags::Tags;

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
    #[serde(default)]
    pub availability_zone_id: String,
    pub map_public_ip_on_launch: bool,
    pub available_at: u64,
    pub tags: Tags,
}
