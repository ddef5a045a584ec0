//! Why a rehearsal has no verdict.

use std::path::PathBuf;

use infra_postgres::{ConnectError, MissingPrograms, PostgresError};
use infra_sandbox::DiskError;
use infra_sandbox_data::DataError;
use infra_workflow::unattended::StepError;

/// Why a rehearsal has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The configuration has no replicated database, so that there is nothing to rehearse.
    #[error("the configuration replicates no database, so there is nothing to rehearse")]
    NoReplication,
    /// The configuration has no routing, so that there is no cutover.
    #[error("the configuration has no routing, so there is no cutover to rehearse")]
    NoRouting,
    /// A file cannot be used.
    #[error("cannot {action} {}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The sandbox cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// PostgreSQL is not installed.
    #[error(transparent)]
    MissingPrograms(#[from] MissingPrograms),
    /// A database server cannot be used.
    #[error(transparent)]
    Server(#[from] PostgresError),
    /// A database cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement in a database failed.
    #[error(transparent)]
    Database(#[from] infra_database::Error),
    /// The data cannot be real.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A step of the migration failed.
    #[error("the migration did not get to its end")]
    Step(#[source] StepError),
    /// The schema, the writers or the verdict failed.
    #[error(transparent)]
    Rehearsal(#[from] infra_rehearsal::Error),
    /// The world of the sandbox does not contain what the state says.
    #[error("the sandbox has no {0}")]
    Missing(&'static str),
    /// A thread ended unexpectedly.
    #[error("a part of the rehearsal ended unexpectedly: {0}")]
    Ended(String),
}
