//! Values as people read them.

use serde_json::Value;

/// Longer values are cut in the text; the JSON form has all of them.
const LONGEST: usize = 160;

/// A value in one line, cut when it is long. What is not known yet says so.
pub(in crate::cli) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match value {
        _ if text.contains("\"$output\"") || text.contains("\"$concat\"") => "known once what it refers to is made".to_owned(),
        _ if text.chars().count() > LONGEST => format!("{}…", text.chars().take(LONGEST).collect::<String>()),
        _ => text,
    }
}
