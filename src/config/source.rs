//! Where each value comes from: a place in the file, `--set`, or an environment variable.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;
use toml_edit::{Document, Item};

use super::problem::Problem;

/// The keys from the root to a value.
pub type Path = Vec<String>;

/// The text of a configuration and the origin of what overrides it.
pub struct Source {
    file: Option<Arc<NamedSource<String>>>,
    document: Option<Document<String>>,
    overridden: BTreeMap<Path, String>,
}

impl Source {
    /// A configuration without a file: only defaults and overrides.
    pub fn without_file() -> Self {
        Self { file: None, document: None, overridden: BTreeMap::new() }
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// A syntax error, with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problem> {
        let file = Arc::new(NamedSource::new(name, text.to_owned()).with_language("toml"));
        match Document::parse(text.to_owned()) {
            Ok(document) => Ok(Self { file: Some(file), document: Some(document), overridden: BTreeMap::new() }),
            Err(error) => {
                let message = error.message().lines().next().unwrap_or("it is not TOML").to_owned();
                Err(Problem { message, help: None, span: error.span(), file: Some(file) })
            }
        }
    }

    /// Remembers that a value was overridden.
    pub fn override_by(&mut self, path: Path, origin: String) {
        self.overridden.insert(path, origin);
    }

    /// Makes a problem that points at the value with this path, or at its key.
    pub fn problem(&self, path: &[String], message: impl Into<String>, help: Option<String>, what: Part) -> Problem {
        let origin = (0..=path.len()).rev().find_map(|length| self.overridden.get(&path[..length]));
        let mut message = message.into();
        if let Some(origin) = origin {
            message = format!("{message} (from {origin})");
        }
        let span = if origin.is_some() { None } else { self.span(path, what) };
        let file = self.file.clone().filter(|_| span.is_some());
        Problem { message, help, span, file }
    }

    /// The place of the value, or of the nearest table around it that is written down.
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

/// Which part of `key = value` a problem points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Source {
    /// Returns whether the value with this path is written down, in the file or as an override.
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
}
