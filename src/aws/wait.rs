//! The one waiting loop.

use std::time::Duration;

/// What one look at a thing told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// It is where it should be.
    Reached(T),
    /// Not yet; the status is shown to the user. A status that nobody has heard of is also this.
    Pending(String),
    /// It will never get there.
    Failed {
        /// The status.
        status: String,
        /// AWS's reason.
        reason: Option<String>,
    },
}

/// A wait as data. The time-out starts anew whenever the status changes.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What is waited for, for example "NAT gateway `nat-1` to become available".
    pub what: String,
    /// Time between two looks.
    pub every: Duration,
    /// How long one status may last.
    pub patience: Duration,
}

impl Wait {
    /// Looks every `every` seconds and gives up when one status lasts for `patience` seconds.
    pub fn new(what: impl Into<String>, every: u64, patience: u64) -> Self {
        Self { what: what.into(), every: Duration::from_secs(every), patience: Duration::from_secs(patience) }
    }
}
