//! What a piece of a table adds up to, in whatever order its rows lie.

use tokio_postgres::Row;

use super::reason::Trouble;

/// The number of rows, and the sums of the two halves of their hashes. Equal sums mean equal rows, save for a chance of about 1 in 2^128;
/// a row that is there twice counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) rows: u64,
    high: i128,
    low: i128,
}

impl Tally {
    /// Reads one from three columns of a row.
    pub(super) fn read(row: &Row, first: usize) -> Result<Self, Trouble> {
        let sum = |at: usize| row.get::<_, &str>(at).parse().map_err(|_| Trouble::new("the server added up to something that is no number"));
        let rows: i64 = row.get(first);
        Ok(Self { rows: rows.unsigned_abs(), high: sum(first + 1)?, low: sum(first + 2)? })
    }

    /// Adds another piece.
    pub(super) fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, high: self.high + other.high, low: self.low + other.low }
    }
}
