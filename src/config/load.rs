//! Loads a configuration: reads the file, applies the overrides, and checks the result.

use std::path::Path;

use infra_base::file::read_input;
use serde_json::{Map, Value};

use crate::diagnostic::{ConfigDiagnostic, ConfigError};
use crate::effective::effective;
use crate::line_ends::unix_lines;
use crate::model::{Config, RawConfig};
use crate::overrides::Overrides;
use crate::provenance::Provenance;
use crate::resolve::resolve;
use crate::schema_check::{check, expects_text};
use crate::validate::validate;

/// Loads and validates a configuration. Without a path, it consists of the defaults and the overrides.
///
/// # Errors
/// Returns all mistakes that can be found at once.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    Ok(read(path, overrides)?.1)
}

/// Loads and validates a configuration, and returns it in the form of its file, with all defaults and overrides. Each
/// environment contains the sections that apply to it.
///
/// # Errors
/// Returns all mistakes that can be found at once.
pub fn load_as_file(path: Option<&Path>, overrides: &Overrides) -> Result<Value, ConfigError> {
    let (value, config) = read(path, overrides)?;
    effective(&value, &config)
        .map_err(|error| ConfigError::Mistakes(vec![ConfigDiagnostic::without_place(error.to_string())]))
}

/// Validates the text of a configuration; `name` is the name of the file in messages.
///
/// # Errors
/// Returns all mistakes that can be found at once.
pub fn parse(name: &str, text: &str, overrides: &Overrides) -> Result<Config, ConfigError> {
    Ok(of_text(Some((name, text)), overrides)?.1)
}

/// Returns the value of the file with the overrides, and what it means.
fn read(path: Option<&Path>, overrides: &Overrides) -> Result<(Value, Config), ConfigError> {
    let Some(path) = path else { return of_text(None, overrides) };
    let text = read_input(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    of_text(Some((&path.display().to_string(), &text)), overrides)
}

/// Does so for a file that was read, given as its name and its text, or for the defaults.
fn of_text(file: Option<(&str, &str)>, overrides: &Overrides) -> Result<(Value, Config), ConfigError> {
    let single = |diagnostic| ConfigError::Mistakes(vec![diagnostic]);
    let (mut provenance, mut value) = match file {
        Some((name, text)) => {
            let provenance = Provenance::parse(name, &unix_lines(text)).map_err(single)?;
            let value = provenance.value();
            (provenance, value)
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
    if diagnostics.is_empty() { Ok((value, config)) } else { Err(ConfigError::Mistakes(diagnostics)) }
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
