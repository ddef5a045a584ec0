//! The comparison from begin to end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures::future::{FutureExt, try_join};
use futures::stream::{self, StreamExt};

use super::catalog::{self, Name, Table};
use super::database::Database;
use super::endpoint::Endpoint;
use super::error::{CompareError, Side};
use super::extras;
use super::options::Options;
use super::progress::Progress;
use super::result::{Comparison, TableResult, Verdict};
use super::schema::{self, SchemaFinding};
use super::sequences;
use super::table::{Job, RowsResult};

/// Compares two databases. `progress` is called after each piece of a table.
///
/// Dropping the future stops the queries on both servers.
///
/// # Errors
/// When one of them cannot be reached or its catalogs cannot be read. A table that cannot be compared is no error, but `Incomplete`.
pub async fn compare(
    source: &Endpoint,
    target: &Endpoint,
    options: &Options,
    progress: &(dyn Fn(&Progress) + Send + Sync),
) -> Result<Comparison, CompareError> {
    let began = Instant::now();
    let (source, target) = try_join(Database::open(Side::Source, source, options), Database::open(Side::Target, target, options)).await?;
    if source.facts.identity == target.facts.identity {
        return Err(CompareError::Same);
    }
    let (here, there) = try_join(catalog::read(&source, options), catalog::read(&target, options)).await?;
    let names: BTreeSet<&Name> = here.keys().chain(there.keys()).collect();
    // The largest first, so that the end does not wait for one that began late.
    let mut pairs: Vec<(Option<&Table>, Option<&Table>)> = names.iter().map(|name| (here.get(*name), there.get(*name))).collect();
    pairs.sort_by_key(|(source, _)| std::cmp::Reverse(source.map(|table| table.rows)));
    let run = Run { databases: (&source, &target), options, progress, tables: pairs.len(), done: AtomicUsize::new(0) };
    let jobs: Vec<_> = pairs.into_iter().map(|(source, target)| run.table(source, target).boxed()).collect();
    let mut tables: Vec<TableResult> = stream::iter(jobs).buffer_unordered(options.connections.max(1)).collect().await;
    tables.sort_by(|a, b| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)));

    // Last, so that they are as fresh as can be: nothing else of what is compared goes on changing under the reader.
    let (numbers, other_numbers) = try_join(sequences::read(&source, options), sequences::read(&target, options)).await?;
    let (indexes, other_indexes) = try_join(extras::read(&source), extras::read(&target)).await?;
    let common = here.keys().filter(|name| there.contains_key(*name)).cloned().collect();
    let (sequences, indexes) = (sequences::differences(&numbers, &other_numbers), extras::differences(&common, &indexes, &other_indexes));
    Ok(Comparison::new(tables, sequences, indexes, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)))
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
        let result = |schema_findings, rows: RowsResult, incomplete| {
            let (source_rows, target_rows) = (rows.source, rows.target);
            let result =
                TableResult { schema, table, verdict: Verdict::Incomplete, source_rows, target_rows, schema_findings, rows: rows.found, incomplete };
            TableResult { verdict: result.judge(), ..result }
        };
        let (Some(source), Some(target)) = (source, target) else {
            let finding = if source.is_some() { SchemaFinding::TableMissing } else { SchemaFinding::TableAdditional };
            self.report(name, 0, 0, 0, true);
            return result(vec![finding], RowsResult::default(), Vec::new());
        };
        let findings = schema::differences(source, target);
        let forbidden: Vec<String> = [(source, self.databases.0), (target, self.databases.1)]
            .into_iter()
            .filter(|(table, _)| !table.readable)
            .map(|(_, database)| {
                format!(
                    "the user `{}` may not read it on the {}: it needs USAGE on the schema and SELECT on the table",
                    database.user(),
                    database.side()
                )
            })
            .collect();
        if !forbidden.is_empty() {
            self.report(name, 0, source.rows, 0, true);
            return result(findings, RowsResult::default(), forbidden);
        }
        let report = |rows, chunks| self.report(name.clone(), rows, source.rows, chunks, false);
        let rows = Job { databases: self.databases, tables: (source, target), options: self.options, report: &report }.rows().await;
        let incomplete = rows.failure.iter().map(|(side, trouble)| format!("on the {side}: {trouble}")).collect();
        self.report(name, rows.done.0, source.rows, rows.done.1, true);
        result(findings, rows, incomplete)
    }

    fn report(&self, table: String, rows_done: u64, expected: u64, chunks: u64, done: bool) {
        let before = if done { self.done.fetch_add(1, Ordering::Relaxed) + 1 } else { self.done.load(Ordering::Relaxed) };
        let rows_expected = if done { rows_done } else { expected.max(rows_done) };
        (self.progress)(&Progress { table, rows_done, rows_expected, chunks, done, tables_done: before, tables: self.tables });
    }
}
