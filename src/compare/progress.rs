//! The progress of a comparison.

use serde::Serialize;

/// The progress of one table. It is reported after each chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The table as `schema.table`.
    pub table: String,
    /// The number of source rows that were hashed.
    pub rows_done: u64,
    /// The estimated number of rows, from the statistics of the source; never less than `rows_done`.
    pub rows_expected: u64,
    /// The number of chunks that were compared.
    pub chunks: u64,
    /// Whether the table is finished.
    pub done: bool,
    /// The number of finished tables.
    pub tables_done: usize,
    /// The total number of tables.
    pub tables: usize,
}
