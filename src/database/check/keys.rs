//! Primary keys, replica identities, and what batch apply needs.

use super::catalog::Table;
use super::columns::Transfer;
use super::finding::{Findings, Topic};
use super::measurements::Measurements;
use crate::database::Database;

pub(super) fn check(source: Database<'_>, tables: &[Table], findings: &mut Findings, measurements: &mut Measurements) {
    let side = source.label();
    // The log has rows of the partitions: the identity of the parent does not matter.
    for table in tables.iter().filter(|table| !table.is_partitioned) {
        if !table.has_primary_key() {
            measurements.without_key.push(table.name.clone());
            without_key(side, table, findings);
        } else if table.replica_identity == 'n' {
            // "NOTHING: Records no information about the old row" ("ALTER TABLE", REPLICA IDENTITY). PostgreSQL refuses
            // UPDATE and DELETE only for tables of a publication.
            let action = "ALTER TABLE … REPLICA IDENTITY DEFAULT";
            findings.fail(
                Topic::Keys,
                side,
                &table.name,
                "its replica identity is NOTHING: UPDATE and DELETE are not replicated",
                action,
            );
        }
        if table.has_primary_key() && !table.unique_indexes.is_empty() {
            // Premigration assessment "Validate if both Primary Key and Unique index exist on target for Batch Apply".
            measurements.unique_beside_key.push(table.name.clone());
            let what = format!("unique beside its primary key: {}", table.unique_indexes.join(", "));
            let action = "leave batch apply off; the derived settings do";
            findings.warn(Topic::BatchApply, side, &table.name, what, action);
        }
        constraints(side, table, findings);
    }
}

/// "Limitations on using a PostgreSQL database as a DMS source"; premigration assessment "Validate if the source table
/// primary key is of LOB Datatype".
fn constraints(side: &str, table: &Table, findings: &mut Findings) {
    let large = |transfer| matches!(transfer, Transfer::LargeText | Transfer::LargeBytes);
    let is_large = |name: &String| table.column(name).is_some_and(|column| large(Transfer::of(column)));
    let large: Vec<&str> = table.primary_key.iter().filter(|name| is_large(name)).map(String::as_str).collect();
    if !large.is_empty() {
        let what = format!("columns of its primary key are LOBs for DMS: {}", large.join(", "));
        let action = "give them the type varchar with a length, or test that their rows are updated and deleted";
        findings.warn(Topic::Keys, side, &table.name, what, action);
    }
    // "A table with an ARRAY data type missing a primary key gets suspended during full load."
    let arrays = table.columns.iter().filter(|column| column.is_array);
    let arrays: Vec<&str> = arrays.map(|column| column.name.as_str()).collect();
    if !table.has_primary_key() && !arrays.is_empty() {
        let what = format!("it has arrays and no primary key, and would be suspended: {}", arrays.join(", "));
        findings.fail(Topic::Keys, side, &table.name, what, "add a primary key");
    }
    if !table.coalesce_indexes.is_empty() {
        // "AWS DMS does not support replication of a table with a unique index created with a coalesce function."
        let what = format!("unique indexes with coalesce: {}", table.coalesce_indexes.join(", "));
        let action = "use UNIQUE NULLS NOT DISTINCT (PostgreSQL 15), or a generated column";
        findings.fail(Topic::Keys, side, &table.name, what, action);
    }
    if !table.deferrable.is_empty() {
        // "AWS DMS does not support Deferred Constraints." Foreign keys are not checked in its sessions.
        let what = format!("deferrable constraints: {}", table.deferrable.join(", "));
        let action = "make sure that the target's copy of a unique one is checked only after the changes were applied; \
             foreign keys are disabled by session_replication_role";
        findings.warn(Topic::Keys, side, &table.name, what, action);
    }
}

/// "A captured table must have a primary key. If a table doesn't have a primary key, AWS DMS ignores DELETE and UPDATE
/// record operations for that table" ("Limitations on using a PostgreSQL database as a DMS source").
fn without_key(side: &str, table: &Table, findings: &mut Findings) {
    let what = match (table.replica_identity, table.updates) {
        ('f', _) => "it has no primary key; its replica identity is FULL, and each change is found by all its values",
        (_, 0) => "it has no primary key: UPDATE and DELETE would be ignored; the statistics know of none",
        (_, _) => "it has no primary key: UPDATE and DELETE are ignored, and the statistics know of some",
    };
    let action = if table.unique_indexes.is_empty() {
        "add a primary key, for example an identity column; or make sure that rows are only inserted"
    } else {
        "make its unique index the primary key: ALTER TABLE … ADD PRIMARY KEY USING INDEX …"
    };
    if table.updates > 0 && table.replica_identity != 'f' {
        findings.fail(Topic::Keys, side, &table.name, what, action);
    } else {
        findings.warn(Topic::Keys, side, &table.name, what, action);
    }
}
