//! The result of a comparison. It contains names, counts and types, and the keys of rows if requested, but no other
//! data.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::incomplete::NotCompared;
use super::indexes::IndexDifference;
use super::large_objects::LargeObjects;
use super::objects::ObjectDifference;
use super::repair::Repair;
use super::row_differences::RowDifferences;
use super::schema::SchemaDifference;
use super::sequences::SequenceDifference;
use super::verdict::Verdict;

/// The result for one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableResult {
    /// The schema.
    pub schema: String,
    /// The name.
    pub table: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The number of rows on the source; `None` if they could not be counted.
    pub source_rows: Option<u64>,
    /// The number of rows on the target; `None` if they could not be counted.
    pub target_rows: Option<u64>,
    /// The differences between the schemas.
    #[serde(rename = "schema_findings")]
    pub schema_differences: Vec<SchemaDifference>,
    /// The statements that mend these differences on the target, in their order. Some differences have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
    /// The differences between the rows.
    pub rows: RowDifferences,
    /// The reasons why the table, or a part of it, could not be compared.
    pub incomplete: Vec<String>,
}

impl TableResult {
    /// Derives the verdict from the other fields.
    pub(super) fn evaluate(&self) -> Verdict {
        let are_others = self.schema_differences.iter().any(|finding| !finding.is_note());
        if are_others { Verdict::Different } else { self.evaluate_rows() }
    }

    /// Derives the verdict about the rows alone. Columns that only one side has are part of them.
    fn evaluate_rows(&self) -> Verdict {
        if self.rows.any()
            || self.source_rows != self.target_rows && self.incomplete.is_empty()
            || self.schema_differences.iter().any(SchemaDifference::concerns_rows)
        {
            Verdict::Different
        } else if !self.incomplete.is_empty() || self.source_rows.is_none() || self.target_rows.is_none() {
            Verdict::Incomplete
        } else if self.source_rows == Some(0) {
            Verdict::Empty
        } else {
            Verdict::Equal
        }
    }
}

impl fmt::Display for TableResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |rows: Option<u64>| rows.map_or_else(|| "?".to_owned(), |rows| rows.to_string());
        write!(f, "{}.{}: {}", self.schema, self.table, self.verdict)?;
        match (self.source_rows, self.target_rows) {
            (Some(rows), Some(same)) if rows == same => write!(f, ", {rows} rows")?,
            (source, target) => write!(f, ", {} rows on the source, {} on the target", count(source), count(target))?,
        }
        let rows = &self.rows;
        let kinds =
            [(rows.missing, "missing"), (rows.additional, "additional"), (rows.differing, "with different values")];
        let least = if rows.more { "at least " } else { "" };
        for (count, what) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "; {least}{count} {what}")?;
        }
        if rows.any() && rows.key_columns.is_empty() {
            f.write_str("; rows differ; without a primary key on both sides, they cannot be identified")?;
        }
        self.schema_differences.iter().try_for_each(|finding| write!(f, "; {finding}"))?;
        self.incomplete.iter().try_for_each(|reason| write!(f, "; not compared: {reason}"))
    }
}

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The verdict for everything that was compared.
    pub verdict: Verdict,
    /// The verdict for the rows and large objects alone. During a replication, sequences are always behind; they are
    /// set after it.
    pub data: Verdict,
    /// The tables, ordered by schema and name.
    pub tables: Vec<TableResult>,
    /// The differences between the sequences.
    pub sequences: Vec<SequenceDifference>,
    /// Indexes and constraints that only one side has.
    pub indexes: Vec<IndexDifference>,
    /// The large objects; `None` if they were not compared.
    #[serde(default)]
    pub large_objects: Option<LargeObjects>,
    /// The differences of other objects: types, functions, views, triggers, policies, partitions, privileges.
    #[serde(default)]
    pub objects: Vec<ObjectDifference>,
    /// The statements that mend the differences on the target, in an order in which they can be run.
    #[serde(default)]
    pub repairs: Vec<Repair>,
    /// What could not be compared, apart from tables.
    #[serde(default)]
    pub incomplete: Vec<NotCompared>,
    /// The duration in milliseconds.
    pub milliseconds: u64,
}

impl Comparison {
    /// Derives the verdicts from the other fields.
    pub(super) fn evaluate(mut self) -> Self {
        let of_large_objects = self.large_objects.iter().map(LargeObjects::verdict);
        self.data = Verdict::of(self.tables.iter().map(TableResult::evaluate_rows).chain(of_large_objects));
        let of_tables = self.tables.iter().map(|table| table.verdict);
        let of_sequences = self.sequences.iter().map(|finding| match finding {
            SequenceDifference::Unreadable { .. } => Verdict::Incomplete,
            _ => Verdict::Different,
        });
        let of_indexes = self.indexes.iter().filter(|finding| !finding.is_note()).map(|_| Verdict::Different);
        let of_objects = self.objects.iter().filter(|finding| !finding.is_note()).map(|_| Verdict::Different);
        let of_gaps = self.incomplete.iter().map(|_| Verdict::Incomplete);
        let of_all = of_sequences.chain(of_indexes).chain(of_objects).chain(of_gaps).chain(of_tables);
        self.verdict = Verdict::of(of_all.chain([self.data]));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_counted_is_never_equal() {
        let table = TableResult {
            schema: "s".into(),
            table: "t".into(),
            verdict: Verdict::Incomplete,
            source_rows: Some(3),
            target_rows: Some(3),
            schema_differences: Vec::new(),
            statements: Vec::new(),
            rows: RowDifferences::default(),
            incomplete: Vec::new(),
        };
        assert_eq!(table.evaluate(), Verdict::Equal);
        assert_eq!(
            TableResult { source_rows: None, target_rows: None, ..table.clone() }.evaluate(),
            Verdict::Incomplete
        );
        assert_eq!(
            TableResult { incomplete: vec!["a time-out".into()], ..table.clone() }.evaluate(),
            Verdict::Incomplete
        );
        assert_eq!(
            TableResult { incomplete: vec!["x".into()], source_rows: None, ..table.clone() }.evaluate(),
            Verdict::Incomplete
        );
        assert_eq!(TableResult { target_rows: Some(2), ..table.clone() }.evaluate(), Verdict::Different);
        let rows = RowDifferences { chunks: 1, ..RowDifferences::default() };
        assert_eq!(TableResult { rows, incomplete: vec!["a time-out".into()], ..table }.evaluate(), Verdict::Different);
    }
}
