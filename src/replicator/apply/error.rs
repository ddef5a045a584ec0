//! Why the application of changes ended.

use crate::model::TableName;

/// An error that ends the application of changes. What was committed before stays; its position is known.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The environment failed: a lost connection, a deadlock, a server that shuts down.
    ///
    /// "If a recoverable error such as a lost connection or a target apply fail occurs, DMS retries the task" (DMS user
    /// guide, "Error handling task settings").
    #[error("could not {operation} on the target")]
    Environment {
        /// What was attempted.
        operation: &'static str,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The source could not be asked for a LOB.
    #[error("could not look up a LOB of {table} on the source")]
    Lookup {
        /// The table of the source.
        table: TableName,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A policy stops the task (`STOP_TASK`), "and manual intervention is required".
    #[error("{table}: {reason}")]
    Stopped {
        /// The table of the source.
        table: TableName,
        /// Why.
        reason: String,
    },
    /// A table was truncated on the source (`ApplyErrorFailOnTruncationDdl`).
    ///
    /// The text is the documented one: "The failure message will be: “Truncation DDL detected.”"
    #[error("Truncation DDL detected.")]
    Truncation {
        /// The table of the source.
        table: TableName,
    },
    /// A LOB is larger than the maximum, and the endpoint has `FailTasksOnLobTruncation`.
    #[error("{table}: a value of the column `{column}` is larger than the maximum size of a LOB")]
    LobTruncated {
        /// The table of the source.
        table: TableName,
        /// The column.
        column: String,
    },
}

impl ApplyError {
    /// Whether DMS tries again by itself, after it has connected again.
    pub fn is_recoverable(&self) -> bool {
        matches!(self, Self::Environment { .. } | Self::Lookup { .. })
    }
}
