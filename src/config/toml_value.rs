//! TOML as JSON values, in which the configuration is merged and checked.

use serde_json::{Map, Value};
use toml_edit::Item;

/// Converts a part of a file. A date or a time becomes its text as it is written in `text`, because no key has this
/// type: a parser would write `07:30` as `07:30:00`.
pub(crate) fn from_file(item: &Item, text: &str) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => from_value(value, text),
        Item::Table(table) => entries(table.iter().map(|(key, item)| (key, from_file(item, text)))),
        Item::ArrayOfTables(tables) => {
            tables.iter().map(|table| entries(table.iter().map(|(key, item)| (key, from_file(item, text))))).collect()
        }
    }
}

fn from_value(value: &toml_edit::Value, text: &str) -> Value {
    match value {
        toml_edit::Value::String(string) => Value::String(string.value().clone()),
        toml_edit::Value::Integer(number) => Value::from(*number.value()),
        // An infinite number becomes null, which no key accepts.
        toml_edit::Value::Float(number) => Value::from(*number.value()),
        toml_edit::Value::Boolean(flag) => Value::Bool(*flag.value()),
        toml_edit::Value::Datetime(moment) => {
            let written = value.span().and_then(|span| text.get(span)).map(str::trim);
            Value::String(written.map_or_else(|| moment.value().to_string(), str::to_owned))
        }
        toml_edit::Value::Array(items) => items.iter().map(|item| from_value(item, text)).collect(),
        toml_edit::Value::InlineTable(table) => {
            entries(table.iter().map(|(key, value)| (key, from_value(value, text))))
        }
    }
}

/// Converts the value of an override.
pub(crate) fn from_override(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(moment) => Value::String(moment.to_string()),
        toml::Value::Array(items) => items.into_iter().map(from_override).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, from_override(value))).collect(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

fn entries<'a>(found: impl Iterator<Item = (&'a str, Value)>) -> Value {
    Value::Object(found.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}
