//! Which policy an error of the target falls under.

use tokio_postgres::error::SqlState;

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The environment: the connection, the server, a deadlock. DMS tries again.
    Environment,
    /// An existing row with the same value of a unique constraint.
    Duplicate,
    /// A value that is too long for its column.
    Truncation,
    /// A record with bad data: it cannot be converted or violates a constraint, or a trigger refuses it. "Some examples
    /// of data processing errors include conversion errors, errors in transformation, and bad data."
    Data,
    /// The table: it does not exist, has other columns, or may not be written. An identity or generated column that is
    /// `GENERATED ALWAYS` is such a case: the documentation of DMS knows no `OVERRIDING SYSTEM VALUE`.
    Table,
}

/// Classes of errors that a later attempt can avoid: connection, resources, intervention of an operator, system.
const TRANSIENT_CLASSES: [&str; 4] = ["08", "53", "57", "58"];

pub(super) fn classify(error: &tokio_postgres::Error) -> Kind {
    let Some(code) = error.code() else { return Kind::Environment };
    let transient =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    let class = &code.code()[..2];
    if TRANSIENT_CLASSES.contains(&class) || transient.contains(code) {
        Kind::Environment
    } else if *code == SqlState::UNIQUE_VIOLATION {
        Kind::Duplicate
    } else if *code == SqlState::STRING_DATA_RIGHT_TRUNCATION {
        Kind::Truncation
    } else if ["22", "23", "P0", "44"].contains(&class) {
        // Data exception, integrity constraint violation, exception raised by a trigger, violation of WITH CHECK
        // OPTION.
        Kind::Data
    } else {
        Kind::Table
    }
}

/// Describes an error without the values that the server adds as details.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("SqlState: {} Message: {}", error.code().code(), error.message()),
        None => error.to_string(),
    }
}
