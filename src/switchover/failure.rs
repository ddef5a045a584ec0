//! How an operation fails.

use serde::{Deserialize, Serialize};

/// Whether an operation that failed has changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is certain that this attempt has changed nothing, and that no call of it will.
    None,
    /// It has changed everything, something, or nothing.
    Unknown,
}

/// Why a row is not done. Texts are shown and stored: they contain no secret and no value of a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It cannot be done. The switchover is undone; row `Open` is tried again.
    #[error("{why}")]
    Failed {
        /// Whether something was changed.
        effect: Effect,
        /// The reason.
        why: String,
    },
    /// It is not known yet whether it is done. The row is repeated after a pause, within the budget.
    #[error("{why}")]
    Inconclusive {
        /// What is missing.
        why: String,
    },
}

impl Failure {
    /// Returns a failure that is certain to have changed nothing.
    pub fn without_effect(why: impl Into<String>) -> Self {
        Self::Failed { effect: Effect::None, why: why.into() }
    }

    /// Returns a failure that may have changed something.
    pub fn with_unknown_effect(why: impl Into<String>) -> Self {
        Self::Failed { effect: Effect::Unknown, why: why.into() }
    }

    /// Returns that it is not known yet.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self::Inconclusive { why: why.into() }
    }
}

/// Why something is not undone yet. It is tried again, so whether it had an effect does not matter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct UndoFailure {
    /// The reason, without a secret.
    pub why: String,
}

impl From<Failure> for UndoFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Failed { why, .. } | Failure::Inconclusive { why } => Self { why },
        }
    }
}

impl UndoFailure {
    /// Creates it.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}
