//! What is stored about a run besides its events: `run.json`. Fields can be added, but never renamed or removed.

use serde::{Deserialize, Serialize};

/// The format of the file.
pub const FORMAT: u32 = 1;

/// Where calls were sent. Durations of one cannot be compared with those of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    /// AWS itself.
    #[default]
    Aws,
    /// An emulator.
    Emulator,
    /// The sandbox.
    Sandbox,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`FORMAT`].
    pub format: u32,
    /// Its name, which sorts by time.
    pub id: String,
    /// The command.
    pub command: String,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// The environments whose resources the plan has.
    #[serde(default)]
    pub environments: Vec<String>,
    /// Where calls were sent.
    #[serde(default)]
    pub endpoint: EndpointKind,
    /// The version of this program.
    #[serde(default)]
    pub version: String,
    /// When it began: RFC 3339, UTC.
    pub started: String,
    /// When it ended. Nothing if it runs, or was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How it ended: `done`, `failed` or `stopped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its duration, in AWS seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Whether events are missing, because there were too many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What it was about to do, if it had a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlannedRun>,
}

/// What a run was about to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// The expected duration, in AWS seconds.
    pub expected_seconds: u64,
    /// Between what that usually lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_range_seconds: Option<[u64; 2]>,
    /// The steps, by address.
    pub steps: Vec<PlannedStep>,
}

/// A step that was planned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The resource.
    pub address: String,
    /// Its kind.
    pub kind: String,
    /// The action.
    pub action: String,
    /// By what its duration can be compared with others of the kind; nothing if it changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The expected duration, in AWS seconds.
    pub expected_seconds: u64,
    /// What has to be there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The other resource.
    pub on: String,
    /// The moment that it must reach.
    pub at: Moment,
}

/// The moment from which on a resource can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// AWS has accepted it.
    Created,
    /// It is usable.
    Ready,
}

impl Moment {
    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Ready => "ready",
        }
    }
}

impl RunRecord {
    /// Returns the outcome, or that there is none yet.
    pub fn outcome(&self) -> &str {
        self.outcome.as_deref().unwrap_or("unfinished")
    }
}
