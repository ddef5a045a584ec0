//! TOML as JSON values, in which the configuration is merged and checked.

use serde_json::Value;

/// Converts a value. A date or a time becomes its text, because no key has this type.
pub(crate) fn to_json(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(datetime) => Value::String(datetime.to_string()),
        toml::Value::Array(items) => items.into_iter().map(to_json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, to_json(value))).collect(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}
