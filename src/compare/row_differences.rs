//! The rows of a table that differ.

use serde::{Deserialize, Serialize};

use super::range::Key;
use super::row_diff::RowDiff;

/// The key of one row: the text of each column of the primary key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowKey(pub Vec<String>);

/// Rows that differ between the two sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDifferences {
    /// The number of chunks that contain differences.
    pub chunks: u64,
    /// The number of rows that only the source has.
    pub missing: u64,
    /// The number of rows that only the target has.
    pub additional: u64,
    /// The number of rows that both sides have, with different values.
    pub differing: u64,
    /// Whether there can be more differences: the search ends when it has found enough.
    pub more: bool,
    /// The columns of the key. Empty if the table has no primary key; then the rows that differ cannot be named.
    pub key_columns: Vec<String>,
    /// The keys of missing rows in ascending order, if requested.
    pub missing_keys: Vec<RowKey>,
    /// The keys of additional rows.
    pub additional_keys: Vec<RowKey>,
    /// The keys of differing rows.
    pub differing_keys: Vec<RowKey>,
}

impl RowDifferences {
    /// Returns whether any rows differ.
    pub fn any(&self) -> bool {
        self.chunks + self.missing + self.additional + self.differing > 0
    }

    /// Returns the keys of all these rows, unless some are unknown.
    pub(super) fn all_keys(&self) -> Option<Vec<Key>> {
        let lists = [&self.missing_keys, &self.additional_keys, &self.differing_keys];
        let known = lists.iter().map(|keys| keys.len() as u64).sum::<u64>();
        let is_complete = !self.more && known == self.missing + self.additional + self.differing;
        (is_complete && !self.key_columns.is_empty() && known > 0)
            .then(|| lists.into_iter().flatten().map(|key| key.0.clone()).collect())
    }

    /// Sorts the keys, and keeps at most `count` of each type. Hashes of rows without a key say nothing to anybody.
    pub(super) fn keep_keys(&mut self, count: usize) {
        let count = if self.key_columns.is_empty() { 0 } else { count };
        for keys in [&mut self.missing_keys, &mut self.additional_keys, &mut self.differing_keys] {
            keys.sort();
            keys.truncate(count);
        }
    }

    /// Adds the differences of one chunk. At most `max_rows` keys of each type are kept.
    pub(super) fn add(&mut self, found: RowDiff, max_rows: usize) {
        let add = |count: &mut u64, keys: &mut Vec<RowKey>, more: Vec<Key>| {
            *count += more.len() as u64;
            keys.extend(more.into_iter().map(RowKey));
            keys.truncate(max_rows);
        };
        add(&mut self.missing, &mut self.missing_keys, found.missing);
        add(&mut self.additional, &mut self.additional_keys, found.additional);
        add(&mut self.differing, &mut self.differing_keys, found.differing);
    }
}
