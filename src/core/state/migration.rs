//! What the state records about the migration: an unfinished traffic shift, starts of replications, a cutover, and a
//! switchover.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Record;
use infra_base::address::{AccountId, Address, Location, Region};

/// The recorded progress of a migration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Migration {
    /// The target's share of the traffic that was last read back, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<u8>,
    /// The shift that was started and whose result has not been read back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<OpenShift>,
    /// Unfinished operations by resource: a replication that is being started or stopped.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub operations: BTreeMap<Address, OpenOperation>,
    /// How far the start of each replication has come, by task.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub replications: BTreeMap<Address, Value>,
    /// The last cutover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutover: Option<Value>,
    /// The last switchover, and which database is the primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switchover: Option<Value>,
    /// The last comparison of both databases that found them equal, by replication task.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub validations: BTreeMap<Address, Value>,
    /// Secrets whose rotation is held, by the address of the secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub held_rotations: BTreeMap<Address, HeldRotation>,
}

/// The rotation of a secret is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRotation {
    /// The ARN of the secret.
    pub secret: String,
    /// Its region.
    pub region: Region,
    /// Its account, if that is not the account of the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Since when, RFC 3339.
    pub since: String,
    /// The reason.
    pub why: String,
    /// The operations that need it.
    pub by: BTreeSet<Address>,
}

impl HeldRotation {
    /// Returns where the secret is.
    pub fn location(&self) -> Location {
        Location { region: self.region.clone(), account: self.account.clone() }
    }
}

/// An operation that was started and whose end has not been observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOperation {
    /// Its name.
    pub what: String,
    /// The mutating calls that may have been sent.
    pub calls: Vec<String>,
}

/// A traffic shift that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenShift {
    /// The target's share before, in percent.
    pub from: Option<u8>,
    /// The intended share.
    pub to: u8,
    /// The reason.
    pub why: String,
    /// The mutating calls that may have been sent.
    pub calls: Vec<String>,
    /// The id of the Route 53 change, once it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

impl Migration {
    /// Returns whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the target's share in percent according to the journal: the one that Route 53 has accepted, or else the
    /// one that was last read back.
    pub fn division(&self) -> Option<u8> {
        let accepted = self.shift.as_ref().filter(|shift| shift.change.is_some()).map(|shift| shift.to);
        accepted.or(self.live)
    }

    /// Returns the records that end the migration. Afterwards nothing is recorded any more but held rotations, which go
    /// with their secrets, or when they are allowed again.
    pub fn end(&self) -> Vec<Record> {
        let ended = self.operations.keys().map(|address| Record::OperationEnded { address: address.clone() });
        let replications = self.replications.keys();
        let replications = replications.map(|address| Record::Replication { address: address.clone(), saved: None });
        let live = (self.live.is_some() || self.shift.is_some()).then_some(Record::ShiftSeen { live: None });
        let cutover = self.cutover.is_some().then_some(Record::Cutover { saved: None });
        let switchover = self.switchover.is_some().then_some(Record::Switchover { saved: None });
        let validations = self.validations.keys();
        let validations = validations.map(|address| Record::Validated { address: address.clone(), saved: None });
        ended.chain(replications).chain(live).chain(cutover).chain(switchover).chain(validations).collect()
    }

    /// Applies a record of the migration.
    pub(super) fn apply_record(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::ShiftIntent { from, to, why } => {
                self.shift =
                    Some(OpenShift { from: *from, to: *to, why: why.clone(), calls: Vec::new(), change: None });
            }
            Record::ShiftCall { call } => {
                self.shift
                    .as_mut()
                    .ok_or_else(|| format!("{call} of a shift without an intent"))?
                    .calls
                    .push(call.clone());
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
            Record::Replication { address, saved: Some(saved) } => {
                self.replications.insert(address.clone(), saved.clone());
            }
            Record::Replication { address, saved: None } => drop(self.replications.remove(address)),
            Record::Switchover { saved } => self.switchover.clone_from(saved),
            Record::Validated { address, saved: Some(saved) } => {
                self.validations.insert(address.clone(), saved.clone());
            }
            Record::Validated { address, saved: None } => drop(self.validations.remove(address)),
            Record::RotationHeld { address, by, secret, region, account, at, why } => {
                let held = self.held_rotations.entry(address.clone()).or_insert_with(|| HeldRotation {
                    secret: secret.clone(),
                    region: region.clone(),
                    account: account.clone(),
                    since: at.clone(),
                    why: why.clone(),
                    by: BTreeSet::new(),
                });
                held.by.insert(by.clone());
            }
            Record::RotationReleased { address, by } => {
                if let Some(held) = self.held_rotations.get_mut(address) {
                    held.by.remove(by);
                }
                self.held_rotations.retain(|_, held| !held.by.is_empty());
            }
            // A secret that no longer exists does not rotate.
            Record::Deleted { address } => {
                self.held_rotations.remove(address);
                self.validations.remove(address);
            }
            Record::Moved { from, to } => {
                if let Some(held) = self.held_rotations.remove(from) {
                    self.held_rotations.insert(to.clone(), held);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
