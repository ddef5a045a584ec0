//! The limits of a check.

use std::time::Duration;

/// The limits of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Columns with larger values, in bytes, are reported. 32 KB is what a task of DMS transfers without a setting
    /// (`LobMaxSize`, "Target metadata task settings").
    pub wide_bytes: u64,
    /// The largest table, in bytes without TOAST, that is read as a whole to measure its values. Of larger ones, a
    /// random sample of this size is read.
    pub scan_bytes: u64,
    /// How many replication slots and walsenders must be free on each side.
    pub free_slots: u32,
    /// The smallest `max_slot_wal_keep_size`, in bytes.
    pub keep_bytes: u64,
    /// The age at which a transaction is reported. The creation of a slot waits for each of them.
    pub long_transaction: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wide_bytes: 32 * 1024,
            scan_bytes: 4 << 30,
            free_slots: 1,
            keep_bytes: 10 << 30,
            long_transaction: Duration::from_mins(5),
        }
    }
}
