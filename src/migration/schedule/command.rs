//! What the driver of a cutover is to do.

use super::progress::Outcome;
use crate::migration::Split;

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The traffic is at a pause of the schedule; may it go on? Answers: approve, roll back, abort.
    Approve {
        /// Where the traffic is.
        at: Split,
    },
    /// A person has paused it; shall it go on? Answers: go on, roll back, abort.
    Paused,
    /// Something failed; what now? Answers: go on, roll back, abort.
    Decide {
        /// What failed.
        why: String,
    },
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Find out where the traffic is.
    Observe,
    /// Judge all gates now.
    Judge,
    /// Judge all gates at this time, in seconds since the cutover began. Whatever happens before is told at once.
    Wait {
        /// The time.
        until: u64,
    },
    /// Set both weights in one change, wait until it is everywhere, and look whether it is live.
    Shift {
        /// Where traffic is to go.
        to: Split,
    },
    /// Ask a person, if there is one.
    AskPerson(Question),
    /// Run the quiesce command.
    Quiesce,
    /// Tell when the replication lag is zero.
    WaitForLagZero {
        /// How long, in seconds since the cutover began.
        until: u64,
    },
    /// Bring all traffic back to the source, whatever was under way, and see that it is there.
    RollBack {
        /// Why, with what came first.
        reason: String,
        /// The number of this attempt, from 1; later ones may wait a little.
        attempt: u32,
    },
    /// Run the release command: the traffic is back on the source, whose writes were stopped.
    Release {
        /// The number of this attempt, from 1.
        attempt: u32,
    },
    /// End.
    Finish(Outcome),
}
