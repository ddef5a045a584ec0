//! Tables as such: none, partitioned, unlogged, hidden; and large objects.

use super::catalog::Table;
use super::finding::{Findings, Topic};
use super::measurements::Measurements;
use super::size::size;
use crate::database::Database;
use crate::error::Error;

pub(super) async fn check(
    source: Database<'_>,
    tables: &[Table],
    findings: &mut Findings,
    measurements: &mut Measurements,
) -> Result<(), Error> {
    let side = source.label();
    match tables.len() {
        // A task fails then: "FailOnNoTablesCaptured – […] The default is true" ("Error handling task settings").
        0 => findings.fail(
            Topic::Tables,
            side,
            "database",
            "it has no tables that the user can see",
            "check the name of the database and the rights of the user",
        ),
        number => findings.pass(Topic::Tables, side, format!("{number} tables, {}", size(measurements.database_bytes))),
    }
    if !tables.is_empty() && tables.iter().all(|table| table.bytes == 0) {
        findings.warn(Topic::Tables, side, "database", "no table has rows", "check that it is the right database");
    }
    for table in tables {
        if !table.is_readable {
            let action = "grant SELECT on it, and USAGE on its schema, to the user of the replication";
            findings.fail(Topic::Rights, side, &table.name, "the user must not read it", action);
        }
        if table.hides_rows {
            let action = "give BYPASSRLS to the user of the replication, or let it be the owner";
            findings.fail(Topic::Rights, side, &table.name, "row-level security hides rows from the user", action);
        }
        // "Data written to unlogged tables is not written to the write-ahead log" ("CREATE TABLE", UNLOGGED).
        if table.is_unlogged && table.bytes > 0 {
            let action = "ALTER TABLE … SET LOGGED, or exclude it if its rows are not needed";
            findings.fail(Topic::UnloggedTables, side, &table.name, "its changes are not replicated", action);
        } else if table.is_unlogged {
            let action = "exclude it, or ALTER TABLE … SET LOGGED";
            findings.warn(Topic::UnloggedTables, side, &table.name, "it is unlogged and empty", action);
        }
    }
    names(side, tables, findings);
    partitions(side, tables, findings, measurements);
    let sql = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata";
    let objects = source.query_one("count large objects", sql, &[]).await?.number(0)?;
    if objects > 0 {
        // "The OID LOB data type isn't migrated to the target" ("Using a PostgreSQL database as an AWS DMS source").
        let action = "move them to columns of the type `bytea`, or copy them with pg_dump --blobs during the fence";
        let what = format!("{objects} large objects, which are not replicated");
        findings.fail(Topic::LargeObjects, side, "pg_largeobject", what, action);
    }
    Ok(())
}

/// "Replication of multiple tables with the same name where each name has a different case […] can cause unpredictable
/// behavior. Because of this issue, AWS DMS does not support this type of replication."
fn names(side: &str, tables: &[Table], findings: &mut Findings) {
    for (at, table) in tables.iter().enumerate() {
        let name = (table.name.schema.to_lowercase(), table.name.name.to_lowercase());
        let is_same = |other: &&Table| (other.name.schema.to_lowercase(), other.name.name.to_lowercase()) == name;
        if let Some(other) = tables[..at].iter().find(is_same) {
            let what = format!("its name differs from that of {} in case only", other.name);
            findings.fail(Topic::Tables, side, &table.name, what, "rename one of them, or exclude it");
        }
        if table.has_heirs {
            // "AWS DMS does not distinguish records belonging to child tables when populating the parent table."
            let what = "other tables inherit from it: their rows would be copied as its own too";
            let action = "make the others independent tables (NO INHERIT), or exclude this one if it has no own rows";
            findings.fail(Topic::Tables, side, &table.name, what, action);
        }
    }
}

/// The log has the changes of the partitions themselves, and none of their parents: so the parents are excluded.
fn partitions(side: &str, tables: &[Table], findings: &mut Findings, measurements: &mut Measurements) {
    let children = tables.iter().filter(|table| table.is_partition && !table.is_partitioned);
    measurements.partitions = children.map(|table| table.name.clone()).collect();
    for table in tables.iter().filter(|table| table.is_partitioned) {
        measurements.excluded.push(table.name.clone());
        let action = "exclude the parent in the table mappings, and create partitions on both sides in time: DMS does \
             not create a partition that is added later";
        let what = "it is partitioned; a selection by schema would copy its rows as those of the parent and of the \
             partitions";
        findings.warn(Topic::Partitions, side, &table.name, what, action);
    }
}
