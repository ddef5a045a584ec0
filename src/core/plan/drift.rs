//! Drift: differences between AWS and the state that a refresh found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff::Change;
use crate::resource::spec_from_observed;
use infra_base::address::Address;
use infra_base::tags::Owner;

/// The drift of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Drift {
    /// It no longer exists.
    Gone,
    /// It exists, but differs from what was last applied.
    Differs {
        /// Each field that differs, with its last applied and its current value.
        changes: Vec<Change>,
        /// The first call that corrects it, as `service:Operation`.
        call: String,
        /// Other fields that differ, but are ignored.
        #[serde(default, rename = "left", skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<Change>,
    },
    /// It exists, but its differences cannot be corrected in place.
    #[serde(rename = "another")]
    RequiresReplacement {
        /// Each input that differs, with its last applied and its current value.
        changes: Vec<Change>,
    },
    /// It exists, and only ignored fields differ.
    #[serde(rename = "left")]
    Ignored {
        /// Each field that differs, with its last applied and its current value.
        changes: Vec<Change>,
    },
    /// A foreign resource has its place.
    Foreign {
        /// Its AWS id or name.
        id: String,
        /// Its owner.
        owner: Owner,
    },
    /// It is in transition, or does not work.
    #[serde(rename = "unsettled")]
    Transitional {
        /// A description.
        what: String,
        /// Fields that differ, but are ignored.
        #[serde(default, rename = "left", skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<Change>,
    },
    /// It differs from what was last applied, and AWS cannot revert the change.
    #[serde(rename = "stuck")]
    Manual {
        /// A description.
        what: String,
        /// Each field that differs, with its last applied and its current value.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<Change>,
        /// Other fields that differ, but are ignored.
        #[serde(default, rename = "left", skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<Change>,
    },
}

impl Drift {
    /// Returns whether this is drift. Ignored differences are not.
    pub fn is_drift(&self) -> bool {
        !matches!(self, Self::Ignored { .. })
    }

    /// Returns whether it requires manual action, because `up` cannot correct it.
    pub fn requires_manual_action(&self) -> bool {
        matches!(self, Self::Foreign { .. } | Self::Manual { .. })
    }

    /// Returns the fields that differ, but are ignored.
    pub fn ignored(&self) -> &[Change] {
        match self {
            Self::Differs { ignored, .. } | Self::Transitional { ignored, .. } | Self::Manual { ignored, .. } => {
                ignored
            }
            Self::Ignored { changes } => changes,
            Self::Gone | Self::RequiresReplacement { .. } | Self::Foreign { .. } => &[],
        }
    }

    /// Returns all fields that differ, including ignored ones.
    pub fn all(&self) -> impl Iterator<Item = &Change> {
        let changes: &[Change] = match self {
            Self::Differs { changes, .. } | Self::Manual { changes, .. } => changes,
            _ => &[],
        };
        changes.iter().chain(self.ignored())
    }

    /// Returns the attributes as observed in AWS, based on those in the state; nothing if no differing field is known.
    pub fn observed_attrs(&self, attrs: &Value) -> Option<Value> {
        self.all().next()?;
        Some(
            self.all()
                .fold(attrs.clone(), |attrs, change| spec_from_observed::set_field(attrs, &change.field, &change.new)),
        )
    }
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = |changes: &[Change]| {
            changes.iter().map(|change| format!("`{}`", change.field)).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Gone => f.write_str("it no longer exists in AWS"),
            Self::Differs { changes, ignored, .. } => {
                write!(f, "{} changed", fields(&[changes.as_slice(), ignored].concat()))
            }
            Self::Ignored { changes } | Self::RequiresReplacement { changes } => {
                write!(f, "{} changed", fields(changes))
            }
            Self::Foreign { id, owner } => write!(f, "`{id}` belongs to {owner}"),
            Self::Transitional { what, .. } | Self::Manual { what, .. } => f.write_str(what),
        }
    }
}

/// All drift, by address. Resources without an entry are as last applied.
pub type DriftReport = BTreeMap<Address, Drift>;
