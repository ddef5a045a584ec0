//! The entry of a resource in the state.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Op;
use crate::graph::Need;
use infra_base::address::{AccountId, Address, Location, Region};

/// The status of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An intent to create it is open, and no id is known.
    Creating,
    /// Its id is known, but it may not be usable yet.
    Created,
    /// It is usable, and matches its specification.
    Ready,
    /// An intent to update it is open.
    Updating,
    /// An intent to delete it is open.
    Deleting,
}

/// An intent whose outcome is not known yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenIntent {
    /// The operation.
    pub op: Op,
    /// The mutating calls sent so far, each once, in order: of this intent, and of earlier unfinished intents of the
    /// same direction.
    pub calls: Vec<String>,
    /// When the last of them was sent, RFC 3339, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_call: Option<String>,
    /// How many calls were sent, with repetitions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent: u32,
    /// How many of them AWS has refused, so that they had no effect.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl OpenIntent {
    /// Returns an intent without calls.
    pub fn new(op: Op) -> Self {
        Self { op, calls: Vec::new(), last_call: None, sent: 0, refused: 0 }
    }

    /// Records a call that is about to be sent.
    pub(super) fn send(&mut self, call: &str, at: Option<&str>) {
        // An earlier version has not counted them.
        self.sent = self.sent.max(u32::try_from(self.calls.len()).unwrap_or(u32::MAX));
        if !self.calls.iter().any(|sent| sent == call) {
            self.calls.push(call.to_owned());
        }
        self.last_call = at.map(str::to_owned);
        self.sent = self.sent.saturating_add(1);
    }

    /// Records that AWS has refused a call. If it has refused all of them, it is as if none had been sent.
    pub(super) fn refuse(&mut self) {
        self.refused = self.refused.saturating_add(1);
        if self.refused == self.sent {
            *self = Self::new(self.op);
        }
    }
}

/// A resource that exists, or may exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The kind's name.
    pub kind: String,
    /// The region.
    pub region: Region,
    /// The account, if that is not the account of the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Its status.
    pub status: Status,
    /// The last applied specification, or the one being applied, with resolved references.
    pub spec: Value,
    /// Its attributes. Absent while the outcome of its creation is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attrs: Option<Value>,
    /// Its dependencies.
    pub needs: Vec<Need>,
    /// Its tags other than the ownership tags.
    pub tags: BTreeMap<String, String>,
    /// The keys of tags that are no longer wanted, until their removal is confirmed.
    #[serde(default, rename = "dropped_tags", skip_serializing_if = "BTreeSet::is_empty")]
    pub removed_tags: BTreeSet<String>,
    /// The address in its AWS tags, if that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tagged_as: Option<Address>,
    /// The idempotency token of its creation.
    pub token: String,
    /// The intent that is still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenIntent>,
}

impl Entry {
    /// Returns where it is.
    pub fn location(&self) -> Location {
        Location { region: self.region.clone(), account: self.account.clone() }
    }

    /// Returns the keys of the tags that it has, or may have, and that are not among `wanted`.
    pub fn unwanted_tags(&self, wanted: &BTreeMap<String, String>) -> BTreeSet<String> {
        self.tags.keys().chain(&self.removed_tags).filter(|key| !wanted.contains_key(*key)).cloned().collect()
    }

    /// Returns a new intent, with the calls of an unfinished one of the same direction.
    pub(super) fn reopened(&self, op: Op) -> OpenIntent {
        let open = self.open.as_ref().filter(|open| (open.op == Op::Delete) == (op == Op::Delete));
        open.map_or_else(|| OpenIntent::new(op), |open| OpenIntent { op, ..open.clone() })
    }
}
