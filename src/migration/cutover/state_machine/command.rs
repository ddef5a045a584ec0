//! What the driver of a cutover has to do.

use super::state::Outcome;
use crate::TrafficSplit;

/// A question to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The traffic is at a configured pause. Answers: approve, roll back, abort.
    Approve {
        /// The current split.
        at: TrafficSplit,
    },
    /// An operator paused the cutover. Answers: continue, roll back, abort.
    Paused,
    /// A step failed. Answers: continue, roll back, abort.
    Decide {
        /// What failed.
        why: String,
    },
}

/// What must hold at the moment at which traffic is sent back to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The source is healthy. Otherwise nothing is sent ([`Input::RollbackRefused`](super::Input::RollbackRefused)).
    SourceHealthy,
    /// Nothing: an operator has requested the rollback.
    None,
}

/// Whether the emergency switch may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchUse {
    /// Not yet: the weights have not been tried often enough, or the switch is already used.
    Leave,
    /// If the weights cannot be set by this attempt either.
    IfUnavailable,
}

/// A command to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Observe the current split of the traffic.
    Observe,
    /// Evaluate all gates now.
    Judge,
    /// Evaluate all gates at this time, in seconds since the cutover began. Other events are reported at once.
    Wait {
        /// The time.
        until: u64,
    },
    /// Set both weights in one change, wait until it has propagated, and verify that it is live.
    Shift {
        /// The split to shift to.
        to: TrafficSplit,
    },
    /// Ask the operator, if there is one.
    AskOperator(Question),
    /// Run the quiesce command.
    Quiesce,
    /// Report when the replication lag is zero.
    WaitForLagZero {
        /// The time limit, in seconds since the cutover began.
        until: u64,
    },
    /// Shift all traffic back to the source, regardless of operations in flight, and verify it.
    RollBack {
        /// What led to the rollback first.
        reason: String,
        /// The number of this attempt, from 1. The driver delays later attempts.
        attempt: u32,
        /// What must hold at the moment at which the traffic is sent.
        condition: Condition,
        /// Whether the emergency switch may take the target out if the weights cannot be set.
        switch: SwitchUse,
    },
    /// Run the release command: traffic is back on the source, which was quiesced.
    Release {
        /// The number of this attempt, from 1.
        attempt: u32,
    },
    /// End.
    Finish(Outcome),
}
