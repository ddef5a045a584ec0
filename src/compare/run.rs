//! Runs a whole comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures::future::{FutureExt, try_join};
use futures::stream::{self, StreamExt};
use infra_base::on_heap::on_heap;
use infra_connect::Endpoint;

use super::catalog::{self, Name, Table};
use super::compared_table::ComparedTable;
use super::database::Database;
use super::error::{CompareError, Side};
use super::incomplete::NotCompared;
use super::options::Options;
use super::progress::Progress;
use super::recheck;
use super::repairs;
use super::result::{Comparison, TableResult};
use super::schema::{self, SchemaDifference};
use super::structure::Sides;
use super::table::TableComparison;
use super::verdict::Verdict;

/// Compares two databases. `progress` is called after each chunk of a table.
///
/// Dropping the future cancels the queries on both servers.
///
/// # Errors
/// A database cannot be reached, its tables cannot be listed, or both sides are one database. What cannot be compared
/// later is not an error; the verdict is `Incomplete`.
pub async fn compare(
    source: &Endpoint,
    target: &Endpoint,
    options: &Options,
    progress: &(dyn Fn(&Progress) + Send + Sync),
) -> Result<Comparison, CompareError> {
    let started = Instant::now();
    let (here, there) = on_heap(|| open(source, target, options)).await?;
    let tables = try_join(catalog::read(&here, options), catalog::read(&there, options)).await?;
    let run = Run { databases: (&here, &there), options, progress, tables: 0, done: AtomicUsize::new(0) };
    let mut compared = on_heap(|| run.tables(&tables)).await;
    let sides = Sides { databases: (&here, &there), tables: (&tables.0, &tables.1), options };
    let mut structure = on_heap(|| sides.compare()).await;
    // The snapshots are too old for what follows, and hold back vacuum.
    drop((here, there));
    if let Err(error) = on_heap(|| recheck_rows((source, target), options, &mut compared)).await {
        let side = error.side();
        let what = "rows that differed, again".to_owned();
        structure.incomplete.push(NotCompared { what, side, reason: error.into_cause().to_string() });
    }
    let mut tables: Vec<TableResult> = compared.into_iter().map(|table| table.finish(options)).collect();
    tables.sort_by(|a, b| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)));
    let comparison = Comparison {
        verdict: Verdict::Empty,
        data: Verdict::Empty,
        tables,
        sequences: structure.sequences,
        indexes: structure.indexes,
        large_objects: structure.large_objects,
        objects: structure.objects,
        repairs: Vec::new(),
        incomplete: structure.incomplete,
        milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let repairs = repairs::repairs(&comparison, &structure.creation);
    Ok(Comparison { repairs, ..comparison }.evaluate())
}

/// Connects to two databases that are not the same.
async fn open(source: &Endpoint, target: &Endpoint, options: &Options) -> Result<(Database, Database), CompareError> {
    let both =
        || try_join(Database::open(Side::Source, source, options), Database::open(Side::Target, target, options));
    let (source, target) = on_heap(both).await?;
    if source.info.is_same(&target.info) {
        return Err(CompareError::Same);
    }
    if source.info.is_replica_of_same(&target.info) {
        return Err(CompareError::Replica);
    }
    Ok((source, target))
}

/// Compares rows that differ again, each time in new snapshots, until none differs.
async fn recheck_rows(
    endpoints: (&Endpoint, &Endpoint),
    options: &Options,
    compared: &mut [ComparedTable<'_>],
) -> Result<(), CompareError> {
    let mut seen: Vec<recheck::Seen> = compared.iter().map(|_| recheck::Seen::default()).collect();
    for _ in 0..options.recheck_times {
        let each = compared.iter_mut().zip(&mut seen);
        let mut suspects: Vec<_> = each.filter(|(table, _)| table.has_other_rows()).collect();
        if suspects.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(options.recheck_after).await;
        let (source, target) = open(endpoints.0, endpoints.1, options).await?;
        for (table, seen) in &mut suspects {
            let (Some(here), Some(there)) = (table.source, table.target) else { continue };
            let comparison =
                TableComparison { databases: (&source, &target), tables: (here, there), options, report: &|_, _| () };
            let before = std::mem::take(&mut table.rows);
            table.rows = recheck::again(&comparison, before, seen).await;
        }
    }
    Ok(())
}

struct Run<'a> {
    databases: (&'a Database, &'a Database),
    options: &'a Options,
    progress: &'a (dyn Fn(&Progress) + Send + Sync),
    tables: usize,
    done: AtomicUsize,
}

impl Run<'_> {
    /// Compares all tables. A partition is compared with its table.
    async fn tables(
        mut self,
        (source, target): &(BTreeMap<Name, Table>, BTreeMap<Name, Table>),
    ) -> Vec<ComparedTable<'_>> {
        let all = source.iter().chain(target);
        let names: BTreeSet<&Name> =
            all.filter(|(_, table)| table.partition_of.is_none()).map(|(name, _)| name).collect();
        // The largest tables come first, so that a large table does not start last.
        let mut pairs: Vec<(Option<&Table>, Option<&Table>)> =
            names.iter().map(|name| (source.get(*name), target.get(*name))).collect();
        pairs.sort_by_key(|(source, _)| std::cmp::Reverse(source.map(|table| table.rows)));
        self.tables = pairs.len();
        let run = &self;
        let jobs: Vec<_> = pairs.into_iter().map(|(source, target)| run.table(source, target).boxed()).collect();
        stream::iter(jobs).buffer_unordered(run.options.connections.max(1)).collect().await
    }

    async fn table<'t>(&self, source: Option<&'t Table>, target: Option<&'t Table>) -> ComparedTable<'t> {
        let compared = ComparedTable { source, target, ..ComparedTable::default() };
        let name = source.or(target).map(|table| format!("{}.{}", table.name.0, table.name.1)).unwrap_or_default();
        let (Some(source), Some(target)) = (source, target) else {
            let finding =
                if source.is_some() { SchemaDifference::TableMissing } else { SchemaDifference::TableAdditional };
            self.report(name, 0, 0, 0, true);
            return ComparedTable { differences: vec![finding], ..compared };
        };
        let mut differences = schema::differences(source, target);
        if self.options.is_replicated {
            differences = differences.into_iter().map(SchemaDifference::while_replicating).collect();
        }
        let forbidden: Vec<String> = [(source, self.databases.0), (target, self.databases.1)]
            .into_iter()
            .filter(|(table, _)| !table.readable)
            .map(|(_, database)| {
                format!(
                    "the user `{}` is not allowed to read it on the {}: grant USAGE on the schema and SELECT on the \
                     table",
                    database.user(),
                    database.side()
                )
            })
            .collect();
        if !forbidden.is_empty() {
            self.report(name, 0, source.rows, 0, true);
            return ComparedTable { differences, forbidden, ..compared };
        }
        let report = |rows, chunks| self.report(name.clone(), rows, source.rows, chunks, false);
        let rows = TableComparison {
            databases: self.databases,
            tables: (source, target),
            options: self.options,
            report: &report,
        }
        .rows()
        .await;
        self.report(name, rows.done.0, source.rows, rows.done.1, true);
        ComparedTable { differences, rows, ..compared }
    }

    fn report(&self, table: String, rows_done: u64, expected: u64, chunks: u64, done: bool) {
        let before =
            if done { self.done.fetch_add(1, Ordering::Relaxed) + 1 } else { self.done.load(Ordering::Relaxed) };
        let rows_expected = if done { rows_done } else { expected.max(rows_done) };
        (self.progress)(&Progress {
            table,
            rows_done,
            rows_expected,
            chunks,
            done,
            tables_done: before,
            tables: self.tables,
        });
    }
}
