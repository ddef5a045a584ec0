//! What a comparison says. It holds names, counts and types, and of the rows at most keys, when somebody asked for them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::extras::ExtraFinding;
use super::findings::RowFindings;
use super::schema::SchemaFinding;
use super::sequences::SequenceFinding;

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There are rows, and they are the same on both sides.
    Equal,
    /// There are differences.
    Different,
    /// There are no rows on either side: nothing is proved.
    Empty,
    /// No difference was found, but something could not be compared.
    Incomplete,
}

impl Verdict {
    /// What several verdicts come to: a difference outweighs what is not known, which outweighs what is equal. Nothing at all is empty.
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

/// What came out for one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableResult {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// What came out.
    pub verdict: Verdict,
    /// Rows of the source; none when they could not be counted.
    pub source_rows: Option<u64>,
    /// Rows of the target.
    pub target_rows: Option<u64>,
    /// How its schemas differ.
    pub schema_findings: Vec<SchemaFinding>,
    /// How its rows differ.
    pub rows: RowFindings,
    /// Why it could not be compared, or not all of it.
    pub incomplete: Vec<String>,
}

impl TableResult {
    /// Judges what was found.
    pub(super) fn judge(&self) -> Verdict {
        if self.rows.any()
            || self.source_rows != self.target_rows && self.incomplete.is_empty()
            || self.schema_findings.iter().any(|finding| !finding.is_note())
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
        let kinds = [(rows.missing, "missing"), (rows.additional, "additional"), (rows.differing, "with other values")];
        let least = if rows.more { "at least " } else { "" };
        for (count, what) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "; {least}{count} {what}")?;
        }
        if rows.any() && rows.key_columns.is_empty() {
            f.write_str("; its rows differ, and without a primary key on both sides nobody can tell which")?;
        }
        self.schema_findings.iter().try_for_each(|finding| write!(f, "; {finding}"))?;
        self.incomplete.iter().try_for_each(|reason| write!(f, "; not compared: {reason}"))
    }
}

/// What came out in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// What came out in all: tables, sequences, indexes and constraints.
    pub verdict: Verdict,
    /// What came out for the tables alone. While a replication runs, sequences are always behind; they are set when it has ended.
    pub data: Verdict,
    /// Each table, by schema and name.
    pub tables: Vec<TableResult>,
    /// Sequences that the target does not follow.
    pub sequences: Vec<SequenceFinding>,
    /// Indexes and constraints that only one side has.
    pub indexes: Vec<ExtraFinding>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

impl Comparison {
    /// Puts the parts together and judges them.
    pub(super) fn new(tables: Vec<TableResult>, sequences: Vec<SequenceFinding>, indexes: Vec<ExtraFinding>, milliseconds: u64) -> Self {
        let data = Verdict::of(tables.iter().map(|table| table.verdict));
        let of_sequences = sequences.iter().map(|finding| match finding {
            SequenceFinding::Unreadable { .. } => Verdict::Incomplete,
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
    fn nothing_is_not_equal_and_a_difference_outweighs_the_rest() {
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
            schema_findings: Vec::new(),
            rows: RowFindings::default(),
            incomplete: Vec::new(),
        };
        assert_eq!(table.judge(), Verdict::Equal);
        assert_eq!(TableResult { source_rows: None, target_rows: None, ..table.clone() }.judge(), Verdict::Incomplete);
        assert_eq!(TableResult { incomplete: vec!["a time-out".into()], ..table.clone() }.judge(), Verdict::Incomplete);
        assert_eq!(TableResult { incomplete: vec!["x".into()], source_rows: None, ..table.clone() }.judge(), Verdict::Incomplete);
        assert_eq!(TableResult { target_rows: Some(2), ..table.clone() }.judge(), Verdict::Different);
        let rows = RowFindings { chunks: 1, ..RowFindings::default() };
        assert_eq!(TableResult { rows, incomplete: vec!["a time-out".into()], ..table }.judge(), Verdict::Different);
    }
}
