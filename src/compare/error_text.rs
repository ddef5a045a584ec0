//! Errors of the database, with texts that contain no data.

use serde::{Deserialize, Serialize};

/// An error of the server, or of the connection to it.
///
/// A message of PostgreSQL can repeat values of rows, for example `invalid input syntax for type integer: "…"`. The
/// text is therefore kept only for error classes that concern the server, names and permissions. For all other classes,
/// only the code is kept ("PostgreSQL Error Codes").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}{}", .code.as_ref().map(|code| format!(" (SQLSTATE {code})")).unwrap_or_default())]
pub struct DatabaseError {
    /// The SQLSTATE, if the error came from the server.
    pub code: Option<String>,
    /// What happened.
    pub message: String,
}

/// Error classes whose messages contain no row values: connection, unsupported, transaction state, authorization,
/// catalog name, rollback, access rule, resources, limits, object state, intervention, system, internal.
const SAFE_CLASSES: &[&str] = &["08", "0A", "25", "28", "3D", "40", "42", "53", "54", "55", "57", "58", "XX"];

impl DatabaseError {
    /// Creates an error with a text of this program.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into() }
    }

    /// Converts an error of the client library.
    pub(super) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else { return Self::new(chain(error)) };
        let code = answer.code().code();
        let is_safe = SAFE_CLASSES.iter().any(|class| code.starts_with(class));
        let message = if is_safe {
            answer.message().to_owned()
        } else {
            "the message of the server is omitted because it can contain values of rows; see the log of the server"
                .to_owned()
        };
        Self { code: Some(code.to_owned()), message }
    }
}

/// Returns the text of an error that no server sent, with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut at = error.source();
    while let Some(cause) = at {
        let text = cause.to_string();
        if !words.iter().any(|before| before.contains(&text)) {
            words.push(text);
        }
        at = cause.source();
    }
    words.join(": ")
}
