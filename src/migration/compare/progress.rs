//! How far a comparison is.

use serde::Serialize;

/// How far the comparison of one table is. Sent after each piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// `schema.table`.
    pub table: String,
    /// Rows of the source that were hashed.
    pub rows_done: u64,
    /// Rows it probably has, as the statistics of the source say; never less than those that were hashed.
    pub rows_expected: u64,
    /// Pieces that were compared.
    pub chunks: u64,
    /// Whether this table is done with.
    pub done: bool,
    /// Tables that are done with.
    pub tables_done: usize,
    /// Tables in all.
    pub tables: usize,
}
