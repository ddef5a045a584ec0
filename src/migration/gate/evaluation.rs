//! The result of one check: a verdict with its reason.

use super::verdict::Verdict;
use infra_config::Side;

/// A verdict with its value and its reason.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evaluation {
    pub(super) verdict: Verdict,
    pub(super) value: Option<f64>,
    pub(super) text: String,
    /// The environments for which the verdict is *fail*.
    pub(super) unhealthy: Vec<Side>,
}

impl Evaluation {
    pub(super) fn new(verdict: Verdict, text: impl Into<String>) -> Self {
        Self { verdict, value: None, text: text.into(), unhealthy: Vec::new() }
    }

    pub(super) fn counted(verdict: Verdict, value: u32, text: impl Into<String>) -> Self {
        Self { value: Some(f64::from(value)), ..Self::new(verdict, text) }
    }

    /// Returns the evaluation as one of an environment, if it is one.
    #[must_use]
    pub(super) fn of(mut self, side: Option<Side>) -> Self {
        if self.verdict == Verdict::Fail {
            self.unhealthy = side.into_iter().collect();
        }
        self
    }

    /// Returns the worst evaluation, or the first of several that are equally bad. It names the environments of all
    /// that fail.
    pub(super) fn worst(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|one, other| {
            let mut unhealthy = [one.unhealthy.as_slice(), other.unhealthy.as_slice()].concat();
            unhealthy.sort_unstable();
            unhealthy.dedup();
            let worst = if other.verdict > one.verdict { other } else { one };
            Self { unhealthy, ..worst }
        })
    }
}
