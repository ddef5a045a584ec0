//! What the state remembers of the migration itself: a shift of traffic that is under way, and a cutover.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Record;
use crate::address::Address;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Migration {
    /// The share of the target that was last seen to be live, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<u8>,
    /// The shift that was begun and has not been seen to be live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<OpenShift>,
    /// Resources that something was begun with: a replication that is started or stopped.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub operations: BTreeMap<Address, OpenOperation>,
    /// The cutover that was begun last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutover: Option<Value>,
}

/// Something that was begun with a resource and has not been seen to be over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOperation {
    /// What.
    pub what: String,
    /// The mutating calls that may have been sent.
    pub calls: Vec<String>,
}

/// A shift of traffic that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenShift {
    /// The share of the target before, in percent.
    pub from: Option<u8>,
    /// The share that it is to have.
    pub to: u8,
    /// Why.
    pub why: String,
    /// The mutating calls that may have been sent.
    pub calls: Vec<String>,
    /// The id of Route 53's change, once it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

impl Migration {
    /// Returns whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the share of the target in percent, as far as the journal knows: the one that Route 53 has accepted, else the one that was seen.
    pub fn division(&self) -> Option<u8> {
        let accepted = self.shift.as_ref().filter(|shift| shift.change.is_some()).map(|shift| shift.to);
        accepted.or(self.live)
    }

    /// Adds a record that is about the migration.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::ShiftIntent { from, to, why } => {
                self.shift = Some(OpenShift { from: *from, to: *to, why: why.clone(), calls: Vec::new(), change: None });
            }
            Record::ShiftCall { call } => {
                self.shift.as_mut().ok_or_else(|| format!("{call} of a shift without an intent"))?.calls.push(call.clone());
            }
            Record::ShiftAccepted { change } => {
                self.shift.as_mut().ok_or("a shift was accepted without an intent")?.change = Some(change.clone());
            }
            Record::ShiftSeen { live } => {
                self.live = *live;
                self.shift = None;
            }
            Record::OperationIntent { address, what } => {
                self.operations.insert(address.clone(), OpenOperation { what: what.clone(), calls: Vec::new() });
            }
            Record::OperationCall { address, call } => {
                let open = self.operations.get_mut(address);
                open.ok_or_else(|| format!("{call} for {address} without an intent"))?.calls.push(call.clone());
            }
            Record::OperationEnded { address } => drop(self.operations.remove(address)),
            Record::Cutover { saved } => self.cutover.clone_from(saved),
            _ => {}
        }
        Ok(())
    }
}
