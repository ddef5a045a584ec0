//! Hostile table mappings and task settings.

use infra_fuzz::{Syntax, Target};
use serde_json::Value;

use crate::model::TableName;
use crate::settings::Settings;
use crate::{Checkpoint, Mappings};

const MAPPINGS: &[&str] = &[
    include_str!("corpus/mappings-everything.json"),
    include_str!("corpus/mappings-wildcards.json"),
    include_str!("corpus/mappings-explicit.json"),
];

const SETTINGS: &[&str] =
    &["{}", include_str!("corpus/settings-load.json"), include_str!("corpus/settings-validation.json")];

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "rules", "rule-type", "selection", "transformation", "rule-id", "rule-name", "object-locator", "schema-name",
    "table-name", "column-name", "table-type", "rule-action", "include", "exclude", "explicit", "remove-column",
    "rule-target", "column", "filters", "load-order", "%", "_", "[_]", "[", "]", "[]", "[a-z]", "[z-a]", "[%", "%a%a",
    "{", "}", "\"", ":", ",", "null", "true", "TargetMetadata", "SupportLobs", "FullLobMode", "LimitedSizeLobMode",
    "LobMaxSize", "InlineLobMaxSize", "BatchApplyTimeoutMin", "ValidationSettings", "EnableValidation",
    "ErrorBehavior", "RecoverableErrorCount", "RecoverableErrorInterval", "DO_NOTHING", "FullLoadSettings", "public",
    "payments",
];

fn inputs(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn mappings() {
    let run = |input: &[u8]| {
        let Ok(document) = serde_json::from_slice::<Value>(input) else { return false };
        match Mappings::parse(&document) {
            Ok(mappings) => {
                // The longest name that a server has, and one that makes patterns with many wildcards try everything.
                for name in ["payments", "", &"a".repeat(63), "a_x%[]", "ü"] {
                    let table = TableName::new("public", name);
                    let is_selected = mappings.selects(&table);
                    assert_eq!(is_selected, mappings.selects(&table));
                    mappings.removes(&table, name);
                    mappings.load_order(&table);
                }
                true
            }
            Err(error) => {
                assert!(!error.to_string().contains(char::is_control), "{error:?}");
                false
            }
        }
    };
    let corpus = inputs(MAPPINGS);
    Target { test: "tests::fuzz::mappings", syntax: Syntax::Json, corpus, tokens: TOKENS, run }.check();
}

#[test]
fn settings() {
    let run = |input: &[u8]| {
        let Ok(document) = serde_json::from_slice::<Value>(input) else { return false };
        match Settings::parse(&document) {
            Ok(settings) => {
                for attempt in [0, 1, 63, 64, u32::MAX] {
                    settings.recovery.wait(attempt);
                }
                settings.recovery.attempts(true);
                true
            }
            Err(error) => {
                assert!(!error.to_string().contains(char::is_control), "{error:?}");
                false
            }
        }
    };
    let corpus = inputs(SETTINGS);
    Target { test: "tests::fuzz::settings", syntax: Syntax::Json, corpus, tokens: TOKENS, run }.check();
}

/// What a task has stored of its progress.
#[test]
fn checkpoints() {
    let corpus = vec![serde_json::to_vec(&Checkpoint::default()).expect("JSON")];
    let run = |input: &[u8]| {
        let Ok(read) = serde_json::from_slice::<Checkpoint>(input) else { return false };
        let written = serde_json::to_vec(&read).expect("JSON");
        assert_eq!(serde_json::from_slice::<Checkpoint>(&written).ok().as_ref(), Some(&read));
        true
    };
    Target { test: "tests::fuzz::checkpoints", syntax: Syntax::Json, corpus, tokens: TOKENS, run }.check();
}
