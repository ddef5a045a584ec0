//! The record of a cutover, to be kept with a change ticket: who did what when, what the gates said, and how it ended.
//!
//! It follows the machine: [`Record::note`] takes in each step of it. Times come from outside, as RFC 3339.

mod note;
mod page;

use serde::{Deserialize, Serialize};

use super::Split;
use super::gate::Verdict;
use super::schedule::{Outcome, Schedule};

/// The record of a cutover. It holds no secret: commands are recorded by their exit codes, not by their words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// How it ended, and why; nothing while it is under way.
    pub result: Option<Outcome>,
    /// What it is called.
    pub id: String,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// Who began it.
    pub who: Who,
    /// When it began.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// The version of this tool.
    pub version: String,
    /// What was to be done.
    pub schedule: Schedule,
    /// Each change of where traffic goes.
    pub changes: Vec<Change>,
    /// Each change of a verdict, and the first one of each gate.
    pub verdicts: Vec<Judged>,
    /// What was measured, for each gate and division of traffic.
    pub values: Vec<Values>,
    /// What was approved.
    pub approvals: Vec<Approved>,
    /// The commands that were run.
    pub hooks: Vec<Hook>,
    /// What else happened.
    pub notes: Vec<Note>,
}

/// Somebody who began a cutover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The user.
    pub user: String,
    /// The machine.
    pub host: String,
}

/// A change of where traffic goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When it was known.
    pub at: String,
    /// The percent of the target before.
    pub from: Split,
    /// The percent of the target after.
    pub to: Split,
    /// Why.
    pub why: String,
}

/// A verdict that is another one than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// When.
    pub at: String,
    /// The percent of the target then.
    pub live: Split,
    /// The gate.
    pub gate: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    pub text: String,
}

/// What a gate saw while traffic was divided in one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// The percent of the target.
    pub live: Split,
    /// The gate.
    pub gate: String,
    /// How many times it was judged.
    pub judged: u32,
    /// How many times of these it passed.
    pub passed: u32,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// The last value.
    pub last: Option<f64>,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// When.
    pub at: String,
    /// The percent of the target then.
    pub live: Split,
    /// Who approved.
    pub who: String,
}

/// A command that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// When it ended.
    pub at: String,
    /// Which one: `quiesce` or `release`.
    pub name: String,
    /// Its exit code; none when it could not be started, took too long, or was killed.
    pub exit_code: Option<i32>,
    /// How long it ran.
    pub seconds: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: String,
    /// What.
    pub text: String,
}

impl Record {
    /// Returns whether the target had traffic at any time.
    pub fn had_traffic(&self) -> bool {
        self.changes.iter().any(|change| change.from != Split::SOURCE || change.to != Split::SOURCE)
    }

    /// Makes the record of a cutover that begins.
    pub fn new(id: &str, stack: &str, who: Who, started: &str, schedule: Schedule) -> Self {
        Self {
            result: None,
            id: id.to_owned(),
            stack: stack.to_owned(),
            who,
            started: started.to_owned(),
            ended: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schedule,
            changes: Vec::new(),
            verdicts: Vec::new(),
            values: Vec::new(),
            approvals: Vec::new(),
            hooks: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a command that was run.
    pub fn hook(&mut self, at: &str, name: &str, exit_code: Option<i32>, seconds: u64) {
        self.hooks.push(Hook { at: at.to_owned(), name: name.to_owned(), exit_code, seconds });
    }

    /// Returns it as JSON.
    ///
    /// # Errors
    /// None that is known of: all of it can be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}
