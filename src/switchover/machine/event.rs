//! What can happen.

use crate::evidence::Found;
use crate::failure::Effect;
use crate::moment::Moment;
use crate::row::{Row, Undo};

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub at: Moment,
    /// What happened.
    pub input: Input,
}

/// What happened. Texts contain no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The switchover begins.
    Started,
    /// A row is done.
    RowDone {
        /// The row.
        row: Row,
        /// Its result.
        found: Found,
    },
    /// A row failed.
    RowFailed {
        /// The row.
        row: Row,
        /// Whether this attempt has changed something.
        effect: Effect,
        /// The reason.
        why: String,
    },
    /// It is not known yet whether a row is done.
    RowInconclusive {
        /// The row.
        row: Row,
        /// What is missing.
        why: String,
    },
    /// The budget of the whole switchover is used up.
    TimedOut,
    /// An operator requested that the switchover be undone.
    Aborted {
        /// Who.
        by: String,
    },
    /// The driver was killed and has been started again.
    Restarted,
    /// Something is undone.
    UndoDone {
        /// What.
        undo: Undo,
    },
    /// Something could not be undone.
    UndoFailed {
        /// What.
        undo: Undo,
        /// The reason.
        why: String,
    },
}
