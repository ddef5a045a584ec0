//! Internet gateways, elastic IP addresses and NAT gateways.

use serde::{Deserialize, Serialize};

use crate::world::tags::Tags;

/// How long a deleted or failed NAT gateway stays listed: "it remains visible in the Amazon VPC console for a short
/// while (usually an hour)" (VPC User Guide, "Work with NAT gateways").
const LISTED_AFTER_END: u64 = 60 * 60 * 1000;

/// An internet gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `InternetGateway`")]
pub struct InternetGateway {
    pub internet_gateway_id: String,
    /// The VPC that it is attached to.
    pub vpc_id: Option<String>,
    pub tags: Tags,
}

/// An elastic IP address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `Address`")]
pub struct ElasticIp {
    pub allocation_id: String,
    pub public_ip: String,
    /// The NAT gateway that it is associated with.
    #[serde(rename = "held_by")]
    pub nat_gateway_id: Option<String>,
    pub tags: Tags,
}

/// The state of a NAT gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatState {
    /// It is being created.
    Pending,
    /// It is usable.
    Available,
    /// It could not be created.
    Failed,
    /// It is being deleted; its interface and its address still exist.
    Deleting,
    /// It no longer exists; AWS still lists it.
    Deleted,
}

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `NatGateway`")]
pub struct NatGateway {
    pub nat_gateway_id: String,
    pub subnet_id: String,
    pub vpc_id: String,
    pub allocation_id: String,
    pub interface_id: String,
    /// When its creation ends, as available or failed.
    #[serde(rename = "settled_at")]
    pub creation_ends_at: u64,
    /// AWS's code and message, if its creation fails.
    pub failure: Option<(String, String)>,
    /// When it no longer exists, once its deletion has started.
    #[serde(rename = "gone_at")]
    pub removed_at: Option<u64>,
    pub tags: Tags,
}

impl NatGateway {
    /// Returns its state.
    pub fn state(&self, now: u64) -> NatState {
        match (self.removed_at, &self.failure) {
            (Some(at), _) if now >= at => NatState::Deleted,
            (Some(_), _) => NatState::Deleting,
            (None, _) if now < self.creation_ends_at => NatState::Pending,
            (None, Some(_)) => NatState::Failed,
            (None, None) => NatState::Available,
        }
    }

    /// Returns the description of its network interface.
    pub fn interface_description(&self) -> String {
        format!("Interface for NAT Gateway {}", self.nat_gateway_id)
    }

    /// Returns until when it is listed, if its end is known.
    pub(super) fn listed_until(&self) -> Option<u64> {
        let end = self.removed_at.or(self.failure.as_ref().map(|_| self.creation_ends_at))?;
        Some(end + LISTED_AFTER_END)
    }

    /// Returns whether it exists, rather than only being listed. (During its deletion, its network interface is counted
    /// instead.)
    pub(super) fn is_live(&self) -> bool {
        self.removed_at.is_none() && self.failure.is_none()
    }
}
