//! Rehearsals of the load alone, without traffic: equal where DMS is faithful, different where it is not.

use std::fs;

use migrate_infra::rehearsal::Conclusion;
use migrate_infra::rehearse::SchemaSource;

use super::harness::{has_passed, options, run, script};

/// Types that DMS replicates as they are, in tables that need nothing but their keys.
const FAITHFUL: &str = "
    CREATE TABLE currencies (code char(3) PRIMARY KEY, name varchar(40) NOT NULL);
    CREATE TABLE transfers (
        id bigint PRIMARY KEY,
        reference uuid NOT NULL,
        amount numeric(12, 2) NOT NULL,
        booked_at timestamp(6) NOT NULL,
        is_settled boolean NOT NULL,
        note varchar(200)
    );";

#[test]
fn a_schema_without_anything_that_dms_drops_arrives_equal() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("schema.sql");
    fs::write(&file, FAITHFUL).unwrap();
    let mut options = options(&directory, &[]);
    (options.writers, options.schema, options.rows) = (0, SchemaSource::Sql(file), 2_000);
    let report = run(options);
    let differences = report.differences.as_ref().expect("the databases were compared");
    assert!(differences.is_equal, "{differences:#?}");
    assert_eq!((differences.tables_equal, report.conclusion), (2, Conclusion::NothingAcknowledged));
}

#[test]
fn the_payment_schema_arrives_without_what_dms_drops() {
    let directory = tempfile::tempdir().unwrap();
    // DMS creates the tables.
    let bare = ["replication.schema=existing", "replication.table_preparation=drop-and-create"];
    let mut options = options(&directory, &bare);
    (options.writers, options.rows) = (0, 500);
    let differences = run(options).differences.expect("the databases were compared");
    assert!(!differences.is_equal);
    assert!(!differences.indexes_missing.is_empty(), "{differences:#?}");
    assert!(!differences.constraints_missing.is_empty(), "{differences:#?}");
    assert!(!differences.sequences_missing.is_empty(), "{differences:#?}");
    assert!(differences.truncated.is_empty(), "the size of the LOBs was measured: {differences:#?}");
    assert!(differences.defaults_different > 0, "{differences:#?}");
}

#[test]
fn a_dropped_connection_costs_time_and_no_row() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("schema.sql");
    fs::write(&file, FAITHFUL).unwrap();
    // The gate on the load of the processors fails, so that all traffic stays on the source.
    let mut options = options(&directory, &["gates.validation.enabled=false", "gates.database-cpu.below=10"]);
    (options.schema, options.rows) = (SchemaSource::Sql(file), 50);
    options.script = script(
        "[[events]]\ntask_running_seconds = 60\nconnection_drops = true\n\n\
         [[events]]\ntask_running_seconds = 120\nfor_seconds = 1200\nlag_seconds = 90\n",
    );
    let report = run(options);
    let differences = report.differences.as_ref().expect("the databases were compared");
    assert!(differences.tables_different.is_empty(), "{differences:#?}");
    let lag = report.lag.expect("the lag was measured");
    assert!(lag.max_seconds >= 60.0, "the target was slow: {lag:?}");
    for gate in ["error-rate", "latency"] {
        assert!(has_passed(&report, gate), "gates see what real clients measured: {gate} in {:?}", report.gates);
    }
}
