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
    /// All requests per period.
    pub all: Vec<Point>,
    /// Requests with a status of 500 or more. CloudWatch has no point for a period without any.
    pub errors: Vec<Point>,
}

/// The targets of the load balancer of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The environment.
    pub side: Side,
    /// The number of healthy targets.
    pub healthy: u32,
    /// The desired number of tasks.
    pub desired: u32,
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
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The name.
    pub name: String,
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
