//! Which rows of a table differ, as far as they were looked for.

use serde::{Deserialize, Serialize};

use super::leaf::Sorted;
use super::range::Key;

/// The key of one row: the text of each column of the primary key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowKey(pub Vec<String>);

/// Rows that are not the same on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFindings {
    /// Pieces of the table whose rows are not the same.
    pub chunks: u64,
    /// Rows that only the source has.
    pub missing: u64,
    /// Rows that only the target has.
    pub additional: u64,
    /// Rows that both have, with different values.
    pub differing: u64,
    /// There may be more of them than were found: the search ends when it has found enough.
    pub more: bool,
    /// Columns that the keys consist of; empty when the table has no primary key, so that nobody can tell which rows differ.
    pub key_columns: Vec<String>,
    /// Keys of missing rows, the lowest first, when they were asked for.
    pub missing_keys: Vec<RowKey>,
    /// Keys of additional rows.
    pub additional_keys: Vec<RowKey>,
    /// Keys of differing rows.
    pub differing_keys: Vec<RowKey>,
}

impl RowFindings {
    /// Returns whether rows differ.
    pub fn any(&self) -> bool {
        self.chunks + self.missing + self.additional + self.differing > 0
    }

    /// Adds what was found in one place; of the keys, as many are kept as were asked for.
    pub(super) fn add(&mut self, found: Sorted, most: usize) {
        let add = |count: &mut u64, keys: &mut Vec<RowKey>, more: Vec<Key>| {
            *count += more.len() as u64;
            keys.extend(more.into_iter().map(RowKey));
            keys.truncate(most);
        };
        add(&mut self.missing, &mut self.missing_keys, found.missing);
        add(&mut self.additional, &mut self.additional_keys, found.additional);
        add(&mut self.differing, &mut self.differing_keys, found.differing);
    }
}
