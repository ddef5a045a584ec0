//! What clients ask for and what a task of the service does with it.

mod payments;
mod request;
mod row_requests;
mod statements;
mod user_rows;

use fastrand::Rng;
use infra_postgres::ConnectionInfo;
use tokio_postgres::Error as SqlError;

pub(crate) use request::{Memory, Performed, Request};
pub use user_rows::SkippedTable;

use crate::connection::Connection;
use crate::error::Error;
use crate::ledger::RecordedTable;
use payments::Payments;
use user_rows::UserRows;

/// The application: the built-in payment system, or rows of the user's tables.
#[derive(Debug)]
pub struct Application {
    inner: Inner,
    tables: Vec<RecordedTable>,
}

#[derive(Debug)]
enum Inner {
    Payments(Payments),
    Rows(UserRows),
}

impl Application {
    /// Prepares the built-in payment system, from the database that has its schema and data.
    pub async fn payments(connection: &ConnectionInfo) -> Result<Self, Error> {
        let (payments, tables) = Payments::read(connection).await?;
        Ok(Self { inner: Inner::Payments(payments), tables })
    }

    /// Prepares generated rows for the tables of the user that have a primary key. Tables that cannot be written to are
    /// skipped, see [`Application::skipped`].
    ///
    /// # Errors
    /// No table can be written to.
    pub async fn rows(connection: &ConnectionInfo, seed: u64) -> Result<Self, Error> {
        let (rows, tables) = UserRows::read(connection, seed).await?;
        Ok(Self { inner: Inner::Rows(rows), tables })
    }

    /// Returns the tables that writers do not write to, with the reasons.
    pub fn skipped(&self) -> &[SkippedTable] {
        match &self.inner {
            Inner::Payments(_) => &[],
            Inner::Rows(rows) => &rows.skipped,
        }
    }

    /// Returns the tables to which the entries of the ledger refer.
    pub(crate) fn tables(&self) -> &[RecordedTable] {
        &self.tables
    }

    /// Returns the next request of a client.
    pub(crate) fn next(&self, memory: &mut Memory, rng: &mut Rng) -> Result<Request, Error> {
        match &self.inner {
            Inner::Payments(payments) => Ok(payments.next(memory, rng)),
            Inner::Rows(rows) => rows.next(memory, rng),
        }
    }

    /// Takes note of an acknowledgement: what was acknowledged can be captured, refunded or changed later.
    pub(crate) fn remember(&self, memory: &mut Memory, request: &Request, done: &Performed) {
        match &self.inner {
            Inner::Payments(_) => Payments::remember(memory, request),
            Inner::Rows(_) => UserRows::remember(memory, request, done),
        }
    }

    /// Does what a request asks for, in one transaction.
    pub(crate) async fn perform(&self, connection: &mut Connection, request: &Request) -> Result<Performed, SqlError> {
        match &self.inner {
            Inner::Payments(payments) => payments.perform(connection, request).await,
            Inner::Rows(rows) => rows.perform(connection, request).await,
        }
    }
}
