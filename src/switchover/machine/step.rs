//! One step of the machine. The function is total: it handles each event in each state. An event about something that
//! is not in flight, such as a late result, changes nothing.

use std::time::Duration;

use super::command::Command;
use super::event::{Event, Input};
use super::progress::{Outcome, Progress, State};
use super::settings::{AfterKill, Settings};
use crate::evidence::Found;
use crate::failure::Effect;
use crate::moment::Moment;
use crate::row::{Row, Undo};

/// Handles an event. Returns the new progress, and the commands for the driver.
pub fn step(settings: &Settings, progress: &Progress, event: &Event) -> (Progress, Vec<Command>) {
    let mut transition = Transition { settings, progress: progress.clone(), at: event.at };
    let commands = transition.handle(&event.input);
    (transition.progress, commands.into_iter().collect())
}

struct Transition<'a> {
    settings: &'a Settings,
    progress: Progress,
    at: Moment,
}

impl Transition<'_> {
    fn handle(&mut self, input: &Input) -> Option<Command> {
        match self.progress.state.clone() {
            State::New => self.in_new(input),
            State::Doing { row: Row::Open, attempt } => self.in_open(attempt, input),
            State::Doing { row, attempt } => self.in_row(row, attempt, input),
            State::Undoing { undo, attempt } => self.in_undo(undo, attempt, input),
            State::Done { outcome } => {
                matches!(input, Input::Started | Input::Restarted).then_some(Command::Finish(outcome))
            }
        }
    }

    fn in_new(&mut self, input: &Input) -> Option<Command> {
        match input {
            Input::Started => Some(self.begin()),
            Input::Restarted if self.settings.after_kill == AfterKill::Complete => Some(self.begin()),
            Input::Restarted => Some(self.give_up("it was killed before it began".to_owned())),
            Input::Aborted { by } => Some(self.give_up(aborted(by))),
            _ => None,
        }
    }

    fn begin(&mut self) -> Command {
        self.progress.started_at = self.at;
        self.progress.budget_ms = u64::try_from(self.settings.budget.as_millis()).unwrap_or(u64::MAX);
        self.progress.since = self.at;
        self.attempt(Row::Prepare, 1, Duration::ZERO)
    }

    fn give_up(&mut self, why: String) -> Command {
        self.progress.note(self.at, why);
        self.finish(Outcome::Undone)
    }

    /// Before the point of no return.
    fn in_row(&mut self, row: Row, attempt: u32, input: &Input) -> Option<Command> {
        match input {
            Input::RowDone { row: done, found } if *done == row => Some(self.done(row, found)),
            // What is known of this attempt says nothing about an earlier one.
            Input::RowFailed { row: failed, effect: Effect::None, why } if *failed == row && attempt == 1 => {
                Some(self.undo(before(row), why.clone()))
            }
            Input::RowFailed { row: failed, why, .. } if *failed == row => Some(self.undo(Some(row), why.clone())),
            Input::RowInconclusive { row: asked, why } if *asked == row => {
                if self.is_over() {
                    return Some(self.undo(Some(row), format!("{}: {why}", self.over())));
                }
                self.progress.note(self.at, why.clone());
                Some(self.attempt(row, attempt.saturating_add(1), self.settings.pause))
            }
            Input::TimedOut => Some(self.undo(Some(row), self.over())),
            Input::Aborted { by } => Some(self.undo(Some(row), aborted(by))),
            Input::Started | Input::Restarted => {
                self.progress.restarts = self.progress.restarts.saturating_add(1);
                if self.settings.after_kill == AfterKill::Undo {
                    return Some(self.undo(Some(row), "it was killed".to_owned()));
                }
                if self.is_over() {
                    return Some(self.undo(Some(row), format!("it was killed, and {}", self.over())));
                }
                Some(self.attempt(row, attempt.saturating_add(1), Duration::ZERO))
            }
            _ => None,
        }
    }

    fn done(&mut self, row: Row, found: &Found) -> Command {
        self.progress.evidence.add(found.clone());
        let millis = u64::try_from(self.at.since(self.progress.since).as_millis()).unwrap_or(u64::MAX);
        self.progress.durations_ms.insert(row, millis);
        match row.next() {
            None => self.finish(Outcome::Completed),
            Some(_) if self.is_over() => self.undo(Some(row), self.over()),
            Some(next) => {
                self.progress.since = self.at;
                self.attempt(next, 1, Duration::ZERO)
            }
        }
    }

    /// From here on, the new database may accept writes: there is no way but forward.
    fn in_open(&mut self, attempt: u32, input: &Input) -> Option<Command> {
        let next = attempt.saturating_add(1);
        match input {
            Input::RowDone { row: Row::Open, found } => Some(self.done(Row::Open, found)),
            Input::RowFailed { row: Row::Open, why, .. } | Input::RowInconclusive { row: Row::Open, why } => {
                self.progress.note(self.at, why.clone());
                Some(self.attempt(Row::Open, next, self.settings.backoff.after(attempt)))
            }
            Input::TimedOut => {
                self.progress.note(self.at, format!("{}; the switchover goes on, because it is opening", self.over()));
                None
            }
            Input::Aborted { by } => {
                let why = format!("{}, too late: going back is another switchover", aborted(by));
                self.progress.note(self.at, why);
                None
            }
            Input::Started | Input::Restarted => {
                self.progress.restarts = self.progress.restarts.saturating_add(1);
                Some(self.attempt(Row::Open, next, Duration::ZERO))
            }
            _ => None,
        }
    }

    fn in_undo(&mut self, undo: Undo, attempt: u32, input: &Input) -> Option<Command> {
        match input {
            Input::UndoDone { undo: done } if *done == undo => Some(self.undo_from(undo.next())),
            Input::UndoFailed { undo: failed, why } if *failed == undo => {
                self.progress.note(self.at, why.clone());
                Some(self.attempt_undo(undo, attempt.saturating_add(1), self.settings.backoff.after(attempt)))
            }
            Input::Started | Input::Restarted => {
                self.progress.restarts = self.progress.restarts.saturating_add(1);
                Some(self.attempt_undo(undo, attempt.saturating_add(1), Duration::ZERO))
            }
            _ => None,
        }
    }

    /// Undoes this row and the rows before it.
    fn undo(&mut self, last: Option<Row>, why: String) -> Command {
        self.progress.note(self.at, why);
        self.undo_from(last.and_then(Undo::first))
    }

    fn undo_from(&mut self, undo: Option<Undo>) -> Command {
        self.progress.since = self.at;
        match undo {
            None => self.finish(Outcome::Undone),
            Some(undo) => self.attempt_undo(undo, 1, Duration::ZERO),
        }
    }

    fn attempt(&mut self, row: Row, attempt: u32, after: Duration) -> Command {
        self.progress.state = State::Doing { row, attempt };
        Command::Do { row, attempt, after }
    }

    fn attempt_undo(&mut self, undo: Undo, attempt: u32, after: Duration) -> Command {
        self.progress.state = State::Undoing { undo, attempt };
        Command::Undo { undo, attempt, after }
    }

    fn finish(&mut self, outcome: Outcome) -> Command {
        self.progress.state = State::Done { outcome };
        self.progress.since = self.at;
        Command::Finish(outcome)
    }

    fn is_over(&self) -> bool {
        self.progress.deadline().is_some_and(|deadline| self.at >= deadline)
    }

    fn over(&self) -> String {
        format!("the budget of {} s is used up", Duration::from_millis(self.progress.budget_ms).as_secs_f64())
    }
}

/// Returns the row before.
fn before(row: Row) -> Option<Row> {
    Row::ALL.into_iter().rev().find(|other| *other < row)
}

fn aborted(by: &str) -> String {
    format!("aborted by {by}")
}
