//! Whole migrations with the default strategy: the traffic first, then the data in one switchover. Nothing is lost.

use migrate_infra::config::Strategy;
use migrate_infra::rehearsal::{Conclusion, Report};
use migrate_infra::rehearse::{RehearsalOptions, SchemaSource, Then};
use tempfile::TempDir;

use super::harness::{options, run};

/// Seconds of AWS are short here, and databases work in real time: what measures their work is left out.
const QUICK: &[&str] = &[
    "gates.validation.enabled=false",
    "gates.replication-lag.enabled=false",
    "gates.error-rate.enabled=false",
    "gates.latency.enabled=false",
    "gates.alarms.enabled=false",
    "cutover.steps=[50,100]",
    "cutover.bake_seconds=60",
];

/// Tables that DMS loads as they are, with numbers that each database assigns by itself. Those of `orders` refuse the
/// values of a replication.
const SCHEMA: &str = "
    CREATE TABLE transfers (id uuid PRIMARY KEY, amount numeric(12, 2) NOT NULL, note varchar(100));
    CREATE TABLE bookings (id bigserial PRIMARY KEY, amount numeric(12, 2) NOT NULL, note varchar(100));
    CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount numeric(12, 2) NOT NULL);";

fn migration(directory: &TempDir, then: Then) -> RehearsalOptions {
    let file = directory.path().join("schema.sql");
    std::fs::write(&file, SCHEMA).unwrap();
    let mut options = options(directory, QUICK);
    (options.then, options.schema) = (then, SchemaSource::Sql(file));
    options
}

/// Checks that no payment was lost, and that the database of a side is the primary.
fn verify(report: &Report, primary: &str) {
    assert_eq!(report.conclusion, Conclusion::NothingLost, "{}", report.text());
    assert!(report.verdict.database.contains(primary), "{}", report.text());
    let undone: Vec<_> = report.notes.iter().filter(|note| note.contains("undone")).collect();
    assert!(undone.is_empty(), "{undone:?}");
    for side in ["source", "target"] {
        let acknowledged = report.traffic.by_side.get(side).map_or(0, |side| side.acknowledged);
        assert!(acknowledged > 0, "clients used both environments: {}", report.text());
    }
}

#[test]
fn a_migration_loses_no_payment() {
    let directory = tempfile::tempdir().unwrap();
    let report = run(migration(&directory, Then::Stop));
    verify(&report, "target");
    let differences = report.differences.expect("the databases were compared");
    assert!(differences.sequences_behind.is_empty(), "{differences:#?}");
}

/// Everything that breaks migrations is in this schema, and the target starts empty.
#[test]
fn the_payment_schema_arrives_with_everything_and_no_payment_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let report = run(options(&directory, QUICK));
    verify(&report, "target");
    let differences = report.differences.expect("the databases were compared");
    assert!(differences.indexes_missing.is_empty(), "{differences:#?}");
    assert!(differences.constraints_missing.is_empty(), "{differences:#?}");
    assert!(differences.sequences_missing.is_empty(), "{differences:#?}");
    assert!(differences.sequences_behind.is_empty(), "{differences:#?}");
    assert!(differences.truncated.is_empty(), "{differences:#?}");
    assert_eq!(differences.defaults_different, 0, "{differences:#?}");
    // The one documented difference: identity columns accept the values of the replication.
    let other: Vec<_> = differences.tables_different.iter().chain(&differences.others).collect();
    assert!(other.iter().all(|text| text.contains("customers")), "{differences:#?}");
}

#[test]
fn a_migration_of_the_payment_schema_there_and_back_loses_no_payment() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(&directory, QUICK);
    (options.then, options.kill) = (Then::Rollback, Some(11));
    let report = run(options);
    assert_eq!(report.conclusion, Conclusion::NothingLost, "{}", report.text());
}

/// A table without a primary key, which DMS does not compare, and few requests in each minute: the gates had rolled
/// back every rehearsal of the built-in schema with the default configuration. Only the limits of the lag are
/// others: a minute of AWS is a second of the databases here.
#[test]
fn the_gates_of_the_default_configuration_let_a_migration_pass() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(
        &directory,
        &[
            "cutover.steps=[100]",
            "cutover.bake_seconds=120",
            "gates.replication-lag.below=3600",
            "monitoring.replication_lag_seconds=3600",
        ],
    );
    (options.then, options.speed, options.writers) = (Then::Finish, 60.0, 16);
    let report = run(options);
    verify(&report, "target");
    let gates: Vec<_> = report.gates.iter().map(|gate| gate.gate.as_str()).collect();
    assert!(gates.contains(&"validation") && gates.contains(&"alarms"), "{gates:?}");
}

#[test]
fn a_migration_at_once_loses_no_payment() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = migration(&directory, Then::Finish);
    options.config.cutover.strategy = Strategy::AtOnce;
    let report = run(options);
    assert_eq!(report.conclusion, Conclusion::NothingLost, "{}", report.text());
    assert!(report.verdict.database.contains("target"), "{}", report.text());
    let bad: Vec<_> = report.notes.iter().filter(|note| note.contains("undone") || note.contains("left")).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn a_migration_there_and_back_loses_no_payment() {
    let directory = tempfile::tempdir().unwrap();
    verify(&run(migration(&directory, Then::Rollback)), "source");
}

#[test]
fn a_migration_there_and_back_and_there_again_loses_no_payment_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let report = run(migration(&directory, Then::Again));
    verify(&report, "target");
    let left: Vec<_> = report.notes.iter().filter(|note| note.contains("left")).collect();
    assert!(left.is_empty(), "{left:?}");
    let differences = report.differences.as_ref().expect("the databases were compared");
    assert!(differences.tables_different.is_empty(), "also the kinds of identity columns: {differences:#?}");
    assert!(report.phases.iter().any(|phase| phase.name == "finish" && phase.ended_at.is_some()));
}

#[test]
fn a_migration_whose_driver_is_killed_loses_no_payment() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = migration(&directory, Then::Stop);
    options.kill = Some(3);
    let report = run(options);
    assert_eq!(report.conclusion, Conclusion::NothingLost, "{}", report.text());
    assert!(report.notes.iter().any(|note| note.contains("was killed")), "{:?}", report.notes);
}
