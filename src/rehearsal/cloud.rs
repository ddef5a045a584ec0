//! What clients see of a cloud: name servers, load balancers, and the tasks behind them.

use std::sync::Arc;
use std::time::Duration;

use infra_postgres::ConnectionInfo;

/// A database with a stable name.
#[derive(Clone, Debug)]
pub struct Database {
    /// The name, for the ledger and the report: it must not change when the server restarts on another port.
    pub id: Arc<str>,
    /// How to reach it.
    pub connection: ConnectionInfo,
}

/// A task of the service, and the database that its task definition names.
#[derive(Clone, Debug)]
pub struct TaskTarget {
    /// The name of the task. A task that replaces another one has another name.
    pub id: Arc<str>,
    /// The database with the credentials that the task received when it started.
    pub database: Database,
}

/// An answer of the name servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The side, for the ledger and the report.
    pub side: Arc<str>,
    /// The load balancer.
    pub balancer: Arc<str>,
    /// How long the answer can be kept.
    pub ttl: Duration,
}

/// What the listener of a load balancer does with a request.
#[derive(Clone, Debug)]
pub enum Route {
    /// It answers itself.
    Fixed {
        /// The status.
        status: u16,
        /// The time of the header `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// It forwards the request to one of these tasks. Without any, it answers 503 ("HTTP 503: Service unavailable",
    /// Troubleshoot your Application Load Balancers, Elastic Load Balancing documentation).
    Targets(Arc<[TaskTarget]>),
    /// No connection to it can be opened.
    Unreachable,
}

/// The cloud as clients see it. All calls must return at once: there are thousands each second.
pub trait Cloud: Send + Sync + 'static {
    /// Returns one answer of the name servers. `draw`, in `0..1`, selects among weighted records. `None`: no address.
    fn resolve(&self, draw: f64) -> Option<Resolved>;

    /// Returns what a load balancer does with a request now.
    fn route(&self, balancer: &str) -> Route;

    /// Takes note of an answer, for the metrics of the load balancer.
    fn observed(&self, balancer: &str, status: u16, latency: Duration);

    /// Returns whether a task runs. One that does not, drains: what it does is finished within the deregistration
    /// delay, then its connections close.
    fn runs(&self, task: &str) -> bool;
}
