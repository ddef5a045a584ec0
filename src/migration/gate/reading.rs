//! What was measured for a gate, as it was found: nothing is thought of it yet.

use super::AlarmState;
use crate::config::Side;

/// One value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When the period that it covers begins, in seconds since 1970, as CloudWatch counts.
    pub at: i64,
    /// The value, in the unit of the gate.
    pub value: f64,
}

/// The values of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is of: an environment, a database, a replication task.
    pub of: String,
    /// The environment, where the gate is judged for each by its traffic.
    pub side: Option<Side>,
    /// The values, in any order.
    pub points: Vec<Point>,
}

/// The requests of one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Requests {
    /// The environment.
    pub side: Side,
    /// All requests, a period at a time.
    pub all: Vec<Point>,
    /// Those that ended with a status of 500 or more. CloudWatch has no point where there were none.
    pub errors: Vec<Point>,
}

/// The targets of the load balancer in one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// The environment.
    pub side: Side,
    /// How many are healthy.
    pub healthy: u32,
    /// How many tasks are wanted.
    pub desired: u32,
}

/// How far DMS got with comparing a table (`ValidationState`, DMS user guide, "AWS DMS data validation").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableState {
    /// Both sides are the same.
    Same,
    /// It is being compared.
    Pending,
    /// Rows differ, or some could not be compared for good.
    Different,
    /// It can not be compared: it has no primary key, or validation is off.
    NotCompared,
    /// The comparison failed.
    Failed,
}

/// What DMS found of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, as `schema.table`.
    pub name: String,
    /// What was found.
    pub state: TableState,
}

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: AlarmState,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Values of metrics: one series for each thing that is expected, also where it has no points.
    Series(Vec<Series>),
    /// Requests.
    Requests(Vec<Requests>),
    /// Targets.
    Targets(Vec<Targets>),
    /// Tables.
    Tables(Vec<Table>),
    /// Alarms.
    Alarms(Vec<Alarm>),
    /// What would be measured is itself known to be broken, for example a replication that was stopped.
    Broken(String),
    /// It could not be asked; the text says why, and holds no secret.
    Unknown(String),
}
