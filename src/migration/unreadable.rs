//! Records of this crate in the state that cannot be read back.
//!
//! The state keeps them as JSON that only this crate understands. One that is there and cannot be read is never taken
//! for a missing one: what it says may forbid what would be offered without it.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A record in the state that this version cannot read: a newer version has written it, or it is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state contains {what} that this version cannot read: {reason}")]
pub struct UnreadableRecord {
    /// What it is, with its address if there can be several.
    pub what: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// Reads a record of the state.
pub(crate) fn read<T: DeserializeOwned>(what: impl FnOnce() -> String, saved: &Value) -> Result<T, UnreadableRecord> {
    T::deserialize(saved).map_err(|error| UnreadableRecord { what: what(), reason: error.to_string() })
}
