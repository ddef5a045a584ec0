//! The statements for one table of the user.

use crate::catalog::Table;
use crate::fingerprint;
use crate::session::quoted;

/// The statements that insert, find and change a row.
#[derive(Debug)]
pub(super) struct RowStatements {
    /// Parameters: the written columns.
    pub(super) insert: String,
    /// Parameters: the key.
    pub(super) find: String,
    /// One statement for each column. Parameters: the value, then the key.
    pub(super) updates: Vec<(usize, String)>,
}

impl RowStatements {
    /// Returns the statements for a table that has a key. Each returns the key as texts, then the fingerprint.
    pub(super) fn new(table: &Table, written: &[usize], changeable: &[usize]) -> Self {
        let value =
            |at: usize, parameter: usize| format!("CAST(${parameter}::text AS {})", table.columns[at].kind.text);
        let name = |at: &usize| quoted(&table.columns[*at].name);
        let keys: Vec<String> = table.key.iter().map(|at| format!("t.{}::text", name(at))).collect();
        let returned = format!("{}, {}", keys.join(", "), fingerprint::expression(table.column_names(), Some("t")));
        let is_row = |first: usize| {
            let parts = table.key.iter().enumerate();
            parts.map(|(at, column)| format!("t.{} = {}", name(column), value(*column, first + at))).collect::<Vec<_>>()
        };
        let from = table.id.sql();
        let columns: Vec<String> = written.iter().map(name).collect();
        let values: Vec<String> = written.iter().enumerate().map(|(at, column)| value(*column, at + 1)).collect();
        let insert = if written.is_empty() {
            format!("INSERT INTO {from} AS t DEFAULT VALUES RETURNING {returned}")
        } else {
            format!(
                "INSERT INTO {from} AS t ({}) VALUES ({}) ON CONFLICT DO NOTHING RETURNING {returned}",
                columns.join(", "),
                values.join(", ")
            )
        };
        let find = format!("SELECT {returned} FROM {from} t WHERE {} LIMIT 1", is_row(1).join(" AND "));
        let update = |at: &usize| {
            let set = format!("{} = {}", name(at), value(*at, 1));
            let sql = format!("UPDATE {from} t SET {set} WHERE {} RETURNING {returned}", is_row(2).join(" AND "));
            (*at, sql)
        };
        Self { insert, find, updates: changeable.iter().map(update).collect() }
    }
}
