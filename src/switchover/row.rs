//! The rows of a switchover, and what is undone of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A row. Rows are done in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// Everything that the other rows need is there. It changes nothing.
    Prepare,
    /// The environments of both sides are closed to clients.
    Fence,
    /// Everything in flight has ended, and the old database refuses writes of the service.
    Drain,
    /// What was committed on the old database has arrived in the new one.
    Marker,
    /// The sequences of the new database are at or past the old positions.
    Sequences,
    /// What changed since the last validation is equal.
    Check,
    /// The replication is stopping, and a slot of the new database keeps what will be replicated back.
    Fallback,
    /// The service of the new side uses the new database.
    Reconnect,
    /// The old replication is cut off, the new database accepts writes, and the new side is open. From here on, nothing
    /// is undone.
    Open,
}

impl Row {
    /// All rows, in their order.
    pub const ALL: [Self; 9] = [
        Self::Prepare,
        Self::Fence,
        Self::Drain,
        Self::Marker,
        Self::Sequences,
        Self::Check,
        Self::Fallback,
        Self::Reconnect,
        Self::Open,
    ];

    /// Returns the next row; `None` after the last one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|row| *row > self)
    }

    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Fence => "fence",
            Self::Drain => "drain",
            Self::Marker => "marker",
            Self::Sequences => "sequences",
            Self::Check => "check",
            Self::Fallback => "fallback",
            Self::Reconnect => "reconnect",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A row that has something to undo. A marker, moved sequences and a check are harmless on a database that is not the
/// primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// The service of the new side uses the database from before.
    Reconnect,
    /// The replication runs in the direction from before.
    Fallback,
    /// The old database accepts writes again.
    Drain,
    /// The environments that were open are open again.
    Fence,
}

impl Undo {
    /// All of them, in the order in which they are done.
    pub const ALL: [Self; 4] = [Self::Reconnect, Self::Fallback, Self::Drain, Self::Fence];

    /// Returns the row that is undone.
    pub fn row(self) -> Row {
        match self {
            Self::Reconnect => Row::Reconnect,
            Self::Fallback => Row::Fallback,
            Self::Drain => Row::Drain,
            Self::Fence => Row::Fence,
        }
    }

    /// Returns where undoing begins when this row and the rows before it can have had an effect.
    pub fn first(last: Row) -> Option<Self> {
        Self::ALL.into_iter().find(|undo| undo.row() <= last)
    }

    /// Returns what is undone next; `None` after the last one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|undo| undo.row() < self.row())
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "undo {}", self.row())
    }
}
