//! `[notify]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a notification can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A command has done what it was to do.
    Finished,
    /// A command has failed, was refused, or was stopped.
    Failed,
    /// A cutover or a switchover waits for an operator.
    WaitingForApproval,
    /// Traffic, or what a failed `up` did, was rolled back.
    RolledBack,
}

impl Occasion {
    /// Returns the name, as the configuration has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::WaitingForApproval => "waiting-for-approval",
            Self::RolledBack => "rolled-back",
        }
    }
}

/// The command that is notified of the end of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Command that is notified: the program and its arguments, without a shell. It gets one JSON event on standard
    /// input, see docs/events.md. If it fails, the run continues.
    pub command: Vec<String>,
    /// What it is notified of: `finished`, `failed`, `waiting-for-approval` and `rolled-back`. Commands that only read
    /// notify of nothing.
    pub on: Vec<Occasion>,
    /// Environment variables of this program that the command gets, as with `cutover.pass_environment`.
    pub pass_environment: Vec<String>,
    /// Time limit of the command in seconds.
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: u32,
}

impl Default for Notify {
    fn default() -> Self {
        use Occasion::{Failed, Finished, RolledBack, WaitingForApproval};
        Self {
            command: Vec::new(),
            on: vec![Finished, Failed, WaitingForApproval, RolledBack],
            pass_environment: Vec::new(),
            timeout_seconds: 10,
        }
    }
}
