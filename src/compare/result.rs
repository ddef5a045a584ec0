//! The result of a comparison. It contains names, counts and types, and the keys of rows if requested, but no other
//! data.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::indexes::IndexDifference;
use super::row_differences::RowDifferences;
use super::schema::SchemaDifference;
use super::sequences::SequenceDifference;

/// The verdict of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There are rows, and they are equal on both sides.
    Equal,
    /// There are differences.
    Different,
    /// There are no rows on either side, which proves nothing.
    Empty,
    /// No difference was found, but something could not be compared.
    Incomplete,
}

impl Verdict {
    /// Combines several verdicts. `Different` takes precedence over `Incomplete`, which takes precedence over `Equal`.
    /// No verdicts are `Empty`.
    pub fn of(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().fold(Self::Empty, |so_far, next| match (so_far, next) {
            (Self::Different, _) | (_, Self::Different) => Self::Different,
            (Self::Incomplete, _) | (_, Self::Incomplete) => Self::Incomplete,
            (Self::Equal, _) | (_, Self::Equal) => Self::Equal,
            (Self::Empty, Self::Empty) => Self::Empty,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::Empty => "empty",
            Self::Incomplete => "incomplete",
        })
    }
}

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
    /// The differences between the rows.
    pub rows: RowDifferences,
    /// The reasons why the table, or a part of it, could not be compared.
    pub incomplete: Vec<String>,
}

impl TableResult {
    /// Derives the verdict from the other fields.
    pub(super) fn evaluate(&self) -> Verdict {
        if self.rows.any()
            || self.source_rows != self.target_rows && self.incomplete.is_empty()
            || self.schema_differences.iter().any(|finding| !finding.is_note())
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
    /// The verdict for tables, sequences, indexes and constraints.
    pub verdict: Verdict,
    /// The verdict for the tables alone. During a replication, sequences are always behind; they are set after it.
    pub data: Verdict,
    /// The tables, ordered by schema and name.
    pub tables: Vec<TableResult>,
    /// The differences between the sequences.
    pub sequences: Vec<SequenceDifference>,
    /// Indexes and constraints that only one side has.
    pub indexes: Vec<IndexDifference>,
    /// The duration in milliseconds.
    pub milliseconds: u64,
}

impl Comparison {
    /// Creates the result from its parts, and derives the verdicts.
    pub(super) fn new(
        tables: Vec<TableResult>,
        sequences: Vec<SequenceDifference>,
        indexes: Vec<IndexDifference>,
        milliseconds: u64,
    ) -> Self {
        let data = Verdict::of(tables.iter().map(|table| table.verdict));
        let of_sequences = sequences.iter().map(|finding| match finding {
            SequenceDifference::Unreadable { .. } => Verdict::Incomplete,
            _ => Verdict::Different,
        });
        let of_indexes = indexes.iter().filter(|finding| !finding.is_note()).map(|_| Verdict::Different);
        let verdict = Verdict::of(of_sequences.chain(of_indexes).chain([data]));
        Self { verdict, data, tables, sequences, indexes, milliseconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_not_equal_and_a_difference_takes_precedence() {
        use Verdict::{Different, Empty, Equal, Incomplete};
        assert_eq!(Verdict::of([]), Empty);
        for (verdicts, expected) in [
            (vec![Empty, Empty], Empty),
            (vec![Empty, Equal], Equal),
            (vec![Equal, Incomplete, Empty], Incomplete),
            (vec![Incomplete, Different, Equal], Different),
        ] {
            assert_eq!(Verdict::of(verdicts.clone()), expected, "{verdicts:?}");
            assert_eq!(Verdict::of(verdicts.into_iter().rev()), expected);
        }
    }

    #[test]
    fn what_could_not_be_counted_is_never_equal() {
        let table = TableResult {
            schema: "s".into(),
            table: "t".into(),
            verdict: Verdict::Incomplete,
            source_rows: Some(3),
            target_rows: Some(3),
            schema_differences: Vec::new(),
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
