//! Why a start did not reach its end.

use infra_core::resource;
use infra_core::state::JournalError;
use infra_database::schema::SchemaError;
use infra_migration::phase::Phase;
use infra_postgres::MissingPrograms;

/// Why a start did not reach its end. What was done is recorded; the same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A newer version has written how far it has come.
    #[error("how far the start has come cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// A phase before the requested one is not done.
    #[error("the phase `{phase}` cannot begin: `{missing}` is not done")]
    OutOfOrder {
        /// The requested phase.
        phase: Phase,
        /// The first one that is not done.
        missing: Phase,
    },
    /// The replication has no such phase.
    #[error("this replication has no phase `{phase}`: {why}")]
    NoSuchPhase {
        /// The requested phase.
        phase: Phase,
        /// Why.
        why: String,
    },
    /// The databases cannot be reached with SQL.
    #[error("the phases `schema` and `indexes` need SQL access to both databases, and `{phase}` is next: {reason}")]
    NoAccess {
        /// The phase that is next.
        phase: Phase,
        /// Why.
        reason: String,
    },
    /// `pg_dump` or `pg_restore` is missing, or too old.
    #[error("`pg_dump` and `pg_restore` of PostgreSQL {at_least} or later are needed: {missing}")]
    MissingPrograms {
        /// The major version of the newer one of the two servers.
        at_least: u16,
        /// What was searched, and how to install it.
        missing: MissingPrograms,
    },
    /// The schema could not be transferred.
    #[error("the phase `{phase}` is not complete")]
    Schema {
        /// The phase.
        phase: Phase,
        /// Why.
        #[source]
        source: SchemaError,
    },
    /// A database refuses something.
    #[error("the phase `{phase}` is not complete")]
    Database {
        /// The phase.
        phase: Phase,
        /// Why.
        #[source]
        source: infra_database::Error,
    },
    /// DMS would change values, and no setting prevents it.
    #[error("DMS would truncate values: {}", .columns.join(", "))]
    TooLarge {
        /// The columns, with the sizes of their values.
        columns: Vec<String>,
    },
    /// A file cannot be written.
    #[error("cannot write {}", .path.display())]
    File {
        /// The file or directory.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// DMS refuses something, or the task fails.
    #[error(transparent)]
    Aws(#[from] resource::Error),
    /// The settings of the task cannot be changed.
    #[error("the task did not get the settings that follow from what was measured: {reason}")]
    Settings {
        /// Why.
        reason: String,
    },
    /// A thread ended unexpectedly.
    #[error("a part of the program ended unexpectedly: {0}")]
    Ended(String),
    /// The state cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
