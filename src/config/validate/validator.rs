//! Collects the mistakes in a configuration.

use super::regions::REGIONS;
use crate::diagnostic::ConfigDiagnostic;
use crate::model::EnvironmentConfig;
use crate::provenance::{Part, Provenance};
use crate::suggest::suggest;

/// Collects the mistakes in a configuration. The files next to this one add a method for each section.
pub(super) struct Validator<'a> {
    pub(super) provenance: &'a Provenance,
    diagnostics: Vec<ConfigDiagnostic>,
}

impl<'a> Validator<'a> {
    /// Creates a validator without diagnostics.
    pub(super) fn new(provenance: &'a Provenance) -> Self {
        Self { provenance, diagnostics: Vec::new() }
    }

    /// Returns whether no mistake was reported.
    pub(super) fn is_clean(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Returns the diagnostics, in the order in which they were reported.
    pub(super) fn into_diagnostics(self) -> Vec<ConfigDiagnostic> {
        self.diagnostics
    }

    /// Reports a mistake in the value with this path.
    pub(super) fn report(&mut self, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        self.diagnostics.push(self.provenance.diagnostic(&path, message, Some(help.into()), Part::Value));
    }

    /// Reports empty elements of a command.
    pub(super) fn command(&mut self, section: &str, key: &str, command: &[String], help: &str) {
        for (index, _) in command.iter().enumerate().filter(|(_, word)| word.trim().is_empty()) {
            let at = index.to_string();
            self.report(&[section, key, &at], format!("element {} of `{key}` is empty", index + 1), help);
        }
    }

    /// Reports what cannot be the name of an environment variable, in which `*` stands for any characters.
    pub(super) fn passed_variables(&mut self, section: &str, names: &[String]) {
        let is_name = |name: &str| {
            let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '*';
            !name.is_empty() && !name.starts_with(|char: char| char.is_ascii_digit()) && name.chars().all(is_part)
        };
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_name(name)) {
            let message = format!("`{name}` is not the name of an environment variable");
            self.report(&[section, "pass_environment", &index.to_string()], message, "for example \"AWS_PROFILE\"");
        }
    }

    /// Reports a region that does not exist.
    pub(super) fn region(&mut self, path: &[&str], region: &str) {
        if !REGIONS.contains(&region) {
            self.report(path, format!("there is no region `{region}`"), suggest(region, REGIONS));
        }
    }

    /// Reports a mistake in a section. It points to the key of the environment if the environment overrides it,
    /// otherwise to the global key.
    pub(super) fn section(
        &mut self,
        environment: &EnvironmentConfig,
        section: &str,
        key: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let global = [section.to_owned(), key.to_owned()];
        let own = [&["environments".to_owned(), environment.name.clone()], &global[..]].concat();
        let path = if self.provenance.has(&own) { &own[..] } else { &global[..] };
        let diagnostic = self.provenance.diagnostic(path, message, Some(help.into()), Part::Value);
        // A mistake in a global key is reported once, not once per environment.
        let is_same = |other: &ConfigDiagnostic| other.message == diagnostic.message && other.span == diagnostic.span;
        if !self.diagnostics.iter().any(is_same) {
            self.diagnostics.push(diagnostic);
        }
    }
}
