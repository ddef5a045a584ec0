//! Checks a configuration against the JSON schema of the Rust types: unknown keys, wrong types, and values that are out
//! of range.

use std::sync::LazyLock;

use serde_json::Value;

use crate::diagnostic::ConfigDiagnostic;
use crate::model::RawConfig;
use crate::provenance::{Part, Provenance};
use crate::suggest::suggest;

/// Returns the JSON schema of the configuration file.
pub fn schema() -> Value {
    root().clone()
}

/// The schema, which never changes while the program runs.
fn root() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(RawConfig).to_value());
    &SCHEMA
}

/// Returns all violations of the schema.
pub(crate) fn check(config: &Value, provenance: &Provenance) -> Vec<ConfigDiagnostic> {
    let root = root();
    let mut checker = Checker { root, provenance, diagnostics: Vec::new(), path: Vec::new() };
    checker.value(config, root);
    checker.diagnostics
}

/// Returns whether the value with this path must be a string.
pub(crate) fn expects_text(path: &[String]) -> bool {
    let root = root();
    let nothing = Provenance::without_file();
    let checker = Checker { root, provenance: &nothing, diagnostics: Vec::new(), path: Vec::new() };
    let mut at = root;
    for key in path {
        let here = checker.resolve(at);
        let property = here
            .get("properties")
            .and_then(|properties| properties.get(key))
            .or_else(|| here.get("additionalProperties"));
        match property.filter(|property| property.is_object()) {
            Some(next) => at = next,
            None => return false,
        }
    }
    types(checker.resolve(at)) == ["string"]
}

struct Checker<'a> {
    root: &'a Value,
    provenance: &'a Provenance,
    diagnostics: Vec<ConfigDiagnostic>,
    path: Vec<String>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, value: &Value, schema: &'a Value) {
        let schema = self.resolve(schema);
        if let Some(allowed) = allowed(schema) {
            if !allowed.iter().any(|one| one == value) {
                let values: Vec<String> =
                    allowed.iter().map(|one| format!("`{}`", one.as_str().unwrap_or_default())).collect();
                self.report(
                    format!("{} cannot be {}", self.name(), display(value)),
                    Some(format!("use {}", values.join(" or "))),
                    Part::Value,
                );
            }
            return;
        }
        let expected = types(schema);
        if !expected.is_empty() && !expected.iter().any(|one| has_type(value, one)) {
            let message = format!(
                "{} must be {}, not {}",
                self.name(),
                expected.iter().map(|one| type_name(one)).collect::<Vec<_>>().join(" or "),
                value_type(value)
            );
            let help = self.help_for_type(&expected, value);
            self.report(message, help, Part::Value);
            return;
        }
        match value {
            Value::Object(entries) => {
                let required =
                    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
                for key in required.filter(|key| !entries.contains_key(*key)) {
                    self.report(
                        format!("{} has no key `{key}`", self.name()),
                        Some("add the key; it has no default".to_owned()),
                        Part::Value,
                    );
                }
                for (key, inner) in entries {
                    self.path.push(key.clone());
                    self.entry(key, inner, schema);
                    self.path.pop();
                }
            }
            Value::Array(items) => {
                if let Some(item) = schema.get("items") {
                    for (index, inner) in items.iter().enumerate() {
                        self.path.push(index.to_string());
                        self.value(inner, item);
                        self.path.pop();
                    }
                }
            }
            Value::Number(number) => self.range(number.as_f64().unwrap_or_default(), schema),
            _ => {}
        }
    }

    /// Returns how to write a value of the expected type. A number where a text is expected would lose digits, so it is
    /// not converted: TOML reads `16.10` as 16.1.
    fn help_for_type(&self, expected: &[&str], value: &Value) -> Option<String> {
        match expected {
            ["string"] if !value.is_object() && !value.is_array() => {
                let value = value.to_string();
                let written = self.provenance.written(&self.path).unwrap_or(&value);
                Some(format!("put it in quotes: \"{written}\""))
            }
            ["array"] if value.is_string() => {
                let example = "write a list, with quotes around each text: [\"a\", \"b\"]";
                Some(example.to_owned())
            }
            _ => None,
        }
    }

    fn entry(&mut self, key: &str, inner: &Value, schema: &'a Value) {
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(property) = properties.and_then(|properties| properties.get(key)) {
            self.value(inner, property);
        } else if let Some(any) = schema.get("additionalProperties").filter(|any| any.is_object()) {
            self.value(inner, any);
        } else {
            let known: Vec<&str> = properties.into_iter().flat_map(serde_json::Map::keys).map(String::as_str).collect();
            self.report(format!("unknown key `{}`", self.path.join(".")), Some(suggest(key, &known)), Part::Key);
        }
    }

    fn range(&mut self, number: f64, schema: &Value) {
        let bound = |key| schema.get(key).and_then(Value::as_f64);
        let (minimum, maximum) = (bound("minimum"), bound("maximum"));
        if minimum.is_some_and(|minimum| number < minimum) || maximum.is_some_and(|maximum| number > maximum) {
            let help = match (minimum, maximum) {
                (Some(minimum), Some(maximum)) => format!("use a value from {minimum} to {maximum}"),
                (Some(minimum), None) => format!("use {minimum} or more"),
                (_, maximum) => format!("use at most {}", maximum.unwrap_or_default()),
            };
            self.report(format!("{} cannot be {number}", self.name()), Some(help), Part::Value);
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut at = schema;
        loop {
            if let Some(pointer) = at.get("$ref").and_then(Value::as_str) {
                match self.root.pointer(pointer.trim_start_matches('#')) {
                    Some(next) => at = next,
                    None => return at,
                }
                continue;
            }
            // The schema of an optional section is "the section, or null". A TOML file cannot contain null.
            let choices = at.get("anyOf").and_then(Value::as_array);
            match choices.and_then(|choices| {
                choices.iter().find(|choice| choice.get("type").and_then(Value::as_str) != Some("null"))
            }) {
                Some(next) => at = next,
                None => return at,
            }
        }
    }

    fn name(&self) -> String {
        format!("`{}`", self.path.join("."))
    }

    fn report(&mut self, message: String, help: Option<String>, part: Part) {
        self.diagnostics.push(self.provenance.diagnostic(&self.path, message, help, part));
    }
}

fn allowed(schema: &Value) -> Option<Vec<Value>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.clone());
    }
    let choices = schema.get("oneOf").and_then(Value::as_array)?;
    choices.iter().map(|choice| choice.get("const").cloned()).collect()
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        _ => Vec::new(),
    }
}

fn has_type(value: &Value, expected: &str) -> bool {
    match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    }
}

fn type_name(expected: &str) -> &str {
    match expected {
        "object" => "a table",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        other => other,
    }
}

fn value_type(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a table",
        Value::Array(_) => "a list",
        Value::String(_) => "a string",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        // TOML has no null; JSON has no infinite numbers.
        Value::Null => "an infinite number",
    }
}

fn display(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        Value::Null => "an infinite number".to_owned(),
        other => other.to_string(),
    }
}
