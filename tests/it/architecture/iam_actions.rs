//! AWS knows the IAM action of every operation that the program calls.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use migrate_infra::aws::iam_actions;
use migrate_infra::resources::KINDS;

use super::layers::{files, without_tests};

/// AWS's own list: see `tests/iam/extract.py`.
fn known() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/iam/actions.txt");
    let text = fs::read_to_string(path).expect("the list of actions");
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The operations that the sources name, as `"service:Operation"`.
fn called(services: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for layer in ["src/aws", "src/cli", "src/core", "src/kinds", "src/migration", "src/workflow"] {
        // The tables name operations in parts, and operations that are not called.
        let tables = ["transient.rs", "iam_actions.rs"];
        let is_table = |file: &Path| file.file_name().is_some_and(|name| tables.iter().any(|table| name == *table));
        for file in files(layer, &["rs"]).iter().filter(|file| !is_table(file)) {
            for text in without_tests(file).split('"') {
                let Some((service, operation)) = text.split_once(':') else { continue };
                let is_name = operation.starts_with(|char: char| char.is_ascii_uppercase())
                    && operation.chars().all(|char| char.is_ascii_alphanumeric());
                if services.contains(service) && is_name {
                    found.insert(text.to_owned());
                }
            }
        }
    }
    found
}

#[test]
fn aws_knows_the_action_of_every_operation() {
    let known = known();
    let services: BTreeSet<&str> = known.iter().filter_map(|action| Some(action.split_once(':')?.0)).collect();
    let mut calls = called(&services);
    assert!(calls.len() > 200, "only {} operations were found", calls.len());
    calls.extend(KINDS.iter().flat_map(|kind| kind.schema().operations).map(|call| (*call).to_owned()));
    let unknown: Vec<String> = calls
        .iter()
        .flat_map(|call| iam_actions(call).into_iter().map(move |action| (call, action)))
        .filter(|(_, action)| !known.contains(*action))
        .map(|(call, action)| format!("{call}: AWS does not know the action {action}"))
        .collect();
    assert!(unknown.is_empty(), "add them to `src/aws/iam_actions.rs`:\n{}", unknown.join("\n"));
}
