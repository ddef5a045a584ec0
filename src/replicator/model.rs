//! The terms that all parts of the replicator share.

use std::fmt;
use std::str::FromStr;

use infra_base::terminal_text::inline;
pub use infra_connect::TableName;
use serde::{Deserialize, Serialize};

/// A position in the write-ahead log (`pg_lsn`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// A text that is no position in the write-ahead log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a log sequence number", inline(.0))]
pub struct LsnError(pub String);

impl FromStr for Lsn {
    type Err = LsnError;

    /// Parses the form of PostgreSQL: two hexadecimal numbers of at most 8 digits with a slash between them.
    fn from_str(text: &str) -> Result<Self, LsnError> {
        let half = |half: &str| {
            let valid = (1..=8).contains(&half.len()) && half.bytes().all(|byte| byte.is_ascii_hexdigit());
            valid.then(|| u64::from_str_radix(half, 16).ok()).flatten()
        };
        text.split_once('/')
            .and_then(|(high, low)| Some(Self((half(high)? << 32) | half(low)?)))
            .ok_or_else(|| LsnError(text.to_owned()))
    }
}

/// A committed transaction of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The id of the transaction.
    pub xid: u64,
    /// The position of its commit record. A slot that is advanced to this position does not return it again.
    pub commit_lsn: Lsn,
    /// When it was committed, in microseconds since 1970.
    pub committed_at: i64,
    /// Its changes, in order.
    pub changes: Vec<Change>,
}

/// A change of one row, or the truncation of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A row was inserted.
    Insert {
        /// The table.
        table: TableName,
        /// The new row.
        new: Vec<Value>,
    },
    /// A row was updated.
    Update {
        /// The table.
        table: TableName,
        /// The old values of the replica identity, if the key changed or the identity is `FULL`; otherwise empty.
        old_key: Vec<Value>,
        /// The new row.
        new: Vec<Value>,
    },
    /// A row was deleted.
    Delete {
        /// The table.
        table: TableName,
        /// The values of the replica identity; empty if the table has none.
        key: Vec<Value>,
    },
    /// Tables were truncated.
    Truncate {
        /// The tables.
        tables: Vec<TableName>,
    },
}

/// A column and its value in a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The column.
    pub column: String,
    /// The name of its type, as the source reports it.
    pub type_name: String,
    /// The value.
    pub data: Datum,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum {
    /// `NULL`.
    Null,
    /// The text form of the value.
    Text(String),
    /// A large value that the update did not change. It is not part of the change ("unchanged-toast-datum").
    UnchangedToast,
}
