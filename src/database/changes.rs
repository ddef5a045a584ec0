//! What has changed in a database since a point, and how many rows its tables have.

use std::collections::BTreeMap;

use infra_connect::TableName;
use serde::{Deserialize, Serialize};

use crate::database::Database;
use crate::error::Error;
use crate::lsn::Lsn;
use crate::sql::USER_SCHEMA;

/// How many rows a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// They were counted.
    Counted(u64),
    /// The table is larger than the limit, and was not read.
    TooLarge {
        /// Its size in bytes, without TOAST and indexes.
        bytes: u64,
    },
    /// The user must not read the table.
    Unreadable,
}

/// Counts the rows of all tables up to a size, in one snapshot of the database. Partitions are counted one by one,
/// their parents not at all. Tables of DMS and of this crate are left out.
///
/// *Guarantees*: A counted number is exact for the snapshot. If both sides were drained, equal numbers on both sides
/// are evidence that no row is missing; they are no proof that rows are equal.
///
/// *Killed*: Nothing is changed.
///
/// # Errors
/// A table could not be read, for example because it was dropped meanwhile.
pub async fn count(database: Database<'_>, largest_bytes: u64) -> Result<BTreeMap<TableName, Rows>, Error> {
    const WHAT: &str = "count rows";
    database.run(WHAT, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let counted = count_in_snapshot(database, largest_bytes).await;
    let ended = database.run(WHAT, "ROLLBACK").await;
    let counted = counted?;
    ended?;
    Ok(counted)
}

/// Tables with rows of their own.
fn tables() -> String {
    format!(
        "SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid, \
         coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false) AS readable \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {USER_SCHEMA} AND c.relname !~ '^awsdms_'"
    )
}

async fn count_in_snapshot(database: Database<'_>, largest: u64) -> Result<BTreeMap<TableName, Rows>, Error> {
    const WHAT: &str = "count rows";
    let sql = format!("SELECT schema, name, coalesce(pg_relation_size(oid), 0), readable FROM ({}) AS t", tables());
    let mut counts = BTreeMap::new();
    for row in database.query(WHAT, &sql, &[]).await? {
        let table = TableName::new(row.get::<String>(0)?, row.get::<String>(1)?);
        let bytes = row.number(2)?;
        let rows = if !row.get::<bool>(3)? {
            Rows::Unreadable
        } else if bytes > largest {
            Rows::TooLarge { bytes }
        } else {
            // `ONLY`: with inheritance, the rows of children are counted with the children.
            let count = format!("SELECT count(*) FROM ONLY {}", table.quoted());
            Rows::Counted(database.query_one(WHAT, &count, &[]).await?.number(0)?)
        };
        counts.insert(table, rows);
    }
    Ok(counts)
}

/// Returns the size of each table in bytes, with its TOAST table and without its indexes. It reads no table.
///
/// # Errors
/// The catalogs could not be read.
pub async fn sizes(database: Database<'_>) -> Result<BTreeMap<TableName, u64>, Error> {
    let sql = format!("SELECT schema, name, coalesce(pg_table_size(oid), 0) FROM ({}) AS t", tables());
    let mut sizes = BTreeMap::new();
    for row in database.query("read the sizes of tables", &sql, &[]).await? {
        sizes.insert(TableName::new(row.get::<String>(0)?, row.get::<String>(1)?), row.number(2)?);
    }
    Ok(sizes)
}

/// How often rows of a table were changed, as the statistics of the server know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
}

/// A point in the history of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The end of the write-ahead log.
    pub lsn: Lsn,
    /// The statistics of each table.
    pub counters: Vec<(TableName, Counters)>,
}

/// Reads the current point.
///
/// # Errors
/// The catalogs could not be read.
pub async fn point(database: Database<'_>) -> Result<Point, Error> {
    let sql = format!(
        "SELECT schema, name, coalesce(pg_stat_get_tuples_inserted(oid), 0), \
         coalesce(pg_stat_get_tuples_updated(oid), 0), coalesce(pg_stat_get_tuples_deleted(oid), 0) \
         FROM ({}) AS t ORDER BY 1, 2",
        tables()
    );
    let lsn = last_lsn(database).await?;
    let mut counters = Vec::new();
    for row in database.query("read the statistics of tables", &sql, &[]).await? {
        let table = TableName::new(row.get::<String>(0)?, row.get::<String>(1)?);
        let found = Counters { inserted: row.number(2)?, updated: row.number(3)?, deleted: row.number(4)? };
        counters.push((table, found));
    }
    Ok(Point { lsn, counters })
}

/// What happened after a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The size of the write-ahead log since then, in bytes. It grows without changes of rows as well, by checkpoints
    /// and by the vacuum. 0 is a proof that nothing was committed.
    pub log_bytes: u64,
    /// Tables whose counters differ, in their order.
    pub tables: Vec<(TableName, Counters)>,
}

/// Returns what has changed since a point of the same server.
///
/// *Caveats*: The counters are NOT a proof. Sessions report them with a delay ("the information does not
/// update instantaneously", "The Cumulative Statistics System", PostgreSQL documentation), they include changes that
/// were rolled back, a crash resets them, and TRUNCATE does not count. Use them to choose what to compare first.
///
/// # Errors
/// The catalogs could not be read.
pub async fn since(database: Database<'_>, point: &Point) -> Result<Changes, Error> {
    let now = self::point(database).await?;
    let before: BTreeMap<_, _> = point.counters.iter().cloned().collect();
    let mut tables = Vec::new();
    for (table, now) in now.counters {
        let before = before.get(&table).copied().unwrap_or_default();
        // After a reset, the counters start again at 0.
        let difference = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        let changed = Counters {
            inserted: difference(now.inserted, before.inserted),
            updated: difference(now.updated, before.updated),
            deleted: difference(now.deleted, before.deleted),
        };
        if changed != Counters::default() {
            tables.push((table, changed));
        }
    }
    Ok(Changes { log_bytes: now.lsn.bytes_since(point.lsn), tables })
}

/// Returns the end of the write-ahead log: everything that was committed is before it. A replica returns the position
/// that it has replayed.
///
/// # Errors
/// The server could not be asked.
pub async fn last_lsn(database: Database<'_>) -> Result<Lsn, Error> {
    // The insert position is the end of what exists; the write and flush positions can be behind it with
    // `synchronous_commit = off`.
    let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
         ELSE pg_current_wal_insert_lsn() END";
    database.query_one("read the position of the log", sql, &[]).await?.get(0)
}
