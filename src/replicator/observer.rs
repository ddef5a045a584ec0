//! What a task hands over while it runs: its progress and its log.

use crate::checkpoint::Checkpoint;

/// A line of the task log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How serious it is.
    pub severity: Severity,
    /// The component that writes it, for example `TARGET_LOAD`.
    pub component: &'static str,
    /// The text. It contains neither secrets nor values of rows.
    pub text: String,
}

/// How serious a line of the task log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// What the task does.
    Info,
    /// What the operator should look at.
    Warning,
    /// What failed.
    Error,
}

/// Receives what must not be lost: progress and the task log.
pub trait Observer: Send + Sync {
    /// Stores the progress. A task that is killed later resumes from here.
    fn checkpoint(&self, checkpoint: &Checkpoint);
    /// Takes a line of the task log.
    fn log(&self, line: LogLine);
}

/// Ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn checkpoint(&self, _checkpoint: &Checkpoint) {}

    fn log(&self, _line: LogLine) {}
}
