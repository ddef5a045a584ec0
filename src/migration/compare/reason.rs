//! Why a server did not do what it was asked for, in words without data.

use serde::{Deserialize, Serialize};

/// What a server, or the way to it, answered instead of a result.
///
/// Messages of PostgreSQL can repeat values of rows (for example `invalid input syntax for type integer: "…"`), so only the messages of those
/// classes of errors are kept that speak of the server, of names and of permissions; of others the code remains ("PostgreSQL Error Codes").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}{}", .code.as_ref().map(|code| format!(" (SQLSTATE {code})")).unwrap_or_default())]
pub struct Trouble {
    /// SQLSTATE, when it was the server that answered.
    pub code: Option<String>,
    /// What happened.
    pub message: String,
}

/// Connection, unsupported, transaction state, authorization, catalog name, rollback, access rule, resources, limits, object state,
/// intervention, system, internal.
const TELLABLE: &[&str] = &["08", "0A", "25", "28", "3D", "40", "42", "53", "54", "55", "57", "58", "XX"];

impl Trouble {
    /// Words of our own.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into() }
    }

    /// What the client library reports.
    pub(super) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else { return Self::new(chain(error)) };
        let code = answer.code().code();
        let tellable = TELLABLE.iter().any(|class| code.starts_with(class));
        let message = if tellable {
            answer.message().to_owned()
        } else {
            "the server failed in words that may repeat values of rows, so they are left out; its log has them".to_owned()
        };
        Self { code: Some(code.to_owned()), message }
    }
}

/// The words of an error that no server sent, and of its causes.
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
