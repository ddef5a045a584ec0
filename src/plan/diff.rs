//! The difference between two specifications, input by input.

use serde::Serialize;
use serde_json::Value;

/// One input that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The input.
    pub field: String,
    /// What it was.
    pub old: Value,
    /// What it is to be. A reference when its value is not known yet.
    pub new: Value,
}

/// Returns the inputs that differ, in the order of the new specification, then those that are gone.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
        return if old == new { Vec::new() } else { vec![Change { field: String::new(), old: old.clone(), new: new.clone() }] };
    };
    let mut changes = Vec::new();
    for (field, value) in after {
        let was = before.get(field).unwrap_or(&Value::Null);
        if was != value {
            changes.push(Change { field: field.clone(), old: was.clone(), new: value.clone() });
        }
    }
    for (field, was) in before {
        if !after.contains_key(field) && !was.is_null() {
            changes.push(Change { field: field.clone(), old: was.clone(), new: Value::Null });
        }
    }
    changes
}
