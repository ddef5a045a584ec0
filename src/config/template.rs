//! The commented configuration that `migrate-infra init` writes. It is generated from the types of the model, and shows
//! each key with its default and its description.

use serde_json::Value;

use crate::model::{Layout, RawConfig};
use crate::schema_check::schema;

const HEAD: &str = "\
# Configuration of migrate-infra. Every key is shown with its default value, and can be omitted.\n\
# `migrate-infra config check` validates this file. `--set section.key=value` overrides a value for one command.\n";

/// Returns the text of a configuration with all defaults of a layout.
pub fn template(layout: Layout) -> String {
    let schema = schema();
    let defaults = serde_json::to_value(RawConfig::of(layout)).unwrap_or_default();
    let mut text = HEAD.to_owned();
    table(&mut text, &[], &defaults, &schema, &schema);
    text
}

fn table(text: &mut String, path: &[&str], values: &Value, of: &Value, root: &Value) {
    let Some(values) = values.as_object() else { return };
    let of = resolve(of, root);
    for (key, value) in values.iter().filter(|(_, value)| !value.is_object()) {
        let property = property(of, key);
        comment(text, property.and_then(|property| describe(property, root)));
        text.push_str(&format!("{} = {}\n", quoted(key), literal(value)));
    }
    for (key, value) in values.iter().filter(|(_, value)| value.is_object()) {
        let inner_path = [path, &[key.as_str()]].concat();
        let property = property(of, key);
        let inner = property.unwrap_or(&Value::Null);
        let has_values = value.as_object().is_some_and(|entries| entries.values().any(|entry| !entry.is_object()));
        if has_values {
            text.push('\n');
            if of.get("properties").is_some() {
                comment(text, property.and_then(|property| describe(property, root)));
            }
            text.push_str(&format!("[{}]\n", inner_path.iter().map(|key| quoted(key)).collect::<Vec<_>>().join(".")));
        } else {
            text.push('\n');
            comment(text, property.and_then(|property| describe(property, root)));
        }
        table(text, &inner_path, value, inner, root);
    }
}

fn property<'a>(of: &'a Value, key: &str) -> Option<&'a Value> {
    of.pointer("/properties").and_then(|properties| properties.get(key)).or_else(|| of.get("additionalProperties"))
}

fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    // The schema of an optional table is "the table, or null".
    let table = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .and_then(|choices| choices.iter().find(|choice| choice.get("$ref").is_some()));
    let schema = table.unwrap_or(schema);
    match schema.get("$ref").and_then(Value::as_str) {
        Some(pointer) => root.pointer(pointer.trim_start_matches('#')).unwrap_or(schema),
        None => schema,
    }
}

fn describe<'a>(property: &'a Value, root: &'a Value) -> Option<&'a str> {
    property.get("description").or_else(|| resolve(property, root).get("description")).and_then(Value::as_str)
}

fn comment(text: &mut String, description: Option<&str>) {
    for line in description.into_iter().flat_map(str::lines) {
        text.push_str(&format!("# {line}\n"));
    }
}

fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { key.to_owned() } else { format!("{key:?}") }
}

fn literal(value: &Value) -> String {
    match value.as_array() {
        // Each table has a line.
        Some(items) if items.iter().any(Value::is_object) => {
            let lines: String = items.iter().map(|item| format!("  {},\n", inline(item))).collect();
            format!("[\n{lines}]")
        }
        _ => inline(value),
    }
}

fn inline(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| "\"\"".to_owned(), |value| value.to_string())
}
