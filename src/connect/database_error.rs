//! Errors of the database, with texts that contain no data.

use serde::{Deserialize, Serialize};
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use super::plain_text::plain;

/// An error of the server, or of the connection to it.
///
/// A message of PostgreSQL can repeat values of rows, for example `invalid input syntax for type integer: "…"`. The
/// text is therefore kept only for error classes that concern the server, names and permissions. For all other classes,
/// only the code is kept ("PostgreSQL Error Codes"), and the name of the constraint, column or table if the server
/// reports one. Details and hints are never kept. Control characters, with which a server could write on the terminal
/// of the user, are escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}{}", .code.as_ref().map(|code| format!(" (SQLSTATE {code})")).unwrap_or_default())]
pub struct DatabaseError {
    /// The SQLSTATE, if the error came from the server.
    pub code: Option<String>,
    /// What happened.
    pub message: String,
}

/// Error classes whose messages contain no values of rows: connection, unsupported, role names, transaction state,
/// authorization, dependent objects, catalog names, schema names, rollback, access rule, resources, limits, object
/// state, intervention, system, internal.
const SAFE_CLASSES: &[&str] =
    &["08", "0A", "0P", "25", "28", "2B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "XX"];

/// The longest message that is kept, in bytes. One about names is shorter; one about a limit that repeats an operand of
/// a `tsquery` (`word is too long in tsquery: "…"`, class 54) is longer, because an operand can have 2046 bytes.
const LONGEST: usize = 1024;

/// The function of the server that executes `RAISE` of PL/pgSQL.
const RAISE: &str = "exec_stmt_raise";

/// The shortest password that is looked for in messages, in bytes. A shorter one is in many texts by chance. The
/// passwords of RDS have at least 8.
const SHORTEST_SECRET: usize = 4;

impl DatabaseError {
    /// Creates an error with a text of this program.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into() }
    }

    /// Converts an error of the client library.
    pub fn of(error: &tokio_postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else { return Self::new(plain(&chain(error))) };
        let message = if is_safe(answer) {
            plain(answer.message())
        } else {
            let object = answer.constraint().or(answer.column()).or(answer.table());
            let about = object.map(|name| format!(" about `{}`", plain(name))).unwrap_or_default();
            format!(
                "the message of the server{about} is omitted because it can contain values of rows; see the log of the \
                 server"
            )
        };
        Self { code: Some(plain(answer.code().code())), message }
    }

    /// Returns the same without its text if that contains a secret, which the server then has repeated.
    pub(super) fn without(self, secret: &str) -> Self {
        if secret.len() < SHORTEST_SECRET || !self.to_string().contains(secret) {
            return self;
        }
        Self { code: None, message: "the message of the server is omitted because it contains the password".to_owned() }
    }
}

/// Returns whether the message of an answer contains no values of rows.
fn is_safe(answer: &DbError) -> bool {
    let code = answer.code();
    let class = SAFE_CLASSES.iter().any(|class| code.code().starts_with(class));
    // `tsquery`, `hstore` and `jsonpath` report a value as a syntax error. One in the statement has a position in it.
    let is_in_statement = matches!(answer.position(), Some(ErrorPosition::Original(_)));
    let is_about_value = *code == SqlState::SYNTAX_ERROR && !is_in_statement;
    // A function of the user can choose any code for its text.
    let is_raised = answer.routine() == Some(RAISE);
    class && !is_about_value && !is_raised && answer.message().len() <= LONGEST
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
