//! One side: sessions that all see the same instant.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_postgres::Row;

use super::connect::Connector;
use super::endpoint::Endpoint;
use super::error::{CompareError, Side};
use super::options::Options;
use super::reason::Trouble;
use super::session::Session;
use super::sql::Query;

/// The first version whose heap can be read by ranges of blocks without reading all of it ("E.22. Release 14", PostgreSQL documentation).
const RANGES_OF_BLOCKS: i32 = 140_000;

/// A transaction that only reads, in which nothing changes under the reader.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What one server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// `server_version_num`.
    pub(super) version: i32,
    /// The encoding of the database.
    pub(super) encoding: String,
    /// Which database of which run of which server it is.
    pub(super) identity: String,
}

/// One of the two databases, as of one instant.
///
/// A session that failed is thrown away, and the next query opens another one with the same snapshot: an error ends a transaction.
pub(super) struct Database {
    connector: Connector,
    options: Options,
    pub(super) facts: Facts,
    snapshot: String,
    /// Keeps the snapshot, and does nothing else.
    _keeper: Session,
    idle: Mutex<Vec<Session>>,
    slots: Semaphore,
}

impl Database {
    /// Connects, and fixes the instant.
    pub(super) async fn open(side: Side, endpoint: &Endpoint, options: &Options) -> Result<Self, CompareError> {
        let connector = Connector::new(side, endpoint)?;
        let keeper = connector.open(options).await?;
        let catalog = |source| CompareError::Catalog { side, what: "snapshot", source };
        keeper.run(BEGIN).await.map_err(catalog)?;
        let sql = "SELECT pg_export_snapshot(), current_setting('server_version_num')::int4, pg_encoding_to_char(encoding)::text, \
                   pg_postmaster_start_time()::text || ' ' || oid::text || ' ' || datname FROM pg_database WHERE datname = current_database()";
        let rows = keeper.rows(&Query::plain(sql)).await.map_err(catalog)?;
        let row = rows.first().ok_or_else(|| catalog(Trouble::new("the server does not know its own database")))?;
        let facts = Facts { version: row.get(1), encoding: row.get(2), identity: row.get(3) };
        let (idle, slots) = (Mutex::default(), Semaphore::new(options.connections.max(1)));
        Ok(Self { connector, options: options.clone(), facts, snapshot: row.get(0), _keeper: keeper, idle, slots })
    }

    /// Which side it is.
    pub(super) fn side(&self) -> Side {
        self.connector.side
    }

    /// Who has logged in.
    pub(super) fn user(&self) -> &str {
        self.connector.user()
    }

    /// Returns whether a range of blocks can be read without reading all of them.
    pub(super) fn reads_ranges_of_blocks(&self) -> bool {
        self.facts.version >= RANGES_OF_BLOCKS
    }

    /// Runs a query as soon as one of the sessions is free.
    ///
    /// When this future is dropped, its session is too, which stops the query.
    pub(super) async fn rows(&self, query: &Query) -> Result<Vec<Row>, Trouble> {
        let _slot = self.slots.acquire().await.map_err(|closed| Trouble::new(closed.to_string()))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let session = match idle {
            Some(session) => session,
            None => self.join().await?,
        };
        let rows = session.rows(query).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        Ok(rows)
    }

    /// Runs a query on the catalogs.
    pub(super) async fn catalog(&self, what: &'static str, query: &Query) -> Result<Vec<Row>, CompareError> {
        self.rows(query).await.map_err(|source| CompareError::Catalog { side: self.side(), what, source })
    }

    /// Opens another session that sees the same.
    async fn join(&self) -> Result<Session, Trouble> {
        let session = self.connector.open(&self.options).await.map_err(|error| match error {
            CompareError::Connect { source, .. } => source,
            other => Trouble::new(other.to_string()),
        })?;
        // The name of a snapshot is made of digits and dashes, by the server.
        session.run(&format!("{BEGIN}; SET TRANSACTION SNAPSHOT '{}'", self.snapshot)).await?;
        Ok(session)
    }
}
