//! What can go wrong outside a payment: the preparation of a rehearsal and its evaluation.

use std::path::PathBuf;

use infra_postgres::ConnectError;

/// The reason why a step of a rehearsal failed. No text of it contains a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A database is not reachable.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement failed.
    #[error("could not {what}: {message}")]
    Database {
        /// What was done.
        what: String,
        /// What the server answered, with the SQLSTATE and the names of the objects.
        message: String,
        /// The SQLSTATE, if the server answered.
        code: Option<String>,
    },
    /// The generator has no values for a column.
    #[error("could not generate rows for {table}: {}{reason}", place(column.as_deref(), constraint.as_deref()))]
    Generate {
        /// The table as `schema.table`.
        table: String,
        /// The column, if the reason concerns one.
        column: Option<String>,
        /// The constraint, if the reason concerns one.
        constraint: Option<String>,
        /// The reason, and what can be done.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("could not {what} {}", path.display())]
    File {
        /// What was done.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A ledger contains a line that no version of this program has written.
    #[error("line {line} of the ledger {} is damaged: {reason}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// The number of the line.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A program of PostgreSQL failed.
    #[error("`{program}` failed ({status}){}", output(stderr))]
    Program {
        /// The name of the program.
        program: &'static str,
        /// How it ended.
        status: String,
        /// What it wrote to its error output.
        stderr: String,
    },
    /// A program of PostgreSQL could not be started.
    #[error("could not start {}", path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a dump.
    #[error("{} is not a dump that PostgreSQL's programs restore: {reason}", path.display())]
    NotADump {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: &'static str,
    },
    /// There is no table that writers can write to.
    #[error("no table can be written to: {0}")]
    NothingToWrite(String),
    /// Two databases could not be compared.
    #[error(transparent)]
    Compare(#[from] infra_compare::CompareError),
}

impl Error {
    /// Wraps the answer of a server.
    pub(crate) fn database(what: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        Self::Database {
            what: what.into(),
            message: describe(error),
            code: error.code().map(|code| code.code().to_owned()),
        }
    }
}

/// Returns the text of an error with its SQLSTATE and the names of the objects. The detail of the server is left out:
/// it repeats whole rows, and the report is for a change ticket.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    let Some(answer) = error.as_db_error() else {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        return text;
    };
    let names = [("table", answer.table()), ("column", answer.column()), ("constraint", answer.constraint())];
    let names: String = names.iter().filter_map(|(kind, name)| name.map(|name| format!(", {kind} `{name}`"))).collect();
    format!("{} (SQLSTATE {}{names})", answer.message(), answer.code().code())
}

fn place(column: Option<&str>, constraint: Option<&str>) -> String {
    let column = column.map(|name| format!("column `{name}`: ")).unwrap_or_default();
    let constraint = constraint.map(|name| format!("constraint `{name}`: ")).unwrap_or_default();
    column + &constraint
}

fn output(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!(":\n{}", stderr.trim_end()) }
}
