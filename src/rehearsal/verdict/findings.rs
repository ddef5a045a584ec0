//! What a verdict consists of.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::balances::Balances;
use crate::ledger::Kind;

/// A row that is not as it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The table as `schema.table`.
    pub table: String,
    /// The key of the row, as `column=value`.
    pub key: Vec<String>,
    /// The idempotency key of the last request that was acknowledged for this row; empty if none was.
    pub request: String,
    /// What this request did.
    pub kind: Option<Kind>,
    /// The side that acknowledged it.
    pub side: String,
    /// The database that acknowledged it.
    pub database: String,
    /// When it was acknowledged, in microseconds since 1970.
    pub acknowledged_at: u64,
    /// The number of rows with this key.
    pub copies: u64,
    /// The columns with another value than the acknowledged one.
    pub columns: Vec<String>,
    /// Whether the row is in an earlier acknowledged state: the last change is lost.
    pub is_stale: bool,
    /// The other databases that have the row.
    pub found_in: Vec<String>,
    /// The row that now has the number that the database had assigned to this one.
    pub number_taken_by: Option<String>,
}

/// Rows with the same fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// The number of rows.
    pub rows: u64,
    /// The number of acknowledged requests that they belong to.
    pub requests: u64,
    /// The rows, up to the limit of [`super::VerifyOptions`].
    pub examples: Vec<Finding>,
}

/// Two rows that got the same number from two databases, or from one database twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collision {
    /// The table as `schema.table`.
    pub table: String,
    /// The column with the number.
    pub column: String,
    /// The number.
    pub number: i64,
    /// The databases that assigned it.
    pub databases: [String; 2],
    /// The requests that were acknowledged with it.
    pub requests: [String; 2],
}

/// The verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The database that was checked.
    pub database: String,
    /// The requests that were acknowledged.
    pub acknowledged: u64,
    /// The rows of these requests that were checked.
    pub rows_checked: u64,
    /// Acknowledged rows that do not exist.
    pub lost: Findings,
    /// Rows that exist more than once.
    pub duplicated: Findings,
    /// Rows with other values than the acknowledged ones.
    pub changed: Findings,
    /// The number of assigned numbers that two rows got.
    pub colliding: u64,
    /// These collisions, up to the limit.
    pub collisions: Vec<Collision>,
    /// Rows that exist although they were not acknowledged. That is allowed: the answer can have been lost.
    pub unacknowledged: u64,
    /// The balances of the accounts, in the built-in schema.
    pub balances: Option<Balances>,
}

impl Verdict {
    /// Returns whether every acknowledged payment is there exactly once and unchanged.
    pub fn is_clean(&self) -> bool {
        self.lost.rows + self.duplicated.rows + self.changed.rows + self.colliding == 0
            && self.balances.as_ref().is_none_or(|balances| balances.wrong == 0)
    }
}

/// Collects findings, and counts their requests.
#[derive(Debug, Default)]
pub(super) struct Collector {
    found: Findings,
    requests: HashSet<u128>,
}

impl Collector {
    /// Adds a row; `request` is zero if no request was acknowledged.
    pub(super) fn add(&mut self, request: u128, limit: usize, finding: impl FnOnce() -> Finding) {
        self.found.rows += 1;
        if request != 0 {
            self.requests.insert(request);
        }
        if self.found.examples.len() < limit {
            self.found.examples.push(finding());
        }
    }

    pub(super) fn finish(mut self) -> Findings {
        self.found.requests = self.requests.len() as u64;
        self.found.examples.sort_by_key(|finding| finding.acknowledged_at);
        self.found
    }

    /// Returns the findings so far, to complete them.
    pub(super) fn examples(&mut self) -> &mut Vec<Finding> {
        &mut self.found.examples
    }
}
