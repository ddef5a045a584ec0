//! The connections of one task.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::cloud::Database;
use crate::connection::Connection;

/// How the tasks of the service work. All times are wall times.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// The largest number of connections of each task.
    pub connections: usize,
    /// How long a request waits for a connection before it is answered with 503.
    pub connection_timeout: Duration,
    /// How long a statement can take.
    pub statement_timeout: Duration,
    /// How long a task that was stopped has for its last requests.
    pub deregistration_delay: Duration,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            connections: 10,
            connection_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            deregistration_delay: Duration::from_secs(5),
        }
    }
}

/// The connections of a task.
pub(super) struct Pool {
    pub(super) database: Database,
    permits: Semaphore,
    connections: usize,
    idle: Mutex<Vec<Connection>>,
    /// When the task was first seen not to run.
    stopped: Mutex<Option<Instant>>,
    /// Becomes true when the task is killed.
    killed: watch::Sender<bool>,
}

/// A connection for one request.
pub(super) struct Lease<'a> {
    pub(super) connection: Connection,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(super) fn new(database: Database, options: &ServiceOptions) -> Self {
        let connections = options.connections.max(1);
        Self {
            database,
            permits: Semaphore::new(connections),
            connections,
            idle: Mutex::new(Vec::new()),
            stopped: Mutex::new(None),
            killed: watch::Sender::new(false),
        }
    }

    /// Returns a connection that is open, as far as this side knows. The error is the reason: a SQLSTATE, or `timeout`
    /// or
    /// `connect`.
    pub(super) async fn lease(&self, limit: Duration) -> Result<Lease<'_>, String> {
        let lease = async {
            let permit = self.permits.acquire().await.map_err(|_| "closed".to_owned())?;
            loop {
                let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                match idle {
                    Some(connection) if !connection.client.is_closed() => {
                        return Ok(Lease { connection, _permit: permit });
                    }
                    Some(_) => {}
                    None => break,
                }
            }
            let opened = Connection::open(&self.database.connection).await;
            let connection = opened.map_err(|code| code.unwrap_or_else(|| "connect".to_owned()))?;
            Ok(Lease { connection, _permit: permit })
        };
        tokio::time::timeout(limit, lease).await.unwrap_or_else(|_| Err("timeout".to_owned()))
    }

    /// Takes a connection back.
    pub(super) fn give_back(&self, lease: Lease<'_>) {
        let is_stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if !lease.connection.client.is_closed() && !is_stopped {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lease.connection);
        }
    }

    /// Waits until the task is killed.
    pub(super) async fn killed(&self) {
        let mut killed = self.killed.subscribe();
        // The sender lives as long as the pool.
        let _ = killed.wait_for(|killed| *killed).await;
    }

    /// Takes note of whether the task runs. Returns whether the pool can be removed: nothing is left, or the time is
    /// over.
    pub(super) fn is_finished(&self, runs: bool, delay: Duration) -> bool {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if runs {
            *stopped = None;
            return false;
        }
        let since = *stopped.get_or_insert_with(Instant::now);
        drop(stopped);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if since.elapsed() >= delay {
            self.killed.send_replace(true);
            return true;
        }
        self.permits.available_permits() == self.connections
    }
}
