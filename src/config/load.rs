//! Loads a configuration: reads the file, applies the overrides, and checks the result.

use std::path::Path;

use serde_json::{Map, Value};

use crate::diagnostic::{ConfigDiagnostic, ConfigError};
use crate::model::{Config, RawConfig};
use crate::overrides::Overrides;
use crate::provenance::Provenance;
use crate::resolve::resolve;
use crate::schema_check::{check, expects_text};
use crate::toml_value::to_json;
use crate::validate::validate;

/// Loads and validates a configuration. Without a path, it consists of the defaults and the overrides.
///
/// # Errors
/// Returns all mistakes that can be found at once.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let single = |diagnostic| ConfigError::Mistakes(vec![diagnostic]);
    let (mut provenance, mut value) = match path {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            // Git can write line ends of Windows; a text of several lines must not become another one.
            let text = text.replace("\r\n", "\n");
            let provenance = Provenance::parse(&path.display().to_string(), &text).map_err(single)?;
            let table: toml::Table = toml::from_str(&text).map_err(|error| {
                let message = error.message().to_owned();
                single(ConfigDiagnostic { message, help: None, span: error.span(), file: None })
            })?;
            (provenance, to_json(toml::Value::Table(table)))
        }
        None => (Provenance::without_file(), serde_json::to_value(RawConfig::default()).unwrap_or_default()),
    };
    for entry in overrides.entries().map_err(single)? {
        // `--set database.engine_version=17` sets a string: the key requires one, and a shell removes quotes.
        let new = if expects_text(&entry.path) { entry.as_text() } else { entry.as_toml() };
        insert(&mut value, &entry.path, new);
        provenance.override_by(entry.path, entry.origin);
    }
    let diagnostics = check(&value, &provenance);
    if !diagnostics.is_empty() {
        return Err(ConfigError::Mistakes(diagnostics));
    }
    let (config, mut diagnostics) = resolve(&value, &provenance).map_err(single)?;
    diagnostics.extend(validate(&config, &provenance));
    if diagnostics.is_empty() { Ok(config) } else { Err(ConfigError::Mistakes(diagnostics)) }
}

/// Inserts a value at a path, and creates the tables around it.
fn insert(at: &mut Value, path: &[String], new: Value) {
    let Some((key, rest)) = path.split_first() else {
        *at = new;
        return;
    };
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    if let Some(object) = at.as_object_mut() {
        insert(object.entry(key.clone()).or_insert(Value::Null), rest, new);
    }
}
