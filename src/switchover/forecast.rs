//! How long a switchover will probably take, from parts that were measured before it; and how good that was.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::machine::Progress;
use crate::row::Row;

/// What was measured before the switchover, or is known from the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The checks of row `Prepare`.
    pub prepare: Duration,
    /// From the call that changes a fence to the answer of the last address.
    pub fence: Duration,
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
    /// How long the forward replication needs to stop.
    pub stop_replication: Duration,
    /// How long the reverse replication needs to start.
    pub start_replication: Duration,
    /// How long the service needs to use the other database.
    pub reconnect: Duration,
}

/// How long each row will probably take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    rows: BTreeMap<Row, Duration>,
}

/// Estimates the rows from measured parts.
pub fn forecast(parts: &Parts) -> Forecast {
    let waited = parts.longest_request.max(parts.oldest_transaction).min(parts.drain_limit);
    let of = |row| match row {
        Row::Prepare => parts.prepare,
        // Both sides are closed, one after the other.
        Row::Fence => parts.fence.saturating_mul(2),
        Row::Drain => waited.saturating_add(parts.end_sessions),
        // Two markers: see the caveat of `infra_database::marker`.
        Row::Marker => parts.marker_trip.saturating_mul(2),
        // One statement each, and a few that read.
        Row::Sequences => parts.statement.saturating_mul(parts.sequences.saturating_add(6)),
        Row::Check => parts.check,
        Row::Fallback => parts.stop_replication.saturating_add(parts.start_replication),
        Row::Reconnect => parts.reconnect,
        Row::Open => parts.end_sessions.saturating_add(parts.fence),
    };
    Forecast { rows: Row::ALL.into_iter().map(|row| (row, of(row))).collect() }
}

impl Forecast {
    /// Returns the forecast of one row.
    pub fn row(&self, row: Row) -> Duration {
        self.rows.get(&row).copied().unwrap_or_default()
    }

    /// Returns the time of all rows, which must fit into the budget.
    pub fn total(&self) -> Duration {
        self.rows.values().fold(Duration::ZERO, |sum, row| sum.saturating_add(*row))
    }

    /// Returns the time in which clients cannot write: all rows but the preparation.
    pub fn without_writes(&self) -> Duration {
        self.total().saturating_sub(self.row(Row::Prepare))
    }

    /// Compares the forecast with what was measured.
    pub fn compare(&self, progress: &Progress) -> Vec<Comparison> {
        let row = |row| Comparison { row, forecast: self.row(row), measured: progress.duration(row) };
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
