//! Values that end early on the target: in limited LOB mode, DMS truncates what is larger than the maximum size
//! ("Setting LOB support for source databases in an AWS DMS task", AWS DMS user guide).

use std::collections::HashMap;

use infra_compare::TableResult;
use infra_postgres::ConnectionInfo;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::lookup::Lookup;
use crate::catalog::{self, Shape, Table};
use crate::error::Error;
use crate::session::{self, quoted};

/// A column with truncated values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruncatedColumn {
    /// The table as `schema.table`.
    pub table: String,
    /// The column.
    pub column: String,
    /// The number of truncated values among the differing rows that were examined.
    pub rows: u64,
    /// The longest value on the target, in characters.
    pub longest: u64,
    /// The key of one row.
    pub example: String,
}

/// The number of rows that are read at once: their values are large.
const ROWS: usize = 20;

/// Searches the rows that differ.
pub(super) async fn find(
    source: &ConnectionInfo,
    target: &ConnectionInfo,
    tables: &[TableResult],
) -> Result<Vec<TruncatedColumn>, Error> {
    let mut columns = Vec::new();
    let candidates: Vec<&TableResult> = tables.iter().filter(|table| !table.rows.differing_keys.is_empty()).collect();
    if candidates.is_empty() {
        return Ok(columns);
    }
    let (source, target) = (session::open(source).await?, session::open(target).await?);
    let (source_tables, target_tables) = (catalog::read(&source).await?, catalog::read(&target).await?);
    for result in candidates {
        let of = |tables: &'_ [Table]| {
            tables.iter().position(|table| table.id.schema == result.schema && table.id.name == result.table)
        };
        let (Some(here), Some(there)) = (of(&source_tables), of(&target_tables)) else { continue };
        let (here, there) = (&source_tables[here], &target_tables[there]);
        let names: Vec<&str> = here
            .columns
            .iter()
            .filter(|column| is_text(&column.kind.shape) && there.position(&column.name).is_some())
            .map(|column| column.name.as_str())
            .collect();
        let mut found: HashMap<&str, TruncatedColumn> = HashMap::new();
        for keys in result.rows.differing_keys.chunks(ROWS) {
            let keys: Vec<Vec<&str>> = keys.iter().map(|key| key.0.iter().map(String::as_str).collect()).collect();
            let key_columns = &result.rows.key_columns;
            let full = values(&source, here, key_columns, &names, &keys).await?;
            let cut = values(&target, there, key_columns, &names, &keys).await?;
            for ((at, column), text) in full {
                let Some(other) = cut.get(&(at, column)) else { continue };
                if other.is_empty() || other.len() >= text.len() || !text.starts_with(other.as_str()) {
                    continue;
                }
                let entry = found.entry(names[column]).or_insert_with(|| TruncatedColumn {
                    table: here.id.to_string(),
                    column: names[column].to_owned(),
                    rows: 0,
                    longest: 0,
                    example: keys[at].join(", "),
                });
                entry.rows += 1;
                entry.longest = entry.longest.max(other.chars().count() as u64);
            }
        }
        columns.extend(found.into_values());
    }
    columns.sort_by(|a, b| (&a.table, &a.column).cmp(&(&b.table, &b.column)));
    Ok(columns)
}

/// Reads the texts of some columns, by the positions of the key and of the column. NULL is left out.
async fn values(
    client: &Client,
    table: &Table,
    key: &[String],
    columns: &[&str],
    keys: &[Vec<&str>],
) -> Result<HashMap<(usize, usize), String>, Error> {
    let mut values = HashMap::new();
    let texts: Vec<String> = columns.iter().map(|name| format!("t.{}::text", quoted(name))).collect();
    if texts.is_empty() {
        return Ok(values);
    }
    if let Some(lookup) = Lookup::new(table, key, &texts.join(", ")) {
        let read = |at: usize, row: &tokio_postgres::Row| {
            for column in 0..columns.len() {
                if let Some(text) = row.get::<_, Option<String>>(column + 1) {
                    values.insert((at, column), text);
                }
            }
        };
        lookup.run(client, keys.iter().cloned(), read).await?;
    }
    Ok(values)
}

/// Returns whether values of a type can be large.
fn is_text(shape: &Shape) -> bool {
    match shape {
        Shape::Base(name, _) => {
            ["text", "varchar", "bpchar", "bytea", "json", "jsonb", "xml", "citext"].contains(&name.as_str())
        }
        Shape::Array(_) => true,
        Shape::Enum(_) | Shape::Composite(_) | Shape::Range(_) | Shape::Multirange(_) => false,
    }
}
