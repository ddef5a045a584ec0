//! The session on the target.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio_postgres::Client;

use super::error::ApplyError;
use super::statement::Statement;
use super::text::Text;

/// How many statements are under way at once.
const PIPELINE: usize = 256;

/// A client with a cache of prepared statements, and the state of its transaction.
pub(super) struct Session {
    client: Client,
    prepared: HashMap<Arc<str>, tokio_postgres::Statement>,
    order: VecDeque<Arc<str>>,
    cache: usize,
    /// Whether a transaction may be open. It is set before `BEGIN`, because the caller may stop waiting at any time.
    open: bool,
}

/// Wraps an error of the environment.
pub(super) fn environment(operation: &'static str) -> impl Fn(tokio_postgres::Error) -> ApplyError {
    move |source| ApplyError::Environment { operation, source }
}

impl Session {
    pub fn new(client: Client, cache: usize) -> Self {
        Self { client, prepared: HashMap::new(), order: VecDeque::new(), cache, open: false }
    }

    /// Begins a transaction, after the end of one that was left open.
    pub async fn begin(&mut self) -> Result<(), ApplyError> {
        if self.open {
            self.rollback().await?;
        }
        self.open = true;
        // The values of the source are printed in these styles. Constraints are checked at once, because "AWS DMS does
        // not support Deferred Constraints".
        let begin = "BEGIN; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; \
                     SET LOCAL timezone = 'UTC'; SET CONSTRAINTS ALL IMMEDIATE";
        self.command(begin, "begin a transaction").await
    }

    pub async fn commit(&mut self) -> Result<(), ApplyError> {
        self.command("COMMIT", "commit a transaction").await?;
        self.open = false;
        Ok(())
    }

    pub async fn rollback(&mut self) -> Result<(), ApplyError> {
        self.command("ROLLBACK", "roll back a transaction").await?;
        self.open = false;
        Ok(())
    }

    /// Runs a command without parameters.
    pub async fn command(&self, sql: &str, operation: &'static str) -> Result<(), ApplyError> {
        self.client.batch_execute(sql).await.map_err(environment(operation))
    }

    /// Runs one statement and returns the number of affected rows.
    pub async fn execute(&mut self, statement: &Statement) -> Result<u64, tokio_postgres::Error> {
        let prepared = self.prepared(&statement.sql).await?;
        self.client.execute_raw(&prepared, statement.values.iter().map(|value| Text(value.as_deref()))).await
    }

    /// Runs statements in their order without waiting for each, and returns the numbers of affected rows.
    ///
    /// # Errors
    /// Returns the first error. The statements after it have failed too, because the transaction has.
    pub async fn execute_all(&mut self, statements: &[Statement]) -> Result<Vec<u64>, tokio_postgres::Error> {
        let mut affected = Vec::with_capacity(statements.len());
        for part in statements.chunks(PIPELINE) {
            let mut prepared = Vec::with_capacity(part.len());
            for statement in part {
                prepared.push(self.prepared(&statement.sql).await?);
            }
            let mut running = Vec::with_capacity(part.len());
            for (statement, prepared) in part.iter().zip(&prepared) {
                let values = statement.values.iter().map(|value| Text(value.as_deref()));
                let mut future: Pin<Box<_>> = Box::pin(self.client.execute_raw(prepared, values));
                // The first poll sends the statement.
                match futures::poll!(future.as_mut()) {
                    Poll::Ready(result) => running.push(Err(result?)),
                    Poll::Pending => running.push(Ok(future)),
                }
            }
            for statement in running {
                affected.push(match statement {
                    Ok(future) => future.await?,
                    Err(rows) => rows,
                });
            }
        }
        Ok(affected)
    }

    /// Ends the session as an administrator would.
    pub async fn terminate(&self) -> Result<(), ApplyError> {
        self.command("SELECT pg_terminate_backend(pg_backend_pid())", "apply a change").await
    }

    async fn prepared(&mut self, sql: &Arc<str>) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
        if let Some(prepared) = self.prepared.get(sql) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(sql).await?;
        if self.order.len() >= self.cache
            && let Some(oldest) = self.order.pop_front()
        {
            self.prepared.remove(&oldest);
        }
        self.order.push_back(sql.clone());
        self.prepared.insert(sql.clone(), prepared.clone());
        Ok(prepared)
    }
}
