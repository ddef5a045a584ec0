//! Logical replication slots, and what AWS DMS leaves in a database.
//!
//! A slot that nobody reads keeps the write-ahead log until the disk is full. "Make sure to manually delete open slots"
//! ("Using a PostgreSQL database as an AWS DMS source"). DMS also leaves its tables on both sides, and the objects that
//! capture statements about tables on the source ("Migrating an Amazon RDS for PostgreSQL database without using the
//! master user account").

use std::fmt;
use std::time::Duration;

use infra_connect::ident;
use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;

use crate::database::Database;
use crate::error::Error;
use crate::lsn::Lsn;

/// A logical replication slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its name, which is unique on the server.
    pub name: String,
    /// The plug-in that decodes, for example `test_decoding`.
    pub plugin: String,
    /// The database that it reads.
    pub database: String,
    /// The process that reads it now; `None` if it is not active.
    pub active_pid: Option<i32>,
    /// What its reader has confirmed.
    pub confirmed: Option<Lsn>,
    /// How far the reader is behind the end of the log, in bytes; `None` before its first confirmation.
    pub lag_bytes: Option<u64>,
    /// How much log the slot keeps, in bytes; `None` if it keeps nothing.
    pub retained_bytes: Option<u64>,
    /// Whether the log that it needs still exists.
    pub is_usable: bool,
}

/// Returns the logical slots of this database, by name. Temporary slots go with their sessions and are left out.
///
/// # Errors
/// The catalogs could not be read.
pub async fn list(database: Database<'_>) -> Result<Vec<Slot>, Error> {
    // `wal_status` is "lost" for a slot that "is no longer usable" ("pg_replication_slots", PostgreSQL documentation).
    let sql = "WITH log AS (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
         ELSE pg_current_wal_insert_lsn() END AS \"end\") \
         SELECT slot_name::text, plugin::text, database::text, active_pid, confirmed_flush_lsn, \
         greatest(\"end\" - confirmed_flush_lsn, 0)::int8, greatest(\"end\" - restart_lsn, 0)::int8, \
         coalesce(wal_status <> 'lost', true) FROM pg_catalog.pg_replication_slots, log \
         WHERE slot_type = 'logical' AND NOT temporary AND database = current_database() ORDER BY 1";
    let mut slots = Vec::new();
    for row in database.query("read the replication slots", sql, &[]).await? {
        let bytes = |at| Ok::<_, Error>(row.get::<Option<i64>>(at)?.and_then(|bytes| u64::try_from(bytes).ok()));
        slots.push(Slot {
            name: row.get(0)?,
            plugin: row.get(1)?,
            database: row.get(2)?,
            active_pid: row.get(3)?,
            confirmed: row.get(4)?,
            lag_bytes: bytes(5)?,
            retained_bytes: bytes(6)?,
            is_usable: row.get(7)?,
        });
    }
    Ok(slots)
}

/// What became of a slot that was to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It was dropped.
    Dropped,
    /// There was none.
    Absent,
    /// A process reads it. It stays.
    Active,
}

/// Drops a slot of this database if nobody reads it.
///
/// *Killed*: The slot exists or not; repeat it.
///
/// # Errors
/// The user must not use replication.
pub async fn drop(database: Database<'_>, name: &str) -> Result<Dropped, Error> {
    match drop_now(database, name).await {
        Ok(dropped) => Ok(dropped),
        // "replication slot … is active for PID …"
        Err(error) if error.state() == Some(SqlState::OBJECT_IN_USE) => Ok(Dropped::Active),
        // Somebody else was faster.
        Err(error) if error.state() == Some(SqlState::UNDEFINED_OBJECT) => Ok(Dropped::Absent),
        Err(error) => Err(error),
    }
}

/// How often a slot that is in use is tried to be dropped, and the pause in between. Its reader may connect again: DMS
/// does after 5 seconds (`RecoverableErrorInterval`, "Error handling task settings").
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Drops a slot of this database, also if a process reads it: the process is ended first. It returns
/// [`Dropped::Active`] if there is a reader each time.
///
/// *Killed*: The slot exists or not, and its reader has ended or not; repeat it.
///
/// # Errors
/// The user must not use replication, or must not end the reader: "allowed if the calling role is a member of the role
/// whose backend is being terminated or the calling role has privileges of `pg_signal_backend`"
/// (`pg_terminate_backend`, "System Administration Functions").
pub async fn force_drop(database: Database<'_>, name: &str) -> Result<Dropped, Error> {
    // PostgreSQL 14 is the first that waits for the end of the process.
    let end = "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_catalog.pg_replication_slots \
         WHERE slot_name = $1 AND database = current_database() AND active_pid IS NOT NULL";
    for _ in 0..LOOKS {
        match drop(database, name).await? {
            Dropped::Active => {}
            dropped => return Ok(dropped),
        }
        database.query("end the reader of a replication slot", end, &[&name]).await?;
        // At once, before a reader has connected again.
        match drop(database, name).await? {
            Dropped::Active => tokio::time::sleep(PAUSE).await,
            dropped => return Ok(dropped),
        }
    }
    Ok(Dropped::Active)
}

/// Drops a slot, or returns the error of the server if somebody reads it.
async fn drop_now(database: Database<'_>, name: &str) -> Result<Dropped, Error> {
    let sql = "SELECT pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots \
         WHERE slot_name = $1 AND database = current_database() AND slot_type = 'logical'";
    let rows = database.query("drop a replication slot", sql, &[&name]).await?;
    Ok(if rows.is_empty() { Dropped::Absent } else { Dropped::Dropped })
}

/// Moves a slot of this database that nobody reads to the end of the log: its reader will get nothing from before. A
/// slot that does not exist is left alone.
///
/// # Errors
/// A process reads the slot, or the user must not use replication.
pub async fn advance(database: Database<'_>, name: &str) -> Result<(), Error> {
    let sql = "SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn())::text \
         FROM pg_catalog.pg_replication_slots \
         WHERE slot_name = $1 AND database = current_database() AND slot_type = 'logical'";
    database.query("advance a replication slot", sql, &[&name]).await.map(std::mem::drop)
}

/// The plug-in of [`create`]. PostgreSQL contains it, and DMS reads its output (PostgreSQLSettings, `PluginName`).
pub const PLUGIN: &str = "test_decoding";

/// Creates a slot for a reader that starts with the next change, and returns its position: the slot has everything that
/// is committed later. A slot of this name from earlier is replaced, because it would repeat what it has kept.
///
/// *Caveats*: It waits for the transactions that are open on the server: drain first.
///
/// *Killed*: There is no slot, or a new one. Repeat it: while nothing writes, a later position is right too.
///
/// # Errors
/// A process reads the slot from earlier, no slot is free, or the user must not use replication.
pub async fn create(database: Database<'_>, name: &str) -> Result<Lsn, Error> {
    match drop_now(database, name).await {
        // Somebody else was faster.
        Err(error) if error.state() == Some(SqlState::UNDEFINED_OBJECT) => {}
        dropped => {
            dropped?;
        }
    }
    let sql = "SELECT lsn FROM pg_create_logical_replication_slot($1::text, $2::text)";
    database.query_one("create a replication slot", sql, &[&name, &PLUGIN]).await?.get(0)
}

/// The plug-ins whose output DMS reads: `test_decoding` and pglogical (PostgreSQLSettings, `PluginName`), which the
/// catalog shows as `pglogical_output`.
pub const DMS_PLUGINS: [&str; 3] = ["test_decoding", "pglogical", "pglogical_output"];

/// The kind of an object that a migration leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// An event trigger, which fires with each statement about tables.
    EventTrigger,
    /// A function.
    Function,
    /// A table.
    Table,
    /// A publication.
    Publication,
    /// A logical replication slot.
    Slot,
    /// The schema of this crate.
    HelperSchema,
}

impl fmt::Display for LeftoverKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::EventTrigger => "event trigger",
            Self::Function => "function",
            Self::Table => "table",
            Self::Publication => "publication",
            Self::Slot => "replication slot",
            Self::HelperSchema => "schema",
        })
    }
}

/// An object that a migration leaves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Its name, quoted as in a statement where it has a schema.
    pub name: String,
}

impl fmt::Display for Leftover {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.name)
    }
}

/// Returns what DMS has left in this database: objects whose names start with `awsdms_`.
///
/// # Errors
/// The catalogs could not be read.
pub async fn leftovers(database: Database<'_>) -> Result<Vec<Leftover>, Error> {
    let sql = "SELECT 0, NULL, evtname::text, NULL FROM pg_catalog.pg_event_trigger WHERE evtname ~ '^awsdms_' \
         UNION ALL SELECT 1, n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid) \
         FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
         WHERE p.proname ~ '^awsdms_' AND p.prokind = 'f' \
         UNION ALL SELECT 2, n.nspname::text, c.relname::text, NULL \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname ~ '^awsdms_' AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
         UNION ALL SELECT 3, NULL, pubname::text, NULL FROM pg_catalog.pg_publication WHERE pubname ~ '^awsdms_' \
         ORDER BY 1, 2, 3, 4";
    let mut found = Vec::new();
    for row in database.query("look for objects of DMS", sql, &[]).await? {
        let (schema, name): (Option<String>, String) = (row.get(1)?, row.get(2)?);
        let plain = schema.map_or_else(|| ident(&name), |schema| format!("{}.{}", ident(&schema), ident(&name)));
        let arguments: Option<String> = row.get(3)?;
        found.push(match row.get::<i32>(0)? {
            0 => Leftover { kind: LeftoverKind::EventTrigger, name: plain },
            1 => Leftover { kind: LeftoverKind::Function, name: format!("{plain}({})", arguments.unwrap_or_default()) },
            2 => Leftover { kind: LeftoverKind::Table, name: plain },
            _ => Leftover { kind: LeftoverKind::Publication, name: plain },
        });
    }
    Ok(found)
}

/// Removes what [`leftovers`] returns, and returns it. Objects that depend on one of them make it fail.
///
/// Remove a slot and stop the task first: a task that runs creates its tables again.
///
/// *Killed*: It is one transaction.
///
/// # Errors
/// The user does not own an object. Event triggers belong to the user of the DMS endpoint.
pub async fn remove_leftovers(database: Database<'_>) -> Result<Vec<Leftover>, Error> {
    let found = leftovers(database).await?;
    // In the order of the kinds: an event trigger depends on its function.
    let statements: Vec<String> = found
        .iter()
        .filter_map(|one| {
            let kind = match one.kind {
                LeftoverKind::EventTrigger => "EVENT TRIGGER",
                LeftoverKind::Function => "FUNCTION",
                LeftoverKind::Table => "TABLE",
                LeftoverKind::Publication => "PUBLICATION",
                LeftoverKind::Slot | LeftoverKind::HelperSchema => return None,
            };
            Some(format!("DROP {kind} IF EXISTS {}", one.name))
        })
        .collect();
    if !statements.is_empty() {
        database.run("remove objects of DMS", &statements.join("; ")).await?;
    }
    Ok(found)
}

/// Returns everything of a migration that is still in this database: objects of DMS, all logical slots, and the schema
/// of this crate. The result is empty when the database is clean.
///
/// *Caveats*: A slot that was there before the migration, and belongs to somebody else, is listed too.
///
/// # Errors
/// The catalogs could not be read.
pub async fn verify_clean(database: Database<'_>) -> Result<Vec<Leftover>, Error> {
    let mut found = leftovers(database).await?;
    found.extend(list(database).await?.into_iter().map(|slot| Leftover { kind: LeftoverKind::Slot, name: slot.name }));
    let sql = "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname = $1";
    for row in database.query("look for the schema of the migration", sql, &[&crate::HELPER_SCHEMA]).await? {
        found.push(Leftover { kind: LeftoverKind::HelperSchema, name: row.get(0)? });
    }
    Ok(found)
}
