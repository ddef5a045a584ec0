//! What can go wrong with one resource.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::aws::{AwsError, Fate};
use crate::graph::Unresolved;

/// The result of a step on one resource.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something in AWS that stands in the way of a deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// Its AWS id.
    pub id: String,
    /// What it is, and whose, in words.
    pub what: String,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.what)
    }
}

/// Why a step on a resource did not finish. Every variant knows what it left behind: see [`Error::fate`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS refused a call or did not answer it.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The name is taken by something that is not ours.
    #[error("`{id}` exists already and belongs to {owner}")]
    Foreign {
        /// The id or name found.
        id: String,
        /// Whose it is.
        owner: String,
    },
    /// More than one thing carries the marks of one address.
    #[error("more than one object carries the marks of this address: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// It did not get where it should in time.
    #[error("{what} is still `{status}` after {} s", .after.as_secs())]
    Timeout {
        /// What was waited for.
        what: String,
        /// The last status seen.
        status: String,
        /// How long the status had not changed.
        after: Duration,
    },
    /// AWS says that it failed.
    #[error("{what} went into status `{status}`{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Failed {
        /// What failed.
        what: String,
        /// The status.
        status: String,
        /// AWS's reason, if it gave one.
        reason: Option<String>,
    },
    /// It cannot be deleted because other things need it.
    #[error("it is still in use by {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Blocked(Vec<Blocker>),
    /// The configuration does not allow what would have to be done.
    #[error("{0}")]
    Refused(String),
    /// It has gone where AWS takes nothing back from.
    #[error("{0}")]
    OneWay(String),
    /// The run was asked to stop before this was done.
    #[error("the run was stopped before this was finished")]
    Cancelled,
    /// It was only looked at, and this call would be made next.
    #[error("{0} would be called")]
    WouldCall(&'static str),
    /// It was only looked at, and is on its way.
    #[error("{what}: it is `{status}`")]
    OnItsWay {
        /// What would be waited for.
        what: String,
        /// The status.
        status: String,
    },
    /// The journal cannot be written, so nothing more may be changed.
    #[error("the journal can not be written")]
    Journal(#[from] crate::state::JournalError),
    /// An input was not resolved.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// Stored data does not fit the kind.
    #[error("the {what} of a {kind} can not be read")]
    Shape {
        /// The kind.
        kind: &'static str,
        /// Which part.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// AWS answered without something that its documentation promises.
    #[error("the answer of {call} lacks {what}")]
    Incomplete {
        /// The operation.
        call: &'static str,
        /// What is missing.
        what: &'static str,
    },
}

impl Error {
    /// Returns whether the last mutating call may have taken effect.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Aws(error) => error.fate,
            // The call was carried out, only its answer cannot be used.
            Self::Incomplete { .. } => Fate::Unknown,
            _ => Fate::NotDone,
        }
    }

    /// Returns whether AWS answered with this error code.
    pub fn is_code(&self, code: &str) -> bool {
        matches!(self, Self::Aws(error) if error.is(code))
    }

    /// Returns the AWS error, if it is one.
    pub fn aws(&self) -> Option<&AwsError> {
        match self {
            Self::Aws(error) => Some(error),
            _ => None,
        }
    }
}

/// Turns "AWS answers that this is so already" into success: the codes listed are what the caller wanted.
///
/// # Errors
/// Every other error.
pub fn settled<T>(result: Result<T>, codes: &[&str]) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if codes.iter().any(|code| error.is_code(code)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The words of an error and of what caused it, in one line.
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
