//! Fills the tables of a database with generated rows, through `COPY`.

use std::io::Cursor;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::SinkExt;
use futures::future::try_join;
use infra_postgres::ConnectionInfo;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::order;
use super::rows::{Purpose, Row, Rows};
use crate::builtin;
use crate::catalog;
use crate::error::{Error, describe};
use crate::session::{self, quoted};

/// What to fill.
#[derive(Clone, Debug)]
pub struct Fill {
    /// The number of rows of each main table. In the built-in schema, these are the payments; in another schema, every
    /// table is one.
    pub rows: u64,
    /// The seed: the same seed generates the same rows.
    pub seed: u64,
    /// Whether the schema is the built-in one, whose other tables have proportions of their own.
    pub builtin: bool,
}

/// A table that was filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilledTable {
    /// The table as `schema.table`.
    pub table: String,
    /// The number of rows that were written.
    pub rows: u64,
    /// Why it is not the number that was asked for: the constraint allows no more.
    pub limited_by: Option<String>,
}

/// The number of rows from which on two connections write a table.
const PARALLEL: u64 = 50_000;
/// The size of one message with rows.
const CHUNK: usize = 256 * 1024;

/// Fills all tables. `progress` is called with a table and the number of its rows so far.
///
/// # Errors
/// What cannot be generated is named with table, column and constraint.
pub async fn fill(
    connection: &ConnectionInfo,
    what: &Fill,
    progress: &(dyn Fn(&str, u64) + Send + Sync),
) -> Result<Vec<FilledTable>, Error> {
    let client = session::open(connection).await?;
    let mut filled = Vec::new();
    for table in order::ordered(catalog::read(&client).await?)? {
        let wanted = if what.builtin { builtin::share(&table.id.name, what.rows) } else { what.rows };
        if wanted == 0 {
            continue;
        }
        let purpose = Purpose { seed: what.seed, rows: wanted, salt: String::new(), keys: usize::MAX };
        let rows = Rows::plan(&client, Arc::clone(&table), &purpose).await?;
        let limit = rows.limit.as_ref().filter(|(limit, _)| *limit < wanted);
        let count = limit.map_or(wanted, |(limit, _)| *limit);
        let name = table.id.to_string();
        // The triggers of the built-in schema only insert, so that two connections do not wait for each other. Numbers
        // that the server assigns must not depend on which of them is faster.
        let is_assigned = table.columns.iter().any(|column| column.is_assigned);
        let done = AtomicU64::new(0);
        let report = |rows: u64| progress(&name, done.fetch_add(rows, Ordering::Relaxed) + rows);
        if what.builtin && !is_assigned && count >= PARALLEL {
            let second = session::open(connection).await?;
            let half = count / 2;
            try_join(copy(&client, &rows, 0..half, &report), copy(&second, &rows, half..count, &report)).await?;
        } else {
            copy(&client, &rows, 0..count, &report).await?;
        }
        filled.push(FilledTable {
            table: name,
            rows: count,
            limited_by: limit.map(|(_, constraint)| constraint.clone()),
        });
    }
    if what.builtin {
        let failed = |error: tokio_postgres::Error| Error::database("set the balances of the accounts", &error);
        client.batch_execute(builtin::BALANCE).await.map_err(failed)?;
    }
    let failed = |error: tokio_postgres::Error| Error::database("collect the statistics of the tables", &error);
    client.batch_execute("ANALYZE").await.map_err(failed)?;
    Ok(filled)
}

/// Writes rows into a table. `progress` is called with the number of further rows.
async fn copy(client: &Client, rows: &Rows, numbers: Range<u64>, progress: &(dyn Fn(u64) + Sync)) -> Result<(), Error> {
    let table = rows.table.id.to_string();
    let failed = |error: tokio_postgres::Error| failure(&table, &error);
    if rows.written.is_empty() {
        // Every column is assigned by the server: there is none that `COPY` could name.
        let insert = format!("INSERT INTO {} DEFAULT VALUES", rows.table.id.sql());
        let sql =
            format!("DO $fill$ BEGIN FOR i IN 1..{} LOOP {insert}; END LOOP; END $fill$", numbers.end - numbers.start);
        return client.batch_execute(&sql).await.map_err(failed);
    }
    let columns: Vec<String> = rows.written.iter().map(|at| quoted(&rows.table.columns[*at].name)).collect();
    let sql = format!("COPY {} ({}) FROM STDIN", rows.table.id.sql(), columns.join(", "));
    let mut sink = pin!(client.copy_in::<_, Cursor<Vec<u8>>>(&sql).await.map_err(failed)?);
    let mut chunk = Vec::with_capacity(CHUNK + CHUNK / 2);
    let mut reported = numbers.start;
    for number in numbers.clone() {
        write_row(&mut chunk, &rows.row(number)?, &rows.written);
        if chunk.len() >= CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK + CHUNK / 2));
            if let Err(error) = sink.send(Cursor::new(full)).await {
                // The server has answered already; the answer is the reason why it reads no more.
                return Err(sink.finish().await.err().map_or_else(|| failed(error), |answer| failure(&table, &answer)));
            }
            progress(number + 1 - reported);
            reported = number + 1;
        }
    }
    let sent = sink.send(Cursor::new(chunk)).await;
    sink.finish().await.map_err(failed)?;
    sent.map_err(failed)?;
    progress(numbers.end - reported);
    Ok(())
}

/// Writes a row in the text format of `COPY` ("COPY", PostgreSQL documentation, File Formats).
fn write_row(buffer: &mut Vec<u8>, row: &Row, columns: &[usize]) {
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            buffer.push(b'\t');
        }
        match &row[*column] {
            None => buffer.extend_from_slice(b"\\N"),
            Some(text) => {
                for byte in text.bytes() {
                    match byte {
                        b'\\' => buffer.extend_from_slice(b"\\\\"),
                        b'\n' => buffer.extend_from_slice(b"\\n"),
                        b'\r' => buffer.extend_from_slice(b"\\r"),
                        b'\t' => buffer.extend_from_slice(b"\\t"),
                        other => buffer.push(other),
                    }
                }
            }
        }
    }
    buffer.push(b'\n');
}

fn failure(table: &str, error: &tokio_postgres::Error) -> Error {
    let answer = error.as_db_error();
    let name = |name: Option<&str>| name.map(str::to_owned);
    Error::Generate {
        table: table.to_owned(),
        column: name(answer.and_then(tokio_postgres::error::DbError::column)),
        constraint: name(answer.and_then(tokio_postgres::error::DbError::constraint)),
        reason: format!("the server refuses generated rows: {}", describe(error)),
    }
}
