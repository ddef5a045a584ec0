//! The comparison of the rows of one table.

use std::sync::Mutex;
use std::sync::PoisonError;

use futures::future::{FutureExt, ready, try_join};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::catalog::{Column, Table};
use super::database::Database;
use super::findings::RowFindings;
use super::narrow::{Both, Failure, Piece, Search, key};
use super::options::Options;
use super::range::{Key, Range};
use super::sql::{Order, Shape, quoted};
use super::tally::Tally;

/// Rows that a block of 8 KiB is taken to hold, where blocks are read instead of rows.
const ROWS_OF_A_BLOCK: u64 = 50;

/// Types whose order is the same on every server, whatever its settings.
const ORDERED: &[&str] = &[
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

/// What the rows of one table come to.
#[derive(Debug, Default)]
pub(super) struct RowsResult {
    pub(super) source: Option<u64>,
    pub(super) target: Option<u64>,
    pub(super) found: RowFindings,
    pub(super) failure: Option<Failure>,
    /// Rows of the source that were hashed, and the pieces in which that was done.
    pub(super) done: (u64, u64),
}

/// One table and all that is needed to compare its rows.
pub(super) struct Job<'a> {
    pub(super) databases: (&'a Database, &'a Database),
    pub(super) tables: (&'a Table, &'a Table),
    pub(super) options: &'a Options,
    /// Called after each piece, with the rows of the source that were hashed, and the pieces.
    pub(super) report: &'a (dyn Fn(u64, u64) + Send + Sync),
}

/// How far one table is.
#[derive(Default)]
struct Done(Mutex<(u64, u64)>);

impl Done {
    fn add(&self, rows: u64, report: &(dyn Fn(u64, u64) + Send + Sync)) {
        let mut done = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *done = (done.0 + rows, done.1 + 1);
        report(done.0, done.1);
    }
}

impl Job<'_> {
    /// Compares the rows.
    pub(super) async fn rows(&self) -> RowsResult {
        let shapes = self.shapes();
        let both = Both { source: (self.databases.0, &shapes.0), target: (self.databases.1, &shapes.1), most: self.options.most_rows };
        let search = Search::new(RowFindings { key_columns: shapes.0.key.iter().map(|(name, _)| name.clone()).collect(), ..RowFindings::default() });
        let done = Done::default();
        let compared =
            if self.has_ordered_index(&shapes.0) { self.by_ranges(&both, &search, &done).await } else { self.whole(&both, &search, &done).await };
        let done = done.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut found = search.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        for keys in [&mut found.missing_keys, &mut found.additional_keys, &mut found.differing_keys] {
            keys.sort();
            keys.truncate(if self.options.keys { self.options.most_rows } else { 0 });
        }
        match compared {
            Ok((source, target)) => RowsResult { source: Some(source), target: Some(target), found, failure: None, done },
            Err(failure) => RowsResult { found, failure: Some(failure), done, ..RowsResult::default() },
        }
    }

    /// How each side reads the columns that both have, in the order of the source.
    fn shapes(&self) -> (Shape, Shape) {
        let (source, target) = self.tables;
        let pairs: Vec<(&Column, &Column)> =
            source.columns.iter().filter_map(|column| Some((column, target.columns.iter().find(|other| other.name == column.name)?))).collect();
        let encodings = (&self.databases.0.facts.encoding, &self.databases.1.facts.encoding);
        let key: Option<Vec<_>> = source.key.iter().map(|name| pairs.iter().find(|(column, _)| column.name == *name)).collect();
        let key: Vec<_> =
            key.unwrap_or_default().into_iter().map(|(here, there)| (here.name.clone(), order(here, there, encodings.0 == encodings.1))).collect();
        let nullable = |table: &Table| key.iter().any(|(name, _)| table.columns.iter().any(|column| column.name == *name && !column.not_null));
        let shape = |table: &Table, encoding: &str| Shape {
            from: format!("{}{}.{}", if table.partitioned { "" } else { "ONLY " }, quoted(&table.name.0), quoted(&table.name.1)),
            columns: pairs.iter().map(|(here, there)| value(here, there)).collect(),
            null_keys: nullable(table),
            key: key.clone(),
            recode: encodings.0 != encodings.1 && encoding != "UTF8",
        };
        (shape(source, encodings.0), shape(target, encodings.1))
    }

    /// Returns whether both sides have an index in the order of the ranges, so that a range is read without reading the rest.
    fn has_ordered_index(&self, shape: &Shape) -> bool {
        !shape.key.is_empty() && self.tables.0.key == self.tables.1.key && shape.key.iter().all(|(_, order)| *order != Order::TextBytes)
    }

    /// One range of keys after the other. Where they end is read from the source; meanwhile those before are compared.
    async fn by_ranges(&self, both: &Both<'_>, search: &Search, done: &Done) -> Result<(u64, u64), Failure> {
        let step = self.options.chunk_rows.max(1);
        let ranges: BoxStream<'_, _> = stream::try_unfold(Some(None), |at| next_range(both.source, step, at)).boxed();
        let counts = ranges.map_ok(|range| self.range(both, search, done, range).boxed()).try_buffer_unordered(self.options.connections.max(1));
        counts.try_fold((0, 0), |(source, target), (more, other)| ready(Ok((source + more, target + other)))).await
    }

    /// Compares one range.
    async fn range(&self, both: &Both<'_>, search: &Search, done: &Done, range: Range) -> Result<(u64, u64), Failure> {
        let (source, target) = both.measure(&range, &[]).await?.into_iter().next().unwrap_or_default();
        if source != target {
            search.note(|found| found.chunks += 1);
            both.narrow(search, Piece { range, source: source.rows, target: target.rows }).await?;
        }
        done.add(source.rows, self.report);
        Ok((source.rows, target.rows))
    }

    /// The whole table, each side in the order in which its rows lie: for tables without a key, or with one that no index has in an order that
    /// both sides agree on. Only a difference is then looked for by keys.
    async fn whole(&self, both: &Both<'_>, search: &Search, done: &Done) -> Result<(u64, u64), Failure> {
        let report: &(dyn Fn(u64) + Send + Sync) = &|rows| done.add(rows, self.report);
        let (source, target) = try_join(self.heap(both.source, self.tables.0, report), self.heap(both.target, self.tables.1, &|_| ())).await?;
        if source != target {
            search.note(|found| found.chunks += 1);
            if both.source.1.key.is_empty() {
                search.note(|found| found.more = true);
            } else {
                let nulls = try_join(null_keys(both.source), null_keys(both.target)).await?;
                search.note(|found| {
                    found.missing += nulls.0;
                    found.additional += nulls.1;
                });
                let piece =
                    Piece { range: Range::default(), source: source.rows - nulls.0.min(source.rows), target: target.rows - nulls.1.min(target.rows) };
                both.narrow(search, piece).await?;
            }
        }
        Ok((source.rows, target.rows))
    }

    /// Adds up a whole table of one side, some blocks at a time where the server can.
    async fn heap(&self, (database, shape): (&Database, &Shape), table: &Table, report: &(dyn Fn(u64) + Send + Sync)) -> Result<Tally, Failure> {
        let at_once = (self.options.chunk_rows / ROWS_OF_A_BLOCK).max(1);
        let pieces = if table.partitioned || !database.reads_ranges_of_blocks() {
            1
        } else {
            let rows = database.rows(&shape.blocks()).await.map_err(|trouble| (database.side(), trouble))?;
            rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()).div_ceil(at_once).max(1)
        };
        let blocks = |piece: u64| (pieces > 1).then(|| (piece * at_once, (piece + 1 < pieces).then(|| (piece + 1) * at_once)));
        let tallies = stream::iter(0..pieces).map(|piece| heap_piece((database, shape), blocks(piece), report).boxed());
        tallies.buffer_unordered(self.options.connections.max(1)).try_fold(Tally::default(), |sum, tally| ready(Ok(sum.and(tally)))).await
    }
}

/// Where the walk through the keys of a table is: before the rows above a key, or at its end.
type Walk = Option<Option<Key>>;

/// The next range of a walk, which is as long as was asked for, and open when the table ends before that.
async fn next_range((database, shape): (&Database, &Shape), rows: u64, at: Walk) -> Result<Option<(Range, Walk)>, Failure> {
    let Some(above) = at else { return Ok(None) };
    let mut range = Range { above, upto: None };
    let found = database.rows(&shape.boundary(&range, rows)).await.map_err(|trouble| (database.side(), trouble))?;
    range.upto = found.first().map(|row| key(row, shape));
    let next = range.upto.clone().map(Some);
    Ok(Some((range, next)))
}

/// Adds up some blocks of a table.
async fn heap_piece(
    (database, shape): (&Database, &Shape),
    blocks: Option<(u64, Option<u64>)>,
    report: &(dyn Fn(u64) + Send + Sync),
) -> Result<Tally, Failure> {
    let failed = |trouble| (database.side(), trouble);
    let rows = database.rows(&shape.measure_blocks(blocks)).await.map_err(failed)?;
    let tally = rows.first().map(|row| Tally::read(row, 1)).transpose().map_err(failed)?.unwrap_or_default();
    report(tally.rows);
    Ok(tally)
}

/// Rows whose key is null, which are in no range.
async fn null_keys((database, shape): (&Database, &Shape)) -> Result<u64, Failure> {
    if !shape.null_keys {
        return Ok(0);
    }
    let rows = database.rows(&shape.without_key()).await.map_err(|trouble| (database.side(), trouble))?;
    Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}

/// The order of a key column that both servers agree on.
fn order(source: &Column, target: &Column, same_encoding: bool) -> Order {
    let same = source.built_in.as_ref().filter(|kind| target.built_in.as_ref() == Some(kind));
    match same.map(String::as_str) {
        Some(kind) if ORDERED.contains(&kind) => Order::Own(kind.to_owned()),
        Some("text" | "varchar") if source.bytewise && target.bytewise && same_encoding => Order::Bytes,
        _ => Order::TextBytes,
    }
}

/// A value as it is hashed. Before version 12 the text of a floating-point number has other digits, so its bytes are taken.
fn value(source: &Column, target: &Column) -> String {
    let name = quoted(&source.name);
    match (source.built_in.as_deref(), target.built_in.as_deref()) {
        (Some("float8"), Some("float8")) => format!("float8send({name})"),
        (Some("float4"), Some("float4")) => format!("float4send({name})"),
        _ => name,
    }
}
