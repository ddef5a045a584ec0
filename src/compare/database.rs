//! One side of the comparison: several sessions that share one snapshot.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::future::FutureExt;
use infra_connect::{DatabaseError, End, Endpoint};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_postgres::Row;

use super::connect::{Connector, Liveness};
use super::error::{CompareError, Side};
use super::options::Options;
use super::server_info::ServerInfo;
use super::session::Session;
use super::sql::Query;

/// One of the two databases, as of one instant.
///
/// A session that failed is discarded, because an error aborts its transaction. The next query opens another session
/// with the same snapshot. If the server allows no further session, the open ones are shared; in the end, the one that
/// keeps the snapshot runs the queries.
pub(super) struct Database {
    connector: Connector,
    options: Options,
    pub(super) info: ServerInfo,
    snapshot: String,
    /// Keeps the snapshot available.
    keeper: AsyncMutex<Session>,
    /// Whether the keeper has run a query.
    has_savepoint: AtomicBool,
    /// Why the connection of the keeper has ended.
    keeper_end: End,
    idle: Mutex<Vec<Worker>>,
    /// The number of sessions apart from the keeper.
    workers: Arc<AtomicUsize>,
    /// Whether the server has refused a further session.
    is_full: AtomicBool,
    /// Why the server cannot be asked any more.
    lost: OnceLock<DatabaseError>,
    slots: Semaphore,
}

impl Database {
    /// Connects to the database and exports a snapshot.
    pub(super) async fn open(side: Side, endpoint: &Endpoint, options: &Options) -> Result<Self, CompareError> {
        let connector = Connector::new(side, endpoint)?;
        let session = connector.open(options, None).await?;
        let catalog = |source| CompareError::Catalog { side, what: "properties", source };
        let info = ServerInfo::read(&session).await.map_err(catalog)?;
        let rows = session.rows(&Query::plain("SELECT pg_export_snapshot()")).await;
        let rows = rows.map_err(|source| CompareError::Catalog { side, what: "snapshot", source })?;
        let snapshot = rows.first().map(|row| row.get(0)).unwrap_or_default();
        let keeper_end = session.end();
        Ok(Self {
            connector,
            options: options.clone(),
            info,
            snapshot,
            keeper: AsyncMutex::new(session),
            has_savepoint: AtomicBool::new(false),
            keeper_end,
            idle: Mutex::default(),
            workers: Arc::default(),
            is_full: AtomicBool::new(false),
            lost: OnceLock::new(),
            slots: Semaphore::new(options.connections.max(1)),
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

    /// Runs a query as soon as a session is free.
    ///
    /// Dropping this future drops the session, which cancels the query.
    pub(super) async fn rows(&self, query: &Query) -> Result<Vec<Row>, DatabaseError> {
        let _slot = self.slots.acquire().await.map_err(|closed| DatabaseError::new(closed.to_string()))?;
        if let Some(cause) = self.lost.get() {
            return Err(cause.clone());
        }
        let worker = match self.idle_worker() {
            Some(worker) => Some(worker),
            None => self.open_worker().await?,
        };
        let Some(worker) = worker else { return self.rows_of_keeper(query).await };
        let rows = self.answer(&worker.session, query).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        Ok(rows)
    }

    /// Runs a query on the system catalogs.
    pub(super) async fn catalog(&self, what: &'static str, query: &Query) -> Result<Vec<Row>, CompareError> {
        self.rows(query).await.map_err(|source| CompareError::Catalog { side: self.side(), what, source })
    }

    fn idle_worker(&self) -> Option<Worker> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Opens another session with the same snapshot. `None`: the server allows no further one, and there is none.
    async fn open_worker(&self) -> Result<Option<Worker>, DatabaseError> {
        loop {
            if !self.is_full.load(Ordering::Relaxed) {
                match self.connector.open(&self.options, Some(&self.snapshot)).await {
                    Ok(session) => {
                        let count = Counted::new(&self.workers);
                        return Ok(Some(Worker { session, _count: count }));
                    }
                    Err(error) if error.is_too_many_connections() => self.is_full.store(true, Ordering::Relaxed),
                    // The snapshot has ended with its session: this is the first cause.
                    Err(error) => return Err(self.keeper_end.cause().cloned().unwrap_or_else(|| error.into_cause())),
                }
            }
            if self.workers.load(Ordering::Relaxed) == 0 {
                return Ok(None);
            }
            if let Some(worker) = self.idle_worker() {
                return Ok(Some(worker));
            }
            // Another query has the session: wait for it.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Runs a query in the session that keeps the snapshot. A savepoint keeps its transaction when the query fails, or
    /// when an earlier one was abandoned.
    async fn rows_of_keeper(&self, query: &Query) -> Result<Vec<Row>, DatabaseError> {
        let keeper = self.keeper.lock().await;
        let savepoint = if self.has_savepoint.swap(true, Ordering::Relaxed) { "ROLLBACK TO" } else { "" };
        keeper.run(&format!("{savepoint} SAVEPOINT query")).await?;
        self.answer(&keeper, query).await
    }

    /// Waits for an answer. A connection that stays silent for a while is examined with another one: a tunnel can stay
    /// open and pass nothing on, which the time limits of the server do not notice.
    async fn answer(&self, session: &Session, query: &Query) -> Result<Vec<Row>, DatabaseError> {
        let mut answer = std::pin::pin!(session.rows(query));
        let mut unanswered = 0;
        loop {
            if let Ok(answer) = tokio::time::timeout(self.options.silence, &mut answer).await {
                return answer;
            }
            let cause = match self.connector.examine(session.pid()).await {
                Liveness::AtWork => {
                    unanswered = 0;
                    continue;
                }
                // The answer can be on its way: look again.
                Liveness::Idle if unanswered == 0 => {
                    unanswered += 1;
                    continue;
                }
                Liveness::Idle => DatabaseError::new("the answer of the server has not arrived: the connection stalls"),
                Liveness::Silent(cause) => cause,
            };
            if let Some(answer) = (&mut answer).now_or_never() {
                return answer;
            }
            return Err(self.lost.get_or_init(|| cause).clone());
        }
    }
}

/// A session that runs a query. Unless it is given back, it ends, and its query with it.
struct Worker {
    session: Session,
    /// One of the open sessions.
    _count: Counted,
}

/// Counts a session as long as it is open.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
