//! How long a switchover will probably take, from parts that were measured before it; and how good that was.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::row::Row;

/// What was measured before the switchover, or is known from the last one.
///
/// All times are on the clock of [`crate::Operations::now`], as the measured ones are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The checks of row `Prepare`.
    pub prepare: Duration,
    /// How long it takes to connect to both databases, which each row with SQL does.
    pub connect: Duration,
    /// How long it takes to change one fence, and to read it back.
    pub fence: Duration,
    /// How long the nodes of a load balancer are given to follow.
    pub nodes: Duration,
    /// How long the command that stops other writers takes.
    pub quiesce: Duration,
    /// The longest request of a client.
    pub longest_request: Duration,
    /// The age of the oldest transaction in the old database.
    pub oldest_transaction: Duration,
    /// How long the drain waits for transactions (`drain_seconds`).
    pub drain_limit: Duration,
    /// How long it takes to end the sessions of the service.
    pub end_sessions: Duration,
    /// How long a marker needs to arrive.
    pub marker_trip: Duration,
    /// The number of sequences.
    pub sequences: u32,
    /// How long one statement takes on the new database, with its way through the network.
    pub statement: Duration,
    /// The comparison of what changed, as the last validation took it.
    pub check: Duration,
    /// How long it takes to request the stop of the forward replication.
    pub request_stop: Duration,
    /// How long the forward replication needs to stop; zero if that is not awaited.
    pub stop_replication: Duration,
    /// How long it takes to cut off the forward replication.
    pub cut_off: Duration,
    /// How long it takes to make the service use the other database, without what the nodes need.
    pub reconnect: Duration,
    /// How long a change of the weights needs to propagate; zero if they stay.
    pub dns: Duration,
}

/// How long each row will probably take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Milliseconds of each row.
    rows_ms: BTreeMap<Row, u64>,
}

/// Estimates the rows from measured parts.
pub fn forecast(parts: &Parts) -> Forecast {
    let waited = parts.longest_request.max(parts.oldest_transaction).min(parts.drain_limit);
    let of = |row| match row {
        Row::Prepare => parts.prepare,
        // Both sides are closed, one after the other; the nodes of both follow at the same time.
        Row::Fence => sum([parts.fence, parts.fence, parts.nodes, parts.quiesce]),
        Row::Drain => sum([parts.connect, waited, parts.end_sessions]),
        // Two markers: see the caveat of `infra_database::marker`.
        Row::Marker => sum([parts.connect, parts.marker_trip, parts.marker_trip]),
        // One statement each, and a few that read.
        Row::Sequences => sum([parts.connect, parts.statement.saturating_mul(parts.sequences.saturating_add(6))]),
        Row::Check => sum([parts.connect, parts.check]),
        Row::Fallback => sum([parts.connect, parts.request_stop, parts.stop_replication]),
        Row::Reconnect => sum([parts.reconnect, parts.nodes]),
        Row::Open => sum([parts.connect, parts.cut_off, parts.end_sessions, parts.fence, parts.dns]),
    };
    Forecast::of(Row::ALL.into_iter().map(|row| (row, of(row))))
}

fn measured(millis: &BTreeMap<Row, u64>, row: Row) -> Option<Duration> {
    millis.get(&row).map(|millis| Duration::from_millis(*millis))
}

fn sum<const N: usize>(parts: [Duration; N]) -> Duration {
    parts.into_iter().fold(Duration::ZERO, Duration::saturating_add)
}

impl Forecast {
    fn of(rows: impl IntoIterator<Item = (Row, Duration)>) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self { rows_ms: rows.into_iter().map(|(row, time)| (row, millis(time))).collect() }
    }

    /// Returns the times that an earlier switchover took, in milliseconds (`Progress::durations_ms`), with those of
    /// this forecast for rows that it has not done.
    pub fn with_measured(&self, earlier_ms: &BTreeMap<Row, u64>) -> Self {
        Self::of(Row::ALL.into_iter().map(|row| (row, measured(earlier_ms, row).unwrap_or_else(|| self.row(row)))))
    }

    /// Returns the forecast of one row.
    pub fn row(&self, row: Row) -> Duration {
        Duration::from_millis(self.rows_ms.get(&row).copied().unwrap_or_default())
    }

    /// Returns the time of all rows, which must fit into the budget.
    pub fn total(&self) -> Duration {
        Row::ALL.into_iter().fold(Duration::ZERO, |sum, next| sum.saturating_add(self.row(next)))
    }

    /// Returns the three rows that take longest, the longest first.
    pub fn longest(&self) -> Vec<(Row, Duration)> {
        let mut rows: Vec<_> = Row::ALL.into_iter().map(|row| (row, self.row(row))).collect();
        rows.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        rows.truncate(3);
        rows
    }

    /// Returns the time in which clients cannot write: all rows but the preparation.
    pub fn without_writes(&self) -> Duration {
        self.total().saturating_sub(self.row(Row::Prepare))
    }

    /// Compares the forecast with what was measured, in milliseconds (`Progress::durations_ms`).
    pub fn compare(&self, measured_ms: &BTreeMap<Row, u64>) -> Vec<Comparison> {
        let row = |row| Comparison { row, forecast: self.row(row), measured: measured(measured_ms, row) };
        Row::ALL.into_iter().map(row).collect()
    }
}

/// The forecast of a row beside its measured time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The row.
    pub row: Row,
    /// What was expected.
    pub forecast: Duration,
    /// What was measured; `None` if the row is not done.
    pub measured: Option<Duration>,
}

impl Comparison {
    /// Returns how much longer it took than expected; zero if it took less.
    pub fn overrun(&self) -> Duration {
        self.measured.unwrap_or_default().saturating_sub(self.forecast)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: forecast {:.1} s, ", self.row, self.forecast.as_secs_f64())?;
        match self.measured {
            Some(measured) => write!(formatter, "measured {:.1} s", measured.as_secs_f64()),
            None => formatter.write_str("not done"),
        }
    }
}
