//! Why a saved plan cannot be written, read or executed.

use std::path::PathBuf;

use crate::selection::Selection;

/// Why a saved plan cannot be written, read or executed.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// The file cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a saved plan.
    #[error("{} is not a saved plan", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The file has an unknown format.
    #[error("{} has format {format}, which this version does not support", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// What the plan was computed from has changed.
    #[error("the saved plan is out of date")]
    OutOfDate {
        /// What has changed.
        reason: Outdated,
        /// The selection of the plan.
        selection: Selection,
    },
}

/// What has changed since a plan was saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outdated {
    /// The plan is for another stack.
    #[error("the plan is for the stack `{planned}`, and this is `{actual}`")]
    OtherStack {
        /// The stack in the plan.
        planned: String,
        /// This stack.
        actual: String,
    },
    /// The plan was computed before the state existed.
    #[error("the state has changed since: it was empty then")]
    StateWasEmpty,
    /// The plan is for a state with another lineage.
    #[error("the plan is for another state")]
    OtherState,
    /// Records were added to the state.
    #[error("the state has changed since: it was at record {planned}, and is at {actual}")]
    StateChanged {
        /// The record number in the plan.
        planned: u64,
        /// The record number now.
        actual: u64,
    },
    /// The plan would be different now.
    #[error("the configuration has changed since, and the plan would be different")]
    ConfigChanged,
    /// The plan in the file is not the one that would be executed.
    #[error("the file shows a different plan than the one that would be executed: {}", if *.same_version {
        "it was edited"
    } else {
        "another version of this tool wrote it, or it was edited"
    })]
    Edited {
        /// Whether this version of the tool wrote the file.
        same_version: bool,
    },
    /// Resources have changed.
    #[error("what exists has changed since")]
    DriftChanged(Vec<String>),
    /// The actions would be different, because an ignored field has changed.
    #[error("what exists has changed since, and the plan would be different")]
    ActionsChanged,
}
