//! Applies the changes of a transaction one by one, each with a savepoint, and follows the policies.

use tokio_postgres::Client;

use super::classify::{self, classify};
use super::error::ApplyError;
use super::event::Event;
use super::exceptions;
use super::faults::Fault;
use super::options::Options;
use super::plan::{Item, Operation, Work};
use super::policy::{Action, Policies};
use super::session::{Session, environment};
use super::statement::{self, Cell, Match, Statement};
use super::text::Text;
use super::verdict::{Failure, State, decide};

/// What the application of one change needs.
pub(super) struct OneByOne<'a> {
    pub session: &'a mut Session,
    pub policies: &'a Policies,
    pub options: &'a Options,
    /// Where LOBs are looked up.
    pub source: Option<&'a Client>,
    /// Whether conflicts are ignored, because the change was cached during the load.
    pub ignores_conflicts: bool,
    /// What is known so far in this transaction.
    pub state: &'a mut State,
}

/// The end of an attempt to apply a change.
enum Outcome {
    /// The number of affected rows.
    Rows(u64),
    /// The target refused.
    Failed(Failure, String),
}

impl OneByOne<'_> {
    /// Applies a change in the open transaction.
    ///
    /// # Errors
    /// Returns an error if the environment failed or a policy stops the task. The transaction must be rolled back.
    pub async fn apply(&mut self, item: &Item) -> Result<(), ApplyError> {
        self.state.captured(item);
        if self.state.is_suspended(item) {
            self.state.discarded(item);
            return Ok(());
        }
        match &item.fault {
            Fault::None => {}
            Fault::Delay(delay) => tokio::time::sleep(*delay).await,
            Fault::Table(reason) => return self.failed(item, Failure::Table, reason.clone()).await,
            Fault::Disconnect => self.session.terminate().await?,
        }
        if item.operation == Operation::Truncate && self.policies.fail_on_truncation {
            return Err(ApplyError::Truncation { table: item.source().clone() });
        }
        if let (Some(column), true) = (item.truncated.first(), self.options.fail_on_lob_truncation) {
            return Err(ApplyError::LobTruncated { table: item.source().clone(), column: column.clone() });
        }
        match &item.work {
            Work::Ignored(ignored) => {
                self.state.ignored(item, *ignored);
                return Ok(());
            }
            Work::Bad { reason, .. } => return self.failed(item, Failure::Data, reason.clone()).await,
            Work::Insert(_) | Work::Update { .. } | Work::Delete(_) | Work::Truncate => {}
        }
        let Some(statement) = item.statement() else { return Ok(()) };
        match self.attempt(&statement, item.operation).await? {
            Outcome::Rows(0) if matches!(item.operation, Operation::Update | Operation::Delete) => {
                self.failed(item, Failure::Conflict(item.operation), "0 rows affected".to_owned()).await
            }
            Outcome::Rows(_) => {
                self.state.applied(item);
                self.copy_lobs(item).await
            }
            Outcome::Failed(failure, reason) => self.failed(item, failure, reason).await,
        }
    }

    async fn attempt(&mut self, statement: &Statement, operation: Operation) -> Result<Outcome, ApplyError> {
        self.session.command("SAVEPOINT change", "apply a change").await?;
        match self.session.execute(statement).await {
            Ok(rows) => {
                self.session.command("RELEASE SAVEPOINT change", "apply a change").await?;
                Ok(Outcome::Rows(rows))
            }
            Err(error) => {
                let Some(failure) = Failure::of(classify(&error), operation) else {
                    return Err(environment("apply a change")(error));
                };
                self.session.command("ROLLBACK TO SAVEPOINT change", "apply a change").await?;
                Ok(Outcome::Failed(failure, classify::describe(&error)))
            }
        }
    }

    /// Follows the policy for a failure.
    async fn failed(&mut self, item: &Item, failure: Failure, reason: String) -> Result<(), ApplyError> {
        // "Set this option to `true` to have AWS DMS ignore "zero rows affected" and "duplicates" errors when applying
        // cached events."
        if matches!(failure, Failure::Conflict(_)) && self.ignores_conflicts {
            return Ok(());
        }
        match decide(self.policies, self.state, item.source(), failure) {
            Action::IgnoreRecord => Ok(()),
            Action::LogError => self.log(item, &reason).await,
            Action::SuspendTable => {
                self.state.suspend(item.source(), reason);
                Ok(())
            }
            Action::StopTask => Err(ApplyError::Stopped { table: item.source().clone(), reason }),
            Action::Replace => self.replace(item, reason).await,
        }
    }

    /// Records a change that is not applied.
    async fn log(&mut self, item: &Item, reason: &str) -> Result<(), ApplyError> {
        let statement = match (&item.work, item.statement()) {
            (_, Some(statement)) => statement.with_values(),
            (Work::Bad { operation, .. }, None) => format!("{operation} {}", item.source()),
            (_, None) => String::new(),
        };
        let table = &item.table.route.target;
        let record = exceptions::record(&self.options.control_schema, &self.options.task, table, &statement, reason);
        self.session.execute(&record).await.map_err(environment("record an exception"))?;
        self.state.counters.of(item.source()).exceptions += 1;
        self.state.events.push(Event::Logged { table: item.source().clone(), error: reason.to_owned() });
        Ok(())
    }

    /// Follows the policy for a failure that replacing the row cannot repair.
    async fn settled(&mut self, item: &Item, failure: Failure, reason: String) -> Result<(), ApplyError> {
        match decide(self.policies, self.state, item.source(), failure) {
            Action::IgnoreRecord | Action::Replace => Ok(()),
            Action::LogError => self.log(item, &reason).await,
            Action::SuspendTable => {
                self.state.suspend(item.source(), reason);
                Ok(())
            }
            Action::StopTask => Err(ApplyError::Stopped { table: item.source().clone(), reason }),
        }
    }

    /// `INSERT_RECORD`: "If the insert fails due to a primary key conflict, it deletes the existing record and then
    /// inserts the new one." `UPDATE_RECORD`: "If the update fails due to a missing record on target, it run a delete
    /// for the failed record and then inserts the new one."
    async fn replace(&mut self, item: &Item, reason: String) -> Result<(), ApplyError> {
        let (row, found) = match &item.work {
            Work::Insert(row) => (row, key_of(item, row)),
            Work::Update { row, found, .. } => (row, Some(found.clone())),
            Work::Delete(_) | Work::Truncate | Work::Ignored(_) | Work::Bad { .. } => return Ok(()),
        };
        // Without a key there is nothing to replace by.
        let Some(found) = found else { return self.log(item, &reason).await };
        let delete = statement::delete(&item.table, &found);
        let insert = statement::insert(&item.table, row);
        for statement in [delete, insert] {
            if let Outcome::Failed(failure, reason) = self.attempt(&statement, item.operation).await? {
                // The row conflicts with another one. Replacing again would not help.
                let failure = if matches!(failure, Failure::Conflict(_)) { Failure::Data } else { failure };
                return self.settled(item, failure, reason).await;
            }
        }
        self.state.applied(item);
        self.copy_lobs(item).await
    }

    /// Looks up the LOBs of a row on the source as they are now, and sets them on the target.
    async fn copy_lobs(&mut self, item: &Item) -> Result<(), ApplyError> {
        let (Some(source), false) = (self.source, item.lookup.is_empty()) else { return Ok(()) };
        let key = match &item.work {
            Work::Update { found: Match::Key(key), .. } => Some(key.clone()),
            Work::Insert(row) => key_of(item, row).and_then(|found| match found {
                Match::Key(key) => Some(key),
                Match::Row(_) => None,
            }),
            _ => None,
        };
        let Some(key) = key else { return Ok(()) };
        let failed = |source| ApplyError::Lookup { table: item.source().clone(), source };
        // The columns of the key have their names on the source there.
        let named = |cell: &Cell| {
            let column = item.table.route.key.iter().find(|key| item.table.target_column(key) == Some(&cell.column));
            Cell { column: column.unwrap_or(&cell.column).clone(), value: cell.value.clone() }
        };
        let key_there: Vec<Cell> = key.iter().map(named).collect();
        let query = statement::lookup(&item.table, &item.lookup, &key_there);
        source.batch_execute("SET bytea_output = 'hex'").await.map_err(failed)?;
        let prepared = source.prepare(&query.sql).await.map_err(failed)?;
        let values: Vec<_> = query.values.iter().map(|value| Text(value.as_deref())).collect();
        let rows: Vec<tokio_postgres::Row> = {
            use futures::TryStreamExt;
            source.query_raw(&prepared, values).await.map_err(failed)?.try_collect().await.map_err(failed)?
        };
        // A row that is gone by now is deleted by a later change.
        let Some(row) = rows.first() else { return Ok(()) };
        let mut set = Vec::new();
        for (at, column) in item.lookup.iter().enumerate() {
            if let Some(column) = item.table.target_column(column) {
                set.push(Cell { column: column.to_owned(), value: row.try_get(at).map_err(failed)? });
            }
        }
        let update = statement::update(&item.table, &set, &Match::Key(key));
        match self.attempt(&update, Operation::Update).await? {
            Outcome::Rows(_) => Ok(()),
            Outcome::Failed(failure, reason) => self.settled(item, failure, reason).await,
        }
    }
}

/// Returns how a new row is found on the target by its primary key.
pub(super) fn key_of(item: &Item, row: &[Cell]) -> Option<Match> {
    let cell = |key: &String| {
        let column = item.table.target_column(key)?;
        row.iter().find(|cell| cell.column == column && cell.value.is_some()).cloned()
    };
    let key: Vec<Cell> = item.table.route.key.iter().map(cell).collect::<Option<_>>()?;
    (!key.is_empty()).then_some(Match::Key(key))
}
