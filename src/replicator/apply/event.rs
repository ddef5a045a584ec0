//! What DMS writes to the task log while it applies changes. No event contains values of a row.

use crate::model::TableName;

/// A notable event, for the task log and for the states of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was not applied, and the error was logged (`LOG_ERROR`).
    Logged {
        /// The table of the source.
        table: TableName,
        /// The error of the target, without the values that it names.
        error: String,
    },
    /// A table is suspended: its further changes are discarded while the task continues.
    Suspended {
        /// The table of the source.
        table: TableName,
        /// Why.
        reason: String,
    },
    /// A batch failed or cannot be applied as one, so its changes are applied one by one.
    OneByOne {
        /// The table of the source whose changes failed.
        table: TableName,
        /// Why.
        reason: String,
    },
    /// A table has a unique constraint besides its key: "When BatchApplyEnabled is set to true, AWS DMS generates an
    /// error message if a target table has a unique constraint." Reported once for each table.
    UniqueConstraint {
        /// The table of the source.
        table: TableName,
    },
    /// Values were truncated to the maximum size of a LOB.
    LobTruncated {
        /// The table of the source.
        table: TableName,
        /// The column.
        column: String,
    },
    /// Updates or deletes were ignored because the source sends no key of the rows. Reported once for each table.
    NoKey {
        /// The table of the source.
        table: TableName,
    },
}
