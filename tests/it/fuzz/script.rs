//! Hostile sandbox scripts.

use infra_fuzz::{Syntax, Target};
use migrate_infra::sandbox::{Script, ScriptError};

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "[[events]]", "[[tables]]", "[quotas]", "[regions.us-east-1]", "at_seconds", "traffic_percent", "environment",
    "task_running_seconds", "for_seconds", "lag_seconds", "validation", "table", "failed_rows", "table_errors",
    "task_fails", "connection_drops", "connection_fails", "error_percent", "latency_seconds", "cpu_percent",
    "free_storage_bytes", "slot_lag_bytes", "unhealthy_targets", "parameter_groups_late", "metrics_missing",
    "guardduty", "foreign_instances", "late_logs", "read_lag_seconds", "calls_fail", "objects_stay",
    "requests_per_minute", "rows", "primary_key", "source", "target", "public.payments", "mismatched", "=", "{", "}",
    "[", "]", "\"", ".", "nan", "inf", "-inf", "1e12", "true", "false",
];

#[test]
fn script() {
    let run = |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        match Script::parse(&text, "script.toml") {
            Ok(script) => {
                // The sandbox stores it.
                let written = serde_json::to_string(&script).expect("a script has a JSON form");
                assert_eq!(serde_json::from_str::<Script>(&written).ok().as_ref(), Some(&script));
                true
            }
            Err(ScriptError::Invalid { line, .. }) => {
                assert!((1..=text.lines().count() + 1).contains(&line), "line {line}");
                false
            }
            Err(ScriptError::Read { path, .. }) => unreachable!("{} was not read", path.display()),
        }
    };
    let corpus = vec![include_bytes!("corpus/script.toml").to_vec(), include_bytes!("../scripts/lag.toml").to_vec()];
    Target { test: "fuzz::script::script", syntax: Syntax::Toml, corpus, tokens: TOKENS, run }.check();
}
