//! The loop: store the progress, carry out the command, feed the result back.

use crate::abort::AbortSignal;
use crate::failure::Effect;
use crate::journal::{Journal, JournalError};
use crate::machine::{Command, Event, Input, Progress, Settings, State, step};
use crate::operations::{Operations, Task};
use crate::row::Row;

use super::call;

/// Drives one switchover to its end.
///
/// *Guarantees*: A command is carried out only after its progress is durable. A row before `Open` is dropped when the
/// budget is used up or an operator aborts, also while it hangs; then it is undone. Attempts to open and to undo are
/// dropped after `Settings::attempt_limit`, and repeated.
///
/// *Killed*: Dropping [`Driver::run`] is like a kill of the process. Run it again with the progress that the journal
/// has.
#[derive(Debug)]
pub struct Driver<'a, O, J, R> {
    /// The settings. Those of the first start determine the budget.
    pub settings: Settings,
    /// What changes the world.
    pub operations: &'a O,
    /// Where the progress is kept.
    pub journal: &'a mut J,
    /// Gets each progress after it is durable, for output.
    pub report: R,
    /// How an operator aborts.
    pub abort: AbortSignal,
}

/// The driver has stopped in the middle. Nothing is undone and nothing continues until a driver is started again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the switchover has stopped")]
pub struct Stopped(#[source] pub JournalError);

impl<O: Operations, J: Journal, R: FnMut(&Progress) + Send> Driver<'_, O, J, R> {
    /// Starts a switchover, or resumes one that was killed. Returns the progress of its end.
    ///
    /// `progress` is what the journal has, or [`Progress::new`].
    ///
    /// # Errors
    /// Another program owns the journal.
    pub async fn run(mut self, progress: Progress) -> Result<Progress, Stopped> {
        let begin = if progress.state == State::New { Input::Started } else { Input::Restarted };
        let (mut progress, mut commands) = self.step(&progress, begin);
        // Before anything is durable, there is nothing to fall back to.
        let mut durable = None;
        loop {
            (progress, commands) = self.store(durable.take(), progress, commands).await.map_err(Stopped)?;
            (self.report)(&progress);
            let Some(command) = commands.pop() else { return Ok(progress) };
            let Some(input) = self.carry_out(&progress, &command).await else { return Ok(progress) };
            let next = self.step(&progress, input);
            durable = Some(std::mem::replace(&mut progress, next.0));
            commands = next.1;
        }
    }

    fn step(&self, progress: &Progress, input: Input) -> (Progress, Vec<Command>) {
        step(&self.settings, progress, &Event { at: self.operations.now(), input })
    }

    /// Makes the progress durable. While that is impossible, the last durable progress counts: when its row must be
    /// undone, that is stored instead.
    async fn store(
        &mut self,
        durable: Option<Progress>,
        mut progress: Progress,
        mut commands: Vec<Command>,
    ) -> Result<(Progress, Vec<Command>), JournalError> {
        let mut revocable = durable.filter(Progress::can_be_undone);
        for attempt in 1.. {
            // Not dropped at the end of the budget: what is being stored would have an unknown place in the order.
            match self.journal.write(&progress).await {
                Ok(()) => break,
                Err(lost @ JournalError::Lost(_)) => return Err(lost),
                Err(JournalError::Unavailable(_)) => {}
            }
            let pause = self.settings.backoff.after(attempt);
            let Some(last) = revocable.take() else {
                self.operations.pause(pause).await;
                continue;
            };
            let ended = tokio::select! {
                input = interruption(self.operations, &mut self.abort, &last) => Some(input),
                () = self.operations.pause(pause) => None,
            };
            match ended {
                Some(input) => (progress, commands) = self.step(&last, input),
                None => revocable = Some(last),
            }
        }
        Ok((progress, commands))
    }

    /// Returns what became of a command; `None` if it is the end.
    async fn carry_out(&mut self, progress: &Progress, command: &Command) -> Option<Input> {
        let task = |attempt| Task {
            direction: progress.direction,
            evidence: &progress.evidence,
            attempt,
            deadline: progress.deadline(),
        };
        let input = match *command {
            Command::Do { row, attempt, after } if row < Row::Open => {
                let work = async {
                    self.operations.pause(after).await;
                    call::row(self.operations, row, task(attempt)).await
                };
                tokio::select! {
                    biased;
                    input = work => input,
                    input = interruption(self.operations, &mut self.abort, progress) => input,
                }
            }
            Command::Do { row, attempt, after } => {
                self.operations.pause(after).await;
                tokio::select! {
                    biased;
                    input = call::row(self.operations, row, task(attempt)) => input,
                    why = self.attempt_limit() => Input::RowFailed { row, effect: Effect::Unknown, why },
                }
            }
            Command::Undo { undo, attempt, after } => {
                self.operations.pause(after).await;
                tokio::select! {
                    biased;
                    input = call::undo(self.operations, undo, task(attempt)) => input,
                    why = self.attempt_limit() => Input::UndoFailed { undo, why },
                }
            }
            Command::Finish(_) => return None,
        };
        Some(input)
    }

    async fn attempt_limit(&self) -> String {
        self.operations.pause(self.settings.attempt_limit).await;
        format!("not done within {} s", self.settings.attempt_limit.as_secs_f64())
    }
}

/// Waits for what ends a row: a request of an operator, or the end of the budget.
async fn interruption<O: Operations>(operations: &O, abort: &mut AbortSignal, progress: &Progress) -> Input {
    let budget = async {
        match progress.deadline() {
            Some(deadline) => operations.pause(deadline.since(operations.now())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        by = abort.requested() => Input::Aborted { by },
        () = budget => Input::TimedOut,
    }
}
