//! The result of one check: a verdict with its reason.

use super::verdict::Verdict;

/// A verdict with its value and its reason.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evaluation {
    pub(super) verdict: Verdict,
    pub(super) value: Option<f64>,
    pub(super) text: String,
}

impl Evaluation {
    pub(super) fn new(verdict: Verdict, text: impl Into<String>) -> Self {
        Self { verdict, value: None, text: text.into() }
    }

    pub(super) fn counted(verdict: Verdict, value: u32, text: impl Into<String>) -> Self {
        Self { verdict, value: Some(f64::from(value)), text: text.into() }
    }

    /// Returns the worst evaluation, or the first of several that are equally bad.
    pub(super) fn worst(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|one, other| if other.verdict > one.verdict { other } else { one })
    }
}
