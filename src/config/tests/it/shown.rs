//! `config show`: the whole configuration, in the form of its file.

use infra_config::{Overrides, load, load_as_file, schema};
use serde_json::Value;

use crate::support::{load_text, shipped};

/// Every optional key is set in this file.
const EVERYTHING: &str = r#"
moved = [{ from = "source/old/name", to = "source/new/name" }]
[environments.source]
region = "us-east-1"
assume_role = { role_arn = "arn:aws:iam::444455556666:role/migrate", external_id = "an-id" }
databases = ["source"]
buckets = ["source"]
[environments.target]
vpc_cidr = "10.1.0.0/16"
databases = ["target"]
buckets = ["target"]
[environments.target.replicates]
database = { from = "source/source", to = "target" }
bucket = { from = "source/source", to = "target" }
[database.parameters]
log_min_duration_statement = "500"
[routing]
assume_role = { role_arn = "arn:aws:iam::444455556666:role/migrate", external_id = "an-id" }
[gates.custom.declined]
metric = { namespace = "Payments", name = "Declined" }
at_most = 5
environment = "target"
[gates.custom.lost]
expression = "a + b"
metrics = { a = { namespace = "P", name = "A" }, b = { namespace = "P", name = "B" } }
below = 5
region = "us-east-1"
[gates.custom.least]
metric = { namespace = "Payments", name = "Sent" }
at_least = 5
[gates.custom.above]
metric = { namespace = "Payments", name = "Sent" }
above = 5
[policy]
exceptions = [{ rule = "encryption", address = "source/database-source/instance", reason = "test data" }]
[drift]
ignore = [{ address = "*/service/load-balancer", field = "settings.idle_timeout_seconds", reason = "tuned" }]
[accounts.111122223333]
profile = "old"
assume_role = { role_arn = "arn:aws:iam::444455556666:role/migrate", external_id = "an-id" }
[resources."source/database-source/*"]
protect = true
"#;

#[test]
fn the_shipped_configurations_could_not_be_shown_as_text() {
    for file in shipped() {
        let shown = load_as_file(Some(&file), &Overrides::default()).unwrap();
        let text = toml::to_string_pretty(&shown).unwrap();
        let again = load_text(&text).unwrap();
        assert_eq!(again, load(Some(&file), &Overrides::default()).unwrap(), "{text}");
        let json = serde_json::to_string(&shown).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), shown);
    }
}

#[test]
fn most_sections_were_not_shown() {
    let shown = as_file(EVERYTHING);
    let mut missing = Vec::new();
    missing_keys(&schema(), &schema(), &[&shown], "", &mut missing);
    assert_eq!(missing, [""; 0]);
    let text = toml::to_string_pretty(&shown).unwrap();
    assert_eq!(load_text(&text).unwrap(), load_text(EVERYTHING).unwrap(), "{text}");
}

#[test]
fn a_section_is_shown_where_it_applies() {
    let shown = as_file(&format!(
        "{}\n[environments.target.database]\nmulti_az = true\n",
        EVERYTHING.replace("[database.parameters]", "[database]\nname = \"other\"\n[database.parameters]")
    ));
    let database = |at: &str| shown.pointer(&format!("{at}/database")).cloned().unwrap();
    assert_eq!(database("/environments/target")["multi_az"], true);
    assert_eq!(database("/environments/target")["name"], "other");
    assert_eq!(database("/environments/source")["multi_az"], false);
    assert_eq!(database("")["name"], "other");
}

#[test]
fn one_environment_was_shown_with_a_routing_that_is_refused() {
    let text = "[environments.source]\ndatabases = [\"source\"]\nbuckets = [\"source\"]\n";
    let shown = as_file(text);
    assert_eq!(shown["routing"]["enabled"], false);
    assert_eq!(load_text(&toml::to_string_pretty(&shown).unwrap()).unwrap(), load_text(text).unwrap());
}

fn as_file(text: &str) -> Value {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("migration.toml");
    std::fs::write(&file, text).expect("a file");
    load_as_file(Some(&file), &Overrides::default()).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Collects the keys of a schema that none of the values has.
fn missing_keys(of: &Value, root: &Value, values: &[&Value], path: &str, missing: &mut Vec<String>) {
    let mut of = of;
    loop {
        let choices = of.get("anyOf").and_then(Value::as_array);
        let chosen = choices.and_then(|all| all.iter().find(|one| one.get("type") != Some(&Value::from("null"))));
        let referred = of.get("$ref").and_then(Value::as_str).and_then(|at| root.pointer(at.trim_start_matches('#')));
        match chosen.or(referred) {
            Some(next) => of = next,
            None => break,
        }
    }
    for (key, inner) in of.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}/{key}");
        let found: Vec<&Value> = values.iter().filter_map(|value| value.get(key)).collect();
        if found.is_empty() {
            missing.push(path);
        } else {
            missing_keys(inner, root, &found, &path, missing);
        }
    }
    if let Some(inner) = of.get("additionalProperties").filter(|inner| inner.is_object()) {
        let found: Vec<&Value> =
            values.iter().filter_map(|value| value.as_object()).flat_map(|map| map.values()).collect();
        missing_keys(inner, root, &found, &format!("{path}/*"), missing);
    }
    if let Some(inner) = of.get("items") {
        let found: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
        missing_keys(inner, root, &found, &format!("{path}/*"), missing);
    }
}
