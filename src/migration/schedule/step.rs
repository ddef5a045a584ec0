//! One step of the machine. It is total: whatever comes in whichever phase has an answer.

use super::command::{Command, Question};
use super::event::{Event, Input};
use super::plan::Schedule;
use super::progress::{Approval, Cause, Outcome, Phase, Progress, Quiesce, Then};
use crate::config::{OnResume, Otherwise};
use crate::migration::Split;

/// Takes in what has happened, and says how far the cutover is then and what is to be done.
pub fn step(schedule: &Schedule, progress: &Progress, event: &Event) -> (Progress, Vec<Command>) {
    let mut run = Run { schedule, progress: progress.clone(), now: event.now };
    let commands = run.take(&event.input);
    (run.progress, commands)
}

/// A step under way.
pub(super) struct Run<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) progress: Progress,
    pub(super) now: u64,
}

impl Run<'_> {
    fn take(&mut self, input: &Input) -> Vec<Command> {
        match input {
            Input::Started if self.progress.phase == Phase::New => self.observe(Then::Begin),
            Input::Started | Input::Resumed => self.resume(),
            Input::Restarted => self.restart(),
            Input::Observed(split) => self.observed(*split),
            Input::ObserveFailed(why) => self.unobserved(why),
            Input::Judged(judgements) => self.judged(judgements),
            Input::ShiftDone(to) => self.shifted(*to),
            Input::ShiftFailed(effect, why) => self.unshifted(*effect, why),
            Input::QuiesceDone => self.quiesced(),
            Input::QuiesceFailed(why) if self.progress.phase == Phase::Quiescing => self.fail(format!("the quiesce command failed: {why}")),
            Input::LagZero => self.drained(),
            Input::LagTimeout if matches!(self.progress.phase, Phase::Draining { .. }) => self.lags(),
            Input::QuiesceFailed(_) | Input::LagTimeout => Vec::new(),
            Input::Approved(who) => self.approved(who),
            Input::Paused => self.pause(),
            Input::Continued => self.go_on(),
            Input::AbortAsked(who) => self.abort(who),
            Input::RollbackAsked(who) => self.roll_back(Cause::Asked, who.clone()),
            Input::NobodyThere => self.leave(),
            Input::RollbackDone => self.rolled_back(),
            Input::RollbackFailed(error) => self.not_rolled_back(error),
            Input::Released => self.released(),
            Input::ReleaseFailed(error) => self.not_released(error),
        }
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.progress.phase = phase;
        self.progress.since = self.now;
    }

    /// The next look at the gates, or an earlier moment at which a phase is over.
    pub(super) fn wait(&self, no_later_than: Option<u64>) -> Command {
        let next = self.now.saturating_add(self.schedule.gate_interval_seconds.max(1));
        Command::Wait { until: no_later_than.map_or(next, |limit| next.min(limit.max(self.now))) }
    }

    pub(super) fn observe(&mut self, then: Then) -> Vec<Command> {
        self.enter(Phase::Observing { then, blind_since: None });
        vec![Command::Observe, self.wait(None)]
    }

    /// The gates are judged, and when they pass comes the next step.
    pub(super) fn check(&mut self) -> Vec<Command> {
        self.enter(Phase::Checking);
        vec![Command::Judge]
    }

    /// The step that was made is watched from the beginning.
    pub(super) fn bake(&mut self) -> Vec<Command> {
        if self.progress.live == Split::SOURCE {
            return self.check();
        }
        self.enter(Phase::Baking { until: self.now.saturating_add(self.schedule.bake_seconds) });
        vec![Command::Judge]
    }

    pub(super) fn ask(&mut self) -> Vec<Command> {
        self.enter(Phase::Asking);
        vec![Command::AskPerson(Question::Approve { at: self.progress.live }), self.wait(None)]
    }

    fn rest(&mut self, until: u64) -> Vec<Command> {
        self.enter(Phase::Paused { until });
        vec![Command::AskPerson(Question::Paused), self.wait(None)]
    }

    pub(super) fn hold(&mut self, why: String) -> Vec<Command> {
        self.enter(Phase::Holding { why: why.clone() });
        vec![Command::AskPerson(Question::Decide { why }), self.wait(None)]
    }

    pub(super) fn finish(&mut self, outcome: Outcome) -> Vec<Command> {
        self.enter(Phase::Done(outcome.clone()));
        vec![Command::Finish(outcome)]
    }

    /// The gates have just passed and the last step was watched: what is next?
    pub(super) fn advance(&mut self) -> Vec<Command> {
        if self.progress.paused {
            return self.rest(self.now);
        }
        if !self.progress.may_leave(self.schedule) {
            return self.ask();
        }
        let steps = &self.schedule.steps;
        let Some(next) = steps.after(self.progress.live) else { return self.finish(Outcome::Completed) };
        let last = self.is_last_but_one();
        if last && self.schedule.quiesce && self.progress.quiesce != Quiesce::Done {
            self.progress.quiesce = Quiesce::Started;
            self.enter(Phase::Quiescing);
            return vec![Command::Quiesce, self.wait(None)];
        }
        if let Some(seconds) = self.schedule.lag_zero_seconds.filter(|_| last && !self.progress.drained) {
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

    /// Something failed: it goes where the configuration says.
    pub(super) fn fail(&mut self, why: String) -> Vec<Command> {
        self.progress.failures = self.progress.failures.saturating_add(1);
        self.progress.drained = false;
        match (self.schedule.on_failure, &self.progress.phase) {
            (Otherwise::Rollback, _) => self.roll_back(Cause::Failure, why),
            // Where the traffic is must be known before a person is asked what to do with it.
            (Otherwise::Hold, Phase::Shifting | Phase::Observing { .. }) => self.observe(Then::Hold { why }),
            (Otherwise::Hold, _) => self.hold(why),
        }
    }

    /// All traffic goes back to the source, from wherever it is. What led to it first stays the reason.
    pub(super) fn roll_back(&mut self, cause: Cause, why: String) -> Vec<Command> {
        let (cause, why) = match &self.progress.phase {
            Phase::RollingBack { .. } | Phase::Releasing { .. } => return Vec::new(),
            Phase::Observing { then: Then::Release { cause, why }, .. } => (*cause, why.clone()),
            Phase::Done(Outcome::RollbackStuck { why, .. } | Outcome::NotReleased { why, .. }) => (Cause::Failure, why.clone()),
            _ => (cause, why),
        };
        self.try_rolling_back(cause, why, 1)
    }

    pub(super) fn try_rolling_back(&mut self, cause: Cause, why: String, attempt: u32) -> Vec<Command> {
        self.enter(Phase::RollingBack { cause, why: why.clone(), attempt });
        vec![Command::RollBack { reason: why, attempt }]
    }

    pub(super) fn try_releasing(&mut self, cause: Cause, why: String, attempt: u32) -> Vec<Command> {
        self.enter(Phase::Releasing { cause, why, attempt });
        vec![Command::Release { attempt }]
    }

    /// Returns whether the next step is the last one.
    pub(super) fn is_last_but_one(&self) -> bool {
        let steps = &self.schedule.steps;
        steps.after(self.progress.live).is_some_and(|next| steps.after(next).is_none())
    }

    /// The process was killed, and nobody has looked since.
    fn resume(&mut self) -> Vec<Command> {
        self.progress.begin_anew();
        let then = match self.progress.phase.clone() {
            Phase::New => return self.observe(Then::Begin),
            Phase::Done(outcome) => return vec![Command::Finish(outcome)],
            Phase::RollingBack { cause, why, .. } => return self.try_rolling_back(cause, why, 1),
            Phase::Releasing { cause, why, .. } | Phase::Observing { then: Then::Release { cause, why }, .. } => {
                return self.observe(Then::Release { cause, why });
            }
            _ if self.schedule.on_resume == OnResume::Rollback => {
                return self.roll_back(Cause::Resume, "it was killed, and `on_resume` says `rollback`".to_owned());
            }
            Phase::Observing { then, .. } => then,
            Phase::Checking | Phase::Quiescing | Phase::Draining { .. } | Phase::Shifting => Then::Check,
            Phase::Asking => Then::Ask,
            Phase::Baking { .. } => Then::Bake,
            Phase::Paused { .. } => Then::Pause,
            Phase::Holding { why } => Then::Hold { why },
        };
        self.observe(then)
    }

    /// A person runs the command again after it has ended.
    fn restart(&mut self) -> Vec<Command> {
        self.progress.begin_anew();
        match self.progress.phase.clone() {
            Phase::Done(outcome) if outcome.stays() => {
                // Who runs it again wants it to go on.
                self.progress.paused = false;
                self.observe(Then::Begin)
            }
            Phase::Done(Outcome::RollbackStuck { why, .. }) => self.try_rolling_back(Cause::Failure, why, 1),
            Phase::Done(Outcome::NotReleased { why, .. }) => self.observe(Then::Release { cause: Cause::Failure, why }),
            _ => self.resume(),
        }
    }

    fn approved(&mut self, who: &str) -> Vec<Command> {
        if matches!(self.progress.phase, Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_)) {
            return Vec::new();
        }
        if !self.progress.may_leave(self.schedule) {
            self.progress.approvals.push(Approval { at: self.progress.live, who: who.to_owned(), when: self.now });
        }
        if self.progress.phase == Phase::Asking { self.check() } else { Vec::new() }
    }

    fn pause(&mut self) -> Vec<Command> {
        let until = match self.progress.phase {
            Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_) | Phase::Holding { .. } | Phase::Paused { .. } => {
                return Vec::new();
            }
            Phase::Checking => self.now,
            Phase::Baking { until } => until,
            // What is under way is not torn apart: the pause comes before the next shift.
            _ => {
                self.progress.paused = true;
                return Vec::new();
            }
        };
        self.progress.paused = true;
        self.rest(until)
    }

    fn go_on(&mut self) -> Vec<Command> {
        self.progress.paused = false;
        self.progress.drained = false;
        match self.progress.phase {
            Phase::Paused { until } => {
                self.enter(Phase::Baking { until });
                vec![Command::Judge]
            }
            Phase::Holding { .. } => {
                self.progress.begin_anew();
                self.observe(Then::Begin)
            }
            _ => Vec::new(),
        }
    }

    fn abort(&mut self, who: &str) -> Vec<Command> {
        match (self.schedule.on_abort, &self.progress.phase) {
            (_, Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Observing { then: Then::End { .. } | Then::Release { .. }, .. }) => {
                Vec::new()
            }
            // Whoever left it where it is may still decide that it ends.
            (_, Phase::Done(outcome)) if !outcome.stays() => vec![Command::Finish(outcome.clone())],
            (Otherwise::Rollback, _) => self.roll_back(Cause::Abort, who.to_owned()),
            (Otherwise::Hold, Phase::Shifting | Phase::Observing { .. }) => self.observe(Then::End { why: who.to_owned() }),
            (Otherwise::Hold, _) => self.finish(Outcome::Aborted { why: who.to_owned(), rolled_back: false }),
        }
    }

    fn leave(&mut self) -> Vec<Command> {
        let why = match &self.progress.phase {
            Phase::Asking => format!("a person has to approve at {}", self.progress.live),
            Phase::Paused { .. } => "a person has paused it".to_owned(),
            Phase::Holding { why } => why.clone(),
            _ => return Vec::new(),
        };
        self.finish(Outcome::Held { why })
    }
}
