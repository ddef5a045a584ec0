//! Runs a whole comparison.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures::future::{FutureExt, try_join};
use futures::stream::{self, StreamExt};

use super::catalog::{self, Name, Table};
use super::database::Database;
use super::endpoint::Endpoint;
use super::error::{CompareError, Side};
use super::indexes;
use super::options::Options;
use super::progress::Progress;
use super::result::{Comparison, TableResult, Verdict};
use super::schema::{self, SchemaDifference};
use super::sequences;
use super::table::{RowsOutcome, TableComparison};

/// Compares two databases. `progress` is called after each chunk of a table.
///
/// Dropping the future cancels the queries on both servers.
///
/// # Errors
/// A database cannot be reached, or its catalogs cannot be read. A table that cannot be compared is not an error; its
/// verdict is `Incomplete`.
pub async fn compare(
    source: &Endpoint,
    target: &Endpoint,
    options: &Options,
    progress: &(dyn Fn(&Progress) + Send + Sync),
) -> Result<Comparison, CompareError> {
    let started = Instant::now();
    let (source, target) =
        try_join(Database::open(Side::Source, source, options), Database::open(Side::Target, target, options)).await?;
    if source.info.identity == target.info.identity {
        return Err(CompareError::Same);
    }
    let (source_tables, target_tables) =
        try_join(catalog::read(&source, options), catalog::read(&target, options)).await?;
    let names: BTreeSet<&Name> = source_tables.keys().chain(target_tables.keys()).collect();
    // The largest tables come first, so that a large table does not start last.
    let mut pairs: Vec<(Option<&Table>, Option<&Table>)> =
        names.iter().map(|name| (source_tables.get(*name), target_tables.get(*name))).collect();
    pairs.sort_by_key(|(source, _)| std::cmp::Reverse(source.map(|table| table.rows)));
    let run = Run { databases: (&source, &target), options, progress, tables: pairs.len(), done: AtomicUsize::new(0) };
    let jobs: Vec<_> = pairs.into_iter().map(|(source, target)| run.table(source, target).boxed()).collect();
    let mut tables: Vec<TableResult> = stream::iter(jobs).buffer_unordered(options.connections.max(1)).collect().await;
    tables.sort_by(|a, b| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)));

    // Sequences are read last, as late as possible: a snapshot does not cover them.
    let (source_sequences, target_sequences) =
        try_join(sequences::read(&source, options), sequences::read(&target, options)).await?;
    let (source_indexes, target_indexes) = try_join(indexes::read(&source), indexes::read(&target)).await?;
    let common = source_tables.keys().filter(|name| target_tables.contains_key(*name)).cloned().collect();
    Ok(Comparison::new(
        tables,
        sequences::differences(&source_sequences, &target_sequences),
        indexes::differences(&common, &source_indexes, &target_indexes),
        u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    ))
}

struct Run<'a> {
    databases: (&'a Database, &'a Database),
    options: &'a Options,
    progress: &'a (dyn Fn(&Progress) + Send + Sync),
    tables: usize,
    done: AtomicUsize,
}

impl Run<'_> {
    async fn table(&self, source: Option<&Table>, target: Option<&Table>) -> TableResult {
        let (schema, table) = source.or(target).map(|table| table.name.clone()).unwrap_or_default();
        let name = format!("{schema}.{table}");
        let result = |schema_differences, rows: RowsOutcome, incomplete| {
            let (source_rows, target_rows) = (rows.source, rows.target);
            let result = TableResult {
                schema,
                table,
                verdict: Verdict::Incomplete,
                source_rows,
                target_rows,
                schema_differences,
                rows: rows.found,
                incomplete,
            };
            TableResult { verdict: result.evaluate(), ..result }
        };
        let (Some(source), Some(target)) = (source, target) else {
            let finding =
                if source.is_some() { SchemaDifference::TableMissing } else { SchemaDifference::TableAdditional };
            self.report(name, 0, 0, 0, true);
            return result(vec![finding], RowsOutcome::default(), Vec::new());
        };
        let findings = schema::differences(source, target);
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
            return result(findings, RowsOutcome::default(), forbidden);
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
        let incomplete = rows.failure.iter().map(|(side, error)| format!("on the {side}: {error}")).collect();
        self.report(name, rows.done.0, source.rows, rows.done.1, true);
        result(findings, rows, incomplete)
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
