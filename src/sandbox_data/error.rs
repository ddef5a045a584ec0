//! Why the data of a sandbox cannot be real.

use infra_postgres::{MissingPrograms, PostgresError};

/// Why the data of a sandbox cannot be real.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// PostgreSQL is not installed.
    #[error(transparent)]
    MissingPrograms(#[from] MissingPrograms),
    /// A server cannot be used.
    #[error(transparent)]
    Server(#[from] PostgresError),
    /// The threads cannot be started.
    #[error("cannot start the threads for the databases of the sandbox")]
    Threads(#[source] std::io::Error),
    /// The part that works on real data has ended.
    #[error("the databases of the sandbox ended unexpectedly: {0}")]
    Ended(String),
}
