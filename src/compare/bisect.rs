//! Finds the rows that differ: splits a differing chunk, keeps the parts whose checksums differ, and repeats this until
//! a part is small enough to compare its rows one by one.

use std::sync::{Mutex, PoisonError};

use futures::future::try_join;
use infra_connect::DatabaseError;
use tokio_postgres::Row;

use super::checksum::Checksum;
use super::database::Database;
use super::error::Side;
use super::range::{Key, Range};
use super::row_diff::diff_rows;
use super::row_differences::RowDifferences;
use super::sql::RowSource;

/// A chunk with at most this number of rows is not split again: its rows are compared one by one.
const MAX_LEAF_ROWS: u64 = 2_000;
/// The number of parts into which a chunk is split. One query per side computes the checksums of all parts.
const FANOUT: u64 = 32;
/// The maximum number of chunks per table whose rows are compared one by one. It limits the work on a table in which
/// every row differs.
const MAX_LEAVES: u64 = 200;

/// An error, and the side on which it occurred.
pub(super) type Failure = (Side, DatabaseError);

/// One table on both sides.
pub(super) struct TablePair<'a> {
    pub(super) source: (&'a Database, &'a RowSource),
    pub(super) target: (&'a Database, &'a RowSource),
    /// The number of missing, of additional and of differing rows after which the search ends.
    pub(super) max_rows: usize,
}

/// The state of the search in one table, which all of its chunks share.
pub(super) struct Search {
    pub(super) found: Mutex<RowDifferences>,
    leaves: Mutex<u64>,
}

impl Search {
    pub(super) fn new(found: RowDifferences) -> Self {
        Self { found: Mutex::new(found), leaves: Mutex::new(0) }
    }

    /// Updates the differences that were found.
    pub(super) fn record(&self, change: impl FnOnce(&mut RowDifferences)) {
        change(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns whether a chunk can contain differences that are still wanted.
    fn needs_inspection(&self, chunk: &Chunk, max_rows: usize) -> bool {
        let leaves = *self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |count: u64| count >= max_rows as u64;
        let lacking = match chunk.source.cmp(&chunk.target) {
            std::cmp::Ordering::Greater => !full(found.missing),
            std::cmp::Ordering::Less => !full(found.additional),
            // Equal numbers of rows usually mean rows with other values; otherwise a missing and an additional row.
            std::cmp::Ordering::Equal => !full(found.differing),
        };
        leaves < MAX_LEAVES && lacking
    }

    fn count_leaf(&self) {
        *self.leaves.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

/// A range whose checksums differ, and its number of rows on each side.
pub(super) struct Chunk {
    pub(super) range: Range,
    pub(super) source: u64,
    pub(super) target: u64,
}

impl TablePair<'_> {
    /// Computes the checksums of a range on both sides, one for each part between the split keys.
    pub(super) async fn checksums(
        &self,
        range: &Range,
        split_keys: &[Key],
    ) -> Result<Vec<(Checksum, Checksum)>, Failure> {
        let (source, target) =
            try_join(checksums(self.source, range, split_keys), checksums(self.target, range, split_keys)).await?;
        Ok(source.into_iter().zip(target).collect())
    }

    /// Finds the rows in a chunk that differ.
    pub(super) async fn bisect(&self, search: &Search, chunk: Chunk) -> Result<(), Failure> {
        let mut chunks = vec![chunk];
        while let Some(chunk) = chunks.pop() {
            if !search.needs_inspection(&chunk, self.max_rows) {
                search.record(|found| found.more = true);
                continue;
            }
            let split_keys = if chunk.source.max(chunk.target) > MAX_LEAF_ROWS {
                self.split_keys(&chunk).await?
            } else {
                Vec::new()
            };
            if split_keys.is_empty() {
                search.count_leaf();
                self.compare_rows(search, &chunk).await?;
                continue;
            }
            let checksums = self.checksums(&chunk.range, &split_keys).await?;
            let parts = chunk.range.split(&split_keys).into_iter().zip(checksums);
            let differing = parts.filter(|(_, (source, target))| source != target);
            let differing: Vec<_> = differing
                .map(|(range, (source, target))| Chunk { range, source: source.rows, target: target.rows })
                .collect();
            // The stack is popped from its end, so low keys come first.
            chunks.extend(differing.into_iter().rev());
        }
        Ok(())
    }

    /// Returns the keys at which a chunk is split. They come from the side with more rows, so that no part is too
    /// large.
    async fn split_keys(&self, chunk: &Chunk) -> Result<Vec<Key>, Failure> {
        let (database, row_source) = if chunk.source >= chunk.target { self.source } else { self.target };
        let step = chunk.source.max(chunk.target).div_ceil(FANOUT);
        let rows = database
            .rows(&row_source.split_keys(&chunk.range, step))
            .await
            .map_err(|error| (database.side(), error))?;
        let mut split_keys: Vec<Key> = rows.iter().map(|row| key(row, row_source)).collect();
        split_keys.dedup();
        // A split at the upper end would create an empty part.
        split_keys.retain(|key| Some(key) != chunk.range.up_to.as_ref());
        Ok(split_keys)
    }

    /// Compares the rows of a small chunk, or of a chunk that cannot be split because all of its rows have the same
    /// key.
    async fn compare_rows(&self, search: &Search, chunk: &Chunk) -> Result<(), Failure> {
        let (source, target) = try_join(rows(self.source, &chunk.range), rows(self.target, &chunk.range)).await?;
        let truncated = chunk.source.max(chunk.target) > MAX_LEAF_ROWS;
        search.record(|found| {
            found.add(diff_rows(source, target), self.max_rows);
            found.more |= truncated;
        });
        Ok(())
    }
}

/// Computes the checksums of the parts of a range on one side.
async fn checksums(
    (database, row_source): (&Database, &RowSource),
    range: &Range,
    split_keys: &[Key],
) -> Result<Vec<Checksum>, Failure> {
    let failed = |error| (database.side(), error);
    let mut checksums = vec![Checksum::default(); split_keys.len() + 1];
    for row in &database.rows(&row_source.checksums(range, split_keys)).await.map_err(failed)? {
        let part: i32 = row.get(0);
        if let Some(checksum) = usize::try_from(part).ok().and_then(|part| checksums.get_mut(part)) {
            *checksum = Checksum::read(row, 1).map_err(failed)?;
        }
    }
    Ok(checksums)
}

/// Returns the keys and hashes of the first rows of a range on one side.
async fn rows((database, row_source): (&Database, &RowSource), range: &Range) -> Result<Vec<(Key, String)>, Failure> {
    let rows = database.rows(&row_source.rows(range, MAX_LEAF_ROWS)).await.map_err(|error| (database.side(), error))?;
    Ok(rows.iter().map(|row| (key(row, row_source), row.get(row_source.key.len()))).collect())
}

/// Reads the key from the first columns of a row.
pub(super) fn key(row: &Row, row_source: &RowSource) -> Key {
    // Ranges exclude rows whose key is NULL. If one is read anyway, NULL becomes an empty text.
    (0..row_source.key.len()).map(|at| row.get::<_, Option<String>>(at).unwrap_or_default()).collect()
}
