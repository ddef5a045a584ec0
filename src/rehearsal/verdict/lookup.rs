//! Finds many rows of a table by their keys, in one query.

use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::catalog::Table;
use crate::error::Error;
use crate::session::quoted;

/// A query for rows of a table by some of its columns.
pub(super) struct Lookup {
    sql: String,
    columns: usize,
    table: String,
}

impl Lookup {
    /// Returns the query that selects `values` (in which the row is `t`), or `None` if the table has no such key
    /// columns.
    ///
    /// The planner chooses between the index and one scan for all keys: a table that DMS created has no index for every
    /// key.
    pub(super) fn new(table: &Table, key: &[String], values: &str) -> Option<Self> {
        let mut conditions = Vec::new();
        for (at, name) in key.iter().enumerate() {
            let column = &table.columns[table.position(name)?];
            conditions.push(format!("t.{} = CAST(k.c{at} AS {})", quoted(name), column.kind.text));
        }
        let arrays: Vec<String> = (1..=key.len()).map(|number| format!("${number}::text[]")).collect();
        let names: Vec<String> = (0..key.len()).map(|at| format!("c{at}")).collect();
        let sql = format!(
            "SELECT k.at, {values} FROM unnest({}) WITH ORDINALITY AS k({}, at) JOIN {} t ON {}",
            arrays.join(", "),
            names.join(", "),
            table.id.sql(),
            conditions.join(" AND ")
        );
        Some(Self { sql, columns: key.len(), table: table.id.to_string() })
    }

    /// Calls `found` with each row and the position of its key.
    pub(super) async fn run<'a>(
        &self,
        client: &Client,
        keys: impl Iterator<Item = Vec<&'a str>>,
        mut found: impl FnMut(usize, &Row),
    ) -> Result<(), Error> {
        let failed = |error: tokio_postgres::Error| Error::database(format!("read rows of {}", self.table), &error);
        let mut arrays: Vec<Vec<&str>> = vec![Vec::new(); self.columns];
        for key in keys {
            arrays.iter_mut().zip(key).for_each(|(array, text)| array.push(text));
        }
        let values = arrays.iter().map(|array| array as &(dyn ToSql + Sync));
        let mut rows = pin!(client.query_raw(&self.sql, values).await.map_err(failed)?);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let at: i64 = row.get(0);
            found(usize::try_from(at - 1).unwrap_or_default(), &row);
        }
        Ok(())
    }
}
