//! The checksum of a part of a table. It does not depend on the order of the rows.

use infra_connect::DatabaseError;
use tokio_postgres::Row;

/// The number of rows, and the sums of the two halves of their hashes. Equal sums mean equal rows, except with a
/// probability of about 1 in 2^128. A row that occurs twice counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checksum {
    pub(super) rows: u64,
    high: i128,
    low: i128,
}

impl Checksum {
    /// Reads a checksum from three columns of a row.
    pub(super) fn read(row: &Row, first: usize) -> Result<Self, DatabaseError> {
        let sum = |at: usize| {
            row.get::<_, &str>(at)
                .parse()
                .map_err(|_| DatabaseError::new("the server returned a checksum that is not a number"))
        };
        let rows: i64 = row.get(first);
        Ok(Self { rows: rows.unsigned_abs(), high: sum(first + 1)?, low: sum(first + 2)? })
    }

    /// Adds the checksum of another part.
    pub(super) fn combine(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, high: self.high + other.high, low: self.low + other.low }
    }
}
