//! What can go wrong while changes are captured.

use tokio_postgres::error::SqlState;

use super::decoding::DecodeError;
use crate::model::{Lsn, LsnError};

/// An error of the capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A query on the source failed.
    #[error("could not {operation} the replication slot `{slot}`")]
    Query {
        /// What was attempted.
        operation: &'static str,
        /// The name of the slot.
        slot: String,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The slot is not there.
    #[error("the replication slot `{slot}` does not exist on the source")]
    Missing {
        /// The name of the slot.
        slot: String,
    },
    /// The slot belongs to another database or another plugin.
    #[error("the replication slot `{slot}` is for {found}, not for {wanted}")]
    Foreign {
        /// The name of the slot.
        slot: String,
        /// Its database and plugin.
        found: String,
        /// The expected ones.
        wanted: String,
    },
    /// The server removed log files that the slot needs (`max_slot_wal_keep_size`).
    #[error("the source removed the log that the replication slot `{slot}` needs; the data must be loaded again")]
    Lost {
        /// The name of the slot.
        slot: String,
    },
    /// The start position is older than what the slot has.
    #[error("the start position {wanted} is older than {confirmed}, the confirmed position of the slot `{slot}`")]
    TooOld {
        /// The name of the slot.
        slot: String,
        /// The start position.
        wanted: Lsn,
        /// The position of the slot.
        confirmed: Lsn,
    },
    /// The plugin wrote a text that is not understood.
    #[error("could not understand the change at {lsn}")]
    Decode {
        /// Its position.
        lsn: Lsn,
        /// The cause.
        #[source]
        source: DecodeError,
    },
    /// The lines of the plugin are not in the order of transactions.
    #[error("the slot returned {what} at {lsn}")]
    Order {
        /// Its position.
        lsn: Lsn,
        /// What is wrong.
        what: &'static str,
    },
    /// The server returned a position that is none.
    #[error("the server returned an unknown position")]
    Position(#[from] LsnError),
}

impl CaptureError {
    /// Whether DMS tries again by itself: "a recoverable error such as a lost connection" (DMS user guide, "Error
    /// handling task settings"). A slot that is in use is one: the session that used it ends soon.
    pub fn is_recoverable(&self) -> bool {
        match self {
            Self::Query { source, .. } => match source.code() {
                None => true,
                Some(code) => {
                    *code == SqlState::OBJECT_IN_USE
                        || ["08", "53", "57"].iter().any(|class| code.code().starts_with(class))
                }
            },
            _ => false,
        }
    }
}
