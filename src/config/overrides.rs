//! Values that override the configuration file: `--set`, environment variables and `--suffix`.

use serde_json::Value;

use crate::diagnostic::ConfigDiagnostic;
use crate::line_ends::unix_lines;
use crate::toml_value::from_override;

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
    /// The value, as it is written.
    text: String,
    /// The origin, for messages.
    pub(crate) origin: String,
}

const PREFIX: &str = "MIGRATE_INFRA_";
/// The most parts of a key. No key of the configuration has more than a few; each part is a level of recursion.
const MOST_PARTS: usize = 16;

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

    /// Returns the overrides of these sections, and the suffix.
    pub fn of_sections(&self, sections: &[&str]) -> Self {
        let is_in = |first: Option<&str>| first.is_some_and(|first| sections.contains(&first.trim()));
        let is_named = |name: &str| {
            is_in(name.strip_prefix(PREFIX).and_then(|rest| rest.split("__").next()).map(key_of_variable).as_deref())
        };
        Self {
            sets: self.sets.iter().filter(|set| is_in(set.split('.').next())).cloned().collect(),
            variables: self.variables.iter().filter(|(name, _)| is_named(name)).cloned().collect(),
            suffix: self.suffix.clone(),
        }
    }

    /// Returns the overrides in ascending order of precedence.
    pub(crate) fn entries(&self) -> Result<Vec<Override>, ConfigDiagnostic> {
        let mut entries = Vec::new();
        for (name, value) in &self.variables {
            let parts = name.strip_prefix(PREFIX).unwrap_or(name).split("__");
            let path: Vec<String> = parts.map(key_of_variable).collect();
            if path.len() > MOST_PARTS {
                return Err(too_deep(&format!("the environment variable {}", shortened(name))));
            }
            let origin = format!("the environment variable {name}");
            entries.push(Override { path, text: value.clone(), origin });
        }
        for set in &self.sets {
            let Some((key, value)) = set.split_once('=') else {
                let help = Some("for example `--set database.multi_az=true`".to_owned());
                let message = format!("`--set {set}` has no `=`");
                return Err(ConfigDiagnostic { message, help, span: None, file: None });
            };
            if key.matches('.').count() >= MOST_PARTS {
                return Err(too_deep(&format!("`--set {}`", shortened(key))));
            }
            let path = path_of(key.trim());
            entries.push(Override { path, text: value.to_owned(), origin: format!("`--set {set}`") });
        }
        if let Some(suffix) = &self.suffix {
            let path = vec!["stack".to_owned(), "suffix".to_owned()];
            entries.push(Override { path, text: suffix.clone(), origin: "`--suffix`".to_owned() });
        }
        Ok(entries)
    }
}

fn too_deep(what: &str) -> ConfigDiagnostic {
    let message = format!("{what} names a key of more than {MOST_PARTS} parts");
    let help = Some("for example `--set database.multi_az=true`".to_owned());
    ConfigDiagnostic { message, help, span: None, file: None }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    if text.chars().count() > SHOWN {
        format!("{}…", text.chars().take(SHOWN).collect::<String>())
    } else {
        text.to_owned()
    }
}

/// Returns the parts of a dotted key, as in TOML: `tags."cost.center"` has two.
fn path_of(key: &str) -> Vec<String> {
    let Ok(table) = toml::from_str::<toml::Table>(&format!("{key} = 0")) else {
        return key.split('.').map(str::to_owned).collect();
    };
    let mut path = Vec::new();
    let mut rest = Some(table);
    while let Some((part, inner)) = rest.take().and_then(|table| table.into_iter().next()) {
        path.push(part);
        if let toml::Value::Table(next) = inner {
            rest = Some(next);
        }
    }
    path
}

/// Returns a key from the name of a variable. `TAGS__CostCenter` is the tag `CostCenter`; a name in capitals is that of
/// a key in lower case.
fn key_of_variable(part: &str) -> String {
    if part.chars().any(char::is_lowercase) { part.to_owned() } else { part.to_lowercase() }
}

impl Override {
    /// Returns the value of a key that requires a string: the text as it is. `16.10` and `2024-01-01` stay so, although
    /// they are a number and a date in TOML. Only the quotes of a TOML string are removed.
    pub(crate) fn as_text(&self) -> Value {
        let is_quoted = self.text.trim_start().starts_with(['"', '\'']);
        self.parsed().filter(|value| is_quoted && value.is_string()).unwrap_or_else(|| self.as_is())
    }

    /// Returns the value of any other key, as TOML. A text that is not TOML is a string.
    pub(crate) fn as_toml(&self) -> Value {
        self.parsed().unwrap_or_else(|| self.as_is())
    }

    fn parsed(&self) -> Option<Value> {
        unix_lines(self.text.trim()).parse().ok().map(from_override)
    }

    fn as_is(&self) -> Value {
        Value::String(unix_lines(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Override {
        Override { path: Vec::new(), text: text.to_owned(), origin: String::new() }
    }

    #[test]
    fn the_case_of_a_tag_in_the_name_of_a_variable_was_lost() {
        let name = "MIGRATE_INFRA_TAGS__CostCenter".to_owned();
        let overrides = Overrides { variables: vec![(name, "007".to_owned())], ..Overrides::default() };
        assert_eq!(overrides.entries().unwrap()[0].path, ["tags", "CostCenter"]);
        assert_eq!(["DATABASE", "MULTI_AZ"].map(key_of_variable), ["database", "multi_az"]);
    }

    #[test]
    fn line_ends_of_windows_in_a_variable_were_another_text() {
        assert_eq!(given("a\r\nb").as_text(), Value::String("a\nb".to_owned()));
    }

    #[test]
    fn a_key_of_sixty_thousand_parts_overflowed_the_stack() {
        let dots = "a.".repeat(60_000);
        let sets = vec![format!("{dots}a=1")];
        let set = Overrides { sets, ..Overrides::default() };
        let variables = vec![(format!("MIGRATE_INFRA_{}A", "A__".repeat(60_000)), "1".to_owned())];
        let variable = Overrides { variables, ..Overrides::default() };
        for overrides in [set, variable] {
            let error = overrides.entries().err().unwrap();
            assert!(error.message.contains("more than 16 parts") && error.message.len() < 200, "{error}");
        }
        let sets = vec![format!("{}=1", ["a"; 16].join("."))];
        assert_eq!(Overrides { sets, ..Overrides::default() }.entries().ok().unwrap()[0].path.len(), 16);
    }

    #[test]
    fn a_deep_value_is_text_or_refused_and_overflows_nothing() {
        for text in
            ["[".repeat(60_000) + &"]".repeat(60_000), "{a=".repeat(60_000), format!("{{{}a=1}}", "a.".repeat(60_000))]
        {
            assert!(given(&text).as_toml().is_string());
        }
    }

    #[test]
    fn keys_are_dotted_as_in_toml() {
        assert_eq!(path_of("database.multi_az"), ["database", "multi_az"]);
        assert_eq!(path_of("tags.\"cost.center\""), ["tags", "cost.center"]);
        assert_eq!(path_of("tags.a b"), ["tags", "a b"]);
    }

    #[test]
    fn a_text_that_looks_like_a_number_or_a_date_was_changed() {
        let texts = [
            "16.10",
            "1.10",
            "2024-01-01",
            "07:30:00",
            "0x1F",
            "1_000",
            "1e3",
            "inf",
            "[a]",
            "it's",
            "007",
            "true",
            "",
            "+1",
            ".5",
            "2024-01-01 07:30:00Z",
            "\"a\" # b",
            "\"a\"\nb = \"c\"",
        ];
        for text in texts {
            assert_eq!(given(text).as_text(), Value::String(text.to_owned()));
        }
        assert_eq!(given("\"16.10\"").as_text(), Value::String("16.10".to_owned()));
        assert_eq!(given("16.10").as_toml(), serde_json::json!(16.1));
        assert_eq!(given("[2024-01-01]").as_toml(), serde_json::json!(["2024-01-01"]));
    }
}
