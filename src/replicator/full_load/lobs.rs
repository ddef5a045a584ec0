//! The second half of full LOB mode: values are looked up after their rows were written.
//!
//! "In full LOB mode AWS DMS migrates all LOBs from source to target regardless of size. […] LOBs are migrated one at a
//! time, piece by piece" ("Setting LOB support for source databases in an AWS DMS task"). Here they are looked up later
//! than their rows as well, in parts of bounded memory, and a row that has disappeared meanwhile keeps NULL.

use tokio_postgres::Client;

use super::copy::{CopyError, Parts, copy};
use crate::catalog::Table;
use crate::model::TableName;
use crate::sql::{ident, ident_list, qualified};

/// How many rows are updated in a transaction of the target.
const PART: u64 = 1000;

/// Returns the condition for a value that is not transferred with its row.
pub fn is_large(column: &str, inline_kilobytes: u32) -> String {
    let name = ident(column);
    match inline_kilobytes {
        0 => format!("{name} IS NOT NULL"),
        // "performs an inline transfer for the LOBs that are smaller than InlineLobMaxSize".
        size => format!("octet_length({name}::text) > {}", u64::from(size) * 1024),
    }
}

/// Looks up the values of some columns and writes them into rows that exist.
///
/// *Assumptions*: The table has a key.
pub async fn update(
    source: &Client,
    target: &Client,
    table: &Table,
    target_name: &TableName,
    columns: &[&str],
    inline_kilobytes: u32,
    mut goes_on: impl FnMut() -> bool,
) -> Result<(), CopyError> {
    let Some(key) = table.key() else { return Ok(()) };
    let key: Vec<&str> = key.iter().map(String::as_str).collect();
    let all = ident_list(key.iter().chain(columns).copied());
    let large: Vec<String> = columns.iter().map(|column| is_large(column, inline_kilobytes)).collect();
    let query = format!("SELECT {all} FROM {} WHERE {}", qualified(&table.name), large.join(" OR "));
    let name = qualified(target_name);
    let is_same: Vec<String> = key.iter().map(|one| format!("t.{0} = l.{0}", ident(one))).collect();
    let set: Vec<String> = columns.iter().map(|one| format!("{0} = l.{0}", ident(one))).collect();
    // The parts gather in a table of the session, whose trigger-free rows are moved when a part is complete.
    let create = format!("CREATE TEMP TABLE awsdms_lobs AS SELECT {all} FROM {name} LIMIT 0");
    let apply = format!("UPDATE {name} t SET {} FROM awsdms_lobs l WHERE {}", set.join(", "), is_same.join(" AND "));
    target.batch_execute(&create).await.map_err(CopyError::Target)?;
    let parts = Parts { rows: PART, bytes: 64 << 20 };
    copy(source, &query, target, &format!("awsdms_lobs ({all})"), parts, |_| goes_on()).await?;
    let moved = format!("{apply}; DROP TABLE awsdms_lobs");
    target.batch_execute(&moved).await.map_err(CopyError::Target)
}
