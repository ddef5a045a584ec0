//! The content of a report. [`CutoverReport::append`] adds each step of the machine. Times are passed in, in RFC 3339.

use serde::{Deserialize, Serialize};

use crate::TrafficSplit;
use crate::cutover::config::CutoverPlan;
use crate::cutover::state_machine::Outcome;
use crate::gate::Verdict;
use infra_base::file_id::FileId;

/// The report of a cutover. It contains no secret: it has the exit codes of commands but not their text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutoverReport {
    /// How it ended and why. Absent while it is under way.
    pub result: Option<Outcome>,
    /// The id of the cutover, which is the name of the files of its report.
    pub id: FileId,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// Who started it.
    pub who: Initiator,
    /// When it started.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// The version of this tool.
    pub version: String,
    /// The plan.
    #[serde(rename = "schedule")]
    pub plan: CutoverPlan,
    /// Each change of the split.
    pub changes: Vec<TrafficChange>,
    /// The first verdict of each gate, and each change of a verdict.
    pub verdicts: Vec<VerdictChange>,
    /// The measured values, per gate and split.
    pub values: Vec<GateValues>,
    /// The approvals.
    pub approvals: Vec<ApprovalRecord>,
    /// The commands that ran.
    pub hooks: Vec<HookRun>,
    /// Other events.
    pub notes: Vec<Note>,
}

/// Who started a cutover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initiator {
    /// The user.
    pub user: String,
    /// The host.
    pub host: String,
}

/// A change of the split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficChange {
    /// When the change was observed.
    pub at: String,
    /// The split before.
    pub from: TrafficSplit,
    /// The split after.
    pub to: TrafficSplit,
    /// The reason.
    pub why: String,
}

/// A verdict that differs from the previous verdict of the gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictChange {
    /// The time.
    pub at: String,
    /// The split at that time.
    pub live: TrafficSplit,
    /// The gate.
    pub gate: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The reason.
    pub text: String,
}

/// The values that a gate measured while the traffic had one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateValues {
    /// The split.
    pub live: TrafficSplit,
    /// The gate.
    pub gate: String,
    /// The number of evaluations.
    pub judged: u32,
    /// The number of evaluations that passed.
    pub passed: u32,
    /// The minimum.
    pub min: Option<f64>,
    /// The maximum.
    pub max: Option<f64>,
    /// The last value.
    pub last: Option<f64>,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRecord {
    /// The time.
    pub at: String,
    /// The split at that time.
    pub live: TrafficSplit,
    /// Who approved.
    pub who: String,
}

/// A command that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// When it ended.
    pub at: String,
    /// The command: `quiesce` or `release`.
    pub name: String,
    /// The exit code. Absent if the command could not be started, timed out, or was killed.
    pub exit_code: Option<i32>,
    /// How long it ran.
    pub seconds: u64,
}

/// Another event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The time.
    pub at: String,
    /// What happened.
    pub text: String,
}

impl CutoverReport {
    /// Returns whether the target had traffic at any time.
    pub fn had_traffic(&self) -> bool {
        self.changes.iter().any(|change| change.from != TrafficSplit::SOURCE || change.to != TrafficSplit::SOURCE)
    }

    /// Creates the report of a cutover that starts.
    pub fn new(id: FileId, stack: &str, who: Initiator, started: &str, plan: CutoverPlan) -> Self {
        Self {
            result: None,
            id,
            stack: stack.to_owned(),
            who,
            started: started.to_owned(),
            ended: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plan,
            changes: Vec::new(),
            verdicts: Vec::new(),
            values: Vec::new(),
            approvals: Vec::new(),
            hooks: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a command that ran.
    pub fn add_hook(&mut self, at: &str, name: &str, exit_code: Option<i32>, seconds: u64) {
        self.hooks.push(HookRun { at: at.to_owned(), name: name.to_owned(), exit_code, seconds });
    }

    /// Returns the report as JSON.
    ///
    /// # Errors
    /// When serialization fails, which no known value causes.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}
