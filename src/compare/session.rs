//! One read-only session. Its text formats are the same on every server, and dropping it cancels the running query.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Client, Connection, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error_text::DatabaseError;
use super::options::Options;
use super::sql::Query;

/// The time limit of a cancel request.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Session {
    client: Client,
    connection: AbortHandle,
    tls: MakeRustlsConnect,
    /// Whether a query is running.
    busy: AtomicBool,
}

impl Session {
    pub(super) fn new(
        client: Client,
        connection: Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>,
        tls: MakeRustlsConnect,
    ) -> Self {
        // The queries report the error that ended the connection.
        let connection = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Self { client, connection, tls, busy: AtomicBool::new(false) }
    }

    /// Sets the text formats, the permissions and the time limits of the session. Settings that the server does not
    /// have are skipped.
    pub(super) async fn prepare(&self, options: &Options) -> Result<(), DatabaseError> {
        let milliseconds = |limit: Option<Duration>| limit.map_or(0, |limit| limit.as_millis()).to_string();
        let settings = [
            ("default_transaction_read_only", "on".to_owned()),
            ("statement_timeout", milliseconds(options.statement_timeout)),
            ("lock_timeout", milliseconds(options.lock_timeout)),
            // The session that keeps the snapshot is always idle.
            ("idle_in_transaction_session_timeout", "0".to_owned()),
            ("transaction_timeout", "0".to_owned()),
            ("idle_session_timeout", "0".to_owned()),
            // The server cancels its queries after the program was killed.
            ("client_connection_check_interval", "5s".to_owned()),
            ("extra_float_digits", "3".to_owned()),
            ("bytea_output", "hex".to_owned()),
            ("TimeZone", "UTC".to_owned()),
            ("DateStyle", "ISO, YMD".to_owned()),
            ("IntervalStyle", "postgres".to_owned()),
            ("lc_monetary", "C".to_owned()),
            ("search_path", "pg_catalog".to_owned()),
            // Rows hidden by a row-level security policy must cause an error: they are not missing rows.
            ("row_security", "off".to_owned()),
            ("jit", "off".to_owned()),
        ];
        let values: Vec<String> = settings.iter().map(|(name, value)| format!("('{name}', '{value}')")).collect();
        let sql = format!(
            "SELECT pg_catalog.set_config(known.name, wanted.value, false) FROM (VALUES {}) AS wanted(name, value) \
             JOIN pg_catalog.pg_settings AS known ON known.name = wanted.name",
            values.join(", ")
        );
        self.rows(&Query::plain(sql)).await.map(drop)
    }

    /// Runs statements that return no rows.
    pub(super) async fn run(&self, sql: &str) -> Result<(), DatabaseError> {
        self.track(self.client.batch_execute(sql)).await
    }

    /// Runs a query.
    pub(super) async fn rows(&self, query: &Query) -> Result<Vec<Row>, DatabaseError> {
        let values: Vec<&(dyn ToSql + Sync)> = query.values.iter().map(|value| value as _).collect();
        self.track(self.client.query(&query.sql, &values)).await
    }

    /// Marks the session as busy until the answer arrives. If this future is dropped earlier, the session stays busy,
    /// and dropping the session cancels the query.
    async fn track<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, DatabaseError> {
        self.busy.store(true, Ordering::Relaxed);
        let answer = answer.await;
        self.busy.store(false, Ordering::Relaxed);
        answer.map_err(|error| DatabaseError::of(&error))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.busy.load(Ordering::Relaxed) {
            // The connection terminates by itself when its client is dropped.
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(cancel(self.client.cancel_token(), self.tls.clone(), self.connection.clone()));
            }
            // Without a runtime, no cancel request can be sent; closing the connection is all that is possible.
            Err(_) => self.connection.abort(),
        }
    }
}

/// Cancels the running query, then closes the connection.
async fn cancel(token: CancelToken, tls: MakeRustlsConnect, connection: AbortHandle) {
    // The server does not acknowledge the request. If it is lost, `client_connection_check_interval` ends the query.
    let _ = tokio::time::timeout(CANCEL_TIMEOUT, token.cancel_query(tls)).await;
    connection.abort();
}
