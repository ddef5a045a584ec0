//! The errors of steps.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::graph::Unresolved;
use infra_aws::{AwsError, CallOutcome};
use infra_base::tags::Owner;

/// The result of a step on one resource.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An object in AWS that blocks a deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// Its AWS id.
    pub id: String,
    /// A description with its owner.
    pub what: String,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.what)
    }
}

/// The reason why a step did not finish. Every variant shows what it left behind, see [`Error::outcome`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS rejected a call, or did not answer.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A foreign resource has the name.
    #[error("`{id}` already exists and belongs to {owner}")]
    Foreign {
        /// The id or name of the foreign resource.
        id: String,
        /// Its owner.
        owner: Owner,
    },
    /// A resource without tags is part of one that is not ours, or that does not show whose it is.
    #[error("it is a part of {parent}, which {why}")]
    ForeignParent {
        /// The resource of which it is a part.
        parent: String,
        /// The owner of that, or why it is unknown.
        why: String,
    },
    /// Several resources have the ownership tags of the same address.
    #[error("several resources have the ownership tags of this address: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// The resource did not reach the expected state in time.
    #[error("{what} is still `{status}` after {} s", .after.as_secs())]
    Timeout {
        /// What was waited for.
        what: String,
        /// The last observed status.
        status: String,
        /// How long the status has not changed.
        after: Duration,
    },
    /// AWS reported a failure.
    #[error(
        "{what} entered the status `{status}`{}",
        .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
    )]
    Failed {
        /// What failed.
        what: String,
        /// The status.
        status: String,
        /// The reason of AWS, if it gave one.
        reason: Option<String>,
    },
    /// The resource cannot be deleted, because other resources depend on it.
    #[error("it is still in use by {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Blocked(Vec<Blocker>),
    /// The configuration does not allow the necessary action.
    #[error("{0}")]
    Refused(String),
    /// The change cannot be reverted in AWS.
    #[error("{0}")]
    Irreversible(String),
    /// The run was stopped before the step finished.
    #[error("the run was stopped before this was finished")]
    Cancelled,
    /// A dry run reached this call, which would be sent next.
    #[error("{0} would be called")]
    DryRun(&'static str),
    /// A dry run found the resource in transition.
    #[error("{what}: it is `{status}`")]
    InTransition {
        /// What the step would wait for.
        what: String,
        /// The status.
        status: String,
    },
    /// The journal cannot be written, so nothing may be changed any more.
    #[error("the journal cannot be written")]
    Journal(#[from] crate::state::JournalError),
    /// An input was not resolved.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// Stored data does not match the kind.
    #[error("the {what} of a {kind} cannot be read")]
    Decode {
        /// The kind.
        kind: &'static str,
        /// The part.
        what: &'static str,
        /// The error.
        source: serde_json::Error,
    },
    /// An answer of AWS lacks a documented field.
    #[error("the answer of {call} lacks {what}")]
    MissingField {
        /// The operation.
        call: &'static str,
        /// The missing field.
        what: &'static str,
    },
}

impl Error {
    /// Returns whether the last mutating call may have taken effect.
    pub fn outcome(&self) -> CallOutcome {
        match self {
            Self::Aws(error) => error.outcome,
            // The call was carried out. Only its answer is unusable.
            Self::MissingField { .. } => CallOutcome::Unknown,
            _ => CallOutcome::NotDone,
        }
    }

    /// Returns whether AWS answered with this error code.
    pub fn is_code(&self, code: &str) -> bool {
        matches!(self, Self::Aws(error) if error.is(code))
    }

    /// Returns the AWS error, if AWS caused the error.
    pub fn aws(&self) -> Option<&AwsError> {
        match self {
            Self::Aws(error) => Some(error),
            _ => None,
        }
    }
}

/// Treats the listed codes as success: AWS reports that the resource already has the desired state.
///
/// # Errors
/// All other errors.
pub fn ignore_codes<T>(result: Result<T>, codes: &[&str]) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if codes.iter().any(|code| error.is_code(code)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the messages of an error and its causes in one line.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut at = error.source();
    while let Some(inner) = at {
        let text = inner.to_string();
        if !words.iter().any(|before| before.contains(&text)) {
            words.push(text);
        }
        at = inner.source();
    }
    words.join(": ")
}
