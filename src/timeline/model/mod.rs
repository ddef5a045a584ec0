//! What happened in a run, and when. All times are AWS seconds since it began.

mod builder;
mod calls;
mod critical_path;
mod migration;
mod steps;

use serde::Serialize;

use crate::event::Line;
use crate::record::RunRecord;

pub use calls::CallsOfService;
pub use migration::{Gate, Migration, Phase, Point, Row, Switchover, Verdict, Weight};
pub use steps::{Bar, End, Retry, Wait};

/// What happened in a run.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    /// What is stored about the run.
    pub run: RunRecord,
    /// Its length: the last moment that is known of it.
    pub seconds: f64,
    /// The steps, in the order in which they began.
    pub steps: Vec<Bar>,
    /// The steps that determined the duration, first to last, as indices into `steps`.
    pub critical_path: Vec<usize>,
    /// The calls of each service, most first.
    pub calls: Vec<CallsOfService>,
    /// What failed, in the order in which it did.
    pub errors: Vec<Failure>,
    /// The traffic and the databases, if they moved.
    pub migration: Option<Migration>,
    /// The parts of the run, if it has several.
    pub phases: Vec<Phase>,
    /// The notices.
    pub notices: Vec<Failure>,
}

/// Something that failed, or that the user was told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// When.
    pub at: f64,
    /// The resource, if it is about one.
    pub address: Option<String>,
    /// What.
    pub text: String,
    /// Its step, as an index into `steps`.
    pub step: Option<usize>,
}

impl Timeline {
    /// Reads what happened out of the events of a run.
    pub fn of(run: RunRecord, lines: impl IntoIterator<Item = Line>) -> Self {
        builder::build(run, lines)
    }

    /// Returns whether a step is on the critical path.
    pub fn is_critical(&self, step: usize) -> bool {
        self.critical_path.contains(&step)
    }

    /// Returns the steps that did something, with their indices.
    pub fn changes(&self) -> impl Iterator<Item = (usize, &Bar)> {
        self.steps.iter().enumerate().filter(|(_, bar)| bar.end != End::Unchanged)
    }

    /// Returns the number of resources that were as configured.
    pub fn unchanged(&self) -> usize {
        self.steps.iter().filter(|bar| bar.end == End::Unchanged).count()
    }
}
