//! The action of a step.

use std::collections::BTreeSet;

use serde::Serialize;

use super::diff::Change;
use infra_base::address::Address;

/// What a step does to its resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Creates the resource.
    Create,
    /// Resumes a creation or update that an earlier run started and did not finish.
    Resume {
        /// The changes of the update that was started.
        changes: Vec<Change>,
    },
    /// Updates the resource in place.
    Update {
        /// What changes.
        changes: Vec<Change>,
    },
    /// Replaces the resource, because AWS cannot change these inputs in place.
    Replace {
        /// What changes.
        changes: Vec<Change>,
        /// Whether the new resource is created before the old one is deleted.
        order: ReplaceOrder,
    },
    /// No change. The step still reads the resource, and corrects it if it has drifted.
    #[serde(rename = "none")]
    NoOp,
    /// Deletes the resource.
    Delete,
    /// Cancels a replacement: the retired resource gets its address back.
    Restore,
    /// The resource differs from the state, and `up` cannot correct it: it requires manual action.
    #[serde(rename = "stuck")]
    Manual {
        /// The AWS id or name of the foreign resource that has its place, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// The order of creation and deletion in a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplaceOrder {
    /// The new resource is created first. Then its users are updated to use it, and then the old one is deleted.
    #[serde(rename = "new_first")]
    CreateFirst,
    /// The old resource and its dependents are deleted first, because AWS does not accept both at once.
    #[serde(rename = "old_first")]
    DeleteFirst,
}

/// A change of a resource's address in the state, before its step begins. Nothing changes in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The current address.
    pub from: Address,
    /// The new address.
    pub to: Address,
}

impl Action {
    /// Returns the changes of inputs.
    pub(super) fn changes_mut(&mut self) -> &mut [Change] {
        match self {
            Self::Resume { changes } | Self::Update { changes } | Self::Replace { changes, .. } => changes,
            Self::Create | Self::NoOp | Self::Delete | Self::Restore | Self::Manual { .. } => &mut [],
        }
    }

    /// Returns the operation by which durations of steps of one kind can be compared: `create`, `delete`, or `update`
    /// and the inputs that change. Nothing for a step that changes nothing in AWS.
    pub fn operation(&self) -> Option<String> {
        let inputs = |changes: &[Change]| {
            let inputs: BTreeSet<&str> = changes.iter().map(Change::input).collect();
            format!("update {}", inputs.into_iter().collect::<Vec<_>>().join(","))
        };
        match self {
            Self::NoOp | Self::Restore | Self::Manual { .. } => None,
            Self::Delete => Some("delete".to_owned()),
            Self::Update { changes } => Some(inputs(changes)),
            Self::Resume { changes } if !changes.is_empty() => Some(inputs(changes)),
            // The deletion of what is replaced is a step of its own.
            Self::Create | Self::Resume { .. } | Self::Replace { .. } => Some("create".to_owned()),
        }
    }

    /// Returns whether a new resource is created.
    pub fn creates(&self) -> bool {
        matches!(self, Self::Create | Self::Replace { .. })
    }

    /// Returns the name of the action, as in events and output.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Resume { .. } => "resume",
            Self::Update { .. } => "update",
            Self::Replace { .. } => "replace",
            Self::NoOp => "none",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Manual { .. } => "stuck",
        }
    }
}
