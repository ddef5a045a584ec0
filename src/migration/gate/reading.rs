//! The measurements for a gate, before they are evaluated.

use super::AlarmState;
use infra_config::Side;

/// One value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The start of its period, in seconds since 1970, as in CloudWatch.
    pub at: i64,
    /// The value, in the unit of the gate.
    pub value: f64,
}

/// A time series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The source: an environment, a database or a replication task.
    pub of: String,
    /// The environment, if the gate is evaluated per environment.
    pub side: Option<Side>,
    /// The values, in any order.
    pub points: Vec<Point>,
}

/// The requests of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Requests {
    /// The environment.
    pub side: Side,
    /// All requests per minute, also those of health checkers.
    pub all: Vec<Point>,
    /// Requests with the property that the gate is about: those that failed, or that took too long. CloudWatch has no
    /// point for a minute without any.
    pub hits: Vec<Point>,
    /// How many of all requests per minute are those of health checkers.
    pub probes_per_minute: f64,
    /// Whether the fence of the environment is closed.
    pub is_fenced: bool,
}

/// The targets of the load balancer of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The environment.
    pub side: Side,
    /// The number of healthy targets.
    pub healthy: u32,
    /// The number of targets that have not had their first health checks.
    pub initial: u32,
    /// The number of targets that fail their health checks, or are in another state.
    pub unhealthy: u32,
    /// The desired number of tasks.
    pub desired: u32,
    /// Whether the fence of the environment is closed.
    pub is_fenced: bool,
}

/// The state of the comparison of a table (`ValidationState`, DMS user guide, "AWS DMS data validation").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableState {
    /// Both sides are equal.
    Same,
    /// The comparison is in progress.
    Pending,
    /// Rows differ, or some could not be compared permanently.
    Different,
    /// The table cannot be compared: it has no primary key, or validation is off.
    NotCompared,
    /// The comparison failed.
    Failed,
}

/// The comparison of a table by DMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The name, as `schema.table`.
    pub name: String,
    /// The state.
    pub state: TableState,
    /// Whether DMS has suspended its replication after an error.
    pub is_suspended: bool,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The name.
    pub name: String,
    /// The environment that it monitors. `None` if it is about neither of them.
    pub side: Option<Side>,
    /// The state.
    pub state: AlarmState,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Metrics: one series for each expected source, even if it has no points.
    Series(Vec<Series>),
    /// Requests.
    Requests(Vec<Requests>),
    /// Targets.
    Targets(Vec<Targets>),
    /// Tables.
    Tables(Vec<Table>),
    /// Alarms.
    Alarms(Vec<Alarm>),
    /// The subject is known to be broken, for example a stopped replication.
    Broken(String),
    /// The measurement failed. The text has the reason and no secret.
    Unknown(String),
}
