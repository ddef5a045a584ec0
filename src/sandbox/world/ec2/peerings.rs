//! Peerings between VPCs.

use serde::{Deserialize, Serialize};

use crate::world::tags::Tags;

/// "For two hours" ("VPC peering connection lifecycle": failed, rejected and deleted ones remain visible).
const LISTED_AFTER_END: u64 = 2 * 60 * 60 * 1000;

/// One side of a peering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `VpcPeeringConnectionVpcInfo`")]
pub struct Side {
    pub vpc_id: String,
    /// The key of its region.
    pub region: String,
    pub cidr_block: String,
    /// Whether the other side resolves this side's host names to private addresses.
    pub dns: bool,
}

/// The state of a peering ("VPC peering connection lifecycle").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum PeeringState {
    InitiatingRequest,
    PendingAcceptance,
    Provisioning,
    Active,
    Failed,
    Deleting,
    Deleted,
}

/// A peering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the EC2 API's `VpcPeeringConnection`")]
pub struct Peering {
    pub peering_id: String,
    pub requester: Side,
    pub accepter: Side,
    /// When the other side can accept it.
    pub pending_at: u64,
    /// When it becomes active, once it has been accepted.
    pub active_at: Option<u64>,
    /// When it failed, and why.
    pub failure: Option<(u64, String)>,
    /// When it no longer exists, once its deletion has started.
    #[serde(rename = "gone_at")]
    pub removed_at: Option<u64>,
    /// The tags of the requester's side.
    pub tags: Tags,
}

impl Peering {
    /// Returns its state.
    pub fn state(&self, now: u64) -> PeeringState {
        match (self.removed_at, &self.failure, self.active_at) {
            (Some(at), ..) if now >= at => PeeringState::Deleted,
            (Some(_), ..) => PeeringState::Deleting,
            (None, Some((at, _)), _) if now >= *at => PeeringState::Failed,
            (None, None, Some(at)) if now >= at => PeeringState::Active,
            (None, None, Some(_)) => PeeringState::Provisioning,
            (None, None, None) if now >= self.pending_at => PeeringState::PendingAcceptance,
            (None, ..) => PeeringState::InitiatingRequest,
        }
    }

    /// Returns whether it is deleted, is being deleted, or has failed.
    pub fn has_ended(&self) -> bool {
        self.removed_at.is_some() || self.failure.is_some()
    }

    /// Returns until when AWS lists it.
    pub fn listed_until(&self) -> Option<u64> {
        self.removed_at.or(self.failure.as_ref().map(|(at, _)| *at)).map(|at| at + LISTED_AFTER_END)
    }

    /// Returns whether it connects these two VPCs and is active.
    pub fn connects(&self, one: &str, other: &str, now: u64) -> bool {
        let ends = [self.requester.vpc_id.as_str(), self.accepter.vpc_id.as_str()];
        self.state(now) == PeeringState::Active && ends.contains(&one) && ends.contains(&other)
    }
}
