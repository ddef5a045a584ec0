//! What is configured.

use std::time::Duration;

/// How a switchover continues after a kill, as long as both ways are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterKill {
    /// The current row is repeated, if the budget is not used up.
    Complete,
    /// Everything is undone.
    Undo,
}

/// The pauses between attempts of what must succeed: each is twice as long as the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// Returns the pause after an attempt that failed. Attempts count from 1.
    pub fn after(self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

/// The settings of a switchover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The time for all rows together. When it is used up before row `Open` has begun, the switchover is undone.
    pub budget: Duration,
    /// How it continues after a kill.
    pub after_kill: AfterKill,
    /// The pause before a row is repeated whose result is not known yet.
    pub pause: Duration,
    /// The pauses between attempts to undo, to open, and to write the journal.
    pub backoff: Backoff,
    /// The longest time of one attempt to undo or to open. One that hangs is given up and repeated.
    pub attempt_limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            budget: Duration::from_mins(5),
            after_kill: AfterKill::Undo,
            pause: Duration::from_secs(1),
            backoff: Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) },
            attempt_limit: Duration::from_mins(2),
        }
    }
}
