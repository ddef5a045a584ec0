//! Internet gateways, elastic IP addresses and NAT gateways.

use serde::{Deserialize, Serialize};

use super::Tags;

/// How long a deleted or failed NAT gateway is still shown: "it remains visible in the Amazon VPC console for a short while
/// (usually an hour)" (VPC User Guide, "Work with NAT gateways").
const SHOWN_AFTERWARDS: u64 = 60 * 60 * 1000;

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
    pub held_by: Option<String>,
    pub tags: Tags,
}

/// The state of a NAT gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatState {
    /// It is being made.
    Pending,
    /// It is at work.
    Available,
    /// It could not be made.
    Failed,
    /// It is being deleted, and still has its interface and its address.
    Deleting,
    /// It is gone, and only still shown.
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
    /// When it is available, or has failed.
    pub settled_at: u64,
    /// AWS's code and words, when it cannot be made.
    pub failure: Option<(String, String)>,
    /// When it is deleted, once it is being deleted.
    pub gone_at: Option<u64>,
    pub tags: Tags,
}

impl NatGateway {
    /// Returns its state.
    pub fn state(&self, now: u64) -> NatState {
        match (self.gone_at, &self.failure) {
            (Some(at), _) if now >= at => NatState::Deleted,
            (Some(_), _) => NatState::Deleting,
            (None, _) if now < self.settled_at => NatState::Pending,
            (None, Some(_)) => NatState::Failed,
            (None, None) => NatState::Available,
        }
    }

    /// The description of its network interface.
    pub fn interface_description(&self) -> String {
        format!("Interface for NAT Gateway {}", self.nat_gateway_id)
    }

    /// Returns until when it is shown, if its end is known.
    pub(super) fn shown_until(&self) -> Option<u64> {
        let end = self.gone_at.or(self.failure.as_ref().map(|_| self.settled_at))?;
        Some(end + SHOWN_AFTERWARDS)
    }

    /// Returns whether it is there, and not only still shown. (While it is being deleted, its network interface counts.)
    pub(super) fn holds_something(&self) -> bool {
        self.gone_at.is_none() && self.failure.is_none()
    }
}
