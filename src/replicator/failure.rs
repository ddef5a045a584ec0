//! Errors that end a run of a task, and whether DMS tries again.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

/// Whether DMS restarts a task after an error.
///
/// "AWS DMS considers all environmental errors as recoverable errors" and "If AWS DMS encounters an error that stops
/// it from proceeding with migration, […] this is called a fatal error" ("Why is my AWS DMS task not retrying?").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The task is restarted.
    Recoverable,
    /// The task stops.
    Fatal,
}

/// An error that ends a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Whether DMS tries again.
    pub level: Level,
    /// The message, without secrets.
    pub message: String,
}

impl Failure {
    /// Returns a failure after which the task stops.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { level: Level::Fatal, message: message.into() }
    }

    /// Returns a failure after which the task is restarted.
    pub fn recoverable(message: impl Into<String>) -> Self {
        Self { level: Level::Recoverable, message: message.into() }
    }

    /// Returns the failure that an error of a database connection is.
    pub fn of(what: &str, error: &tokio_postgres::Error) -> Self {
        let level = if is_environmental(error) { Level::Recoverable } else { Level::Fatal };
        Self { level, message: format!("{what}: {}", text(error)) }
    }

    /// Returns whether DMS tries again.
    pub fn is_recoverable(&self) -> bool {
        self.level == Level::Recoverable
    }
}

/// Returns whether an error comes from the environment: no connection, a server that stops, a resource that lacks.
pub fn is_environmental(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else { return true };
    // The classes of "PostgreSQL Error Codes": connection exception, invalid authorization, insufficient resources,
    // object not in prerequisite state (a slot that is in use), operator intervention, system error.
    *state == SqlState::OBJECT_IN_USE
        || *state == SqlState::LOCK_NOT_AVAILABLE
        || *state == SqlState::T_R_DEADLOCK_DETECTED
        || ["08", "28", "53", "57", "58"].iter().any(|class| state.code().starts_with(class))
}

/// Returns the text of an error as a client of PostgreSQL shows it.
pub fn text(error: &tokio_postgres::Error) -> String {
    if let Some(database) = error.as_db_error() {
        let mut text = format!("{}: {}", database.severity(), database.message());
        if let Some(detail) = database.detail() {
            text.push_str("; DETAIL: ");
            text.push_str(detail);
        }
        return text;
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
