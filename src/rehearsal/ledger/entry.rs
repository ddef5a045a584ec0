//! The entries of a ledger. One line of JSON each; the names are short because there are millions of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A new payment, with an entry and a change of the balance.
    Create,
    /// A change of an earlier payment, with an entry and an event.
    Capture,
    /// A refund, whose key the database assigns, with an entry and a change of the balance.
    Refund,
    /// A note to a payment, which is sometimes large.
    Note,
    /// A generated row in a table of the user.
    Insert,
    /// A change of such a row.
    Update,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::Note => "note",
            Self::Insert => "insert",
            Self::Update => "update",
        })
    }
}

/// How a request ended that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every attempt was answered, and none had an effect.
    Refused,
    /// An attempt had no answer: it can have had an effect.
    Unknown,
}

/// An entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry<'a> {
    /// A process opened the ledger. What was in flight before has no end.
    Run { version: u32, at: u64 },
    /// The process closed it in an orderly way.
    Stop { at: u64 },
    /// A table to which the following entries refer by its number.
    Table { n: u16, table: RecordedTable },
    /// A request is about to be sent for the first time.
    #[serde(borrow)]
    Sent(Sent<'a>),
    /// A request was acknowledged.
    #[serde(borrow)]
    Ack(Acknowledged<'a>),
    /// A request was given up.
    #[serde(borrow)]
    End(Ended<'a>),
    /// Answers other than an acknowledgement since the last such entry, by side: the status, and the SQLSTATE after a
    /// colon.
    Answers { at: u64, sides: BTreeMap<String, BTreeMap<String, u64>> },
}

/// The version of this format.
pub(crate) const VERSION: u32 = 1;

/// A table whose rows are recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RecordedTable {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The columns by which a client identifies a row.
    pub(crate) key: Vec<String>,
    /// All columns, in the order of the fingerprints.
    pub(crate) columns: Vec<String>,
    /// The column whose numbers the database assigns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) assigned: Option<String>,
}

/// A request that is about to be sent. The times are microseconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sent<'a> {
    /// The idempotency key.
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    pub(crate) kind: Kind,
    pub(crate) at: u64,
    /// The rows that it will write, as far as the client knows their keys.
    #[serde(borrow)]
    pub(crate) rows: Vec<Intent<'a>>,
}

/// A row that a request will write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Intent<'a> {
    /// The number of the table.
    pub(crate) n: u16,
    #[serde(borrow)]
    pub(crate) key: Vec<Cow<'a, str>>,
    /// The positions of the columns that can change; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) touches: Vec<u16>,
}

/// A request that was acknowledged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Acknowledged<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    pub(crate) kind: Kind,
    #[serde(borrow)]
    pub(crate) side: Cow<'a, str>,
    /// The database that acknowledged it.
    #[serde(borrow)]
    pub(crate) db: Cow<'a, str>,
    /// When it was sent for the first time.
    pub(crate) sent: u64,
    pub(crate) at: u64,
    /// The number of attempts.
    pub(crate) tries: u32,
    #[serde(borrow)]
    pub(crate) rows: Vec<Written<'a>>,
}

/// A row as the database returned it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Written<'a> {
    pub(crate) n: u16,
    #[serde(borrow)]
    pub(crate) key: Vec<Cow<'a, str>>,
    /// The fingerprint of all columns.
    #[serde(borrow)]
    pub(crate) fp: Cow<'a, str>,
    /// The number that the database assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) assigned: Option<i64>,
}

/// A request that was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) sent: u64,
    pub(crate) at: u64,
    pub(crate) tries: u32,
}
