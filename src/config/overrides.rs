//! Values that override the configuration file: `--set`, environment variables and `--suffix`.

use serde_json::Value;

use crate::diagnostic::ConfigDiagnostic;

/// Values that override the configuration file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The `KEY=VALUE` texts of `--set`, in order.
    pub sets: Vec<String>,
    /// Environment variables `MIGRATE_INFRA_SECTION__KEY`. `--set` takes precedence over them.
    pub variables: Vec<(String, String)>,
    /// The value of `--suffix`, which takes precedence over everything else.
    pub suffix: Option<String>,
}

/// One override.
pub(crate) struct Override {
    /// The path of the key.
    pub(crate) path: Vec<String>,
    /// The value.
    pub(crate) value: Value,
    /// The origin, for messages.
    pub(crate) origin: String,
}

const PREFIX: &str = "MIGRATE_INFRA_";

impl Overrides {
    /// Adds the variables of the process that name a configuration key. Their names contain a double underscore.
    pub fn with_environment(mut self) -> Self {
        let text =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut found: Vec<(String, String)> =
            text.filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__"))).collect();
        found.sort();
        self.variables = found;
        self
    }

    /// Returns the overrides in ascending order of precedence.
    pub(crate) fn entries(&self) -> Result<Vec<Override>, ConfigDiagnostic> {
        let mut entries = Vec::new();
        for (name, value) in &self.variables {
            let path = name.trim_start_matches(PREFIX).split("__").map(str::to_lowercase).collect();
            let origin = format!("the environment variable {name}");
            entries.push(Override { path, value: parse(value), origin });
        }
        for set in &self.sets {
            let Some((key, value)) = set.split_once('=') else {
                let help = Some("for example `--set database.multi_az=true`".to_owned());
                let message = format!("`--set {set}` has no `=`");
                return Err(ConfigDiagnostic { message, help, span: None, file: None });
            };
            let path = key.trim().split('.').map(str::to_owned).collect();
            entries.push(Override { path, value: parse(value), origin: format!("`--set {set}`") });
        }
        if let Some(suffix) = &self.suffix {
            let path = vec!["stack".to_owned(), "suffix".to_owned()];
            entries.push(Override { path, value: Value::String(suffix.clone()), origin: "`--suffix`".to_owned() });
        }
        Ok(entries)
    }
}

/// Parses a value as TOML. A text that is not TOML is a string.
fn parse(text: &str) -> Value {
    let table: Option<toml::Table> = toml::from_str(&format!("value = {text}")).ok();
    let value = table.and_then(|mut table| table.remove("value")).and_then(|value| serde_json::to_value(value).ok());
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}
