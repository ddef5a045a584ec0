//! How the schemas of a table differ.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalog::{Column, Table};

/// A difference between the schemas of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum SchemaFinding {
    /// Only the source has the table.
    TableMissing,
    /// Only the target has the table.
    TableAdditional,
    /// Only the source has the column.
    ColumnMissing {
        /// The column.
        column: String,
    },
    /// Only the target has the column.
    ColumnAdditional {
        /// The column.
        column: String,
    },
    /// The types differ.
    Type {
        /// The column.
        column: String,
        /// Its type on the source.
        source: String,
        /// Its type on the target.
        target: String,
    },
    /// One side allows NULL.
    Nullability {
        /// The column.
        column: String,
        /// Whether the source allows NULL; the target does the opposite.
        source_allows_null: bool,
    },
    /// The columns that both have are in another order.
    ColumnOrder {
        /// Columns of the source.
        source: Vec<String>,
        /// Columns of the target.
        target: Vec<String>,
    },
    /// The primary keys differ.
    PrimaryKey {
        /// Its columns on the source; none means that there is no key.
        source: Vec<String>,
        /// Its columns on the target.
        target: Vec<String>,
    },
    /// The defaults differ. Only a note: rows are the same all the same, and DMS does not carry defaults.
    Default {
        /// The column.
        column: String,
        /// Its default on the source.
        source: Option<String>,
        /// Its default on the target.
        target: Option<String>,
    },
}

impl SchemaFinding {
    /// Returns whether it is only worth knowing, and no difference.
    pub fn is_note(&self) -> bool {
        matches!(self, Self::Default { .. })
    }
}

impl fmt::Display for SchemaFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |columns: &[String]| if columns.is_empty() { "nothing".to_owned() } else { format!("({})", columns.join(", ")) };
        let default = |value: &Option<String>| value.as_ref().map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
        match self {
            Self::TableMissing => f.write_str("the target has no such table"),
            Self::TableAdditional => f.write_str("only the target has this table"),
            Self::ColumnMissing { column } => write!(f, "the target has no column `{column}`"),
            Self::ColumnAdditional { column } => write!(f, "only the target has the column `{column}`"),
            Self::Type { column, source, target } => write!(f, "`{column}` is {source} on the source, {target} on the target"),
            Self::Nullability { column, source_allows_null: true } => write!(f, "`{column}` may be null on the source, but not on the target"),
            Self::Nullability { column, source_allows_null: false } => write!(f, "`{column}` may be null on the target, but not on the source"),
            Self::ColumnOrder { source, target } => {
                write!(f, "the columns are in the order {} on the source, {} on the target", list(source), list(target))
            }
            Self::PrimaryKey { source, target } => write!(f, "the primary key is {} on the source, {} on the target", list(source), list(target)),
            Self::Default { column, source, target } => {
                write!(f, "the default of `{column}` is {} on the source, {} on the target", default(source), default(target))
            }
        }
    }
}

/// Compares the two schemas of a table.
pub(super) fn differences(source: &Table, target: &Table) -> Vec<SchemaFinding> {
    let find = |table: &'_ Table, name: &str| table.columns.iter().position(|column| column.name == name);
    let mut findings = Vec::new();
    for column in &source.columns {
        match find(target, &column.name) {
            None => findings.push(SchemaFinding::ColumnMissing { column: column.name.clone() }),
            Some(at) => findings.extend(column_differences(column, &target.columns[at])),
        }
    }
    let additional = target.columns.iter().filter(|column| find(source, &column.name).is_none());
    findings.extend(additional.map(|column| SchemaFinding::ColumnAdditional { column: column.name.clone() }));
    let common = |of: &Table, other: &Table| -> Vec<String> {
        of.columns.iter().filter(|column| find(other, &column.name).is_some()).map(|column| column.name.clone()).collect()
    };
    let (order, other) = (common(source, target), common(target, source));
    if order != other {
        findings.push(SchemaFinding::ColumnOrder { source: order, target: other });
    }
    if source.key != target.key {
        findings.push(SchemaFinding::PrimaryKey { source: source.key.clone(), target: target.key.clone() });
    }
    findings
}

fn column_differences(source: &Column, target: &Column) -> Vec<SchemaFinding> {
    let column = || source.name.clone();
    let mut findings = Vec::new();
    if source.kind != target.kind {
        findings.push(SchemaFinding::Type { column: column(), source: source.kind.clone(), target: target.kind.clone() });
    }
    if source.not_null != target.not_null {
        findings.push(SchemaFinding::Nullability { column: column(), source_allows_null: !source.not_null });
    }
    if source.default != target.default {
        findings.push(SchemaFinding::Default { column: column(), source: source.default.clone(), target: target.default.clone() });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str) -> Column {
        Column { name: name.into(), kind: kind.into(), built_in: Some(kind.into()), bytewise: false, not_null: true, default: None }
    }

    fn table(columns: Vec<Column>, key: &[&str]) -> Table {
        let key = key.iter().map(|name| (*name).to_owned()).collect();
        Table { name: ("s".into(), "t".into()), partitioned: false, rows: 0, readable: true, columns, key }
    }

    #[test]
    fn the_same_schema_has_no_findings() {
        let one = table(vec![column("a", "bigint"), column("b", "text")], &["a"]);
        assert_eq!(differences(&one, &one), []);
    }

    #[test]
    fn every_sort_of_difference_is_found_and_only_a_default_is_a_note() {
        let source = table(vec![column("a", "bigint"), column("b", "text"), column("gone", "text"), column("c", "text")], &["a"]);
        let mut changed = vec![column("c", "text"), column("a", "integer"), column("b", "text"), column("new", "text")];
        changed[2].not_null = false;
        changed[0].default = Some("''::text".into());
        let findings = differences(&source, &table(changed, &[]));
        let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let expected = [
            "`a` is bigint on the source, integer on the target",
            "`b` may be null on the target, but not on the source",
            "the target has no column `gone`",
            "the default of `c` is none on the source, `''::text` on the target",
            "only the target has the column `new`",
            "the columns are in the order (a, b, c) on the source, (c, a, b) on the target",
            "the primary key is (a) on the source, nothing on the target",
        ];
        assert_eq!(texts, expected);
        assert_eq!(findings.iter().filter(|finding| finding.is_note()).count(), 1);
    }
}
