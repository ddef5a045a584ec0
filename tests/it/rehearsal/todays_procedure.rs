//! The rehearsal of a wrong procedure: steps of ten percent while both databases accept writes, and a replication in
//! one direction, as with the strategy `read-only` and a service that writes. It loses payments, and the witness says
//! so.

use migrate_infra::rehearsal::Conclusion;
use migrate_infra::rehearse::{SchemaSource, Then};

use super::harness::{has_passed, options, run};

/// The cutover does not go back by itself, so that the target receives traffic for a while.
const TOLERANT: &[&str] = &[
    "cutover.strategy=read-only",
    "replication.schema=existing",
    "replication.table_preparation=drop-and-create",
    "gates.error-rate.enabled=false",
    "gates.latency.enabled=false",
    "gates.validation.enabled=false",
    "gates.alarms.enabled=false",
    "gates.replication-lag.enabled=false",
    "cutover.bake_seconds=60",
    "cutover.lag_zero_timeout_seconds=0",
];

#[test]
fn a_procedure_that_leaves_the_tables_to_dms_loses_payments() {
    let directory = tempfile::tempdir().unwrap();
    let report = run(options(&directory, TOLERANT));
    assert_eq!(report.conclusion, Conclusion::PaymentsLost, "{}", report.text());
    let verdict = &report.verdict;
    assert!(verdict.database.contains("target"), "the traffic goes to the target");
    // DMS makes an ordinary table of the parent of the partitions, which changes never reach.
    assert!(verdict.lost.requests > 0, "{verdict:#?}");
    let refused = &report.traffic.by_side.get("target").expect("the target had traffic").answers;
    assert!(refused.contains_key("500:23502"), "the target has no sequences: {refused:?}");
    let differences = report.differences.expect("the databases were compared");
    assert!(!differences.sequences_missing.is_empty() && !differences.indexes_missing.is_empty());
    assert!(differences.truncated.is_empty(), "the size of the texts was measured: {differences:#?}");
}

/// A schema on which a service can work right after DMS has loaded it into existing tables: without foreign keys, and
/// with numbers that each database assigns by itself.
const WITHOUT_REFERENCES: &str = "
    CREATE TABLE transfers (id uuid PRIMARY KEY, amount numeric(12, 2) NOT NULL, note varchar(100));
    CREATE TABLE bookings (id bigserial PRIMARY KEY, amount numeric(12, 2) NOT NULL, note varchar(100));";

#[test]
fn a_rollback_abandons_the_payments_that_the_target_has_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("schema.sql");
    std::fs::write(&file, WITHOUT_REFERENCES).unwrap();
    // The lag is measured, and whatever it is, it passes.
    let lag = ["gates.replication-lag.enabled=true", "gates.replication-lag.below=100000"];
    let sets = [TOLERANT, &["replication.table_preparation=truncate", "cutover.no_data_seconds=3600"], &lag].concat();
    let mut options = options(&directory, &sets);
    (options.then, options.schema) = (Then::Rollback, SchemaSource::Sql(file));
    let report = run(options);
    assert_eq!(report.conclusion, Conclusion::PaymentsLost, "{}", report.text());
    assert!(has_passed(&report, "replication-lag"), "the gate sees the lag of real data: {:?}", report.gates);
    let target = report.traffic.by_side.get("target").expect("the target had traffic");
    assert!(target.acknowledged > 0, "the target accepted payments");
    let verdict = &report.verdict;
    assert!(verdict.lost.requests > 0, "{verdict:#?}");
    assert!(verdict.lost.examples.iter().all(|lost| lost.side == "target"), "the source loses nothing: {verdict:#?}");
    assert!(verdict.lost.examples.iter().any(|lost| !lost.found_in.is_empty()), "the target still has them");
    let differences = report.differences.expect("the databases were compared");
    assert!(!differences.sequences_behind.is_empty(), "the target assigns used numbers again: {differences:#?}");
}

#[test]
fn a_killed_driver_loses_no_payment_by_itself() {
    // Everything stays on the source: the gate of the errors stops the cutover at its first step, where the target has
    // no sequences. What the target has accepted until then is lost, and nothing else.
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(&directory, TOLERANT);
    (options.kill, options.then) = (Some(7), Then::Rollback);
    let report = run(options);
    assert!(report.notes.iter().any(|note| note.contains("was killed")), "{:?}", report.notes);
    for lost in &report.verdict.lost.examples {
        assert_eq!(lost.side, "target", "{lost:?}");
    }
}
