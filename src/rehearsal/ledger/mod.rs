//! The ledger: an append-only file of what was sent and what was acknowledged.

mod entry;
mod file;
mod read;

pub(crate) use entry::{Acknowledged, Ended, Entry, Intent, RecordedTable, Sent, Written};
pub use entry::{Kind, Outcome};
pub use file::{Ledger, now};
pub(crate) use read::{Reader, Tables};
