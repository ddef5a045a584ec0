//! One side of the comparison: several sessions that share one snapshot.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_postgres::Row;

use super::connect::Connector;
use super::endpoint::Endpoint;
use super::error::{CompareError, Side};
use super::error_text::DatabaseError;
use super::options::Options;
use super::session::Session;
use super::sql::Query;

/// The first version that reads a range of blocks without scanning the whole table ("E.22. Release 14", PostgreSQL
/// documentation).
const TID_RANGE_SCAN_VERSION: i32 = 140_000;

/// Begins a read-only transaction with a stable snapshot.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Properties of a server and its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerInfo {
    /// The value of `server_version_num`.
    pub(super) version: i32,
    /// The encoding of the database.
    pub(super) encoding: String,
    /// Identifies the database and the running server.
    pub(super) identity: String,
}

/// One of the two databases, as of one instant.
///
/// A session that failed is discarded, because an error aborts its transaction. The next query opens another session
/// with the same snapshot.
pub(super) struct Database {
    connector: Connector,
    options: Options,
    pub(super) info: ServerInfo,
    snapshot: String,
    /// Keeps the snapshot available. It runs no queries.
    _snapshot_session: Session,
    idle: Mutex<Vec<Session>>,
    slots: Semaphore,
}

impl Database {
    /// Connects to the database and exports a snapshot.
    pub(super) async fn open(side: Side, endpoint: &Endpoint, options: &Options) -> Result<Self, CompareError> {
        let connector = Connector::new(side, endpoint)?;
        let session = connector.open(options).await?;
        let catalog = |source| CompareError::Catalog { side, what: "snapshot", source };
        session.run(BEGIN).await.map_err(catalog)?;
        let sql = "SELECT pg_export_snapshot(), current_setting('server_version_num')::int4, \
                   pg_encoding_to_char(encoding)::text, \
                   pg_postmaster_start_time()::text || ' ' || oid::text || ' ' || datname \
                   FROM pg_database WHERE datname = current_database()";
        let rows = session.rows(&Query::plain(sql)).await.map_err(catalog)?;
        let row =
            rows.first().ok_or_else(|| catalog(DatabaseError::new("the current database is not in `pg_database`")))?;
        let info = ServerInfo { version: row.get(1), encoding: row.get(2), identity: row.get(3) };
        let (idle, slots) = (Mutex::default(), Semaphore::new(options.connections.max(1)));
        Ok(Self {
            connector,
            options: options.clone(),
            info,
            snapshot: row.get(0),
            _snapshot_session: session,
            idle,
            slots,
        })
    }

    /// Returns the side.
    pub(super) fn side(&self) -> Side {
        self.connector.side
    }

    /// Returns the user name of the sessions.
    pub(super) fn user(&self) -> &str {
        self.connector.user()
    }

    /// Returns whether a range of blocks can be read without scanning the whole table.
    pub(super) fn has_tid_range_scan(&self) -> bool {
        self.info.version >= TID_RANGE_SCAN_VERSION
    }

    /// Runs a query as soon as a session is free.
    ///
    /// Dropping this future drops the session, which cancels the query.
    pub(super) async fn rows(&self, query: &Query) -> Result<Vec<Row>, DatabaseError> {
        let _slot = self.slots.acquire().await.map_err(|closed| DatabaseError::new(closed.to_string()))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let session = match idle {
            Some(session) => session,
            None => self.open_with_snapshot().await?,
        };
        let rows = session.rows(query).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        Ok(rows)
    }

    /// Runs a query on the system catalogs.
    pub(super) async fn catalog(&self, what: &'static str, query: &Query) -> Result<Vec<Row>, CompareError> {
        self.rows(query).await.map_err(|source| CompareError::Catalog { side: self.side(), what, source })
    }

    /// Opens another session with the same snapshot.
    async fn open_with_snapshot(&self) -> Result<Session, DatabaseError> {
        let session = self.connector.open(&self.options).await.map_err(|error| match error {
            CompareError::Connect { source, .. } => source,
            other => DatabaseError::new(other.to_string()),
        })?;
        // The server generates the name of a snapshot, from digits and hyphens only.
        session.run(&format!("{BEGIN}; SET TRANSACTION SNAPSHOT '{}'", self.snapshot)).await?;
        Ok(session)
    }
}
