//! The report as data. Its JSON form is stable: fields are added, and never renamed; `version` counts other changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::summary::Summary;
use crate::application::SkippedTable;
use crate::generate::FilledTable;
use crate::verdict::{Differences, Verdict};

/// The version of the JSON form.
pub const REPORT_VERSION: u32 = 1;

/// What a rehearsal proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Every acknowledged payment is in the primary database, exactly once and unchanged.
    NothingLost,
    /// Payments were lost, duplicated, changed, or got colliding numbers.
    PaymentsLost,
    /// No payment is lost, but two databases accepted writes at the same time, or one after another switchover than
    /// those that were made.
    TwoPrimaries,
    /// Nothing was acknowledged, which proves nothing.
    NothingAcknowledged,
}

/// The report of a rehearsal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form.
    pub version: u32,
    /// The title, for example the name of the stack.
    pub title: String,
    /// The parameters of the rehearsal, by name.
    pub parameters: BTreeMap<String, String>,
    /// Where schema and data came from.
    pub schema: String,
    /// Versions of programs and servers, by name.
    pub versions: BTreeMap<String, String>,
    /// What the verdict means.
    pub conclusion: Conclusion,
    /// What happened to the requests.
    pub traffic: Summary,
    /// The comparison of the ledger with the primary database.
    pub verdict: Verdict,
    /// The lag of the replication, if one ran.
    pub lag: Option<Lag>,
    /// Verdicts of gates, in the order of time.
    pub gates: Vec<GateVerdict>,
    /// The phases of the migration, in the order of time.
    pub phases: Vec<Phase>,
    /// The comparison of the two databases, if it was made.
    pub differences: Option<Differences>,
    /// The tables that were filled before.
    pub filled: Vec<FilledTable>,
    /// The tables that writers did not write to.
    pub skipped: Vec<SkippedTable>,
    /// Remarks, for example faults that were injected.
    pub notes: Vec<String>,
}

/// The lag of a replication, in seconds of the rehearsed cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// The largest value.
    pub max_seconds: f64,
    /// The 99th percentile.
    pub p99_seconds: f64,
    /// The number of measurements.
    pub samples: u64,
}

impl Lag {
    /// Returns the statistics of measurements; `None` if there are none.
    pub fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.retain(|value| value.is_finite());
        seconds.sort_by(f64::total_cmp);
        let at = (seconds.len() * 99).div_ceil(100).max(1) - 1;
        Some(Self { max_seconds: *seconds.last()?, p99_seconds: *seconds.get(at)?, samples: seconds.len() as u64 })
    }
}

/// The verdict of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateVerdict {
    /// When, in microseconds since 1970.
    pub at: u64,
    /// The gate, for example `10 % on the target`.
    pub gate: String,
    /// The verdict, for example `pass`.
    pub verdict: String,
    /// The reason.
    pub detail: String,
}

/// A phase of the migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// The name, for example `full load`.
    pub name: String,
    /// When it began, in microseconds since 1970.
    pub started_at: u64,
    /// When it ended; `None` if it did not.
    pub ended_at: Option<u64>,
    /// What happened in it.
    pub detail: String,
}

impl Report {
    /// Creates a report from its measured parts; the caller adds what it knows.
    pub fn new(title: impl Into<String>, schema: impl Into<String>, traffic: Summary, verdict: Verdict) -> Self {
        let conclusion = match (verdict.is_clean(), verdict.acknowledged) {
            (false, _) => Conclusion::PaymentsLost,
            (true, 0) => Conclusion::NothingAcknowledged,
            (true, _) => Conclusion::NothingLost,
        };
        Self {
            version: REPORT_VERSION,
            title: title.into(),
            parameters: BTreeMap::new(),
            schema: schema.into(),
            versions: BTreeMap::new(),
            conclusion,
            traffic,
            verdict,
            lag: None,
            gates: Vec::new(),
            phases: Vec::new(),
            differences: None,
            filled: Vec::new(),
            skipped: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Requires that only one database accepted writes at a time, and that another one did so only after each of
    /// `switchovers`.
    pub fn require_one_primary(&mut self, switchovers: usize) {
        if self.conclusion == Conclusion::NothingLost && self.traffic.writes.len() > switchovers + 1 {
            self.conclusion = Conclusion::TwoPrimaries;
        }
    }
}
