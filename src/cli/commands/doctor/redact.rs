//! The configuration without what could be secret: numbers, switches, and the words of a few keys.

use serde_json::{Map, Value};

/// The keys whose value is a word of this program or of AWS.
const WORDS: [&str; 16] = [
    "backend",
    "engine_version",
    "instance_class",
    "migration_type",
    "nat_gateways",
    "on",
    "on_abort",
    "on_failure",
    "on_overdue",
    "on_resume",
    "region",
    "schema",
    "statistic",
    "storage_type",
    "strategy",
    "table_preparation",
];
/// The tables whose keys the user has chosen.
const OWN_KEYS: [&str; 7] = ["accounts", "custom", "dimensions", "metrics", "parameters", "resources", "tags"];
/// The tables in which every text is the user's, whatever its key.
const OWN_TEXTS: [&str; 3] = ["dimensions", "parameters", "tags"];
/// The longest word.
const LONGEST_WORD: usize = 48;

/// Returns a configuration in which texts are replaced by their length.
pub(super) fn all(value: &Value) -> Value {
    redact(value, "", false)
}

/// Returns a text that is a single short word, which is no secret where a word is expected.
pub(super) fn harmless(text: &str) -> Option<String> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-_.+:".contains(char);
    (text.len() <= LONGEST_WORD && text.chars().all(is_part)).then(|| text.to_owned())
}

fn redact(value: &Value, key: &str, is_own: bool) -> Value {
    match value {
        Value::Object(table) => {
            let is_own = is_own || OWN_TEXTS.contains(&key);
            let has_own_keys = OWN_KEYS.contains(&key);
            let entry = |(at, (name, value)): (usize, (&String, &Value))| {
                let shown = if has_own_keys { format!("key {}", at + 1) } else { name.clone() };
                (shown, redact(value, name, is_own))
            };
            Value::Object(table.iter().enumerate().map(entry).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| redact(item, key, is_own)).collect()),
        Value::String(text) if text.is_empty() => Value::String(String::new()),
        Value::String(text) => {
            let word = if !is_own && WORDS.contains(&key) { harmless(text) } else { None };
            Value::String(word.unwrap_or_else(|| format!("({} characters)", text.chars().count())))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_become_their_length() {
        let shown = all(&json!({
            "stack": { "name": "shop" },
            "tags": { "region": "secret", "Token": "secret" },
            "environments": { "source": { "region": "eu-west-1", "protect": true } },
            "cutover": { "quiesce_command": ["stop", "--token=secret"], "strategy": "at-once", "steps": [5, 100] },
            "database": { "parameters": { "schema": "secret" }, "storage_type": "two words" },
            "accounts": { "111122223333": { "profile": "" } },
        }));
        let expected = json!({
            "stack": { "name": "(4 characters)" },
            "tags": { "key 1": "(6 characters)", "key 2": "(6 characters)" },
            "environments": { "source": { "region": "eu-west-1", "protect": true } },
            "cutover": {
                "quiesce_command": ["(4 characters)", "(14 characters)"], "strategy": "at-once", "steps": [5, 100]
            },
            "database": { "parameters": { "key 1": "(6 characters)" }, "storage_type": "(9 characters)" },
            "accounts": { "key 1": { "profile": "" } },
        });
        assert_eq!(shown, expected);
    }
}
