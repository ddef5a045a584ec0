//! A transition in progress: the moves between phases that events, gates and operators share.

use super::command::{Command, Condition, Question, SwitchUse};
use super::state::{Next, Outcome, Phase, Progress, Quiesce, Trigger};
use crate::TrafficSplit;
use crate::cutover::config::CutoverPlan;
use infra_config::OnFailure;

/// The attempt of a rollback from which on the emergency switch is used when the weights cannot be set. Each attempt
/// sends the weights several times.
const SWITCH_FROM_ATTEMPT: u32 = 2;

/// A transition in progress.
pub(super) struct Transition<'a> {
    pub(super) plan: &'a CutoverPlan,
    pub(super) progress: Progress,
    pub(super) now: u64,
}

impl Transition<'_> {
    pub(super) fn enter(&mut self, phase: Phase) {
        self.progress.phase = phase;
        self.progress.since = self.now;
    }

    /// Schedules the next evaluation of the gates, no later than the end of the current phase.
    pub(super) fn wait(&self, no_later_than: Option<u64>) -> Command {
        let next = self.now.saturating_add(self.plan.gate_interval_seconds.max(1));
        Command::Wait { until: no_later_than.map_or(next, |limit| next.min(limit.max(self.now))) }
    }

    pub(super) fn observe(&mut self, next: Next) -> Vec<Command> {
        self.enter(Phase::Observing { next, blind_since: None });
        vec![Command::Observe, self.wait(None)]
    }

    /// Evaluates the gates. The next step follows when they pass.
    pub(super) fn check(&mut self) -> Vec<Command> {
        self.enter(Phase::Checking);
        vec![Command::Judge]
    }

    /// Monitors the last step from the beginning of its bake time.
    pub(super) fn bake(&mut self) -> Vec<Command> {
        if self.progress.live == TrafficSplit::SOURCE {
            return self.check();
        }
        self.progress.live_since = self.now;
        self.enter(Phase::Baking { until: self.now.saturating_add(self.plan.bake_seconds) });
        vec![Command::Judge]
    }

    pub(super) fn ask_for_approval(&mut self) -> Vec<Command> {
        self.enter(Phase::AwaitingApproval);
        vec![Command::AskOperator(Question::Approve { at: self.progress.live }), self.wait(None)]
    }

    /// Pauses. `until` is the end of the bake time of the last step.
    pub(super) fn pause_with(&mut self, until: u64) -> Vec<Command> {
        self.enter(Phase::Paused { until });
        vec![Command::AskOperator(Question::Paused), self.wait(None)]
    }

    pub(super) fn hold(&mut self, why: String) -> Vec<Command> {
        self.enter(Phase::Holding { why: why.clone() });
        vec![Command::AskOperator(Question::Decide { why }), self.wait(None)]
    }

    pub(super) fn finish(&mut self, outcome: Outcome) -> Vec<Command> {
        self.enter(Phase::Done(outcome.clone()));
        vec![Command::Finish(outcome)]
    }

    /// Starts the next step. The gates have just passed and the bake time of the last step is over.
    pub(super) fn advance(&mut self) -> Vec<Command> {
        if self.progress.paused {
            return self.pause_with(self.now);
        }
        if !self.progress.may_proceed(self.plan) {
            return self.ask_for_approval();
        }
        let steps = &self.plan.steps;
        let Some(next) = steps.next_after(self.progress.live) else { return self.finish(Outcome::Completed) };
        let is_last = self.is_before_last_step();
        if is_last && self.plan.quiesce && self.progress.quiesce != Quiesce::Done {
            self.progress.quiesce = Quiesce::Started;
            self.enter(Phase::Quiescing);
            return vec![Command::Quiesce, self.wait(None)];
        }
        if let Some(seconds) = self.plan.lag_zero_seconds.filter(|_| is_last && !self.progress.drained) {
            let until = self.now.saturating_add(seconds);
            self.enter(Phase::Draining { until });
            return vec![Command::WaitForLagZero { until }, self.wait(Some(until))];
        }
        self.progress.intended = next;
        self.progress.drained = false;
        self.progress.attempts = self.progress.attempts.saturating_add(1);
        self.enter(Phase::Shifting);
        vec![Command::Shift { to: next }, self.wait(None)]
    }

    /// Reacts to a failure as configured.
    pub(super) fn fail(&mut self, why: String) -> Vec<Command> {
        self.progress.failures = self.progress.failures.saturating_add(1);
        self.progress.drained = false;
        match (self.plan.on_failure, &self.progress.phase) {
            (OnFailure::Rollback, _) => self.roll_back(Trigger::Failure, why),
            (OnFailure::Hold, _) => self.ask_to_decide(why),
        }
    }

    /// Reacts to something after which traffic stays where it is in every configuration: the source is not healthy, or
    /// too little is known. An operator decides.
    pub(super) fn stay(&mut self, why: String) -> Vec<Command> {
        self.progress.failures = self.progress.failures.saturating_add(1);
        self.progress.drained = false;
        self.ask_to_decide(why)
    }

    /// Asks an operator to decide. The split must be known first.
    fn ask_to_decide(&mut self, why: String) -> Vec<Command> {
        match &self.progress.phase {
            Phase::Shifting | Phase::Observing { .. } => self.observe(Next::Hold { why }),
            _ => self.hold(why),
        }
    }

    /// Shifts all traffic back to the source. The reason that led to the rollback first remains the reason. The request
    /// of an operator makes a rollback in progress unconditional.
    pub(super) fn roll_back(&mut self, trigger: Trigger, why: String) -> Vec<Command> {
        let (trigger, why) = match &self.progress.phase {
            Phase::RollingBack { trigger: Trigger::Requested, .. } | Phase::Releasing { .. } => return Vec::new(),
            Phase::RollingBack { trigger: Trigger::Abort | Trigger::Failure | Trigger::Resume, why, .. } => {
                if trigger != Trigger::Requested {
                    return Vec::new();
                }
                (trigger, why.clone())
            }
            Phase::Observing { next: Next::Release { trigger, why }, .. } => (*trigger, why.clone()),
            Phase::Done(Outcome::RollbackStuck { why, .. } | Outcome::NotReleased { why, .. }) => {
                (trigger, why.clone())
            }
            _ => (trigger, why),
        };
        self.try_rolling_back(trigger, why, 1)
    }

    pub(super) fn try_rolling_back(&mut self, trigger: Trigger, why: String, attempt: u32) -> Vec<Command> {
        self.enter(Phase::RollingBack { trigger, why: why.clone(), attempt });
        let condition = match trigger {
            Trigger::Requested => Condition::None,
            Trigger::Failure | Trigger::Resume | Trigger::Abort => Condition::SourceHealthy,
        };
        let switch = if attempt < SWITCH_FROM_ATTEMPT || self.progress.taken_out {
            SwitchUse::Leave
        } else {
            SwitchUse::IfUnavailable
        };
        vec![Command::RollBack { reason: why, attempt, condition, switch }]
    }

    pub(super) fn try_releasing(&mut self, trigger: Trigger, why: String, attempt: u32) -> Vec<Command> {
        self.enter(Phase::Releasing { trigger, why, attempt });
        vec![Command::Release { attempt }]
    }

    pub(super) fn lag_timeout(&mut self) -> Vec<Command> {
        let seconds = self.plan.lag_zero_seconds.unwrap_or_default();
        self.fail(format!("the replication lag did not reach zero within {seconds} s"))
    }

    /// Returns whether the next step is the last one.
    pub(super) fn is_before_last_step(&self) -> bool {
        let steps = &self.plan.steps;
        steps.next_after(self.progress.live).is_some_and(|next| steps.next_after(next).is_none())
    }
}
