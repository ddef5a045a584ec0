//! Hostile saved plans: whoever can change the file between the review and its execution.

use std::collections::BTreeSet;
use std::path::Path;

use infra_fuzz::{Syntax, Target};
use migrate_infra::address::Address;
use migrate_infra::plan::DriftReport;
use migrate_infra::state::{Line, Record, State};
use migrate_infra::workflow::saved_plan::SavedPlan;
use serde_json::{Value, json};

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "format", "version", "stack", "payment/dev", "lineage", "seq", "environments", "targets", "replace", "delete",
    "*", "?", "findings", "found", "gone", "differs", "foreign", "unsettled", "stuck", "left", "another", "changes",
    "field", "old", "new", "note", "hastens", "call", "owner", "id", "what", "digest", "plan", "steps", "address",
    "action", "create", "update", "none", "reason", "needs", "critical_path", "expected_seconds", "{", "}", "[", "]",
    "\"", ":", ",", "null", "source/network/vpc", "settings.", ".", "[0]",
];

#[test]
fn saved_plan() {
    let run = |input: &[u8]| {
        let path = Path::new("plan.json");
        let Ok(saved) = SavedPlan::parse(path, &String::from_utf8_lossy(input)) else { return false };
        // It is never taken for a plan of another state, or of another stack.
        assert!(saved.matches_state(&other_state(), "payment/dev").is_err());
        let _ = saved.matches_drift(&DriftReport::new());
        let attrs = json!({ "settings": { "idle": [{ "x": 1 }] }, "size": 1, "tags": { "Team": "pay" } });
        for drift in saved.drift().into_iter().flat_map(|report| report.values()) {
            drift.observed_attrs(&attrs);
            let _ = drift.to_string();
        }
        saved.selection().targets(&Address::new("source/network/vpc"));
        let written = serde_json::to_string(&saved).expect("a plan has a JSON form");
        let again = SavedPlan::parse(path, &written).expect("a plan that was just written can be read");
        assert_eq!(value(&again), value(&saved));
        true
    };
    let corpus = vec![include_bytes!("corpus/plan.json").to_vec()];
    Target { test: "fuzz::saved_plan::saved_plan", syntax: Syntax::Json, corpus, tokens: TOKENS, run }.check();
}

/// A state that has begun, with a lineage that no input has.
fn other_state() -> State {
    let mut state = State::empty();
    let (format, lineage) = (1, "5d0b3c1e-of-another-history".into());
    let genesis = Record::Genesis { format, lineage, stack: "payment/dev".into(), account: "111122223333".into() };
    let run_started = Record::RunStarted {
        run: "r".into(),
        command: "up".into(),
        environments: BTreeSet::new(),
        version: "0".into(),
        at: "2026-11-30T06:11:48Z".into(),
    };
    for (seq, record) in [(1, genesis), (2, run_started)] {
        state.apply(&Line { seq, record }).expect("the records of a new history");
    }
    state
}

fn value(saved: &SavedPlan) -> Value {
    serde_json::to_value(saved).expect("a plan has a JSON form")
}
