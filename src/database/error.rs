//! Errors, with texts that contain no data.

pub use infra_connect::DatabaseError as SqlError;
use tokio_postgres::error::SqlState;

/// The reason why something could not be done in a database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The server refused a statement, or the connection broke.
    #[error("could not {what} in the {side} database")]
    Sql {
        /// What was tried, for example `read the sequences`.
        what: String,
        /// The label of the database that the caller gave.
        side: String,
        /// The cause.
        #[source]
        source: SqlError,
    },
    /// A name leads to nothing.
    #[error("the {side} database has no {kind} `{name}`")]
    Missing {
        /// What kind of object.
        kind: &'static str,
        /// The name.
        name: String,
        /// The label of the database that the caller gave.
        side: String,
    },
}

impl Error {
    /// Returns the SQLSTATE, if a server sent the error.
    pub fn state(&self) -> Option<SqlState> {
        match self {
            Self::Sql { source, .. } => source.code.as_deref().map(SqlState::from_code),
            Self::Missing { .. } => None,
        }
    }
}
