//! How the machine handles the results of commands: the observed split, shifts, the quiesce command, the replication
//! lag, rollbacks and the release command.

use super::command::Command;
use super::state::{Next, Outcome, Phase, Quiesce, Trigger};
use super::transition::Transition;
use crate::TrafficSplit;
use crate::shift::ShiftEffect;

/// How many times in a row a shift with an unknown result is tried when it turns out that it had no effect.
const SHIFT_ATTEMPTS: u32 = 3;

/// How many times in a row a release is tried before manual action is required.
const RELEASE_ATTEMPTS: u32 = 3;

impl Transition<'_> {
    /// The split of the traffic was observed.
    pub(super) fn observed(&mut self, split: TrafficSplit) -> Vec<Command> {
        let expected = split == self.progress.live || split == self.progress.intended;
        let shifted = expected && split != self.progress.live;
        match self.progress.phase.clone() {
            Phase::Observing { next, .. } => {
                let before = std::mem::replace(&mut self.progress.live, split);
                self.progress.intended = split;
                if shifted {
                    self.progress.attempts = 0;
                }
                self.continue_with(next, expected, before, shifted)
            }
            // The operation in flight reports its own result.
            Phase::New | Phase::Shifting | Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_) => {
                Vec::new()
            }
            _ if expected => Vec::new(),
            _ => {
                let why = changed_externally(split, self.progress.live);
                self.progress.live = split;
                self.progress.intended = split;
                self.fail(why)
            }
        }
    }

    fn continue_with(&mut self, next: Next, expected: bool, before: TrafficSplit, shifted: bool) -> Vec<Command> {
        let live = self.progress.live;
        match next {
            Next::End { why } => self.finish(Outcome::Aborted { why, rolled_back: false }),
            Next::Hold { why } => self.hold(why),
            // The bake time is already over, and the time in which the source refuses writes must stay short.
            Next::Begin if before == live && self.progress.quiesce != Quiesce::NotRun && self.is_before_last_step() => {
                self.check()
            }
            Next::Begin => self.bake(),
            Next::Release { trigger, why } if live == TrafficSplit::SOURCE => self.try_releasing(trigger, why, 1),
            // The traffic was shifted externally after the rollback.
            Next::Release { .. } => {
                self.enter(Phase::Checking);
                self.fail(changed_externally(live, before))
            }
            _ if !expected => {
                // The split is known, so an operator can be asked without another observation.
                self.enter(Phase::Checking);
                self.fail(changed_externally(live, before))
            }
            Next::Check | Next::Bake if shifted => self.bake(),
            Next::Check if self.progress.attempts >= SHIFT_ATTEMPTS => {
                self.enter(Phase::Checking);
                self.fail(format!("the shift from {live} was tried {SHIFT_ATTEMPTS} times without an effect"))
            }
            Next::Check => self.check(),
            Next::Bake => self.bake(),
            Next::Ask => self.ask_for_approval(),
            Next::Pause => {
                let bake_seconds = if live == TrafficSplit::SOURCE { 0 } else { self.plan.bake_seconds };
                self.pause_with(self.now.saturating_add(bake_seconds))
            }
        }
    }

    /// The split of the traffic could not be observed.
    pub(super) fn observe_failed(&mut self, why: &str) -> Vec<Command> {
        let Phase::Observing { next, blind_since } = self.progress.phase.clone() else { return Vec::new() };
        let since = blind_since.unwrap_or(self.now);
        let seconds = self.now.saturating_sub(since);
        if seconds < self.plan.no_data_seconds {
            self.progress.phase = Phase::Observing { next, blind_since: Some(since) };
            return vec![self.wait(None)];
        }
        let blind = format!("the split of the traffic cannot be observed: {why}");
        match next {
            Next::End { why } => self.finish(Outcome::Aborted { why: format!("{why}; {blind}"), rolled_back: false }),
            Next::Hold { why } => self.hold(format!("{why}; {blind}")),
            // The last observation found all traffic on the source.
            Next::Release { trigger, why } => self.try_releasing(trigger, why, 1),
            _ => {
                self.enter(Phase::Checking);
                self.fail(blind)
            }
        }
    }

    /// A shift is live.
    pub(super) fn shift_done(&mut self, to: TrafficSplit) -> Vec<Command> {
        match &self.progress.phase {
            Phase::Shifting if to == self.progress.intended => {
                self.progress.live = to;
                self.progress.attempts = 0;
                self.bake()
            }
            Phase::Shifting => self.observe(Next::Check),
            // The result of a shift in flight answers the observation.
            Phase::Observing { .. } => self.observed(to),
            Phase::RollingBack { .. } => {
                self.progress.live = to;
                self.progress.intended = to;
                Vec::new()
            }
            // A shift must not take effect after a rollback. If it does, it is rolled back.
            Phase::Releasing { why, .. }
            | Phase::Done(
                Outcome::RolledBack { why }
                | Outcome::Aborted { why, rolled_back: true }
                | Outcome::NotReleased { why, .. },
            ) if to != TrafficSplit::SOURCE => {
                let why = why.clone();
                self.progress.live = to;
                self.progress.intended = to;
                self.try_rolling_back(Trigger::Failure, why, 1)
            }
            Phase::New | Phase::Releasing { .. } | Phase::Done(_) => Vec::new(),
            _ if to == self.progress.live => Vec::new(),
            Phase::Holding { why } => {
                let next = Next::Hold { why: why.clone() };
                self.observe(next)
            }
            _ => self.observe(Next::Bake),
        }
    }

    /// A shift failed.
    pub(super) fn shift_failed(&mut self, effect: ShiftEffect, why: &str) -> Vec<Command> {
        if self.progress.phase != Phase::Shifting {
            return Vec::new();
        }
        match effect {
            ShiftEffect::Unknown => self.observe(Next::Check),
            // An external change is not overwritten.
            ShiftEffect::Overridden(found) => {
                let why = format!(
                    "the shift to {} was live, and was then changed externally to {found}",
                    self.progress.intended
                );
                self.progress.live = found;
                self.progress.intended = found;
                self.enter(Phase::Checking);
                self.fail(why)
            }
            ShiftEffect::None => {
                let why = format!("the shift to {} failed: {why}", self.progress.intended);
                self.progress.intended = self.progress.live;
                self.enter(Phase::Checking);
                self.fail(why)
            }
        }
    }

    pub(super) fn quiesced(&mut self) -> Vec<Command> {
        if self.progress.phase != Phase::Quiescing {
            return Vec::new();
        }
        self.progress.quiesce = Quiesce::Done;
        self.check()
    }

    pub(super) fn drained(&mut self) -> Vec<Command> {
        let Phase::Draining { .. } = self.progress.phase else { return Vec::new() };
        self.progress.drained = true;
        self.check()
    }

    /// All traffic goes to the source.
    pub(super) fn rollback_done(&mut self) -> Vec<Command> {
        let Phase::RollingBack { trigger, why, .. } = self.progress.phase.clone() else { return Vec::new() };
        self.progress.live = TrafficSplit::SOURCE;
        self.progress.intended = TrafficSplit::SOURCE;
        if self.progress.quiesce != Quiesce::NotRun {
            return self.try_releasing(trigger, why, 1);
        }
        self.finish_rollback(trigger, why)
    }

    fn finish_rollback(&mut self, trigger: Trigger, why: String) -> Vec<Command> {
        self.finish(match trigger {
            Trigger::Abort => Outcome::Aborted { why, rolled_back: true },
            Trigger::Failure | Trigger::Resume | Trigger::Requested => Outcome::RolledBack { why },
        })
    }

    /// The release command has undone the quiesce command.
    pub(super) fn released(&mut self) -> Vec<Command> {
        let Phase::Releasing { trigger, why, .. } = self.progress.phase.clone() else { return Vec::new() };
        self.progress.quiesce = Quiesce::NotRun;
        self.finish_rollback(trigger, why)
    }

    pub(super) fn release_failed(&mut self, error: &str) -> Vec<Command> {
        let Phase::Releasing { trigger, why, attempt } = self.progress.phase.clone() else { return Vec::new() };
        if attempt < RELEASE_ATTEMPTS {
            return self.try_releasing(trigger, why, attempt + 1);
        }
        self.finish(Outcome::NotReleased { why, error: error.to_owned() })
    }

    /// A rollback is tried until it succeeds. The report has each error.
    pub(super) fn rollback_failed(&mut self, _error: &str) -> Vec<Command> {
        let Phase::RollingBack { trigger, why, attempt } = self.progress.phase.clone() else { return Vec::new() };
        self.try_rolling_back(trigger, why, attempt.saturating_add(1))
    }

    /// The emergency switch leads clients to the source, whatever the weights are. They are still set.
    pub(super) fn target_taken_out(&mut self, error: &str) -> Vec<Command> {
        self.progress.taken_out = true;
        self.rollback_failed(error)
    }

    /// The source was not healthy when the traffic was about to be sent to it. The traffic stays.
    pub(super) fn rollback_refused(&mut self, refused: &str) -> Vec<Command> {
        let Phase::RollingBack { trigger, why, .. } = self.progress.phase.clone() else { return Vec::new() };
        let why = format!("{why}; the source is not healthy, so no traffic is sent to it: {refused}");
        match trigger {
            Trigger::Abort => self.observe(Next::End { why }),
            Trigger::Failure | Trigger::Resume => self.observe(Next::Hold { why }),
            // An operator has requested it meanwhile, so it is sent in any case.
            Trigger::Requested => Vec::new(),
        }
    }

    /// Nobody can monitor the cutover any more.
    pub(super) fn unmonitored(&mut self, why: &str) -> Vec<Command> {
        match self.progress.phase {
            Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_) => Vec::new(),
            _ => self.roll_back(Trigger::Failure, why.to_owned()),
        }
    }
}

fn changed_externally(found: TrafficSplit, expected: TrafficSplit) -> String {
    format!("{found} of the traffic goes to the target instead of {expected}: it was changed externally")
}
