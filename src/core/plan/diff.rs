//! The difference between two specifications, by input.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An input that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The input.
    pub field: String,
    /// The old value.
    pub old: Value,
    /// The new value; a reference if the value is not known yet.
    pub new: Value,
    /// What the change interrupts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether AWS applies it later, in a maintenance window.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_window: bool,
    /// Whether AWS applies changes that wait for such a window together with this change.
    #[serde(default, rename = "hastens", skip_serializing_if = "std::ops::Not::not")]
    pub flushes_pending: bool,
}

impl Change {
    /// Returns a change of one input.
    pub fn new(field: impl Into<String>, old: Value, new: Value) -> Self {
        Self { field: field.into(), old, new, note: None, waits_for_window: false, flushes_pending: false }
    }

    /// Returns the input, without the path to the nested difference.
    pub fn input(&self) -> &str {
        self.field.split('.').next().unwrap_or(&self.field)
    }

    /// Returns whether tags change.
    pub fn is_tags(&self) -> bool {
        self.input() == "tags"
    }

    /// Returns the nested differences, named by their paths, if both values are objects.
    pub fn inside(&self) -> Option<Vec<Self>> {
        let groups = self.old.is_object() && self.new.is_object();
        let named = |inner: Self| Self {
            field: format!("{}.{}", self.field, inner.field),
            note: self.note.clone(),
            waits_for_window: self.waits_for_window,
            ..inner
        };
        groups.then(|| changes(&self.old, &self.new).into_iter().map(named).collect())
    }
}

/// Returns the inputs that differ, in the order of the new specification, followed by those that were removed.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
        return if old == new { Vec::new() } else { vec![Change::new("", old.clone(), new.clone())] };
    };
    let mut changes = Vec::new();
    for (field, value) in after {
        let was = before.get(field).unwrap_or(&Value::Null);
        if was != value {
            changes.push(Change::new(field, was.clone(), value.clone()));
        }
    }
    for (field, was) in before {
        if !after.contains_key(field) && !was.is_null() {
            changes.push(Change::new(field, was.clone(), Value::Null));
        }
    }
    changes
}
