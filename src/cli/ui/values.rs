//! Values as people read them.

use serde_json::Value;

use infra_core::plan::Change;

/// Longer values are truncated in text; the JSON form is complete.
const MAX_CHARS: usize = 160;

/// Returns a value in one line. Text replaces a value that is not known yet.
fn describe_value(value: &Value) -> String {
    let text = value.to_string();
    match value {
        _ if text.contains("\"$output\"") || text.contains("\"$concat\"") => {
            "known once the resource it refers to is created".to_owned()
        }
        _ if text.chars().count() > MAX_CHARS => format!("{}…", text.chars().take(MAX_CHARS).collect::<String>()),
        _ => text,
    }
}

/// Returns a change in one line, with what it interrupts.
pub(in crate::cli) fn describe_change(change: &Change) -> String {
    let note = change.note.as_ref().map(|note| format!("  ({note})")).unwrap_or_default();
    format!("{}: {} -> {}{note}", change.field, describe_value(&change.old), describe_value(&change.new))
}
