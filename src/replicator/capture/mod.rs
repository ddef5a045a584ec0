//! Captures the changes of the source from a logical replication slot.
//!
//! DMS reads the slot with the plugin `test_decoding`; so does this, with the SQL functions of PostgreSQL. The slot
//! keeps the log until the target has committed a change: [`Slot::read`] only looks, and [`Slot::advance`] moves on.
//! What was applied but not acknowledged is therefore read again after a failure ("at least once").
//!
//! "If you don't enable pglogical on your PostgreSQL source database, AWS DMS uses the test_decoding plugin by default"
//! (DMS user guide, "Using a PostgreSQL database as an AWS DMS source").

mod batch;
mod decoding;
mod error;
mod position;
mod slot;

#[cfg(test)]
pub(crate) mod tests;

pub use batch::{Assembler, Batch};
pub use decoding::{DecodeError, Message, parse};
pub use error::CaptureError;
pub use position::{PositionError, StartPosition, StopPosition};
pub use slot::{Limits, Slot, SlotState};

use crate::model::TableName;

/// Whether a table belongs to DMS itself. Its changes are not replicated, but they move the position of the slot; that
/// is the purpose of the heartbeat ("keeps `restart_lsn` moving", DMS user guide, `HeartbeatEnable`).
pub fn is_control_table(table: &TableName) -> bool {
    table.name.starts_with("awsdms_")
}
