//! What a look at the cloud has found that the state does not say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff::Change;
use crate::address::Address;
use crate::resource::told;

/// One thing that is not as the state says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Finding {
    /// It does not exist any more.
    Gone,
    /// It exists, and is not as it was left.
    Differs {
        /// Each field that differs: how it was left, and how it is.
        changes: Vec<Change>,
        /// The first call that puts it right, as `service:Operation`.
        call: String,
        /// Fields that differ, too, and may.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<Change>,
    },
    /// It exists, and differs in what can not be put right in place.
    Another {
        /// Each input that differs: how it was left, and how it is.
        changes: Vec<Change>,
    },
    /// It exists, and differs only in what others may change.
    Left {
        /// Each field that differs: how it was left, and how it is.
        changes: Vec<Change>,
    },
    /// Something of somebody else has its place.
    Foreign {
        /// Its AWS id or name.
        id: String,
        /// Whose it is.
        owner: String,
    },
    /// It is on the way somewhere, or does not work.
    Unsettled {
        /// In words.
        what: String,
        /// Fields that differ and may.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<Change>,
    },
    /// It is not as it was left, and AWS can not take it back.
    Stuck {
        /// In words.
        what: String,
        /// Each field that differs: how it was left, and how it is.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<Change>,
        /// Fields that differ, too, and may.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<Change>,
    },
}

impl Finding {
    /// Returns whether it is drift: all but what others may change.
    pub fn is_drift(&self) -> bool {
        !matches!(self, Self::Left { .. })
    }

    /// Returns whether `up` can do nothing about it, so that a person has to.
    pub fn is_for_a_person(&self) -> bool {
        matches!(self, Self::Foreign { .. } | Self::Stuck { .. })
    }

    /// Returns the fields that differ and may.
    pub fn left(&self) -> &[Change] {
        match self {
            Self::Differs { left, .. } | Self::Unsettled { left, .. } | Self::Stuck { left, .. } => left,
            Self::Left { changes } => changes,
            Self::Gone | Self::Another { .. } | Self::Foreign { .. } => &[],
        }
    }

    /// Returns all fields that differ, whether they may or not.
    pub fn all(&self) -> impl Iterator<Item = &Change> {
        let changes: &[Change] = match self {
            Self::Differs { changes, .. } | Self::Stuck { changes, .. } => changes,
            _ => &[],
        };
        changes.iter().chain(self.left())
    }

    /// Returns the attributes as AWS shows them, given those that the state knows; nothing when no field is known to differ.
    pub fn shown(&self, attrs: &Value) -> Option<Value> {
        self.all().next()?;
        Some(self.all().fold(attrs.clone(), |attrs, change| told::put(attrs, &change.field, &change.new)))
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = |changes: &[Change]| changes.iter().map(|change| format!("`{}`", change.field)).collect::<Vec<_>>().join(", ");
        match self {
            Self::Gone => f.write_str("it is gone from AWS"),
            Self::Differs { changes, left, .. } => write!(f, "{} changed", fields(&[changes.as_slice(), left].concat())),
            Self::Left { changes } | Self::Another { changes } => write!(f, "{} changed", fields(changes)),
            Self::Foreign { id, owner } => write!(f, "`{id}` belongs to {owner}"),
            Self::Unsettled { what, .. } | Self::Stuck { what, .. } => f.write_str(what),
        }
    }
}

/// What somebody has done to a resource outside of this tool, which `up` puts right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// These fields were changed.
    Changed(Vec<String>),
    /// It was deleted.
    Deleted,
}

impl std::fmt::Display for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(fields) => {
                let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
                write!(f, "{} changed outside of this tool", fields.join(", "))
            }
            Self::Deleted => f.write_str("it was deleted outside of this tool"),
        }
    }
}

/// What is not as the state says, by address. What is not mentioned is as it was left.
pub type Findings = BTreeMap<Address, Finding>;
