//! Journal records, and the lines that contain them.
//!
//! A line consists of the CRC-32 of the rest in eight hexadecimal digits, a space, and a JSON object with `seq` and the
//! record.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::graph::Need;
use infra_aws::CallOutcome;
use infra_base::address::{AccountId, Address, Lineage, Region, RunId};

/// The operation that a step is about to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Creates the resource.
    Create,
    /// Updates it in place.
    Update,
    /// Deletes it.
    Delete,
}

/// A fact that is durable before anything relies on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The first record of a history.
    Genesis {
        /// The format of journal and snapshot.
        format: u32,
        /// The history's id.
        lineage: Lineage,
        /// The stack, `{name}/{suffix}`.
        stack: String,
        /// The account of all resources.
        account: AccountId,
    },
    /// A command that changes something starts.
    RunStarted {
        /// The run.
        run: RunId,
        /// The command.
        command: String,
        /// The environments of the run.
        #[serde(default)]
        environments: BTreeSet<String>,
        /// The version of the tool.
        version: String,
        /// The time, RFC 3339.
        at: String,
    },
    /// A resource has another address from now on. Nothing changes in AWS: its tags keep the old address.
    Moved {
        /// The old address.
        from: Address,
        /// The new address.
        to: Address,
    },
    /// A step is about to send its first mutating call. The intent contains everything needed to find the resource
    /// again.
    Intent {
        /// The resource.
        address: Address,
        /// The operation.
        op: Op,
        /// The kind.
        kind: String,
        /// The region.
        region: Region,
        /// The account, if that is not the account of the stack.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
        /// The specification, with resolved references.
        spec: Value,
        /// The dependencies of the resource. Deletions use them in reverse.
        needs: Vec<Need>,
        /// The tags other than the ownership tags.
        tags: BTreeMap<String, String>,
        /// The idempotency token of the creation.
        token: String,
    },
    /// A mutating call is about to be sent.
    Call {
        /// The resource.
        address: Address,
        /// `service:Operation`
        call: String,
        /// The time, RFC 3339. Earlier versions did not record it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
    /// The outcome of a mutating call, as far as this process observed it.
    Answer {
        /// The resource.
        address: Address,
        /// `service:Operation`
        call: String,
        /// Whether it took effect.
        #[serde(rename = "fate")]
        outcome: CallOutcome,
        /// The error code of AWS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The request id of AWS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// The resource exists, and its id is known.
    Created {
        /// The resource.
        address: Address,
        /// Its attributes.
        attrs: Value,
    },
    /// The resource is usable, and matches its specification.
    Ready {
        /// The resource.
        address: Address,
        /// Its attributes.
        attrs: Value,
    },
    /// An intent had no effect: a read showed the same resource as before.
    Settled {
        /// The resource.
        address: Address,
    },
    /// The resource no longer exists.
    Deleted {
        /// The resource.
        address: Address,
    },
    /// A traffic shift between the environments is about to start.
    ShiftIntent {
        /// The target's share before, in percent.
        from: Option<u8>,
        /// The intended share.
        to: u8,
        /// The reason.
        why: String,
    },
    /// A mutating call of a shift is about to be sent.
    ShiftCall {
        /// `service:Operation`
        call: String,
    },
    /// Route 53 has accepted the change of both weights.
    ShiftAccepted {
        /// The id of the change.
        change: String,
    },
    /// The weights were read back.
    ShiftSeen {
        /// The target's share, in percent; nothing if the weights are not a whole percentage.
        live: Option<u8>,
    },
    /// An operation that belongs to no specification is about to start, for example starting or stopping a resource.
    OperationIntent {
        /// The resource.
        address: Address,
        /// Its name, for example `replication start`.
        what: String,
    },
    /// A mutating call of such an operation is about to be sent.
    OperationCall {
        /// The resource.
        address: Address,
        /// `service:Operation`
        call: String,
    },
    /// Such an operation has ended, and its result was observed.
    OperationEnded {
        /// The resource.
        address: Address,
    },
    /// The progress of a cutover; nothing if there is no cutover any more.
    Cutover {
        /// Everything that must outlive the process.
        saved: Option<Value>,
    },
    /// The progress of a switchover, and which database is the primary; nothing if there is no migration any more.
    Switchover {
        /// Everything that must outlive the process.
        saved: Option<Value>,
    },
    /// How far the start of a replication has come; nothing if it has to start from the beginning.
    Replication {
        /// The task.
        address: Address,
        /// Everything that must outlive the process.
        saved: Option<Value>,
    },
    /// What is known of the last comparison of both databases of a replication that found them equal; nothing if it
    /// does not count any more.
    Validated {
        /// The replication task.
        address: Address,
        /// When, and what can tell later what has changed since.
        saved: Option<Value>,
    },
    /// The accounts of the environments and of the routing, of those that are not in the account of the stack. Written
    /// when they differ from the state.
    Accounts {
        /// By the name of the environment.
        others: BTreeMap<String, AccountId>,
    },
    /// The rotation of a secret is held from now on, for an operation at an address. It is written before the call.
    RotationHeld {
        /// The secret.
        address: Address,
        /// The operation that needs it.
        by: Address,
        /// The ARN of the secret.
        secret: String,
        /// The region of the secret.
        region: Region,
        /// The account of the secret, if that is not the account of the stack.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
        /// The time, RFC 3339.
        at: String,
        /// The reason.
        why: String,
    },
    /// An operation does not need it any more; without any that does, the rotation is allowed again.
    RotationReleased {
        /// The secret.
        address: Address,
        /// The operation that needed it.
        by: Address,
    },
    /// The command ended normally.
    RunFinished {
        /// The run.
        run: RunId,
        /// `done`, `failed` or `stopped`.
        outcome: String,
        /// The time, RFC 3339.
        at: String,
    },
}

impl Record {
    /// Returns the value of no fixed form in the record.
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Intent { spec: value, .. }
            | Self::Created { attrs: value, .. }
            | Self::Ready { attrs: value, .. } => Some(value),
            Self::Cutover { saved }
            | Self::Switchover { saved }
            | Self::Replication { saved, .. }
            | Self::Validated { saved, .. } => saved.as_ref(),
            _ => None,
        }
    }
}

/// A record with its sequence number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The sequence number: starts at 1, without gaps.
    pub seq: u64,
    /// The record.
    #[serde(flatten)]
    pub record: Record,
}

/// The reason why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not `checksum space object`.
    #[error("it is not a checksum, a space and an object")]
    Form,
    /// The checksum does not match.
    #[error("its checksum is {found}, but its text has {actual}")]
    Checksum {
        /// The checksum in the line.
        found: String,
        /// The computed checksum.
        actual: String,
    },
    /// The object is not a record of this version.
    #[error("it is not a record that this version knows: {0}")]
    Record(String),
}

impl Line {
    /// Encodes the line, including the line feed.
    pub fn encode(&self) -> String {
        // A record consists of strings, numbers, lists and maps with text keys, so it always has a JSON form.
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()))
    }

    /// Decodes a line without its line feed.
    ///
    /// # Errors
    /// The line is damaged, or contains a record of a later version.
    pub fn decode(line: &str) -> Result<Self, LineError> {
        let (found, text) = line.split_once(' ').filter(|(sum, _)| sum.len() == 8).ok_or(LineError::Form)?;
        let actual = format!("{:08x}", crc32fast::hash(text.as_bytes()));
        if found != actual {
            return Err(LineError::Checksum { found: found.to_owned(), actual });
        }
        serde_json::from_str(text).map_err(|error| LineError::Record(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line { seq: 7, record: Record::Deleted { address: Address::new("source/network/vpc") } }
    }

    #[test]
    fn a_line_survives_a_round_trip() {
        let text = line().encode();
        assert_eq!(Line::decode(text.trim_end()), Ok(line()));
    }

    #[test]
    fn a_number_with_a_fraction_changed_when_it_was_read() {
        for number in [0.1 + 0.2, 70.1, 1.467_440_737_042_949_7e20, 1.844_674_407_370_429_4e22] {
            let (address, saved) = (Address::new("target/replication/task"), Some(serde_json::json!({ "n": number })));
            let line = Line { seq: 1, record: Record::Validated { address, saved } };
            assert_eq!(Line::decode(line.encode().trim_end()), Ok(line));
        }
    }

    #[test]
    fn every_changed_byte_is_detected() {
        let text = line().encode();
        let text = text.trim_end();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            let damaged = String::from_utf8_lossy(&bytes).into_owned();
            assert!(Line::decode(&damaged).is_err(), "a change of byte {at} was not detected");
        }
    }
}
