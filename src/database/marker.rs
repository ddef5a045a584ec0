//! Markers: rows that this crate writes on the primary, and that the replication carries to the other side.
//!
//! *Guarantees*: A logical slot delivers transactions in the order of their commits. So when the other side has a
//! marker, everything that was committed before the marker was written has been sent earlier.
//!
//! *Caveats*: With batch apply, DMS applies the changes of a batch table by table, so that the marker of a batch can be
//! visible before other tables have the changes of the same batch. Batches themselves are in order: write a second
//! marker when the first has arrived, and await that. The table of the markers must be among the replicated tables, and
//! both sides must have it ([`prepare`]).

use std::fmt;

use infra_connect::TableName;
use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;

use crate::database::Database;
use crate::error::Error;

/// The name of the table in [`crate::HELPER_SCHEMA`].
const TABLE: &str = "marker";

/// Identifies a marker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarkerId(String);

impl MarkerId {
    /// Returns the id that stands for the marker of a database without data, where there is nothing to carry over.
    pub fn nothing() -> Self {
        Self("nothing".to_owned())
    }
}

impl fmt::Display for MarkerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Returns the table that the replication must include.
pub fn table() -> TableName {
    TableName::new(crate::HELPER_SCHEMA, TABLE)
}

/// Creates the schema and the table that do not exist. Call it on both sides before the load.
///
/// If the table exists, nothing is changed: a database that refuses writes is no obstacle then.
///
/// *Killed*: It is one transaction.
///
/// # Errors
/// The user must not create a schema in the database.
pub async fn prepare(database: Database<'_>) -> Result<(), Error> {
    // `id` is a primary key, without which UPDATE and DELETE are not replicated.
    const CREATE: &str = "CREATE SCHEMA IF NOT EXISTS migrate_infra; \
         CREATE TABLE IF NOT EXISTS migrate_infra.marker \
         (id uuid PRIMARY KEY, written_at timestamptz NOT NULL DEFAULT clock_timestamp())";
    const WHAT: &str = "create the table of the markers";
    if exists(database).await? {
        return Ok(());
    }
    match database.run(WHAT, CREATE).await {
        // `IF NOT EXISTS` does not see what another session creates at the same time: that session has succeeded.
        Err(error) if is_concurrent(&error) => database.run(WHAT, CREATE).await,
        other => other,
    }
}

/// Returns whether the table exists.
///
/// # Errors
/// The catalogs could not be read.
pub async fn exists(database: Database<'_>) -> Result<bool, Error> {
    let sql = "SELECT to_regclass('migrate_infra.marker') IS NOT NULL";
    database.query_one("look for the table of the markers", sql, &[]).await?.get(0)
}

fn is_concurrent(error: &Error) -> bool {
    let state = error.state();
    [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_SCHEMA, SqlState::DUPLICATE_TABLE]
        .iter()
        .any(|one| state.as_ref() == Some(one))
}

/// Writes a marker and commits it. The commit is on the disk of the server when this returns.
///
/// *Killed*: The marker can exist although its id is lost. It is harmless; write another one.
///
/// # Errors
/// The table does not exist ([`prepare`]), or the database refuses writes.
pub async fn write(database: Database<'_>) -> Result<MarkerId, Error> {
    // A commit that is not waited for could be lost in a crash after its id was returned. The setting is that of the
    // transaction, which this statement is, and holds when it commits.
    // A table that DMS has created has no defaults, so each column gets its value here.
    let insert = "INSERT INTO migrate_infra.marker (id, written_at) SELECT gen_random_uuid(), clock_timestamp() \
         FROM (SELECT CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') \
         THEN set_config('synchronous_commit', 'on', true) END) AS durable RETURNING id::text";
    Ok(MarkerId(database.query_one("write a marker", insert, &[]).await?.get(0)?))
}

/// Returns whether the other side has a marker.
///
/// # Errors
/// The table does not exist on the other side ([`prepare`]).
pub async fn has_arrived(other: Database<'_>, id: &MarkerId) -> Result<bool, Error> {
    // In a table that DMS has created, `id` can have another type.
    let sql = "SELECT EXISTS (SELECT FROM migrate_infra.marker WHERE id::text = $1)";
    other.query_one("look for a marker", sql, &[&id.0]).await?.get(0)
}

/// Removes the table and the schema. The schema stays, with an error, if it contains something else.
///
/// *Killed*: It is one transaction.
///
/// # Errors
/// The schema contains objects that are not of this crate, or belongs to another user.
pub async fn remove(database: Database<'_>) -> Result<(), Error> {
    let drop = "DROP TABLE IF EXISTS migrate_infra.marker; DROP SCHEMA IF EXISTS migrate_infra";
    database.run("remove the table of the markers", drop).await
}
