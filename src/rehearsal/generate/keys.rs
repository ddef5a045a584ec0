//! The keys of the rows that foreign keys refer to.

use std::collections::HashMap;
use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::Client;

use crate::catalog::{ForeignKey, Table};
use crate::error::Error;
use crate::session::quoted;

/// The largest number of keys that is kept. A foreign key of a larger table refers to some of its rows only.
pub(super) const MOST: usize = 1_000_000;

/// Keys of rows, as texts.
#[derive(Debug, Default)]
pub(super) struct Keys {
    texts: String,
    /// The ends of the texts of all columns of all keys.
    ends: Vec<u32>,
    columns: usize,
}

impl Keys {
    /// Reads keys that a foreign key can refer to.
    pub(super) async fn read(client: &Client, table: &Table, key: &ForeignKey, most: usize) -> Result<Self, Error> {
        let failed = |error: tokio_postgres::Error| {
            Error::database(format!("read the keys of {} for {}", key.parent, table.id), &error)
        };
        let names: Vec<String> = key.parent_columns.iter().map(|name| quoted(name)).collect();
        let texts: Vec<String> = names.iter().map(|name| format!("{name}::text")).collect();
        let present: Vec<String> = names.iter().map(|name| format!("{name} IS NOT NULL")).collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {most}",
            texts.join(", "),
            key.parent.sql(),
            present.join(" AND "),
            // The order in the table depends on what wrote it at the same time.
            names.join(", ")
        );
        let mut keys = Self { columns: names.len(), ..Self::default() };
        let mut rows = pin!(client.query_raw(&sql, std::iter::empty::<&str>()).await.map_err(failed)?);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            for column in 0..keys.columns {
                keys.texts.push_str(row.get(column));
                // Four gigabytes of keys do not occur: there are at most a million.
                keys.ends.push(u32::try_from(keys.texts.len()).unwrap_or(u32::MAX));
            }
        }
        Ok(keys)
    }

    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.ends.len() / self.columns.max(1)
    }

    /// Returns one column of a key.
    pub(super) fn get(&self, key: usize, column: usize) -> &str {
        let at = key * self.columns + column;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.texts[start as usize..self.ends[at] as usize]
    }

    /// Returns the keys by the values of some of their columns, for foreign keys that share columns.
    pub(super) fn by_columns(&self, columns: &[usize]) -> HashMap<Vec<String>, Vec<u32>> {
        let mut index: HashMap<Vec<String>, Vec<u32>> = HashMap::new();
        for key in 0..self.len() {
            let values = columns.iter().map(|column| self.get(key, *column).to_owned()).collect();
            index.entry(values).or_default().push(u32::try_from(key).unwrap_or(u32::MAX));
        }
        index
    }
}
