//! Why a task ended, in the words of DMS.

use std::fmt;

use crate::failure::{Failure, Level};

/// The reason for the end of a task (`ReplicationTask.StopReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The task was stopped.
    Normal,
    /// An error of the environment, and no attempt is left.
    RecoverableError,
    /// Any other error.
    FatalError,
    /// "The task completed the full load phase."
    FullLoadOnlyFinished,
    /// "Full load completed, with cached changes not applied".
    StoppedAfterFullLoad,
    /// "Full load completed, with cached changes applied".
    StoppedAfterCachedEvents,
    /// "User-defined server time for stopping task".
    StoppedAtServerTime,
    /// "User-defined commit time for stopping task".
    StoppedAtCommitTime,
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Normal => "Stop Reason NORMAL",
            Self::RecoverableError => "Stop Reason RECOVERABLE_ERROR",
            Self::FatalError => "Stop Reason FATAL_ERROR",
            Self::FullLoadOnlyFinished => "Stop Reason FULL_LOAD_ONLY_FINISHED",
            Self::StoppedAfterFullLoad => "Stop Reason STOPPED_AFTER_FULL_LOAD",
            Self::StoppedAfterCachedEvents => "Stop Reason STOPPED_AFTER_CACHED_EVENTS",
            Self::StoppedAtServerTime => "Stop Reason STOPPED_AT_SERVER_TIME",
            Self::StoppedAtCommitTime => "Stop Reason STOPPED_AT_COMMIT_TIME",
        })
    }
}

/// The end of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The reason.
    pub reason: StopReason,
    /// `LastFailureMessage`, for errors.
    pub failure: Option<String>,
}

impl End {
    /// Returns whether the status of the task is `failed` and not `stopped`.
    pub fn is_failure(&self) -> bool {
        matches!(self.reason, StopReason::RecoverableError | StopReason::FatalError)
    }

    pub(super) fn of(reason: StopReason) -> Self {
        Self { reason, failure: None }
    }

    /// "Last Error … Stop Reason FATAL_ERROR Error Level FATAL".
    pub(super) fn failed(failure: &Failure) -> Self {
        let (reason, level) = match failure.level {
            Level::Recoverable => (StopReason::RecoverableError, "RECOVERABLE"),
            Level::Fatal => (StopReason::FatalError, "FATAL"),
        };
        let failure = format!("Last Error {} {reason} Error Level {level}", failure.message);
        Self { reason, failure: Some(failure) }
    }

    /// The end after too many errors of the environment.
    pub(super) fn gave_up(task: &str, attempts: u32, last: &Failure) -> Self {
        let text =
            format!("Task '{task}' was suspended after {attempts} successive recovery failures. {}", last.message);
        Self::failed(&Failure::fatal(text))
    }
}
