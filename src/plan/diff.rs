//! The difference between two specifications, input by input.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One input that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The input.
    pub field: String,
    /// What it was.
    pub old: Value,
    /// What it is to be. A reference when its value is not known yet.
    pub new: Value,
    /// What the change interrupts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether AWS makes it later, in a window that it chooses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_window: bool,
    /// Whether with it AWS makes at once what waits for such a window.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hastens: bool,
}

impl Change {
    /// A change of one input.
    pub fn new(field: impl Into<String>, old: Value, new: Value) -> Self {
        Self { field: field.into(), old, new, note: None, waits_for_window: false, hastens: false }
    }

    /// Returns the input, without the way to what differs inside of it.
    pub fn input(&self) -> &str {
        self.field.split('.').next().unwrap_or(&self.field)
    }

    /// Returns whether it is a change of tags.
    pub fn is_tags(&self) -> bool {
        self.input() == "tags"
    }

    /// Returns what differs inside, named by the way to it, when both values are groups.
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

/// Returns the inputs that differ, in the order of the new specification, then those that are gone.
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
