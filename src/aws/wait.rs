//! Waits as data, for the single wait loop.

use std::time::Duration;

/// The result of one read during a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// The expected state is reached.
    Reached(T),
    /// Not yet. The status is shown to the user. Unknown statuses are pending, too.
    Pending(String),
    /// The expected state cannot be reached any more.
    Failed {
        /// The status.
        status: String,
        /// AWS's reason.
        reason: Option<String>,
    },
}

/// A wait as data. The timeout starts again whenever the status changes.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What is waited for, for example "NAT gateway `nat-1` to become available".
    pub what: String,
    /// Time between two reads.
    pub every: Duration,
    /// How long a single status may last.
    pub stall_timeout: Duration,
}

impl Wait {
    /// Returns a wait that reads every `every` seconds and fails when one status lasts for `stall_timeout` seconds.
    pub fn new(what: impl Into<String>, every: u64, stall_timeout: u64) -> Self {
        Self { what: what.into(), every: Duration::from_secs(every), stall_timeout: Duration::from_secs(stall_timeout) }
    }
}
