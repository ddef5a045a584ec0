//! How the machine handles a start of the process and the requests of an operator.

use super::command::Command;
use super::state::{Approval, Next, Outcome, Phase, Trigger};
use super::transition::Transition;
use infra_config::{OnFailure, OnResume};

impl Transition<'_> {
    /// Resumes after the process was killed. Nothing was observed in the meantime.
    pub(super) fn resume(&mut self) -> Vec<Command> {
        self.progress.reset_observations();
        let next = match self.progress.phase.clone() {
            Phase::New => return self.observe(Next::Begin),
            Phase::Done(outcome) => return vec![Command::Finish(outcome)],
            Phase::RollingBack { trigger, why, .. } => return self.try_rolling_back(trigger, why, 1),
            Phase::Releasing { trigger, why, .. } | Phase::Observing { next: Next::Release { trigger, why }, .. } => {
                return self.observe(Next::Release { trigger, why });
            }
            _ if self.plan.on_resume == OnResume::Rollback => {
                let why = "the process was killed, and `on_resume` is `rollback`".to_owned();
                return self.roll_back(Trigger::Resume, why);
            }
            Phase::Observing { next, .. } => next,
            Phase::Checking | Phase::Quiescing | Phase::Draining { .. } | Phase::Shifting => Next::Check,
            Phase::AwaitingApproval => Next::Ask,
            Phase::Baking { .. } => Next::Bake,
            Phase::Paused { .. } => Next::Pause,
            Phase::Holding { why } => Next::Hold { why },
        };
        self.observe(next)
    }

    /// Resumes a cutover that has ended, because an operator ran the command again.
    pub(super) fn restart(&mut self) -> Vec<Command> {
        self.progress.reset_observations();
        match self.progress.phase.clone() {
            Phase::Done(outcome) if outcome.leaves_traffic() => {
                // Running the command again ends a pause.
                self.progress.paused = false;
                self.observe(Next::Begin)
            }
            Phase::Done(Outcome::RollbackStuck { why, .. }) => self.try_rolling_back(Trigger::Failure, why, 1),
            Phase::Done(Outcome::NotReleased { why, .. }) => {
                self.observe(Next::Release { trigger: Trigger::Failure, why })
            }
            _ => self.resume(),
        }
    }

    pub(super) fn approve(&mut self, who: &str) -> Vec<Command> {
        if matches!(self.progress.phase, Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_)) {
            return Vec::new();
        }
        if !self.progress.may_proceed(self.plan) {
            self.progress.approvals.push(Approval { at: self.progress.live, who: who.to_owned(), when: self.now });
        }
        if self.progress.phase == Phase::AwaitingApproval { self.check() } else { Vec::new() }
    }

    pub(super) fn pause(&mut self) -> Vec<Command> {
        let until = match self.progress.phase {
            Phase::RollingBack { .. }
            | Phase::Releasing { .. }
            | Phase::Done(_)
            | Phase::Holding { .. }
            | Phase::Paused { .. } => {
                return Vec::new();
            }
            Phase::Checking => self.now,
            Phase::Baking { until } => until,
            // An operation in flight is not interrupted. The pause begins before the next shift.
            _ => {
                self.progress.paused = true;
                return Vec::new();
            }
        };
        self.progress.paused = true;
        self.pause_with(until)
    }

    /// Ends a pause, or continues after a failure.
    pub(super) fn continue_now(&mut self) -> Vec<Command> {
        self.progress.paused = false;
        self.progress.drained = false;
        match self.progress.phase {
            Phase::Paused { until } => {
                self.enter(Phase::Baking { until });
                vec![Command::Judge]
            }
            Phase::Holding { .. } => {
                self.progress.reset_observations();
                self.observe(Next::Begin)
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn abort(&mut self, who: &str) -> Vec<Command> {
        match (self.plan.on_abort, &self.progress.phase) {
            (
                _,
                Phase::RollingBack { .. }
                | Phase::Releasing { .. }
                | Phase::Observing { next: Next::End { .. } | Next::Release { .. }, .. },
            ) => Vec::new(),
            // A cutover that was held can still be aborted. Any other outcome is final.
            (_, Phase::Done(outcome)) if !outcome.leaves_traffic() => vec![Command::Finish(outcome.clone())],
            (OnFailure::Rollback, _) => self.roll_back(Trigger::Abort, who.to_owned()),
            (OnFailure::Hold, Phase::Shifting | Phase::Observing { .. }) => {
                self.observe(Next::End { why: who.to_owned() })
            }
            (OnFailure::Hold, _) => self.finish(Outcome::Aborted { why: who.to_owned(), rolled_back: false }),
        }
    }

    /// Ends a cutover that needs an operator when there is none.
    pub(super) fn end_unattended(&mut self) -> Vec<Command> {
        let why = match &self.progress.phase {
            Phase::AwaitingApproval => format!("an operator must approve at {}", self.progress.live),
            Phase::Paused { .. } => "an operator paused it".to_owned(),
            Phase::Holding { why } => why.clone(),
            _ => return Vec::new(),
        };
        self.finish(Outcome::Held { why })
    }
}
