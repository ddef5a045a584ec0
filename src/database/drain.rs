//! What is in flight in a database: sessions of clients with their transactions, and prepared transactions.
//!
//! *Caveats*: Without the rights of `pg_read_all_stats`, the state of sessions of other users is hidden
//! ([`State::Hidden`]). Such a session can have a transaction, so it counts as one that has.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::database::{Answer, Database};
use crate::error::{Error, SqlError};

/// What a session does (`pg_stat_activity.state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It executes a statement.
    Active,
    /// It waits for its client, without a transaction.
    Idle,
    /// It waits for its client, with a transaction.
    IdleInTransaction,
    /// As before, and the transaction has failed.
    IdleInFailedTransaction,
    /// It executes a fast-path function, or another state that later versions have.
    Other,
    /// The user must not see it, or the server does not track activities.
    Hidden,
}

impl State {
    fn of(text: Option<&str>) -> Self {
        match text {
            Some("active") => Self::Active,
            Some("idle") => Self::Idle,
            Some("idle in transaction") => Self::IdleInTransaction,
            Some("idle in transaction (aborted)") => Self::IdleInFailedTransaction,
            // `track_activities` is off.
            None | Some("disabled") => Self::Hidden,
            Some(_) => Self::Other,
        }
    }
}

/// A session of a client. The text of its statement is not read, because it can contain values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The process of the server.
    pub pid: i32,
    /// The name that the client gave itself; empty without one.
    pub application: String,
    /// The user; empty for a session that is just starting.
    pub user: String,
    /// The address of the client; `None` if it is hidden, or the connection is not one of TCP.
    pub address: Option<String>,
    /// What it does.
    pub state: State,
    /// How long its transaction has been open; `None` without one, or if it is hidden.
    pub transaction_age: Option<Duration>,
}

impl Session {
    /// Returns whether the session has a transaction, or can have one.
    pub fn may_have_transaction(&self) -> bool {
        self.state != State::Idle || self.transaction_age.is_some()
    }
}

/// A transaction that was prepared for two-phase commit, and is neither committed nor rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedTransaction {
    /// The identifier that its client gave.
    pub gid: String,
    /// The user who prepared it.
    pub owner: String,
    /// How long ago.
    pub age: Duration,
}

/// What is in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Sessions of clients, the oldest transaction first.
    pub sessions: Vec<Session>,
    /// Prepared transactions, the oldest first.
    pub prepared: Vec<PreparedTransaction>,
}

impl InFlight {
    /// Returns whether nobody is connected and nothing is prepared.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.prepared.is_empty()
    }

    /// Returns the sessions that have a transaction, or can have one.
    pub fn transactions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(|session| session.may_have_transaction())
    }
}

/// Reads what is in flight in this database.
///
/// Left out: this session, sessions of the applications that the caller excludes by their exact names (its own, and
/// those of the replication), walsenders and background processes.
///
/// # Errors
/// The catalogs could not be read.
pub async fn in_flight(database: Database<'_>, excluded_applications: &[&str]) -> Result<InFlight, Error> {
    // `backend_type` is "client backend" for sessions of clients, and "walsender" for replication, also for logical
    // replication, which is connected to a database as well ("pg_stat_activity", PostgreSQL documentation). It is
    // hidden together with the state; then `usename` tells sessions from background processes.
    const SESSIONS: &str = "SELECT pid, coalesce(application_name, ''), coalesce(usename::text, ''), \
         host(client_addr), state, extract(epoch FROM clock_timestamp() - xact_start)::float8 \
         FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
         AND (backend_type = 'client backend' OR (backend_type IS NULL AND usesysid IS NOT NULL)) \
         AND NOT coalesce(application_name, '') = ANY ($1) ORDER BY xact_start NULLS LAST, pid";
    const PREPARED: &str = "SELECT gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::float8 \
         FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() ORDER BY prepared, gid";
    let mut found = InFlight::default();
    for row in database.query("read the sessions", SESSIONS, &[&excluded_applications]).await? {
        found.sessions.push(Session {
            pid: row.get(0)?,
            application: row.get(1)?,
            user: row.get(2)?,
            address: row.get(3)?,
            state: State::of(row.get(4)?),
            transaction_age: age(&row, 5)?,
        });
    }
    for row in database.query("read the prepared transactions", PREPARED, &[]).await? {
        let age = age(&row, 2)?.unwrap_or_default();
        found.prepared.push(PreparedTransaction { gid: row.get(0)?, owner: row.get(1)?, age });
    }
    Ok(found)
}

/// Reads a number of seconds. A clock that was set back makes it negative.
fn age(row: &Answer<'_>, at: usize) -> Result<Option<Duration>, Error> {
    let seconds: Option<f64> = row.get(at)?;
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

/// What became of a session that was to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its process has ended.
    Ended,
    /// It got the signal, and had not ended within the limit.
    StillRunning,
    /// There was no such session of a client in this database.
    Gone,
    /// The server refused it: ending a session of another user needs membership of `pg_signal_backend`, and one of a
    /// superuser cannot be ended without being one ("Server Signaling Functions", PostgreSQL documentation).
    Refused(SqlError),
}

/// How long the server waits for one session to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends sessions of clients in this database, by their process ids, and waits for the end of each. Their open
/// transactions are rolled back. An id that is not one of a client in this database is left alone.
///
/// *Killed*: Some sessions have ended. Repeat it with what is in flight then.
///
/// # Errors
/// The connection broke. A refusal is part of the result.
pub async fn terminate(database: Database<'_>, pids: &[i32]) -> Result<Vec<(i32, Ended)>, Error> {
    // With a limit, the function "waits until the process is actually terminated or until the given time has passed";
    // PostgreSQL 14 has it first.
    let sql = format!(
        "SELECT pg_terminate_backend(pid, {}) FROM pg_catalog.pg_stat_activity \
         WHERE pid = $1 AND datname = current_database() AND pid <> pg_backend_pid() \
         AND (backend_type = 'client backend' OR (backend_type IS NULL AND usesysid IS NOT NULL))",
        PATIENCE.as_millis()
    );
    let mut results = Vec::new();
    for pid in pids {
        let ended = match database.query("end a session", &sql, &[pid]).await {
            Ok(rows) => match rows.first() {
                None => Ended::Gone,
                Some(row) if row.get(0)? => Ended::Ended,
                Some(_) => Ended::StillRunning,
            },
            Err(error) if error.state() == Some(SqlState::INSUFFICIENT_PRIVILEGE) => match error {
                Error::Sql { source, .. } => Ended::Refused(source),
                other @ Error::Missing { .. } => return Err(other),
            },
            Err(error) => return Err(error),
        };
        results.push((*pid, ended));
    }
    Ok(results)
}
