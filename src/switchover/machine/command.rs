//! What the driver has to do.

use std::time::Duration;

use super::progress::Outcome;
use crate::row::{Row, Undo};

/// A command to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Do a row.
    Do {
        /// The row.
        row: Row,
        /// The number of this attempt, from 1.
        attempt: u32,
        /// The pause before it.
        after: Duration,
    },
    /// Undo a row.
    Undo {
        /// What is undone.
        undo: Undo,
        /// The number of this attempt, from 1.
        attempt: u32,
        /// The pause before it.
        after: Duration,
    },
    /// End.
    Finish(Outcome),
}
