//! How far a switchover has come. It is what the journal stores.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::direction::Direction;
use crate::evidence::Evidence;
use crate::moment::Moment;
use crate::row::{Row, Undo};

/// The format that this version writes.
pub const FORMAT: u32 = 1;

/// The format of a stored progress. A newer one than [`FORMAT`] is refused, because it can mean something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Format(());

/// A newer version has written this.
#[derive(Debug, thiserror::Error)]
#[error("the progress has format {0}; this version knows formats up to {FORMAT}")]
pub struct NewerFormat(u32);

impl TryFrom<u32> for Format {
    type Error = NewerFormat;

    fn try_from(format: u32) -> Result<Self, NewerFormat> {
        if format > FORMAT { Err(NewerFormat(format)) } else { Ok(Self(())) }
    }
}

impl From<Format> for u32 {
    fn from(_: Format) -> Self {
        FORMAT
    }
}

/// What a switchover is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum State {
    /// Nothing has begun.
    New,
    /// A row is being done.
    Doing {
        /// The row.
        row: Row,
        /// The number of the attempt, from 1. An earlier attempt may have had an effect.
        attempt: u32,
    },
    /// A row is being undone.
    Undoing {
        /// What is undone.
        undo: Undo,
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// It has ended.
    Done {
        /// How.
        outcome: Outcome,
    },
}

/// How a switchover ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The database of the new side is the primary. The new side is open; the old one is closed.
    Completed,
    /// It is as before the switchover.
    Undone,
}

/// What a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A row that was being done.
    Row(Row),
    /// Something that was being undone.
    Undo(Undo),
}

/// Why something did not continue as planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// When.
    pub at: Moment,
    /// During what; `None` before the first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Step>,
    /// The reason, without secrets.
    pub why: String,
}

/// The number of reasons that are kept. Attempts are not limited, so the last reason replaces the one before.
const REASONS: usize = 20;

/// The progress of a switchover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The format.
    pub format: Format,
    /// From which side to which.
    pub direction: Direction,
    /// What it is doing.
    pub state: State,
    /// Since when.
    pub since: Moment,
    /// When the first row began.
    #[serde(default)]
    pub started_at: Moment,
    /// The budget, in milliseconds, as it was configured when the first row began.
    #[serde(default)]
    pub budget_ms: u64,
    /// What the rows found.
    #[serde(default)]
    pub evidence: Evidence,
    /// Why something did not continue as planned: the first reasons, and the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// How often it was restarted after a kill.
    #[serde(default)]
    pub restarts: u32,
    /// How long each row took that is done, in milliseconds, with all its attempts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub durations_ms: BTreeMap<Row, u64>,
}

impl Progress {
    /// Returns the progress of a switchover that has not begun.
    pub fn new(direction: Direction) -> Self {
        Self {
            format: Format(()),
            direction,
            state: State::New,
            since: Moment::default(),
            started_at: Moment::default(),
            budget_ms: 0,
            evidence: Evidence::default(),
            reasons: Vec::new(),
            restarts: 0,
            durations_ms: BTreeMap::new(),
        }
    }

    /// Returns how it ended; `None` before.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Done { outcome } => Some(outcome),
            State::New | State::Doing { .. } | State::Undoing { .. } => None,
        }
    }

    /// Returns when the budget is used up; `None` if it does not matter any more, or not yet.
    pub fn deadline(&self) -> Option<Moment> {
        self.can_be_undone().then(|| self.started_at.after(Duration::from_millis(self.budget_ms)))
    }

    /// Returns whether a row is being done, and an abort or the end of the budget leads to undoing.
    pub fn can_be_undone(&self) -> bool {
        matches!(self.state, State::Doing { row, .. } if row < Row::Open)
    }

    /// Returns how long a row took; `None` if it is not done.
    pub fn duration(&self, row: Row) -> Option<Duration> {
        self.durations_ms.get(&row).map(|millis| Duration::from_millis(*millis))
    }

    pub(super) fn note(&mut self, at: Moment, why: String) {
        let during = match self.state {
            State::Doing { row, .. } => Some(Step::Row(row)),
            State::Undoing { undo, .. } => Some(Step::Undo(undo)),
            State::New | State::Done { .. } => None,
        };
        self.reasons.truncate(REASONS - 1);
        self.reasons.push(Reason { at, during, why });
    }
}
