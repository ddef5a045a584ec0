//! Compares the schemas of a table.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::canonical::canonical;
use super::catalog::{Column, Table};
use super::error::Side;

/// A difference between the schemas of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum SchemaDifference {
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
        /// The type on the source.
        source: String,
        /// The type on the target.
        target: String,
    },
    /// Only one side allows NULL.
    Nullability {
        /// The column.
        column: String,
        /// Whether the source is the side that allows NULL.
        source_allows_null: bool,
    },
    /// The common columns are in a different order.
    ColumnOrder {
        /// The columns on the source.
        source: Vec<String>,
        /// The columns on the target.
        target: Vec<String>,
    },
    /// The primary keys differ.
    PrimaryKey {
        /// The key columns on the source; empty if there is no key.
        source: Vec<String>,
        /// The key columns on the target.
        target: Vec<String>,
    },
    /// The collations differ: texts have another order, or other texts are equal.
    Collation {
        /// The column.
        column: String,
        /// The collation on the source; `None` is the one of the database.
        source: Option<String>,
        /// The collation on the target.
        target: Option<String>,
    },
    /// Only one side generates the values of the column as an identity, or the kinds differ.
    Identity {
        /// The column.
        column: String,
        /// `ALWAYS` or `BY DEFAULT` if it is an identity column on the source.
        source: Option<String>,
        /// The same on the target.
        target: Option<String>,
    },
    /// The identity column accepts values on one side only, because a replication writes it there.
    IdentityByDefault {
        /// The column.
        column: String,
        /// The side.
        on: Side,
    },
    /// Only one side computes the column from others, or the expressions differ.
    Generated {
        /// The column.
        column: String,
        /// The expression on the source.
        source: Option<String>,
        /// The expression on the target.
        target: Option<String>,
    },
    /// The table is unlogged on one side: its rows are lost when the server crashes, and replicas do not have them.
    Unlogged {
        /// The side on which it is unlogged.
        on: Side,
    },
    /// The defaults differ: new rows get other values, or are rejected.
    Default {
        /// The column.
        column: String,
        /// The default on the source.
        source: Option<String>,
        /// The default on the target.
        target: Option<String>,
    },
}

impl SchemaDifference {
    /// Returns whether rows cannot be equal, whatever their common columns contain.
    pub(super) fn concerns_rows(&self) -> bool {
        matches!(
            self,
            Self::TableMissing
                | Self::TableAdditional
                | Self::ColumnMissing { .. }
                | Self::ColumnAdditional { .. }
                | Self::Type { .. }
        )
    }

    /// Returns whether this is a note, not a difference.
    pub fn is_note(&self) -> bool {
        matches!(self, Self::Unlogged { on: Side::Source } | Self::IdentityByDefault { .. })
    }

    /// Returns what a replication that writes one side makes of this difference: it needs identity columns that accept
    /// values.
    pub(super) fn while_replicating(self) -> Self {
        const ALWAYS: Option<&str> = Some("ALWAYS");
        const BY_DEFAULT: Option<&str> = Some("BY DEFAULT");
        match self {
            Self::Identity { column, source, target } => match (source.as_deref(), target.as_deref()) {
                (ALWAYS, BY_DEFAULT) => Self::IdentityByDefault { column, on: Side::Target },
                (BY_DEFAULT, ALWAYS) => Self::IdentityByDefault { column, on: Side::Source },
                _ => Self::Identity { column, source, target },
            },
            other => other,
        }
    }
}

impl fmt::Display for SchemaDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |columns: &[String]| {
            if columns.is_empty() { "none".to_owned() } else { format!("({})", columns.join(", ")) }
        };
        let default =
            |value: &Option<String>| value.as_ref().map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
        match self {
            Self::TableMissing => f.write_str("the target has no such table"),
            Self::TableAdditional => f.write_str("only the target has this table"),
            Self::ColumnMissing { column } => write!(f, "the target has no column `{column}`"),
            Self::ColumnAdditional { column } => write!(f, "only the target has the column `{column}`"),
            Self::Type { column, source, target } => {
                write!(f, "`{column}` is {source} on the source, {target} on the target")
            }
            Self::Nullability { column, source_allows_null: true } => {
                write!(f, "`{column}` allows NULL on the source, but not on the target")
            }
            Self::Nullability { column, source_allows_null: false } => {
                write!(f, "`{column}` allows NULL on the target, but not on the source")
            }
            Self::ColumnOrder { source, target } => {
                write!(f, "the column order is {} on the source, {} on the target", list(source), list(target))
            }
            Self::PrimaryKey { source, target } => {
                write!(f, "the primary key is {} on the source, {} on the target", list(source), list(target))
            }
            Self::Collation { column, source, target } => {
                let name = |name: &Option<String>| {
                    name.as_ref().map_or_else(|| "that of the database".to_owned(), |name| format!("`{name}`"))
                };
                write!(
                    f,
                    "the collation of `{column}` is {} on the source, {} on the target",
                    name(source),
                    name(target)
                )
            }
            Self::Identity { column, source, target } => {
                let kind = |kind: &Option<String>| {
                    kind.as_ref().map_or_else(
                        || "no identity column".to_owned(),
                        |kind| format!("an identity column (GENERATED {kind})"),
                    )
                };
                write!(f, "`{column}` is {} on the source, {} on the target", kind(source), kind(target))
            }
            Self::IdentityByDefault { column, on } => {
                write!(f, "`{column}` is GENERATED BY DEFAULT on the {on}, because the replication writes it")
            }
            Self::Generated { column, source, target } => {
                let kind = |expression: &Option<String>| {
                    expression
                        .as_ref()
                        .map_or_else(|| "not generated".to_owned(), |expression| format!("generated as `{expression}`"))
                };
                write!(f, "`{column}` is {} on the source, {} on the target", kind(source), kind(target))
            }
            Self::Unlogged { on } => {
                write!(f, "the table is unlogged on the {on}: a crash of that server empties it")
            }
            Self::Default { column, source, target } => {
                write!(
                    f,
                    "the default of `{column}` is {} on the source, {} on the target",
                    default(source),
                    default(target)
                )
            }
        }
    }
}

/// Compares the schemas of a table on both sides.
pub(super) fn differences(source: &Table, target: &Table) -> Vec<SchemaDifference> {
    let find = |table: &'_ Table, name: &str| table.columns.iter().position(|column| column.name == name);
    let mut findings = Vec::new();
    for column in &source.columns {
        match find(target, &column.name) {
            None => findings.push(SchemaDifference::ColumnMissing { column: column.name.clone() }),
            Some(at) => findings.extend(column_differences(column, &target.columns[at])),
        }
    }
    let additional = target.columns.iter().filter(|column| find(source, &column.name).is_none());
    findings.extend(additional.map(|column| SchemaDifference::ColumnAdditional { column: column.name.clone() }));
    let common = |of: &Table, other: &Table| -> Vec<String> {
        of.columns
            .iter()
            .filter(|column| find(other, &column.name).is_some())
            .map(|column| column.name.clone())
            .collect()
    };
    let (order, other) = (common(source, target), common(target, source));
    if order != other {
        findings.push(SchemaDifference::ColumnOrder { source: order, target: other });
    }
    if source.key != target.key {
        findings.push(SchemaDifference::PrimaryKey { source: source.key.clone(), target: target.key.clone() });
    }
    if source.unlogged != target.unlogged {
        let on = if source.unlogged { Side::Source } else { Side::Target };
        findings.push(SchemaDifference::Unlogged { on });
    }
    findings
}

/// Compares what a partition has of its own; the rest comes from its table.
pub(super) fn partition_differences(source: &Table, target: &Table) -> Vec<SchemaDifference> {
    let mut findings = differences(source, target);
    findings.retain(|finding| {
        matches!(
            finding,
            SchemaDifference::Default { .. }
                | SchemaDifference::Nullability { .. }
                | SchemaDifference::PrimaryKey { .. }
                | SchemaDifference::Unlogged { .. }
        )
    });
    findings
}

fn column_differences(source: &Column, target: &Column) -> Vec<SchemaDifference> {
    let column = || source.name.clone();
    let mut findings = Vec::new();
    if source.kind != target.kind {
        findings.push(SchemaDifference::Type {
            column: column(),
            source: source.kind.clone(),
            target: target.kind.clone(),
        });
    }
    if source.not_null != target.not_null {
        findings.push(SchemaDifference::Nullability { column: column(), source_allows_null: !source.not_null });
    }
    let (here, there) = (source.collation.clone(), target.collation.clone());
    if here != there {
        findings.push(SchemaDifference::Collation { column: column(), source: here, target: there });
    }
    let (here, there) = (source.identity.clone(), target.identity.clone());
    if here != there {
        findings.push(SchemaDifference::Identity { column: column(), source: here, target: there });
    }
    let canonical = |text: &Option<String>| text.as_deref().map(canonical);
    if canonical(&source.generated) != canonical(&target.generated) {
        let (here, there) = (source.generated.clone(), target.generated.clone());
        findings.push(SchemaDifference::Generated { column: column(), source: here, target: there });
    }
    if canonical(&source.default) != canonical(&target.default) {
        findings.push(SchemaDifference::Default {
            column: column(),
            source: source.default.clone(),
            target: target.default.clone(),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str) -> Column {
        Column { name: name.into(), kind: kind.into(), not_null: true, ..Column::default() }
    }

    fn table(columns: Vec<Column>, key: &[&str]) -> Table {
        let key = key.iter().map(|name| (*name).to_owned()).collect();
        Table { name: ("s".into(), "t".into()), readable: true, columns, key, ..Table::default() }
    }

    #[test]
    fn equal_schemas_have_no_differences() {
        let one = table(vec![column("a", "bigint"), column("b", "text")], &["a"]);
        assert_eq!(differences(&one, &one), []);
    }

    #[test]
    fn every_type_of_difference_is_found() {
        let source = table(
            vec![column("a", "bigint"), column("b", "text"), column("gone", "text"), column("c", "text")],
            &["a"],
        );
        let mut changed = vec![column("c", "text"), column("a", "integer"), column("b", "text"), column("new", "text")];
        changed[2].not_null = false;
        changed[0].default = Some("''::text".into());
        changed[1].identity = Some("ALWAYS".into());
        changed[2].generated = Some("(a) STORED".into());
        changed[2].collation = Some("\"C\"".into());
        let findings = differences(&source, &table(changed, &[]));
        let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let expected = [
            "`a` is bigint on the source, integer on the target",
            "`a` is no identity column on the source, an identity column (GENERATED ALWAYS) on the target",
            "`b` allows NULL on the target, but not on the source",
            "the collation of `b` is that of the database on the source, `\"C\"` on the target",
            "`b` is not generated on the source, generated as `(a) STORED` on the target",
            "the target has no column `gone`",
            "the default of `c` is none on the source, `''::text` on the target",
            "only the target has the column `new`",
            "the column order is (a, b, c) on the source, (c, a, b) on the target",
            "the primary key is (a) on the source, none on the target",
        ];
        assert_eq!(texts, expected);
        assert!(findings.iter().all(|finding| !finding.is_note()));
    }
}
