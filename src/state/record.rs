//! Journal records and the line that carries one.
//!
//! A line is the CRC-32 of the rest in eight hexadecimal digits, a space, and one JSON object with `seq` and the record.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{AccountId, Address, Lineage, Region, RunId};
use crate::aws::Fate;
use crate::graph::Need;

/// What a step is about to do to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Remove it.
    Delete,
}

/// One fact, durable before anything is built on it.
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
        /// The account that everything lives in.
        account: AccountId,
    },
    /// A command that changes something begins.
    RunStarted {
        /// The run.
        run: RunId,
        /// The command.
        command: String,
        /// The environments that it works on.
        #[serde(default)]
        environments: BTreeSet<String>,
        /// The version of the tool.
        version: String,
        /// When, RFC 3339.
        at: String,
    },
    /// A resource is known under another address from here on. Nothing is changed in AWS: its tags keep the old one.
    Moved {
        /// The address that it had.
        from: Address,
        /// The address that it has.
        to: Address,
    },
    /// A step is about to make its first mutating call. Everything needed to find the object again is here.
    Intent {
        /// Of which resource.
        address: Address,
        /// What it is about to do.
        op: Op,
        /// The kind.
        kind: String,
        /// The region.
        region: Region,
        /// The specification, references resolved.
        spec: Value,
        /// What the resource needs; deletion goes the other way.
        needs: Vec<Need>,
        /// Tags besides the ownership tags.
        tags: BTreeMap<String, String>,
        /// The idempotency token of the creation.
        token: String,
    },
    /// A mutating call is about to be sent.
    Call {
        /// For which resource.
        address: Address,
        /// `service:Operation`
        call: String,
    },
    /// What became of a mutating call, as far as this process saw.
    Answer {
        /// For which resource.
        address: Address,
        /// `service:Operation`
        call: String,
        /// Whether it took effect.
        fate: Fate,
        /// AWS's error code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// AWS's request id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// The resource exists; its id is known.
    Created {
        /// Which one.
        address: Address,
        /// What is known of it.
        attrs: Value,
    },
    /// The resource is usable, and as specified.
    Ready {
        /// Which one.
        address: Address,
        /// What is known of it.
        attrs: Value,
    },
    /// An intent came to nothing: the cloud was looked at, and it is as before the intent.
    Settled {
        /// Which one.
        address: Address,
    },
    /// The resource is gone.
    Deleted {
        /// Which one.
        address: Address,
    },
    /// Traffic is about to be shifted between the environments.
    ShiftIntent {
        /// The share of the target before, in percent.
        from: Option<u8>,
        /// The share that it is to have.
        to: u8,
        /// Why.
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
    /// The weights were read back: this is what is live.
    ShiftSeen {
        /// The share of the target, in percent; nothing when the weights are no whole percent.
        live: Option<u8>,
    },
    /// Something that belongs to no specification is about to be done with a resource: it is started or stopped.
    OperationIntent {
        /// With which resource.
        address: Address,
        /// What, for example `replication start`.
        what: String,
    },
    /// A mutating call of such an operation is about to be sent.
    OperationCall {
        /// With which resource.
        address: Address,
        /// `service:Operation`
        call: String,
    },
    /// Such an operation is over: it was seen how the resource stands.
    OperationEnded {
        /// With which resource.
        address: Address,
    },
    /// How far a cutover has got; nothing when there is none any more.
    Cutover {
        /// All that must outlive the process.
        saved: Option<Value>,
    },
    /// The command ended by itself.
    RunFinished {
        /// The run.
        run: RunId,
        /// `done`, `failed` or `stopped`.
        outcome: String,
        /// When, RFC 3339.
        at: String,
    },
}

/// A record with its place in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Counts up from 1, without gaps.
    pub seq: u64,
    /// The record.
    #[serde(flatten)]
    pub record: Record,
}

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not `checksum space object`.
    #[error("it is not a checksum, a space and an object")]
    Form,
    /// The checksum does not fit.
    #[error("its checksum is {found}, the text has {actual}")]
    Checksum {
        /// As written in the line.
        found: String,
        /// As computed.
        actual: String,
    },
    /// The object is not a record that this version knows.
    #[error("it is not a record that this version knows: {0}")]
    Record(String),
}

impl Line {
    /// Writes the line, with the line feed.
    pub fn encode(&self) -> String {
        // Records hold strings, numbers, lists and maps with text keys: they always have a JSON form.
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()))
    }

    /// Reads a line without its line feed.
    ///
    /// # Errors
    /// When it is damaged, or a record of a later version.
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
    fn every_changed_byte_is_noticed() {
        let text = line().encode();
        let text = text.trim_end();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            let damaged = String::from_utf8_lossy(&bytes).into_owned();
            assert!(Line::decode(&damaged).is_err(), "byte {at} changed and nobody noticed");
        }
    }
}
