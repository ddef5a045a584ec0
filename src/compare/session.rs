//! One session: one read-only transaction. Dropping it cancels the running query.
//!
//! A session is a guest. Its settings belong to its transaction (`SET LOCAL`), and its statements have no name, so
//! that nothing remains on a connection that others use later.

use std::time::Duration;

use infra_connect::{Connection, DatabaseError, End};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::options::Options;
use super::sql::Query;

/// A setting that a session asks for when it connects. The server has it afterwards; a pooler removes it.
pub(super) const MARK: &str = "migrate_infra.direct";

pub(super) struct Session {
    connection: Connection,
    /// The process of the server; 0 before the transaction has begun.
    pid: i32,
}

impl Session {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, pid: 0 }
    }

    /// Begins the transaction, with a snapshot that another session has exported, and with text formats that are the
    /// same on every server. Settings that the server does not have are skipped.
    ///
    /// Returns whether the server has received the mark, which a pooler removes.
    pub(super) async fn begin(&mut self, options: &Options, snapshot: Option<&str>) -> Result<bool, DatabaseError> {
        // The server generates the name of a snapshot, from digits, letters and hyphens only.
        let snapshot = snapshot.map(|name| format!("SET TRANSACTION SNAPSHOT '{}';", name.replace('\'', "''")));
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {} SET LOCAL search_path = pg_catalog",
            snapshot.unwrap_or_default()
        );
        self.run(&begin).await?;
        self.rows(&Query::plain(settings(options))).await?;
        let rows =
            self.rows(&Query::plain(format!("SELECT pg_backend_pid(), current_setting('{MARK}', true)"))).await?;
        let row = rows.first().ok_or_else(|| DatabaseError::new("the server returned no row"))?;
        self.pid = row.get(0);
        Ok(row.get::<_, Option<String>>(1).is_some_and(|mark| !mark.is_empty()))
    }

    /// Returns the version of the server.
    pub(super) fn version(&self) -> Option<&str> {
        self.connection.server_version()
    }

    /// Returns the process of the server.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Returns the end of the connection.
    pub(super) fn end(&self) -> End {
        self.connection.end()
    }

    /// Runs statements that return no rows.
    pub(super) async fn run(&self, sql: &str) -> Result<(), DatabaseError> {
        self.connection.client().batch_execute(sql).await.map_err(|error| self.cause(&error))
    }

    /// Runs a query. It has no name on the server: a name would remain on the connection.
    pub(super) async fn rows(&self, query: &Query) -> Result<Vec<Row>, DatabaseError> {
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            query.values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::TEXT)).collect();
        self.connection.client().query_typed(&query.sql, &values).await.map_err(|error| self.cause(&error))
    }

    fn cause(&self, error: &tokio_postgres::Error) -> DatabaseError {
        match self.connection.end().cause() {
            // A query that was sent to a closed connection only knows that it is closed.
            Some(cause) if error.as_db_error().is_none() => cause.clone(),
            _ => DatabaseError::of(error),
        }
    }
}

/// The settings of the transaction: text formats, permissions and time limits.
fn settings(options: &Options) -> String {
    let milliseconds = |limit: Option<Duration>| limit.map_or(0, |limit| limit.as_millis()).to_string();
    let settings = [
        ("statement_timeout", milliseconds(options.statement_timeout)),
        ("lock_timeout", milliseconds(options.lock_timeout)),
        // The session that keeps the snapshot is always idle.
        ("idle_in_transaction_session_timeout", "0".to_owned()),
        ("transaction_timeout", "0".to_owned()),
        // The server cancels its queries after the program was killed.
        ("client_connection_check_interval", "5s".to_owned()),
        ("extra_float_digits", "3".to_owned()),
        ("bytea_output", "hex".to_owned()),
        ("xmlbinary", "base64".to_owned()),
        ("TimeZone", "UTC".to_owned()),
        ("DateStyle", "ISO, YMD".to_owned()),
        ("IntervalStyle", "postgres".to_owned()),
        ("lc_monetary", "C".to_owned()),
        ("quote_all_identifiers", "off".to_owned()),
        // Rows hidden by a row-level security policy must cause an error: they are not missing rows.
        ("row_security", "off".to_owned()),
        ("jit", "off".to_owned()),
    ];
    let values: Vec<String> = settings.iter().map(|(name, value)| format!("('{name}', '{value}')")).collect();
    format!(
        "SELECT set_config(known.name, wanted.value, true) FROM (VALUES {}) AS wanted(name, value) \
         JOIN pg_settings AS known ON known.name = wanted.name",
        values.join(", ")
    )
}
