//! All tasks, and how one of them handles a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::Error;

use super::pool::{Pool, ServiceOptions};
use crate::application::{Application, Performed, Request};
use crate::cloud::{Cloud, TaskTarget};

/// The tasks of the service.
pub(crate) struct Fleet {
    application: Arc<Application>,
    options: ServiceOptions,
    pools: Mutex<HashMap<Arc<str>, Arc<Pool>>>,
}

/// Whether a request had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It had none, or it is in the answer.
    Certain,
    /// It can have been committed: the connection ended before the answer.
    Possible,
}

/// The answer of a task.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) effect: Effect,
    /// The SQLSTATE, or another reason.
    pub(crate) code: Option<String>,
    /// What was done, if the status says so.
    pub(crate) done: Option<Performed>,
}

impl Response {
    fn failed(status: u16, effect: Effect, code: impl Into<String>) -> Self {
        Self { status, effect, code: Some(code.into()), done: None }
    }

    fn of(performed: Performed) -> Self {
        let status = match &performed {
            Performed::Done { created: true, .. } => 201,
            Performed::Done { created: false, .. } => 200,
            Performed::NotFound => 404,
            Performed::Conflict => 409,
        };
        Self { status, effect: Effect::Certain, code: None, done: Some(performed) }
    }
}

impl Fleet {
    pub(crate) fn new(application: Arc<Application>, options: ServiceOptions) -> Self {
        Self { application, options, pools: Mutex::new(HashMap::new()) }
    }

    /// Returns the application.
    pub(crate) fn application(&self) -> &Arc<Application> {
        &self.application
    }

    /// Lets a task handle a request.
    pub(crate) async fn handle(&self, task: &TaskTarget, request: &Request) -> Response {
        let pool = self.pool(task);
        tokio::select! {
            response = self.handle_with(&pool, request) => response,
            () = pool.killed() => Response::failed(502, Effect::Possible, "task"),
        }
    }

    async fn handle_with(&self, pool: &Pool, request: &Request) -> Response {
        let mut lease = match pool.lease(self.options.connection_timeout).await {
            Ok(lease) => lease,
            Err(code) => return Response::failed(503, Effect::Certain, code),
        };
        let performed = self.application.perform(&mut lease.connection, request);
        match tokio::time::timeout(self.options.statement_timeout, performed).await {
            Ok(Ok(performed)) => {
                pool.give_back(lease);
                Response::of(performed)
            }
            Ok(Err(error)) => {
                let (effect, code) = effect_of(&error);
                if effect == Effect::Certain {
                    pool.give_back(lease);
                }
                Response::failed(500, effect, code)
            }
            // The connection is dropped with its statement, which the server may still finish.
            Err(_) => Response::failed(500, Effect::Possible, "timeout"),
        }
    }

    fn pool(&self, task: &TaskTarget) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        match pools.get(&task.id) {
            Some(pool) => Arc::clone(pool),
            None => {
                let pool = Arc::new(Pool::new(task.database.clone(), &self.options));
                pools.insert(Arc::clone(&task.id), Arc::clone(&pool));
                pool
            }
        }
    }

    /// Closes the connections of tasks that have stopped.
    pub(crate) fn sweep(&self, cloud: &dyn Cloud) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|task, pool| !pool.is_finished(cloud.runs(task), self.options.deregistration_delay));
    }
}

/// Returns whether a statement that failed can have been committed.
///
/// An error of the server during a statement rolls it back. In class 08 (connection exception) and for the codes of an
/// operator's intervention (57P01 to 57P05), the session ended, possibly between the commit and its answer ("PostgreSQL
/// Error Codes"). Without an answer, nothing is known.
fn effect_of(error: &Error) -> (Effect, String) {
    let Some(code) = error.code() else { return (Effect::Possible, "connection".to_owned()) };
    let code = code.code();
    let ended = code.starts_with("08") || code.starts_with("57P");
    (if ended { Effect::Possible } else { Effect::Certain }, code.to_owned())
}
