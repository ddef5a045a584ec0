//! The statements for changes.

use std::fmt::Write;
use std::sync::Arc;

use super::catalog::Table;
use crate::sql::{ident, literal, qualified};

/// A column of the target and its value in text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// The column.
    pub column: String,
    /// The value.
    pub value: Option<String>,
}

/// A statement with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// The text, with `$1` and so on.
    pub sql: Arc<str>,
    /// The values in text form.
    pub values: Vec<Option<String>>,
}

/// How rows are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// By the values of the primary key.
    Key(Vec<Cell>),
    /// By the values of all columns, for a table without a key but with `REPLICA IDENTITY FULL`. Equal rows are all
    /// affected.
    Row(Vec<Cell>),
}

impl Statement {
    /// Returns the text with the values in it, as the table of exceptions has it.
    pub fn with_values(&self) -> String {
        let mut text = String::new();
        let mut rest: &str = &self.sql;
        let mut quoted = false;
        while let Some(at) = rest.find(['"', '$']) {
            text.push_str(&rest[..at]);
            let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
            if rest.as_bytes()[at] == b'"' || quoted || digits == 0 {
                quoted ^= rest.as_bytes()[at] == b'"';
                text.push_str(&rest[at..=at]);
                rest = &rest[at + 1..];
                continue;
            }
            let number: usize = rest[at + 1..at + 1 + digits].parse().unwrap_or_default();
            match number.checked_sub(1).and_then(|index| self.values.get(index)) {
                Some(Some(value)) => text.push_str(&literal(value)),
                _ => text.push_str("NULL"),
            }
            rest = &rest[at + 1 + digits..];
        }
        text.push_str(rest);
        text
    }
}

/// A statement in the making.
struct Builder {
    sql: String,
    values: Vec<Option<String>>,
}

impl Builder {
    fn new(start: String) -> Self {
        Self { sql: start, values: Vec::new() }
    }

    fn parameter(&mut self, value: Option<&str>) {
        self.values.push(value.map(str::to_owned));
        let _ = write!(self.sql, "${}", self.values.len());
    }

    fn matching(&mut self, table: &Table, found: &Match) {
        self.sql.push_str(" WHERE ");
        let (cells, by_key) = match found {
            Match::Key(cells) => (cells, true),
            Match::Row(cells) => (cells, false),
        };
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.sql.push_str(" AND ");
            }
            let column = ident(&cell.column);
            if by_key {
                let _ = write!(self.sql, "{column} = ");
                self.parameter(cell.value.as_deref());
            } else if table.columns.get(&cell.column).is_some_and(|kind| has_no_equality(kind)) {
                let _ = write!(self.sql, "{column}::text IS NOT DISTINCT FROM ");
                self.parameter(cell.value.as_deref());
                self.sql.push_str("::text");
            } else {
                let _ = write!(self.sql, "{column} IS NOT DISTINCT FROM ");
                self.parameter(cell.value.as_deref());
            }
        }
    }

    fn finish(self) -> Statement {
        Statement { sql: self.sql.into(), values: self.values }
    }
}

/// Types without an operator `=`, or with one that compares something else, such as areas.
fn has_no_equality(type_name: &str) -> bool {
    matches!(type_name, "json" | "xml" | "point" | "polygon" | "path" | "box" | "circle")
}

pub(super) fn insert(table: &Table, row: &[Cell]) -> Statement {
    let columns: Vec<_> = row.iter().map(|cell| ident(&cell.column)).collect();
    let start = format!("INSERT INTO {} ({}) VALUES (", qualified(&table.route.target), columns.join(", "));
    let mut builder = Builder::new(start);
    for (at, cell) in row.iter().enumerate() {
        if at > 0 {
            builder.sql.push_str(", ");
        }
        builder.parameter(cell.value.as_deref());
    }
    builder.sql.push(')');
    builder.finish()
}

pub(super) fn update(table: &Table, set: &[Cell], found: &Match) -> Statement {
    let mut builder = Builder::new(format!("UPDATE {} SET ", qualified(&table.route.target)));
    for (at, cell) in set.iter().enumerate() {
        if at > 0 {
            builder.sql.push_str(", ");
        }
        let _ = write!(builder.sql, "{} = ", ident(&cell.column));
        builder.parameter(cell.value.as_deref());
    }
    builder.matching(table, found);
    builder.finish()
}

pub(super) fn delete(table: &Table, found: &Match) -> Statement {
    let mut builder = Builder::new(format!("DELETE FROM {}", qualified(&table.route.target)));
    builder.matching(table, found);
    builder.finish()
}

pub(super) fn truncate(table: &Table) -> Statement {
    Builder::new(format!("TRUNCATE TABLE {}", qualified(&table.route.target))).finish()
}

/// Returns the query for LOBs of one row on the source, by the columns of the source.
pub(super) fn lookup(table: &Table, columns: &[String], key: &[Cell]) -> Statement {
    let columns: Vec<_> = columns.iter().map(|column| format!("{}::text", ident(column))).collect();
    let start = format!("SELECT {} FROM {}", columns.join(", "), qualified(&table.route.source));
    let mut builder = Builder::new(start);
    builder.matching(table, &Match::Key(key.to_vec()));
    builder.finish()
}
