//! What a trace says of a run.

use std::time::SystemTime;

/// What a trace says of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The id of the run, as in `runs list`.
    pub id: String,
    /// The command.
    pub command: String,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// The version of the program.
    pub version: &'static str,
    /// When it began.
    pub began: SystemTime,
}
