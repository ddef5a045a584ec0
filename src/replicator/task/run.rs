//! Runs a task: attempts, and what ends them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use super::attempt::Attempt;
use super::control::Control;
use super::end::End;
use super::state::Shared;
use crate::apply::{Faults, Policies};
use crate::checkpoint::Checkpoint;
use crate::definition::{Start, TaskDefinition};
use crate::failure::Failure;
use crate::observer::{Observer, Severity};
use crate::report::{SharedReport, Stage};

/// A replication task.
#[derive(Clone, Debug)]
pub struct Task {
    definition: TaskDefinition,
}

impl Task {
    /// Returns a task.
    pub fn new(definition: TaskDefinition) -> Self {
        Self { definition }
    }

    /// Runs the task until it is stopped, has finished, or fails for good.
    ///
    /// *Guarantees*: The checkpoints that the observer gets can be resumed after a kill at any time. The slot is never
    /// moved past what is committed on the target.
    ///
    /// *Caveats*: Dropping the future is like killing the replication instance: the slot stays, and so does
    /// everything that was written.
    pub async fn run(
        self,
        checkpoint: Checkpoint,
        mut control: watch::Receiver<Control>,
        report: SharedReport,
        observer: Arc<dyn Observer>,
        faults: Arc<dyn Faults>,
    ) -> (Checkpoint, End) {
        let policies = match Policies::from_settings(&self.definition.settings.document) {
            Ok(policies) => policies,
            Err(error) => return (checkpoint, End::failed(&Failure::fatal(error.to_string()))),
        };
        report.update(|report| (report.stage, report.last_error) = (Stage::Starting, None));
        let shared = Shared::new(self.definition, policies, checkpoint, report, observer, faults);
        let end = {
            let work = attempts(&shared, control.clone());
            tokio::pin!(work);
            loop {
                tokio::select! {
                    end = &mut work => break end,
                    // The parts of the task look at the flag between two steps.
                    changed = control.changed(), if !shared.is_stopped() => {
                        if changed.is_err() || control.borrow().stop {
                            shared.stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
            }
        };
        shared.report.update(|report| {
            report.stage = Stage::Ended;
            if end.failure.is_some() {
                report.last_error.clone_from(&end.failure);
            }
        });
        shared.log(Severity::Info, "TASK_MANAGER", format!("Task '{}' ended: {}", shared.definition.name, end.reason));
        shared.record(|_| ());
        (shared.checkpoint(), end)
    }
}

/// Tries until an attempt ends by itself, or until no attempt is left.
async fn attempts(shared: &Shared, mut control: watch::Receiver<Control>) -> End {
    let recovery = shared.definition.settings.recovery.clone();
    let mut start = shared.definition.start.clone();
    let (mut failed, mut has_run) = (0, false);
    loop {
        let mut attempt = Attempt::new(shared, start.clone(), control.clone());
        let failure = match attempt.run().await {
            Ok(end) => return end,
            Err(failure) => failure,
        };
        if attempt.has_started() {
            // What was set up is not set up again.
            start = Start::Resume;
        }
        if attempt.has_progressed() {
            (failed, has_run) = (0, true);
        }
        shared.report.update(|report| report.last_error = Some(failure.message.clone()));
        shared.log(Severity::Error, "TASK_MANAGER", failure.message.clone());
        if !failure.is_recoverable() {
            return End::failed(&failure);
        }
        if failed >= recovery.attempts(has_run) {
            return match failed {
                0 => End::failed(&failure),
                attempts => End::gave_up(&shared.definition.name, attempts, &failure),
            };
        }
        shared.stage(Stage::Recovering);
        let wait = shared.definition.wall(recovery.wait(failed));
        failed += 1;
        if wait_or_stop(shared, &mut control, wait).await {
            return End::of(super::end::StopReason::Normal);
        }
    }
}

/// Waits. Returns whether the task was stopped meanwhile.
async fn wait_or_stop(shared: &Shared, control: &mut watch::Receiver<Control>, wait: Duration) -> bool {
    let stopped = control.wait_for(|control| control.stop);
    tokio::select! {
        () = tokio::time::sleep(wait) => shared.is_stopped(),
        _ = stopped => true,
    }
}
