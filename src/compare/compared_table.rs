//! What is known about one table, until the result is complete.

use super::catalog::Table;
use super::options::Options;
use super::result::TableResult;
use super::schema::SchemaDifference;
use super::table::RowsOutcome;
use super::table_statements;
use super::verdict::Verdict;

/// A table that was compared.
#[derive(Default)]
pub(super) struct ComparedTable<'a> {
    pub(super) source: Option<&'a Table>,
    pub(super) target: Option<&'a Table>,
    pub(super) differences: Vec<SchemaDifference>,
    pub(super) rows: RowsOutcome,
    /// Why the rows were not compared.
    pub(super) forbidden: Vec<String>,
}

impl ComparedTable<'_> {
    /// Returns whether rows differ, or their numbers.
    pub(super) fn has_other_rows(&self) -> bool {
        let counts = self.rows.source != self.rows.target && self.rows.failure.is_none();
        self.rows.found.any() || counts
    }

    /// Returns the result.
    pub(super) fn finish(self, options: &Options) -> TableResult {
        let (schema, table) = self.source.or(self.target).map(|table| table.name.clone()).unwrap_or_default();
        let mut rows = self.rows;
        rows.found.keep_keys(if options.keys { options.max_rows_per_table } else { 0 });
        let failures = rows.failure.iter().map(|(side, error)| format!("on the {side}: {error}"));
        let result = TableResult {
            schema,
            table,
            verdict: Verdict::Incomplete,
            source_rows: rows.source,
            target_rows: rows.target,
            statements: table_statements::of_table((self.source, self.target), &self.differences),
            schema_differences: self.differences,
            incomplete: self.forbidden.into_iter().chain(failures).collect(),
            rows: rows.found,
        };
        TableResult { verdict: result.evaluate(), ..result }
    }
}
