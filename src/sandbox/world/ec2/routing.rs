//! Route tables and VPC endpoints.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::world::tags::Tags;

/// A route table. The local route, which always exists, is not stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `RouteTable`")]
pub struct RouteTable {
    pub route_table_id: String,
    pub vpc_id: String,
    /// Whether it is the main route table, which is created and deleted with its VPC.
    pub main: bool,
    /// The id of the target (`igw-…`, `nat-…`, `pcx-…`) by destination.
    pub routes: BTreeMap<String, String>,
    /// The subnet by association id.
    pub associations: BTreeMap<String, String>,
    pub tags: Tags,
}

/// The state of a VPC endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// It is being created.
    Pending,
    /// It is usable.
    Available,
    /// It is being deleted.
    Deleting,
}

/// A VPC endpoint: of the gateway type, or of the interface type if it has subnets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `VpcEndpoint`")]
pub struct VpcEndpoint {
    pub vpc_endpoint_id: String,
    pub vpc_id: String,
    pub service_name: String,
    pub route_table_ids: BTreeSet<String>,
    #[serde(default)]
    pub subnet_ids: BTreeSet<String>,
    pub available_at: u64,
    /// When it no longer exists, once its deletion has started.
    #[serde(rename = "gone_at")]
    pub removed_at: Option<u64>,
    pub tags: Tags,
}

impl VpcEndpoint {
    /// Returns whether it is a gateway endpoint, which has no interfaces.
    pub fn is_gateway(&self) -> bool {
        !self.service_name.ends_with(".guardduty-data")
    }

    /// Returns the description of its network interfaces.
    pub fn interface_description(&self) -> String {
        format!("VPC Endpoint Interface {}", self.vpc_endpoint_id)
    }

    /// Returns its state.
    pub fn state(&self, now: u64) -> EndpointState {
        match self.removed_at {
            Some(_) => EndpointState::Deleting,
            None if now < self.available_at => EndpointState::Pending,
            None => EndpointState::Available,
        }
    }
}
