//! What can fail between this program and a server.

use std::io;
use std::path::{Path, PathBuf};

use super::connect_error::ConnectError;
use super::formula::FormulaError;
use super::programs::MissingPrograms;

/// A server could not be created, started, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The programs of PostgreSQL are missing.
    #[error(transparent)]
    Programs(#[from] MissingPrograms),
    /// A file could not be used.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A program failed.
    #[error("`{}` failed: {output}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// The end of its output.
        output: String,
    },
    /// Nothing was created in the directory.
    #[error("there is no database server in {}", .0.display())]
    Missing(PathBuf),
    /// The directory belongs to somebody else.
    #[error("{} belongs to another user, so no server can be placed there", .0.display())]
    Foreign(PathBuf),
    /// The directory was copied; two servers cannot share the data.
    #[error("the data of the server in {} belong to {}, of which it is a copy", copy.display(), original.display())]
    Copied {
        /// The directory that was copied.
        original: PathBuf,
        /// The copy.
        copy: PathBuf,
    },
    /// The description of the server cannot be read.
    #[error("the description of the server in {} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: serde_json::Error,
    },
    /// A formula in a parameter cannot be evaluated.
    #[error(transparent)]
    Formula(#[from] FormulaError),
    /// PostgreSQL refuses the values of parameters; the server keeps the previous values.
    #[error("PostgreSQL refuses the parameters: {0}")]
    Parameters(String),
    /// The server does not start.
    #[error("the database server in {} did not start:\n{log}", directory.display())]
    Start {
        /// The server's directory.
        directory: PathBuf,
        /// The end of its log.
        log: String,
    },
    /// Something took too long.
    #[error("gave up after {} seconds: {what}", .limit.as_secs())]
    Timeout {
        /// What was awaited.
        what: String,
        /// How long.
        limit: std::time::Duration,
    },
    /// A certificate could not be issued.
    #[error("could not issue a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The operating system has no random numbers.
    #[error("could not get random numbers: {0}")]
    Random(String),
    /// The server cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement failed. Statements with passwords contain only their verifiers.
    #[error("could not {action} on the database server")]
    Sql {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A thread of the runtime ended early.
    #[error("a thread ended early")]
    Thread(#[from] tokio::task::JoinError),
}

impl PostgresError {
    /// Returns a function that adds what was tried to an I/O error.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Returns a function that adds what was tried to an error of the client.
    pub(super) fn sql(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Sql { action, source }
    }
}
