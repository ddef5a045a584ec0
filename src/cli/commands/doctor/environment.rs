//! Environment variables: their names, and the values of harmless ones.

use std::ffi::OsString;

use serde_json::{Map, Value};

use super::redact::harmless;

/// The beginnings of the names that are shown.
const PREFIXES: [&str; 2] = ["AWS_", "MIGRATE_INFRA_"];
/// Variables whose value is a word or a number, and never a secret.
const HARMLESS: [&str; 15] = [
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_MAX_ATTEMPTS",
    "AWS_REGION",
    "AWS_RETRY_MODE",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "CLICOLOR_FORCE",
    "LANG",
    "LC_ALL",
    "MIGRATE_INFRA_SANDBOX_DATA",
    "NO_COLOR",
    "TERM",
    "TZ",
];

/// Returns the variables by name. Those without a value that is shown have `null`.
pub(super) fn shown(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Value {
    let mut all: Vec<(String, Value)> = variables
        .into_iter()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let is_harmless = HARMLESS.contains(&name.as_str());
            let is_ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            let value = if is_harmless { value.to_str().and_then(harmless) } else { None };
            (is_harmless || is_ours).then(|| (name, value.map_or(Value::Null, Value::String)))
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    Value::Object(all.into_iter().collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_variables_have_a_value() {
        let all = [
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("MIGRATE_INFRA_SOURCE_URL", "postgres://u:p@h/d"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "not a region; a secret"),
            ("TERM", "xterm-256color"),
            ("DATABASE_PASSWORD", "secret"),
        ];
        let shown = shown(all.map(|(name, value)| (name.into(), value.into())));
        let expected = serde_json::json!({
            "AWS_DEFAULT_REGION": null,
            "AWS_REGION": "eu-west-1",
            "AWS_SECRET_ACCESS_KEY": null,
            "MIGRATE_INFRA_SOURCE_URL": null,
            "TERM": "xterm-256color",
        });
        assert_eq!(shown, expected);
    }
}
