//! What happened in a run, as a value.

use serde::Serialize;

use super::calls::CallsOfService;
use super::migration::{Migration, Phase};
use super::steps::{Bar, End};
use crate::record::RunRecord;

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
    /// Whether the run is under way. What is stored does not tell: see [`Timeline::under_way`].
    #[serde(skip)]
    pub(crate) is_under_way: bool,
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
    /// Returns the timeline of a run that goes on.
    #[must_use]
    pub fn under_way(self) -> Self {
        Self { is_under_way: true, ..self }
    }

    /// Returns how a step ended, or that it is running.
    pub fn state_of(&self, bar: &Bar) -> &'static str {
        match bar.end {
            // Those of an earlier part of the run ended with it.
            End::Interrupted if self.is_under_way && bar.finish >= self.seconds => "running",
            end => end.as_str(),
        }
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
