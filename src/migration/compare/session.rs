//! One session: it cannot write, its texts look the same on every server, and a query that nobody waits for any more is stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Client, Connection, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::options::Options;
use super::reason::Trouble;
use super::sql::Query;

/// How long the request to stop a query may take.
const STOPPING: Duration = Duration::from_secs(10);

pub(super) struct Session {
    client: Client,
    connection: AbortHandle,
    tls: MakeRustlsConnect,
    /// A query was sent, and its answer is not here.
    busy: AtomicBool,
}

impl Session {
    pub(super) fn new(
        client: Client,
        connection: Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>,
        tls: MakeRustlsConnect,
    ) -> Self {
        // Why a connection broke is also what its queries answer.
        let connection = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Self { client, connection, tls, busy: AtomicBool::new(false) }
    }

    /// Fixes what decides how values look as text, what a session may do and how long. A server knows only some of these settings.
    pub(super) async fn prepare(&self, options: &Options) -> Result<(), Trouble> {
        let milliseconds = |limit: Option<Duration>| limit.map_or(0, |limit| limit.as_millis()).to_string();
        let settings = [
            ("default_transaction_read_only", "on".to_owned()),
            ("statement_timeout", milliseconds(options.statement_timeout)),
            ("lock_timeout", milliseconds(options.lock_timeout)),
            // The session that keeps the snapshot is idle all the time.
            ("idle_in_transaction_session_timeout", "0".to_owned()),
            ("transaction_timeout", "0".to_owned()),
            ("idle_session_timeout", "0".to_owned()),
            // The server stops by itself when the program was killed.
            ("client_connection_check_interval", "5s".to_owned()),
            ("extra_float_digits", "3".to_owned()),
            ("bytea_output", "hex".to_owned()),
            ("TimeZone", "UTC".to_owned()),
            ("DateStyle", "ISO, YMD".to_owned()),
            ("IntervalStyle", "postgres".to_owned()),
            ("lc_monetary", "C".to_owned()),
            ("search_path", "pg_catalog".to_owned()),
            // Rows that a policy hides are an error, not rows that are not there.
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

    /// Runs statements without an answer.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Trouble> {
        self.watched(self.client.batch_execute(sql)).await
    }

    /// Runs a query.
    pub(super) async fn rows(&self, query: &Query) -> Result<Vec<Row>, Trouble> {
        let values: Vec<&(dyn ToSql + Sync)> = query.values.iter().map(|value| value as _).collect();
        self.watched(self.client.query(&query.sql, &values)).await
    }

    /// Remembers that an answer is waited for. When this future is dropped, that stays, and the session stops the query in its own end.
    async fn watched<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Trouble> {
        self.busy.store(true, Ordering::Relaxed);
        let answer = answer.await;
        self.busy.store(false, Ordering::Relaxed);
        answer.map_err(|error| Trouble::of(&error))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.busy.load(Ordering::Relaxed) {
            // The connection says good-bye by itself when its client has gone.
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(stop(self.client.cancel_token(), self.tls.clone(), self.connection.clone()));
            }
            // Without a runtime nothing can be sent: the closed connection has to do.
            Err(_) => self.connection.abort(),
        }
    }
}

/// Asks the server to stop a query, then closes its connection.
async fn stop(token: CancelToken, tls: MakeRustlsConnect, connection: AbortHandle) {
    // Whether it arrived is not told by the server either; its own check of the connection is the second net.
    let _ = tokio::time::timeout(STOPPING, token.cancel_query(tls)).await;
    connection.abort();
}
