//! Why a row that is SQL alone is not done.

use std::fmt;
use std::time::Duration;

use infra_database::changes::Rows;
use infra_database::sequences::Problem;
use infra_database::slots::Leftover;
use infra_database::{Error as DatabaseError, TableName};

use crate::failure::{Failure, UndoFailure};

/// A table with another number of rows on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountDifference {
    /// The table.
    pub table: TableName,
    /// On the old side.
    pub old: Option<Rows>,
    /// On the new side.
    pub new: Option<Rows>,
}

impl fmt::Display for CountDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |rows| match rows {
            Some(Rows::Counted(rows)) => format!("{rows} rows"),
            Some(Rows::TooLarge { bytes }) => format!("{bytes} bytes"),
            Some(Rows::Unreadable) => "unreadable".to_owned(),
            None => "no such table".to_owned(),
        };
        write!(formatter, "{} ({} before, {} now)", self.table, text(self.old), text(self.new))
    }
}

/// The reason. No text contains a password or a value of a row.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("a statement failed")]
    Database(#[from] DatabaseError),
    /// Something has not ended within the limit of the drain.
    #[error("still in flight in the {side} database: {}", .what.join("; "))]
    InFlight {
        /// The label of the database.
        side: String,
        /// Each session with pid, application, user and age; each prepared transaction with its age.
        what: Vec<String>,
    },
    /// The marker is not on the other side yet.
    #[error("a marker has not arrived within {} s", .waited.as_secs_f64())]
    NotArrived {
        /// How long it was awaited.
        waited: Duration,
    },
    /// Sequences are behind.
    #[error("sequences are behind: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Sequences(Vec<Problem>),
    /// Both databases have different numbers of rows.
    #[error("numbers of rows differ: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Counts(Vec<CountDifference>),
    /// A database that must refuse writes of the service does not.
    #[error("the {side} database accepts writes of `{role}`, which it must not")]
    NotGuarded {
        /// The label of the database.
        side: String,
        /// The role of the service.
        role: String,
    },
    /// The primary refuses writes of the service.
    #[error("the {side} database refuses writes of `{role}`, but it should be the primary")]
    Guarded {
        /// The label of the database.
        side: String,
        /// The role of the service.
        role: String,
    },
    /// Sessions that must end do not.
    #[error("sessions in the {side} database do not end: {}", .what.join("; "))]
    Sessions {
        /// The label of the database.
        side: String,
        /// Each session.
        what: Vec<String>,
    },
    /// A slot that must go is being read.
    #[error("the replication slot `{slot}` in the {side} database is being read; stop its reader")]
    SlotInUse {
        /// The slot.
        slot: String,
        /// The label of the database.
        side: String,
    },
    /// Something of the migration is still there.
    #[error("still in the {side} database: {}", .what.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Left {
        /// The label of the database.
        side: String,
        /// What is left.
        what: Vec<Leftover>,
    },
}

impl Error {
    /// Returns the reason with its causes, in one line.
    pub fn chain(&self) -> String {
        let mut words = self.to_string();
        let mut at = std::error::Error::source(self);
        while let Some(cause) = at {
            words.push_str(&format!(": {cause}"));
            at = cause.source();
        }
        words
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let why = error.chain();
        match error {
            Error::NotArrived { .. } => Self::Inconclusive { why },
            // An identity column is changed, and somebody reads its table.
            Error::Database(error) if infra_database::identity::is_locked(&error) => Self::Inconclusive { why },
            _ => Self::with_unknown_effect(why),
        }
    }
}

impl From<Error> for UndoFailure {
    fn from(error: Error) -> Self {
        Self::new(error.chain())
    }
}
