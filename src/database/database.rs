//! A connection of the caller, with the name that the caller gives to its side.

use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row};

use crate::error::{Error, SqlError};

/// The values of a statement.
pub(crate) type Values<'v> = &'v [&'v (dyn ToSql + Sync)];

/// A database: a connection, and a label such as `source` that errors name.
#[derive(Clone, Copy)]
pub struct Database<'a> {
    label: &'a str,
    client: &'a Client,
}

impl std::fmt::Debug for Database<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Database").field("label", &self.label).finish_non_exhaustive()
    }
}

impl<'a> Database<'a> {
    /// Names a connection.
    pub fn new(label: &'a str, client: &'a Client) -> Self {
        Self { label, client }
    }

    /// Returns the label.
    pub fn label(&self) -> &'a str {
        self.label
    }

    /// Runs a query. `what` completes the sentence "could not … in the source database".
    pub(crate) async fn query(
        self,
        what: &'static str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Vec<Answer<'a>>, Error> {
        let rows = self.client.query(sql, values).await.map_err(|error| self.failed(what, &error))?;
        Ok(rows.into_iter().map(|row| Answer { row, what, side: self.label }).collect())
    }

    /// Runs a query that returns one row.
    pub(crate) async fn query_one(
        self,
        what: &'static str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Answer<'a>, Error> {
        let row = self.client.query_one(sql, values).await.map_err(|error| self.failed(what, &error))?;
        Ok(Answer { row, what, side: self.label })
    }

    /// Runs statements that return no rows. Without `BEGIN` among them, they are one transaction ("Multiple Statements
    /// in a Simple Query", PostgreSQL documentation).
    pub(crate) async fn run(self, what: &str, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await.map_err(|error| self.failed(what, &error))
    }

    /// Returns the error for a refused statement.
    pub(crate) fn failed(self, what: &str, error: &tokio_postgres::Error) -> Error {
        failed(what, self.label, error)
    }
}

/// A row of an answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    row: Row,
    what: &'static str,
    side: &'a str,
}

impl Answer<'_> {
    /// Returns a value.
    pub(crate) fn get<'r, T: FromSql<'r>>(&'r self, at: usize) -> Result<T, Error> {
        self.row.try_get(at).map_err(|error| failed(self.what, self.side, &error))
    }

    /// Returns a count, a size or another number that is not negative.
    pub(crate) fn number(&self, at: usize) -> Result<u64, Error> {
        Ok(u64::try_from(self.get::<i64>(at)?).unwrap_or(0))
    }
}

fn failed(what: &str, side: &str, error: &tokio_postgres::Error) -> Error {
    Error::Sql { what: what.to_owned(), side: side.to_owned(), source: SqlError::of(error) }
}
