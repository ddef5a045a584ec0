//! Values as people read them.

use serde_json::Value;

use crate::plan::Change;

/// Longer values are cut in the text; the JSON form has all of them.
const LONGEST: usize = 160;

/// A value in one line, cut when it is long. What is not known yet says so.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match value {
        _ if text.contains("\"$output\"") || text.contains("\"$concat\"") => "known once what it refers to is made".to_owned(),
        _ if text.chars().count() > LONGEST => format!("{}…", text.chars().take(LONGEST).collect::<String>()),
        _ => text,
    }
}

/// A change in one line, with what it interrupts.
pub(in crate::cli) fn changed(change: &Change) -> String {
    let note = change.note.as_ref().map(|note| format!("  ({note})")).unwrap_or_default();
    format!("{}: {} -> {}{note}", change.field, shown(&change.old), shown(&change.new))
}
