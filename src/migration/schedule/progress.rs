//! How far a cutover has got: all that must outlive the process.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::plan::Schedule;
use crate::migration::Split;
use crate::migration::gate::Watch;

/// Where to go on once it is known where the traffic is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The cutover begins, or a person has decided to go on: it takes the traffic from wherever it is.
    Begin,
    /// The gates are judged, then comes the next step.
    Check,
    /// The step that was made last is watched from the beginning.
    Bake,
    /// A person is asked to approve.
    Ask,
    /// It stays paused.
    Pause,
    /// Something failed, and a person decides.
    Hold {
        /// What failed.
        why: String,
    },
    /// It was aborted, and the traffic stays where it is.
    End {
        /// Who aborted it, or how.
        why: String,
    },
    /// Traffic was back on the source, which is still to be released.
    Release {
        /// Why traffic went back.
        cause: Cause,
        /// Why, in words.
        why: String,
    },
}

/// Why traffic goes back to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Something failed.
    Failure,
    /// A cutover that was killed is configured to go back.
    Resume,
    /// It was aborted.
    Abort,
    /// A person wants it.
    Asked,
}

/// How a cutover ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All traffic goes to the target, and the gates held to the end.
    Completed,
    /// All traffic goes to the source again.
    RolledBack {
        /// What led to it.
        why: String,
    },
    /// Traffic stays where it is, until a person decides: the same command goes on from there.
    Held {
        /// What led to it.
        why: String,
    },
    /// It was aborted.
    Aborted {
        /// Who aborted it, or how.
        why: String,
        /// Whether all traffic goes to the source again; otherwise it stays where it is.
        rolled_back: bool,
    },
    /// Traffic was to go back to the source, and that did not succeed. The same command tries again.
    RollbackStuck {
        /// What led to it.
        why: String,
        /// What stands in the way.
        error: String,
    },
    /// All traffic goes to the source again, and the release command failed: the source may still refuse writes. The same command runs it
    /// again.
    NotReleased {
        /// What led to it.
        why: String,
        /// How the command failed.
        error: String,
    },
}

impl Outcome {
    /// The name in records and events.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RolledBack { .. } => "rolled back",
            Self::Held { .. } => "held",
            Self::Aborted { rolled_back: true, .. } => "aborted and rolled back",
            Self::Aborted { rolled_back: false, .. } => "aborted",
            Self::RollbackStuck { .. } => "roll-back stuck",
            Self::NotReleased { .. } => "rolled back, and not released",
        }
    }

    /// Returns what led to it, unless it is what was wanted.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Completed => None,
            Self::RolledBack { why }
            | Self::Held { why }
            | Self::Aborted { why, .. }
            | Self::RollbackStuck { why, .. }
            | Self::NotReleased { why, .. } => Some(why),
        }
    }

    /// Returns whether the same command can go on from here; otherwise it has to begin anew.
    pub fn can_go_on(&self) -> bool {
        self.stays() || matches!(self, Self::RollbackStuck { .. } | Self::NotReleased { .. })
    }

    /// Returns whether traffic was left where it was, for a person to decide.
    pub fn stays(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::Aborted { rolled_back: false, .. })
    }

    /// Returns whether all traffic was brought back, and nothing more is to be done.
    pub fn is_back(&self) -> bool {
        matches!(self, Self::RolledBack { .. } | Self::Aborted { rolled_back: true, .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a cutover is doing. Times are seconds since it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Nothing yet.
    New,
    /// It finds out where the traffic is.
    Observing {
        /// Where to go on then.
        then: Then,
        /// Since when it could not be found out.
        blind_since: Option<u64>,
    },
    /// It judges the gates before the next step.
    Checking,
    /// It waits for a person to approve.
    Asking,
    /// It runs the quiesce command.
    Quiescing,
    /// It waits until the replication lag is zero.
    Draining {
        /// How long.
        until: u64,
    },
    /// It makes a step: the traffic is on the way to `intended`.
    Shifting,
    /// It watches a step that was made.
    Baking {
        /// How long.
        until: u64,
    },
    /// A person has paused it.
    Paused {
        /// How long the last step was still to be watched.
        until: u64,
    },
    /// Something failed, and it waits for a person to decide.
    Holding {
        /// What failed.
        why: String,
    },
    /// It brings all traffic back to the source.
    RollingBack {
        /// Why.
        cause: Cause,
        /// Why, in words.
        why: String,
        /// The number of this attempt, from 1.
        attempt: u32,
    },
    /// All traffic is on the source, and it runs the release command.
    Releasing {
        /// Why traffic went back.
        cause: Cause,
        /// Why, in words.
        why: String,
        /// The number of this attempt, from 1.
        attempt: u32,
    },
    /// It has ended.
    Done(Outcome),
}

impl Phase {
    /// The name in records and events.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Observing { .. } => "observing",
            Self::Checking => "checking",
            Self::Asking => "waiting for approval",
            Self::Quiescing => "quiescing",
            Self::Draining { .. } => "waiting for the replication",
            Self::Shifting => "shifting",
            Self::Baking { .. } => "watching",
            Self::Paused { .. } => "paused",
            Self::Holding { .. } => "holding",
            Self::RollingBack { .. } => "rolling back",
            Self::Releasing { .. } => "releasing the source",
            Self::Done(_) => "ended",
        }
    }

    /// Returns when it is over by itself, in seconds since the cutover began, if it has such a moment.
    pub fn until(&self) -> Option<u64> {
        match self {
            Self::Draining { until } | Self::Baking { until } => Some(*until),
            _ => None,
        }
    }
}

/// How far the quiesce command has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiesce {
    /// It was not run.
    #[default]
    NotRun,
    /// It was started; whether it has done its work is not known.
    Started,
    /// It has done its work.
    Done,
}

impl Quiesce {
    /// Once it was started it may have an effect, and whether that lasts is not known later on: it is run again before the last step, and the
    /// source is released when traffic goes back.
    #[must_use]
    pub fn or_started(self) -> Self {
        if self == Self::NotRun { Self::NotRun } else { Self::Started }
    }
}

/// A person has approved that it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Where the traffic was.
    pub at: Split,
    /// Who it was.
    pub who: String,
    /// When, in seconds since the cutover began.
    pub when: u64,
}

/// How far a cutover has got. A step is done when traffic is there, so the steps need no count of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Since when, in seconds since it began.
    pub since: u64,
    /// Where traffic goes, as far as is known.
    pub live: Split,
    /// Where it is on the way to; the same as `live` unless a shift is under way or its outcome is unknown.
    pub intended: Split,
    /// The gates that do not pass.
    pub watch: Watch,
    /// How many failures there were.
    pub failures: u32,
    /// How many times in a row the shift that is next was tried.
    pub attempts: u32,
    /// What was approved.
    pub approvals: Vec<Approval>,
    /// Whether a person wants it to pause as soon as it can.
    pub paused: bool,
    /// The quiesce command.
    pub quiesce: Quiesce,
    /// Whether the replication lag was zero just now.
    pub drained: bool,
}

impl Progress {
    /// Makes the beginning of a cutover that comes after another: what that did to the source is still to be undone.
    pub fn after(before: Option<&Self>) -> Self {
        let quiesce = before.map_or(Quiesce::NotRun, |before| before.quiesce.or_started());
        Self { quiesce, ..Self::new() }
    }

    /// Makes the beginning of a cutover.
    pub fn new() -> Self {
        Self {
            phase: Phase::New,
            since: 0,
            live: Split::SOURCE,
            intended: Split::SOURCE,
            watch: Watch::default(),
            failures: 0,
            attempts: 0,
            approvals: Vec::new(),
            paused: false,
            quiesce: Quiesce::NotRun,
            drained: false,
        }
    }

    /// Returns how it ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// What was seen and done before is long ago: the gates are judged anew, and writes to the source may have been let in again meanwhile.
    pub(super) fn begin_anew(&mut self) {
        self.watch.forget();
        self.drained = false;
        self.attempts = 0;
        self.quiesce = self.quiesce.or_started();
    }

    /// Returns the step at which it waits for a person to approve, or has ended because nobody was there who could.
    pub fn waits_at(&self, schedule: &Schedule) -> Option<Split> {
        let waits = self.phase == Phase::Asking || self.outcome().is_some_and(Outcome::stays);
        (waits && !self.may_leave(schedule)).then_some(self.live)
    }

    /// Returns whether no approval is missing to go on from here.
    pub(super) fn may_leave(&self, schedule: &Schedule) -> bool {
        !schedule.pause_at.contains(&self.live) || self.approvals.iter().any(|approval| approval.at == self.live)
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
