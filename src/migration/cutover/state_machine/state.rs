//! The progress of a cutover: all of its state that outlives the process.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TrafficSplit;
use crate::cutover::config::CutoverPlan;
use crate::gate::GateTracker;

/// What happens once the split of the traffic is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// The cutover begins, or an operator continued it: it starts from the current split.
    Begin,
    /// The gates are evaluated, then the next step follows.
    Check,
    /// The last step is monitored from the beginning.
    Bake,
    /// An operator is asked to approve.
    Ask,
    /// The cutover stays paused.
    Pause,
    /// A step failed, and an operator decides.
    Hold {
        /// What failed.
        why: String,
    },
    /// The cutover was aborted, and traffic stays where it is.
    End {
        /// Who aborted it, or how.
        why: String,
    },
    /// Traffic was shifted back to the source, which still has to be released.
    Release {
        /// What triggered the rollback.
        #[serde(rename = "cause")]
        trigger: Trigger,
        /// The reason as text.
        why: String,
    },
}

/// What triggered a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A failure.
    Failure,
    /// The process was killed, and the configuration requires a rollback on resume.
    Resume,
    /// An abort.
    Abort,
    /// A request of an operator.
    #[serde(rename = "asked")]
    Requested,
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
    /// Traffic stays where it is until an operator decides. The same command resumes from there.
    Held {
        /// What led to it.
        why: String,
    },
    /// The cutover was aborted.
    Aborted {
        /// Who aborted it, or how.
        why: String,
        /// Whether all traffic goes to the source again. Otherwise it stays where it is.
        rolled_back: bool,
    },
    /// Traffic could not be shifted back to the source. The same command tries again. Only earlier versions end like
    /// this: a rollback is tried until it succeeds.
    RollbackStuck {
        /// What led to the rollback.
        why: String,
        /// What prevents it.
        error: String,
    },
    /// All traffic goes to the source again, but the release command failed: the source may still refuse writes. The
    /// same command runs the release command again.
    NotReleased {
        /// What led to the rollback.
        why: String,
        /// How the release command failed.
        error: String,
    },
}

impl Outcome {
    /// Returns the name in reports and events.
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

    /// Returns what led to the outcome, unless it is the intended one.
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

    /// Returns whether the same command resumes from here. Otherwise it starts a new cutover.
    pub fn can_resume(&self) -> bool {
        self.leaves_traffic() || matches!(self, Self::RollbackStuck { .. } | Self::NotReleased { .. })
    }

    /// Returns whether traffic was left where it was, for an operator to decide.
    pub fn leaves_traffic(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::Aborted { rolled_back: false, .. })
    }

    /// Returns whether all traffic returned to the source and nothing is left to do.
    pub fn is_rolled_back(&self) -> bool {
        matches!(self, Self::RolledBack { .. } | Self::Aborted { rolled_back: true, .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a cutover is doing. Times are in seconds since it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Not started.
    New,
    /// Observing the split of the traffic.
    Observing {
        /// What follows.
        #[serde(rename = "then")]
        next: Next,
        /// Since when the observation has failed.
        blind_since: Option<u64>,
    },
    /// Evaluating the gates before the next step.
    Checking,
    /// Waiting for an operator's approval.
    #[serde(rename = "asking")]
    AwaitingApproval,
    /// Running the quiesce command.
    Quiescing,
    /// Waiting until the replication lag is zero.
    Draining {
        /// The time limit.
        until: u64,
    },
    /// Shifting the traffic to `intended`.
    Shifting,
    /// Monitoring the last step.
    Baking {
        /// The end of the bake time.
        until: u64,
    },
    /// Paused by an operator.
    Paused {
        /// The end of the bake time of the last step.
        until: u64,
    },
    /// Waiting for an operator's decision after a failure.
    Holding {
        /// What failed.
        why: String,
    },
    /// Shifting all traffic back to the source.
    RollingBack {
        /// What triggered the rollback.
        #[serde(rename = "cause")]
        trigger: Trigger,
        /// The reason as text.
        why: String,
        /// The number of this attempt, from 1.
        attempt: u32,
    },
    /// Running the release command, with all traffic on the source.
    Releasing {
        /// What triggered the rollback.
        #[serde(rename = "cause")]
        trigger: Trigger,
        /// The reason as text.
        why: String,
        /// The number of this attempt, from 1.
        attempt: u32,
    },
    /// Ended.
    Done(Outcome),
}

impl Phase {
    /// Returns the name in reports and events.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Observing { .. } => "observing",
            Self::Checking => "checking",
            Self::AwaitingApproval => "waiting for approval",
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

    /// Returns when the phase ends without an event, in seconds since the cutover began, if it does.
    pub fn until(&self) -> Option<u64> {
        match self {
            Self::Draining { until } | Self::Baking { until } => Some(*until),
            _ => None,
        }
    }
}

/// The progress of the quiesce command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiesce {
    /// Not run.
    #[default]
    NotRun,
    /// Started. Whether it succeeded is unknown.
    Started,
    /// Succeeded.
    Done,
}

impl Quiesce {
    /// Returns the progress after an interruption. Once the command was started it may have an effect, and whether the
    /// effect lasts is unknown later on: the command runs again before the last step, and the source is released when
    /// traffic returns to it.
    #[must_use]
    pub fn or_started(self) -> Self {
        if self == Self::NotRun { Self::NotRun } else { Self::Started }
    }
}

/// An operator's approval that the cutover continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The split at that time.
    pub at: TrafficSplit,
    /// Who approved.
    pub who: String,
    /// When, in seconds since the cutover began.
    pub when: u64,
}

/// The progress of a cutover. A step is complete when traffic has its split, so there is no count of steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The current phase.
    pub phase: Phase,
    /// When the phase began, in seconds since the cutover began.
    pub since: u64,
    /// The split of the traffic, as far as is known.
    pub live: TrafficSplit,
    /// The split that is being shifted to. It equals `live` unless a shift is in flight or its result is unknown.
    pub intended: TrafficSplit,
    /// The gates that do not pass.
    #[serde(rename = "watch")]
    pub gates: GateTracker,
    /// The number of failures.
    pub failures: u32,
    /// How many times in a row the next shift was tried.
    pub attempts: u32,
    /// The approvals.
    pub approvals: Vec<Approval>,
    /// Whether an operator requested a pause as soon as possible.
    pub paused: bool,
    /// The progress of the quiesce command.
    pub quiesce: Quiesce,
    /// Whether the replication lag was zero at the last check.
    pub drained: bool,
    /// Since when the current split has been live, as far as is known, in seconds since the cutover began. Earlier
    /// versions have not stored it.
    #[serde(default)]
    pub live_since: u64,
    /// Whether a rollback has used the emergency switch: the target gets no traffic, whatever the weights are.
    #[serde(default)]
    pub taken_out: bool,
}

impl Progress {
    /// Returns the initial progress of a cutover that follows another, whose effect on the source must still be undone.
    pub fn after(before: Option<&Self>) -> Self {
        let quiesce = before.map_or(Quiesce::NotRun, |before| before.quiesce.or_started());
        Self { quiesce, ..Self::new() }
    }

    /// Returns the initial progress of a cutover.
    pub fn new() -> Self {
        Self {
            phase: Phase::New,
            since: 0,
            live: TrafficSplit::SOURCE,
            intended: TrafficSplit::SOURCE,
            gates: GateTracker::default(),
            failures: 0,
            attempts: 0,
            approvals: Vec::new(),
            paused: false,
            quiesce: Quiesce::NotRun,
            drained: false,
            live_since: 0,
            taken_out: false,
        }
    }

    /// Returns how the cutover ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Discards observations from before an interruption: the gates are evaluated from the beginning, and writes to the
    /// source may have been allowed in the meantime.
    pub(super) fn reset_observations(&mut self) {
        self.gates.reset();
        self.drained = false;
        self.attempts = 0;
        self.quiesce = self.quiesce.or_started();
    }

    /// Returns the step at which the cutover waits for an approval, or at which it ended because there was no operator.
    pub fn awaits_approval_at(&self, plan: &CutoverPlan) -> Option<TrafficSplit> {
        let waits = self.phase == Phase::AwaitingApproval || self.outcome().is_some_and(Outcome::leaves_traffic);
        (waits && !self.may_proceed(plan)).then_some(self.live)
    }

    /// Returns whether the next step needs no further approval.
    pub(super) fn may_proceed(&self, plan: &CutoverPlan) -> bool {
        !plan.pause_at.contains(&self.live) || self.approvals.iter().any(|approval| approval.at == self.live)
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// States of earlier versions contain these names.
    #[test]
    fn stored_names_are_stable() {
        let observing = json!({
            "phase": "observing",
            "then": { "release": { "cause": "asked", "why": "anna" } },
            "blind_since": null,
        });
        let next = Next::Release { trigger: Trigger::Requested, why: "anna".to_owned() };
        let phase: Phase = serde_json::from_value(observing).expect("a phase");
        assert_eq!(phase, Phase::Observing { next, blind_since: None });
        let rolling_back = json!({ "phase": "rolling_back", "cause": "failure", "why": "lag", "attempt": 1 });
        let phase: Phase = serde_json::from_value(rolling_back).expect("a phase");
        assert_eq!(phase, Phase::RollingBack { trigger: Trigger::Failure, why: "lag".to_owned(), attempt: 1 });
        assert_eq!(serde_json::to_value(Phase::AwaitingApproval).expect("JSON"), json!({ "phase": "asking" }));
        let progress = serde_json::to_value(Progress::new()).expect("JSON");
        assert!(progress.get("watch").is_some_and(serde_json::Value::is_object), "{progress}");
    }

    /// Earlier versions gave up on a rollback, and stored fewer fields.
    #[test]
    fn a_cutover_of_an_earlier_version_is_read() {
        let stored = json!({
            "phase": { "phase": "done", "outcome": "rollback_stuck", "why": "lag", "error": "no answer" },
            "since": 7, "live": 40, "intended": 0, "watch": {}, "failures": 1, "attempts": 0, "approvals": [],
            "paused": false, "quiesce": "not_run", "drained": false,
        });
        let progress: Progress = serde_json::from_value(stored).expect("progress");
        let stuck = Outcome::RollbackStuck { why: "lag".to_owned(), error: "no answer".to_owned() };
        assert!(stuck.can_resume());
        assert_eq!((progress.phase, progress.live_since, progress.taken_out), (Phase::Done(stuck), 0, false));
    }
}
