//! Loads one table.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tokio_postgres::Client;

use super::copy::{CopyError, Parts, copy};
use super::create::{late_columns, prepare};
use super::lobs;
use crate::apply::{Action, Fault, Faults, Policies};
use crate::catalog::Table;
use crate::checkpoint::Boundary;
use crate::failure::{Failure, is_environmental, text};
use crate::model::TableName;
use crate::observer::{LogLine, Observer, Severity};
use crate::report::{SharedReport, TableState};
use crate::settings::{LobMode, Settings};
use crate::sql::{ident, qualified};
use crate::types::{Rules, Transfer};

/// How the load of a table ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All rows are loaded.
    Loaded,
    /// The table is in an error state; other tables continue.
    Failed(String),
    /// The task was stopped.
    Stopped,
}

/// Loads tables.
pub struct Loader<'a> {
    /// The settings of the task.
    pub settings: &'a Settings,
    /// What happens to values.
    pub rules: Rules,
    /// What happens after errors.
    pub policies: &'a Policies,
    /// `FailTasksOnLobTruncation`
    pub fail_on_lob_truncation: bool,
    /// The size of a part, in bytes.
    pub part_bytes: u64,
    /// Shows the progress.
    pub report: &'a SharedReport,
    /// Receives the task log.
    pub observer: &'a dyn Observer,
    /// Causes faults.
    pub faults: &'a dyn Faults,
    /// Ends the load.
    pub stop: &'a AtomicBool,
}

/// Why a table is not loaded.
enum LoadError {
    Table(String),
    Task(Failure),
    Stopped,
}

impl From<Failure> for LoadError {
    fn from(failure: Failure) -> Self {
        Self::Task(failure)
    }
}

impl Loader<'_> {
    /// Loads a table with two connections that nobody else uses.
    ///
    /// *Errors*: A failure of the environment, or one for which the policies stop the task. An error of the table is an
    /// outcome.
    pub async fn load(
        &self,
        source: &Client,
        target: &Client,
        table: &Table,
        target_name: &TableName,
        began: impl FnOnce(Boundary) + Send,
    ) -> Result<Outcome, Failure> {
        self.report.update_table(&table.name, |report| {
            report.state = TableState::FullLoad;
            (report.load_started, report.load_ended) = (Some(SystemTime::now()), None);
            (report.full_load_rows, report.full_load_error_rows, report.error) = (0, 0, None);
        });
        let result = self.try_load(source, target, table, target_name, began).await;
        match result {
            Ok(()) => {
                self.report.update_table(&table.name, |report| {
                    report.state = TableState::Completed;
                    report.load_ended = Some(SystemTime::now());
                });
                self.log(Severity::Info, "TASK_MANAGER", format!("Table {} was loaded", qualified(&table.name)));
                Ok(Outcome::Loaded)
            }
            Err(LoadError::Stopped) => {
                self.report.update_table(&table.name, |report| report.state = TableState::Cancelled);
                Ok(Outcome::Stopped)
            }
            Err(LoadError::Task(failure)) => Err(failure),
            Err(LoadError::Table(reason)) => {
                self.report.update_table(&table.name, |report| {
                    report.state = TableState::Error;
                    report.error = Some(reason.clone());
                    report.full_load_error_rows += 1;
                });
                let text = format!("Table {} was errored/suspended: {reason}", qualified(&table.name));
                self.log(Severity::Error, "TASK_MANAGER", text.clone());
                // "TableErrorPolicy – Determines the action AWS DMS takes when an error occurs when processing data or
                // metadata for a specific table."
                match self.policies.table_error {
                    Action::StopTask => Err(Failure::fatal(text)),
                    _ => Ok(Outcome::Failed(reason)),
                }
            }
        }
    }

    async fn try_load(
        &self,
        source: &Client,
        target: &Client,
        table: &Table,
        target_name: &TableName,
        began: impl FnOnce(Boundary) + Send,
    ) -> Result<(), LoadError> {
        let from_source = |error: tokio_postgres::Error| of_table(&error, "Failed to read from the source table");
        let from_target = |error: tokio_postgres::Error| of_table(&error, "Failed to prepare the target table");
        let snapshot = source.query_one("SELECT pg_catalog.pg_current_snapshot()::text", &[]).await;
        let snapshot: String = snapshot.and_then(|row| row.try_get(0)).map_err(from_source)?;
        let boundary = Boundary::parse(&snapshot)
            .ok_or_else(|| LoadError::Table("the source returned an unknown snapshot".to_owned()))?;
        began(boundary);
        refuse_arrays_without_key(table)?;
        match self.faults.before_apply(&table.name) {
            Fault::None => {}
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Table(reason) => return Err(LoadError::Table(reason)),
            Fault::Disconnect => return Err(LoadError::Task(Failure::recoverable("The target ended the session"))),
        }
        let full_load = &self.settings.full_load;
        let (preparation, late_key) = (full_load.preparation, full_load.key_after_load);
        let prepared =
            prepare(target, table, target_name, &self.rules, preparation, late_key).await.map_err(from_target)?;
        self.copy_rows(source, target, table, target_name).await?;
        let late = late_columns(table, &self.rules);
        if let (LobMode::Full { inline }, false, Some(_)) = (self.rules.lobs, late.is_empty(), table.key()) {
            let goes_on = || !self.stop.load(Ordering::Relaxed);
            let updated = lobs::update(source, target, table, target_name, &late, inline, goes_on).await;
            updated.map_err(|error| copy_error(&error))?;
        }
        if let Some(statement) = prepared.key {
            target.batch_execute(&statement).await.map_err(from_target)?;
        }
        Ok(())
    }

    async fn copy_rows(
        &self,
        source: &Client,
        target: &Client,
        table: &Table,
        target_name: &TableName,
    ) -> Result<(), LoadError> {
        let from_source = |error: tokio_postgres::Error| of_table(&error, "Failed to read from the source table");
        let counts = self.truncations(table);
        // The count of truncated values and the rows are of one snapshot.
        source.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(from_source)?;
        if !counts.is_empty() {
            let list: Vec<String> =
                counts.iter().map(|(_, condition)| format!("count(*) FILTER (WHERE {condition})")).collect();
            let query = format!("SELECT {} FROM {}", list.join(", "), qualified(&table.name));
            let row = source.query_one(&query, &[]).await.map_err(from_source)?;
            for (at, (column, _)) in counts.iter().enumerate() {
                let truncated: i64 = row.try_get(at).map_err(from_source)?;
                if truncated > 0 {
                    self.on_truncation(table, column, truncated)?;
                }
            }
        }
        let parts = Parts { rows: self.settings.full_load.commit_rate, bytes: self.part_bytes };
        let (query, columns) = self.query(table);
        let into = format!("{} ({columns})", qualified(target_name));
        copy(source, &query, target, &into, parts, |rows| {
            self.report.update_table(&table.name, |report| report.full_load_rows += rows);
            !self.stop.load(Ordering::Relaxed)
        })
        .await
        .map_err(|error| copy_error(&error))?;
        source.batch_execute("COMMIT").await.map_err(from_source)
    }

    /// Returns the query that reads the rows, and the columns that it fills.
    fn query(&self, table: &Table) -> (String, String) {
        let late = late_columns(table, &self.rules);
        let mut expressions = Vec::new();
        for column in &table.columns {
            let is_key = table.key().is_some_and(|key| key.contains(&column.name));
            let expression = match self.rules.transfer(column) {
                // A key is never a LOB: rows could not be found by it.
                Transfer::Lob(_) if is_key => ident(&column.name),
                _ => self.rules.expression(column),
            };
            expressions.push(match self.rules.lobs {
                LobMode::Full { inline } if late.contains(&column.name.as_str()) => {
                    // "Full LOB capability" needs "a Primary Key/Unique Index" ("Limitations"): without one, large
                    // values stay NULL.
                    match inline {
                        0 => "NULL".to_owned(),
                        inline => format!(
                            "CASE WHEN {} THEN NULL ELSE {expression} END",
                            lobs::is_large(&column.name, inline)
                        ),
                    }
                }
                _ => expression,
            });
        }
        let columns: Vec<String> = table.columns.iter().map(|column| ident(&column.name)).collect();
        (format!("SELECT {} FROM {}", expressions.join(", "), qualified(&table.name)), columns.join(", "))
    }

    fn truncations<'t>(&self, table: &'t Table) -> Vec<(&'t crate::catalog::Column, String)> {
        table.columns.iter().filter_map(|column| Some((column, self.rules.truncates(column)?))).collect()
    }

    fn on_truncation(&self, table: &Table, column: &crate::catalog::Column, count: i64) -> Result<(), LoadError> {
        let is_lob = matches!(self.rules.transfer(column), Transfer::Lob(_));
        let text = format!(
            "{count} values of the column {} of the table {} were truncated to the maximum size",
            ident(&column.name),
            qualified(&table.name)
        );
        // "If task is set to Limited LOB mode and this option is set to true, the task fails instead of truncating the
        // LOB data" (`FailTasksOnLobTruncation`).
        if is_lob && self.fail_on_lob_truncation {
            return Err(LoadError::Task(Failure::fatal(format!(
                "The size of a LOB value of the column {} of the table {} is greater than LobMaxSize",
                ident(&column.name),
                qualified(&table.name)
            ))));
        }
        self.log(Severity::Warning, "SOURCE_UNLOAD", text.clone());
        // "LOBs that exceed the maximum LOB size are truncated, and a warning is issued to the log file" ("Setting LOB
        // support …"). Other values follow `DataTruncationErrorPolicy`.
        match self.policies.data_truncation {
            _ if is_lob => Ok(()),
            Action::SuspendTable => Err(LoadError::Table(text)),
            Action::StopTask => Err(LoadError::Task(Failure::fatal(text))),
            _ => Ok(()),
        }
    }

    fn log(&self, severity: Severity, component: &'static str, text: String) {
        self.observer.log(LogLine { severity, component, text });
    }
}

/// An error of the server about the table concerns the table; everything else concerns the task.
fn of_table(error: &tokio_postgres::Error, what: &str) -> LoadError {
    if is_environmental(error) {
        LoadError::Task(Failure::of(what, error))
    } else {
        LoadError::Table(format!("{what}: {}", without_values(error)))
    }
}

fn copy_error(error: &CopyError) -> LoadError {
    match error {
        CopyError::Source(error) => of_table(error, "Failed to read from the source table"),
        CopyError::Target(error) => of_table(error, "Command failed to load data"),
        CopyError::Stopped => LoadError::Stopped,
    }
}

/// Returns the message of the server without its detail, which can contain values.
fn without_values(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(database) => format!("{}: {}", database.severity(), database.message()),
        None => text(error),
    }
}

/// "A table with an ARRAY data type must have a primary key. A table with an ARRAY data type missing a primary key
/// gets suspended during full load."
fn refuse_arrays_without_key(table: &Table) -> Result<(), LoadError> {
    match table.columns.iter().find(|column| column.is_array) {
        Some(column) if table.primary_key.is_empty() => Err(LoadError::Table(format!(
            "the column {} has an ARRAY data type, and the table has no primary key",
            ident(&column.name)
        ))),
        _ => Ok(()),
    }
}
