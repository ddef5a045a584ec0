//! The provenance of each value: a position in the file, `--set`, or an environment variable.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use infra_base::terminal_text::{masked, plain};
use miette::NamedSource;
use serde_json::{Map, Value};
use toml_edit::{Document, Item};

use crate::diagnostic::ConfigDiagnostic;
use crate::toml_value::from_file;

/// The path of a value: the keys from the root.
pub type Path = Vec<String>;

/// The part of `key = value` to which a diagnostic points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// The text of a configuration, and the origins of its overrides.
pub struct Provenance {
    file: Option<Arc<NamedSource<String>>>,
    document: Option<Document<String>>,
    overridden: BTreeMap<Path, String>,
}

impl Provenance {
    /// Creates the provenance of a configuration without a file, which has only defaults and overrides.
    pub fn without_file() -> Self {
        Self { file: None, document: None, overridden: BTreeMap::new() }
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// The text has a syntax error. The diagnostic contains its position.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigDiagnostic> {
        // It is shown: what is in the file must not control the terminal. The positions stay.
        let shown = masked(text).into_owned();
        let file = Arc::new(NamedSource::new(plain(name), shown).with_language("toml"));
        match Document::parse(text.to_owned()) {
            Ok(document) => Ok(Self { file: Some(file), document: Some(document), overridden: BTreeMap::new() }),
            Err(error) => {
                let message = error.message().lines().next().unwrap_or("the file is not valid TOML").to_owned();
                Err(ConfigDiagnostic { message, help: None, span: error.span(), file: Some(file) })
            }
        }
    }

    /// Returns the values of the file.
    pub(crate) fn value(&self) -> Value {
        let of = |document: &Document<String>| from_file(document.as_item(), document.raw());
        self.document.as_ref().map_or_else(|| Value::Object(Map::new()), of)
    }

    /// Returns a value as it is written in the file. `None` if it is not in the file, or was overridden.
    pub(crate) fn written(&self, path: &[String]) -> Option<&str> {
        let document = self.document.as_ref().filter(|_| self.origin(path).is_none())?;
        document.raw().get(self.span(path, Part::Value)?).map(str::trim)
    }

    /// Records that a value was overridden.
    pub fn override_by(&mut self, path: Path, origin: String) {
        self.overridden.insert(path, origin);
    }

    /// Creates a diagnostic that points to the value with this path, or to its key.
    pub fn diagnostic(
        &self,
        path: &[String],
        message: impl Into<String>,
        help: Option<String>,
        what: Part,
    ) -> ConfigDiagnostic {
        let origin = self.origin(path);
        let mut message = message.into();
        if let Some(origin) = origin {
            message = format!("{message} (from {origin})");
        }
        let span = if origin.is_some() { None } else { self.span(path, what) };
        let file = self.file.clone().filter(|_| span.is_some());
        ConfigDiagnostic { message, help, span, file }
    }

    /// Returns the override that set the value with this path, or a table around it.
    fn origin(&self, path: &[String]) -> Option<&String> {
        (0..=path.len()).rev().find_map(|length| self.overridden.get(&path[..length]))
    }

    /// Returns whether the value with this path is set, in the file or by an override.
    pub fn has(&self, path: &[String]) -> bool {
        if self.overridden.contains_key(path) {
            return true;
        }
        let Some(document) = &self.document else { return false };
        let mut item = document.as_item();
        for key in path {
            match item.as_table_like().and_then(|table| table.get(key)) {
                Some(next) => item = next,
                None => return false,
            }
        }
        true
    }

    /// Returns the position of the value, or of the nearest enclosing table that is in the file.
    fn span(&self, path: &[String], what: Part) -> Option<Range<usize>> {
        let mut item: &Item = self.document.as_ref()?.as_item();
        let mut best = None;
        for (depth, key) in path.iter().enumerate() {
            if let (Ok(index), Some(array)) = (key.parse::<usize>(), item.as_array()) {
                return array.get(index).and_then(toml_edit::Value::span).or(best);
            }
            let Some(table) = item.as_table_like() else { break };
            let Some((found, next)) = table.get_key_value(key) else { break };
            let last = depth + 1 == path.len();
            best = match what {
                Part::Key => found.span().or_else(|| next.span()),
                Part::Value if last && !next.is_table() => next.span(),
                Part::Value => found.span().or_else(|| next.span()),
            }
            .or(best);
            item = next;
        }
        best
    }
}
