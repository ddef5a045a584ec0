//! Compares the rows of one table.

use std::sync::Mutex;
use std::sync::PoisonError;

use futures::future::{FutureExt, ready, try_join};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::bisect::{Chunk, Failure, Search, TablePair, key};
use super::catalog::{Column, Table};
use super::checksum::Checksum;
use super::database::Database;
use super::options::Options;
use super::range::{Key, Range};
use super::row_differences::RowDifferences;
use super::sql::{KeyOrder, RowSource, quoted};
use super::unkeyed;
use super::values::{Encodings, value};

/// The assumed number of rows in a block of 8 KiB, used when a table is read by blocks.
const ROWS_PER_BLOCK: u64 = 50;

/// Types whose order does not depend on the settings of a server.
const PORTABLE_ORDER_TYPES: &[&str] = &[
    "int2",
    "int4",
    "int8",
    "oid",
    "numeric",
    "float4",
    "float8",
    "uuid",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "bool",
    "bytea",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
];

/// The result of comparing the rows of one table.
#[derive(Debug, Default)]
pub(super) struct RowsOutcome {
    pub(super) source: Option<u64>,
    pub(super) target: Option<u64>,
    pub(super) found: RowDifferences,
    pub(super) failure: Option<Failure>,
    /// The number of source rows that were hashed, and the number of chunks.
    pub(super) done: (u64, u64),
}

/// One table and everything that is needed to compare its rows.
pub(super) struct TableComparison<'a> {
    pub(super) databases: (&'a Database, &'a Database),
    pub(super) tables: (&'a Table, &'a Table),
    pub(super) options: &'a Options,
    /// Called after each chunk, with the number of source rows that were hashed and the number of chunks.
    pub(super) report: &'a (dyn Fn(u64, u64) + Send + Sync),
}

/// The progress of one table: rows and chunks.
#[derive(Default)]
struct ProgressCounter(Mutex<(u64, u64)>);

impl ProgressCounter {
    fn add(&self, rows: u64, report: &(dyn Fn(u64, u64) + Send + Sync)) {
        let mut done = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *done = (done.0 + rows, done.1 + 1);
        report(done.0, done.1);
    }
}

impl TableComparison<'_> {
    /// Compares the rows.
    pub(super) async fn rows(&self) -> RowsOutcome {
        let row_sources = self.row_sources();
        let pair = self.pair(&row_sources);
        let search = Search::new(RowDifferences {
            key_columns: row_sources.0.key.iter().map(|(name, _)| name.clone()).collect(),
            ..RowDifferences::default()
        });
        let done = ProgressCounter::default();
        let compared = if self.has_ordered_index(&row_sources.0) {
            self.compare_ranges(&pair, &search, &done).await
        } else {
            self.compare_heap(&pair, &search, &done).await
        };
        let done = done.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let found = search.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        match compared {
            Ok((source, target)) => {
                RowsOutcome { source: Some(source), target: Some(target), found, failure: None, done }
            }
            Err(failure) => RowsOutcome { found, failure: Some(failure), done, ..RowsOutcome::default() },
        }
    }

    /// Returns the table on both sides, given how each side reads it.
    pub(super) fn pair<'a>(&'a self, row_sources: &'a (RowSource, RowSource)) -> TablePair<'a> {
        TablePair {
            source: (self.databases.0, &row_sources.0),
            target: (self.databases.1, &row_sources.1),
            max_rows: self.options.rows_searched(),
        }
    }

    /// Returns how each side reads the columns that both sides have, in the order of the source.
    pub(super) fn row_sources(&self) -> (RowSource, RowSource) {
        let (source, target) = self.tables;
        let pairs: Vec<(&Column, &Column)> = source
            .columns
            .iter()
            .filter_map(|column| Some((column, target.columns.iter().find(|other| other.name == column.name)?)))
            .collect();
        let encodings = (&self.databases.0.info.encoding, &self.databases.1.info.encoding);
        let key: Option<Vec<_>> =
            source.key.iter().map(|name| pairs.iter().find(|(column, _)| column.name == *name)).collect();
        let key: Vec<_> = key
            .unwrap_or_default()
            .into_iter()
            .map(|(here, there)| (here.name.clone(), order(here, there, encodings.0 == encodings.1)))
            .collect();
        let nullable = |table: &Table| {
            key.iter().any(|(name, _)| table.columns.iter().any(|column| column.name == *name && !column.not_null))
        };
        let form = |encoding: &str| match encoding {
            _ if encodings.0 == encodings.1 => Encodings::Same,
            "UTF8" => Encodings::ThisIsUtf8,
            _ => Encodings::ThisToUtf8,
        };
        let row_source = |table: &Table, encoding: &str| RowSource {
            from: format!(
                "{}{}.{}",
                if table.partition_key.is_some() { "" } else { "ONLY " },
                quoted(&table.name.0),
                quoted(&table.name.1)
            ),
            columns: pairs.iter().map(|(here, there)| value(here, there, form(encoding))).collect(),
            null_keys: nullable(table),
            key_types: key.iter().map(|(name, _)| plain_kind(table, name)).collect(),
            key: key.clone(),
            convert_to_utf8: form(encoding) == Encodings::ThisToUtf8,
        };
        (row_source(source, encodings.0), row_source(target, encodings.1))
    }

    /// Returns whether both sides have an index in the order of the ranges, so that reading a range does not read the
    /// rest of the table.
    fn has_ordered_index(&self, row_source: &RowSource) -> bool {
        !row_source.key.is_empty()
            && self.tables.0.key == self.tables.1.key
            && row_source.key.iter().all(|(_, order)| *order != KeyOrder::TextBytes)
    }

    /// Compares the table by ranges of keys. The source determines where a range ends; earlier ranges are compared at
    /// the same time.
    async fn compare_ranges(
        &self,
        pair: &TablePair<'_>,
        search: &Search,
        done: &ProgressCounter,
    ) -> Result<(u64, u64), Failure> {
        let step = self.options.chunk_rows.max(1);
        let ranges: BoxStream<'_, _> = stream::try_unfold(Some(None), |at| next_range(pair.source, step, at)).boxed();
        let counts = ranges
            .map_ok(|range| self.compare_range(pair, search, done, range).boxed())
            .try_buffer_unordered(self.options.connections.max(1));
        counts.try_fold((0, 0), |(source, target), (more, other)| ready(Ok((source + more, target + other)))).await
    }

    /// Compares one range.
    async fn compare_range(
        &self,
        pair: &TablePair<'_>,
        search: &Search,
        done: &ProgressCounter,
        range: Range,
    ) -> Result<(u64, u64), Failure> {
        let (source, target) = pair.checksums(&range, &[]).await?.into_iter().next().unwrap_or_default();
        if source != target {
            search.record(|found| found.chunks += 1);
            pair.bisect(search, Chunk { range, source: source.rows, target: target.rows }).await?;
        }
        done.add(source.rows, self.report);
        Ok((source.rows, target.rows))
    }

    /// Compares the whole table, each side in its physical order. This is for tables without a key, and for keys that
    /// have no index in an order that both sides share. If the checksums differ, the rows are then found by key.
    async fn compare_heap(
        &self,
        pair: &TablePair<'_>,
        search: &Search,
        done: &ProgressCounter,
    ) -> Result<(u64, u64), Failure> {
        let report: &(dyn Fn(u64) + Send + Sync) = &|rows| done.add(rows, self.report);
        let (source, target) = try_join(
            self.heap_checksum(pair.source, self.tables.0, report),
            self.heap_checksum(pair.target, self.tables.1, &|_| ()),
        )
        .await?;
        if source != target {
            search.record(|found| found.chunks += 1);
            if pair.source.1.key.is_empty() {
                unkeyed::search(pair, search, source.rows.max(target.rows)).await?;
            } else {
                let nulls = try_join(null_keys(pair.source), null_keys(pair.target)).await?;
                search.record(|found| {
                    found.missing += nulls.0;
                    found.additional += nulls.1;
                });
                let chunk = Chunk {
                    range: Range::default(),
                    source: source.rows - nulls.0.min(source.rows),
                    target: target.rows - nulls.1.min(target.rows),
                };
                pair.bisect(search, chunk).await?;
            }
        }
        Ok((source.rows, target.rows))
    }

    /// Computes the checksum of a whole table on one side, by ranges of blocks if the server supports it.
    async fn heap_checksum(
        &self,
        (database, row_source): (&Database, &RowSource),
        table: &Table,
        report: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Checksum, Failure> {
        let blocks_per_query = (self.options.chunk_rows / ROWS_PER_BLOCK).max(1);
        let chunks = if table.partition_key.is_some() || !database.info.has_tid_range_scan() {
            1
        } else {
            let rows = database.rows(&row_source.blocks()).await.map_err(|error| (database.side(), error))?;
            rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()).div_ceil(blocks_per_query).max(1)
        };
        let blocks = |chunk: u64| {
            (chunks > 1)
                .then(|| (chunk * blocks_per_query, (chunk + 1 < chunks).then(|| (chunk + 1) * blocks_per_query)))
        };
        let checksums =
            stream::iter(0..chunks).map(|chunk| heap_chunk((database, row_source), blocks(chunk), report).boxed());
        checksums
            .buffer_unordered(self.options.connections.max(1))
            .try_fold(Checksum::default(), |sum, checksum| ready(Ok(sum.combine(checksum))))
            .await
    }
}

/// The position in the keys of a table: after a key (`Some(None)` is the start), or at the end (`None`).
type Cursor = Option<Option<Key>>;

/// Returns the next range, with `rows` rows of the source. The last range has no upper end.
async fn next_range(
    (database, row_source): (&Database, &RowSource),
    rows: u64,
    at: Cursor,
) -> Result<Option<(Range, Cursor)>, Failure> {
    let Some(above) = at else { return Ok(None) };
    let mut range = Range { above, up_to: None };
    let found = database.rows(&row_source.boundary(&range, rows)).await.map_err(|error| (database.side(), error))?;
    range.up_to = found.first().map(|row| key(row, row_source));
    let next = range.up_to.clone().map(Some);
    Ok(Some((range, next)))
}

/// Computes the checksum of a range of blocks.
async fn heap_chunk(
    (database, row_source): (&Database, &RowSource),
    blocks: Option<(u64, Option<u64>)>,
    report: &(dyn Fn(u64) + Send + Sync),
) -> Result<Checksum, Failure> {
    let failed = |error| (database.side(), error);
    let rows = database.rows(&row_source.block_checksum(blocks)).await.map_err(failed)?;
    let checksum = rows.first().map(|row| Checksum::read(row, 1)).transpose().map_err(failed)?.unwrap_or_default();
    report(checksum.rows);
    Ok(checksum)
}

/// Counts the rows whose key contains NULL, which are in no range.
async fn null_keys((database, row_source): (&Database, &RowSource)) -> Result<u64, Failure> {
    if !row_source.null_keys {
        return Ok(0);
    }
    let rows = database.rows(&row_source.without_key()).await.map_err(|error| (database.side(), error))?;
    Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}

fn plain_kind(table: &Table, column: &str) -> String {
    let column = table.columns.iter().find(|other| other.name == column);
    column.map(|column| column.plain_kind.clone()).unwrap_or_default()
}

/// Returns an order of a key column that is the same on both servers.
fn order(source: &Column, target: &Column, same_encoding: bool) -> KeyOrder {
    let same = source.base.as_ref().filter(|kind| target.base.as_ref() == Some(kind));
    match same.map(String::as_str) {
        Some(kind) if PORTABLE_ORDER_TYPES.contains(&kind) => KeyOrder::Native(kind.to_owned()),
        Some("text" | "varchar") if source.bytewise && target.bytewise && same_encoding => KeyOrder::Bytes,
        _ => KeyOrder::TextBytes,
    }
}
