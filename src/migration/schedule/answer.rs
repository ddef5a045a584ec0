//! What follows from the answers to commands: where traffic is, what a shift came to, the quiesce command, the lag, the roll-back.

use super::command::{Command, Question};
use super::event::Effect;
use super::progress::{Cause, Outcome, Phase, Quiesce, Then};
use super::step::Run;
use crate::migration::Split;

/// How many times a shift whose outcome was unknown is tried, when it turns out not to have happened.
const SHIFT_ATTEMPTS: u32 = 3;

/// How many times in a row the traffic is tried to be brought back, or the source to be released, until a person has to help.
const ROLLBACK_ATTEMPTS: u32 = 3;

impl Run<'_> {
    /// It is known where traffic is.
    pub(super) fn observed(&mut self, split: Split) -> Vec<Command> {
        let expected = split == self.progress.live || split == self.progress.intended;
        let shifted = expected && split != self.progress.live;
        match self.progress.phase.clone() {
            Phase::Observing { then, .. } => {
                let before = std::mem::replace(&mut self.progress.live, split);
                self.progress.intended = split;
                if shifted {
                    self.progress.attempts = 0;
                }
                self.then(then, expected, before, shifted)
            }
            // What is under way will tell by itself.
            Phase::New | Phase::Shifting | Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Done(_) => Vec::new(),
            _ if expected => Vec::new(),
            _ => {
                let why = elsewhere(split, self.progress.live);
                self.progress.live = split;
                self.progress.intended = split;
                self.fail(why)
            }
        }
    }

    fn then(&mut self, then: Then, expected: bool, before: Split, shifted: bool) -> Vec<Command> {
        let live = self.progress.live;
        match then {
            Then::End { why } => self.finish(Outcome::Aborted { why, rolled_back: false }),
            Then::Hold { why } => self.hold(why),
            // It was watched before, and while writes to the source are stopped nothing is watched for long.
            Then::Begin if before == live && self.progress.quiesce != Quiesce::NotRun && self.is_last_but_one() => self.check(),
            Then::Begin => self.bake(),
            Then::Release { cause, why } if live == Split::SOURCE => self.try_releasing(cause, why, 1),
            // Somebody has shifted traffic since it was brought back.
            Then::Release { .. } => {
                self.enter(Phase::Checking);
                self.fail(elsewhere(live, before))
            }
            _ if !expected => {
                // It is known now where the traffic is: nothing has to be found out before a person is asked.
                self.enter(Phase::Checking);
                self.fail(elsewhere(live, before))
            }
            Then::Check | Then::Bake if shifted => self.bake(),
            Then::Check if self.progress.attempts >= SHIFT_ATTEMPTS => {
                self.enter(Phase::Checking);
                self.fail(format!("the shift from {live} was tried {SHIFT_ATTEMPTS} times, and traffic stays where it is"))
            }
            Then::Check => self.check(),
            Then::Bake => self.bake(),
            Then::Ask => self.ask(),
            Then::Pause => {
                let bake = if live == Split::SOURCE { 0 } else { self.schedule.bake_seconds };
                let until = self.now.saturating_add(bake);
                self.enter(Phase::Paused { until });
                vec![Command::AskPerson(Question::Paused), self.wait(None)]
            }
        }
    }

    /// It could not be found out where traffic is.
    pub(super) fn unobserved(&mut self, why: &str) -> Vec<Command> {
        let Phase::Observing { then, blind_since } = self.progress.phase.clone() else { return Vec::new() };
        let since = blind_since.unwrap_or(self.now);
        let seconds = self.now.saturating_sub(since);
        if seconds < self.schedule.no_data_seconds {
            self.progress.phase = Phase::Observing { then, blind_since: Some(since) };
            return vec![self.wait(None)];
        }
        let blind = format!("it can not be found out where the traffic is: {why}");
        match then {
            Then::End { why } => self.finish(Outcome::Aborted { why: format!("{why}; {blind}"), rolled_back: false }),
            Then::Hold { why } => self.hold(format!("{why}; {blind}")),
            // It was there when it was seen last.
            Then::Release { cause, why } => self.try_releasing(cause, why, 1),
            _ => {
                self.enter(Phase::Checking);
                self.fail(blind)
            }
        }
    }

    /// A shift is live.
    pub(super) fn shifted(&mut self, to: Split) -> Vec<Command> {
        match &self.progress.phase {
            Phase::Shifting if to == self.progress.intended => {
                self.progress.live = to;
                self.progress.attempts = 0;
                self.bake()
            }
            Phase::Shifting => self.observe(Then::Check),
            // The answer of a shift that was under way says what was asked to be found out.
            Phase::Observing { .. } => self.observed(to),
            Phase::RollingBack { .. } => {
                self.progress.live = to;
                self.progress.intended = to;
                Vec::new()
            }
            // A shift must not come after a roll-back. If one does, it is taken back.
            Phase::Releasing { why, .. }
            | Phase::Done(Outcome::RolledBack { why } | Outcome::Aborted { why, rolled_back: true } | Outcome::NotReleased { why, .. })
                if to != Split::SOURCE =>
            {
                let why = why.clone();
                self.progress.live = to;
                self.progress.intended = to;
                self.try_rolling_back(Cause::Failure, why, 1)
            }
            Phase::New | Phase::Releasing { .. } | Phase::Done(_) => Vec::new(),
            _ if to == self.progress.live => Vec::new(),
            Phase::Holding { why } => {
                let then = Then::Hold { why: why.clone() };
                self.observe(then)
            }
            _ => self.observe(Then::Bake),
        }
    }

    /// A shift failed.
    pub(super) fn unshifted(&mut self, effect: Effect, why: &str) -> Vec<Command> {
        if self.progress.phase != Phase::Shifting {
            return Vec::new();
        }
        match effect {
            Effect::Unknown => self.observe(Then::Check),
            // A person, or another program, has the last word.
            Effect::Overridden(found) => {
                let why = format!("the shift to {} was live, and then something else has changed it to {found}", self.progress.intended);
                self.progress.live = found;
                self.progress.intended = found;
                self.enter(Phase::Checking);
                self.fail(why)
            }
            Effect::None => {
                let why = format!("traffic could not be shifted to {}: {why}", self.progress.intended);
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

    pub(super) fn lags(&mut self) -> Vec<Command> {
        let seconds = self.schedule.lag_zero_seconds.unwrap_or_default();
        self.fail(format!("the replication lag did not become zero within {seconds} s"))
    }

    /// All traffic is on the source.
    pub(super) fn rolled_back(&mut self) -> Vec<Command> {
        let Phase::RollingBack { cause, why, .. } = self.progress.phase.clone() else { return Vec::new() };
        self.progress.live = Split::SOURCE;
        self.progress.intended = Split::SOURCE;
        if self.progress.quiesce != Quiesce::NotRun {
            return self.try_releasing(cause, why, 1);
        }
        self.brought_back(cause, why)
    }

    fn brought_back(&mut self, cause: Cause, why: String) -> Vec<Command> {
        self.finish(match cause {
            Cause::Abort => Outcome::Aborted { why, rolled_back: true },
            Cause::Failure | Cause::Resume | Cause::Asked => Outcome::RolledBack { why },
        })
    }

    /// The source is as it was before the quiesce command.
    pub(super) fn released(&mut self) -> Vec<Command> {
        let Phase::Releasing { cause, why, .. } = self.progress.phase.clone() else { return Vec::new() };
        self.progress.quiesce = Quiesce::NotRun;
        self.brought_back(cause, why)
    }

    /// The release command failed.
    pub(super) fn not_released(&mut self, error: &str) -> Vec<Command> {
        let Phase::Releasing { cause, why, attempt } = self.progress.phase.clone() else { return Vec::new() };
        if attempt < ROLLBACK_ATTEMPTS {
            return self.try_releasing(cause, why, attempt + 1);
        }
        self.finish(Outcome::NotReleased { why, error: error.to_owned() })
    }

    /// The traffic could not be brought back.
    pub(super) fn not_rolled_back(&mut self, error: &str) -> Vec<Command> {
        let Phase::RollingBack { cause, why, attempt } = self.progress.phase.clone() else { return Vec::new() };
        if attempt < ROLLBACK_ATTEMPTS {
            return self.try_rolling_back(cause, why, attempt + 1);
        }
        self.finish(Outcome::RollbackStuck { why, error: error.to_owned() })
    }
}

fn elsewhere(found: Split, expected: Split) -> String {
    format!("{found} of the traffic goes to the target, and not {expected}: something else has changed it")
}
