//! Names and texts in SQL statements.

pub use infra_connect::{ident, literal};

use crate::model::TableName;

/// Returns a quoted, schema-qualified name.
pub fn qualified(table: &TableName) -> String {
    table.quoted()
}

/// Returns identifiers in a list.
pub fn ident_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}
