//! A table: its columns, and what its rows must satisfy.

use std::fmt;

use super::kind::Kind;
use crate::session::quoted;

/// The name of a table: its schema and its own name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableId {
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl TableId {
    /// Returns the name as SQL.
    pub(crate) fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) not_null: bool,
    /// The server assigns the value: an identity, or a default that calls a sequence.
    pub(crate) is_assigned: bool,
    /// The value is computed from other columns.
    pub(crate) is_generated: bool,
    /// An index contains it, so that its values cannot be large.
    pub(crate) is_indexed: bool,
}

/// A primary key, a unique constraint or a unique index.
#[derive(Clone, Debug)]
pub(crate) struct Unique {
    pub(crate) name: String,
    /// Positions of columns. Those of an expression are the columns that occur in it.
    pub(crate) columns: Vec<usize>,
}

/// A foreign key.
#[derive(Clone, Debug)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    /// Positions of columns.
    pub(crate) columns: Vec<usize>,
    pub(crate) parent: TableId,
    pub(crate) parent_columns: Vec<String>,
}

/// The partitions of a table.
#[derive(Clone, Debug)]
pub(crate) struct Partitions {
    /// Position of the column by which the rows are distributed, if it is one column.
    pub(crate) column: Option<usize>,
    /// The bounds, as `pg_get_expr` shows them: `FOR VALUES …`.
    pub(crate) bounds: Vec<String>,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) id: TableId,
    pub(crate) columns: Vec<Column>,
    /// Positions of the columns of the primary key; empty if there is none.
    pub(crate) key: Vec<usize>,
    pub(crate) uniques: Vec<Unique>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// The names and definitions of the check constraints.
    pub(crate) checks: Vec<(String, String)>,
    pub(crate) partitions: Option<Partitions>,
}

impl Table {
    /// Returns the position of a column.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Returns the names of all columns.
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }
}
