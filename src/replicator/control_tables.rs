//! The control tables of DMS on the target.
//!
//! "Control table task settings" describes them; their columns have the types that DMS creates on PostgreSQL.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::failure::Failure;
use crate::model::{Lsn, TableName};
use crate::settings::ControlTables;
use crate::sql::ident;

/// The control tables of one task.
#[derive(Clone, Debug)]
pub struct Control {
    settings: ControlTables,
    server: String,
    task: String,
}

/// A row of `awsdms_validation_failures_v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationFailure {
    /// The table of the source.
    pub table: TableName,
    /// The key of the row, as JSON.
    pub key: String,
    /// `RECORD_DIFF`, `MISSING_SOURCE` or `MISSING_TARGET`.
    pub kind: &'static str,
    /// The columns that differ, as JSON.
    pub details: String,
}

impl Control {
    /// Names the task.
    pub fn new(settings: &ControlTables, server: &str, task: &str) -> Self {
        Self { settings: settings.clone(), server: server.to_owned(), task: task.to_owned() }
    }

    fn table(&self, name: &str) -> String {
        format!("{}.{}", ident(&self.settings.schema), ident(name))
    }

    /// Creates the tables that do not exist.
    ///
    /// "The Apply Exceptions table […] is always created on database targets"; the others "for full load and CDC […]
    /// and CDC only […] tasks" and if their settings ask for them.
    pub async fn create(&self, client: &Client, captures: bool, validates: bool) -> Result<(), Failure> {
        let mut statements = Vec::new();
        if self.settings.schema != "public" {
            statements.push(format!("CREATE SCHEMA IF NOT EXISTS {}", ident(&self.settings.schema)));
        }
        statements.push(format!(
            "CREATE TABLE IF NOT EXISTS {} (\"TASK_NAME\" varchar(128) NOT NULL, \"TABLE_OWNER\" varchar(128) NOT \
             NULL, \
             \"TABLE_NAME\" varchar(128) NOT NULL, \"ERROR_TIME\" timestamp NOT NULL, \"STATEMENT\" text NOT NULL, \
             \"ERROR\" text NOT NULL)",
            self.table("awsdms_apply_exceptions")
        ));
        if captures && self.settings.history {
            statements.push(format!(
                "CREATE TABLE IF NOT EXISTS {} (server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, \
                 timeslot_type varchar(32) NOT NULL, timeslot timestamp NOT NULL, timeslot_duration int8, \
                 timeslot_latency int8, timeslot_records int8, timeslot_volume int8)",
                self.table("awsdms_history")
            ));
        }
        if captures && self.settings.status {
            statements.push(format!(
                "CREATE TABLE IF NOT EXISTS {} (server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, \
                 task_status varchar(32), status_time timestamp, pending_changes int8, disk_swap_size int8, \
                 task_memory int8, source_current_position varchar(128), source_current_timestamp timestamp, \
                 source_tail_position varchar(128), source_tail_timestamp timestamp, \
                 source_timestamp_applied timestamp)",
                self.table("awsdms_status")
            ));
        }
        if captures && self.settings.suspended_tables {
            statements.push(format!(
                "CREATE TABLE IF NOT EXISTS {} (server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, \
                 table_owner varchar(128) NOT NULL, table_name varchar(128) NOT NULL, suspend_reason varchar(32), \
                 suspend_timestamp timestamp)",
                self.table("awsdms_suspended_tables")
            ));
        }
        if validates {
            statements.push(format!(
                "CREATE TABLE IF NOT EXISTS {} (\"TASK_NAME\" varchar(128) NOT NULL, \
                 \"TABLE_OWNER\" varchar(128) NOT NULL, \"TABLE_NAME\" varchar(128) NOT NULL, \
                 \"FAILURE_TIME\" timestamp NOT NULL, \"KEY_TYPE\" varchar(128) NOT NULL, \"KEY\" varchar(7800) \
                 NOT NULL, \
                 \"FAILURE_TYPE\" varchar(128) NOT NULL, \"DETAILS\" varchar(7800) NOT NULL)",
                self.table("awsdms_validation_failures_v1")
            ));
        }
        for statement in statements {
            match client.batch_execute(&statement).await {
                // Another task creates the same table at this moment.
                Err(error)
                    if error.code() == Some(&SqlState::UNIQUE_VIOLATION)
                        || error.code() == Some(&SqlState::DUPLICATE_TABLE) => {}
                other => other.map_err(|error| Failure::of("Failed to create a control table", &error))?,
            }
        }
        Ok(())
    }

    /// Records that a table is suspended.
    pub async fn suspended(&self, client: &Client, table: &TableName, reason: &str) -> Result<(), Failure> {
        if !self.settings.suspended_tables {
            return Ok(());
        }
        let reason: String = reason.chars().take(32).collect();
        let statement = format!(
            "INSERT INTO {0} SELECT $1, $2, $3, $4, $5, pg_catalog.now() AT TIME ZONE 'UTC' WHERE NOT EXISTS \
             (SELECT FROM {0} WHERE (server_name, task_name, table_owner, table_name) = ($1, $2, $3, $4))",
            self.table("awsdms_suspended_tables")
        );
        self.write(client, &statement, &[&self.server, &self.task, &table.schema, &table.name, &reason]).await
    }

    /// Removes the tables of a task that starts from the beginning from the list of suspended tables.
    pub async fn forget_suspended(&self, client: &Client) -> Result<(), Failure> {
        if !self.settings.suspended_tables {
            return Ok(());
        }
        let statement =
            format!("DELETE FROM {} WHERE server_name = $1 AND task_name = $2", self.table("awsdms_suspended_tables"));
        self.write(client, &statement, &[&self.server, &self.task]).await
    }

    /// Writes the current status: `task_status` is "FULL LOAD", "CHANGE PROCESSING" or "NOT RUNNING".
    pub async fn status(
        &self,
        client: &Client,
        status: &str,
        pending: u64,
        position: Option<Lsn>,
    ) -> Result<(), Failure> {
        if !self.settings.status {
            return Ok(());
        }
        let pending = i64::try_from(pending).unwrap_or(i64::MAX);
        let position = position.map(|lsn| lsn.to_string());
        let delete = format!("DELETE FROM {} WHERE server_name = $1 AND task_name = $2", self.table("awsdms_status"));
        self.write(client, &delete, &[&self.server, &self.task]).await?;
        let insert = format!(
            "INSERT INTO {} (server_name, task_name, task_status, status_time, pending_changes, disk_swap_size, \
             task_memory, source_current_position) \
             VALUES ($1, $2, $3, pg_catalog.now() AT TIME ZONE 'UTC', $4, 0, 0, $5)",
            self.table("awsdms_status")
        );
        self.write(client, &insert, &[&self.server, &self.task, &status, &pending, &position]).await
    }

    /// Adds a time slot to the history: `timeslot_type` is "FULL LOAD" or "CHANGE PROCESSING".
    pub async fn history(
        &self,
        client: &Client,
        kind: &str,
        latency: Option<u64>,
        records: u64,
    ) -> Result<(), Failure> {
        if !self.settings.history {
            return Ok(());
        }
        let minutes = i64::from(self.settings.history_minutes);
        let latency = latency.and_then(|seconds| i64::try_from(seconds).ok());
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        let statement = format!(
            "INSERT INTO {} VALUES ($1, $2, $3, pg_catalog.now() AT TIME ZONE 'UTC', $4, $5, $6, 0)",
            self.table("awsdms_history")
        );
        self.write(client, &statement, &[&self.server, &self.task, &kind, &minutes, &latency, &records]).await
    }

    /// Records a row that differs.
    pub async fn validation_failure(&self, client: &Client, failure: &ValidationFailure) -> Result<(), Failure> {
        let key: String = failure.key.chars().take(7800).collect();
        let details: String = failure.details.chars().take(7800).collect();
        let statement = format!(
            "INSERT INTO {} VALUES ($1, $2, $3, pg_catalog.now() AT TIME ZONE 'UTC', 'Row', $4, $5, $6)",
            self.table("awsdms_validation_failures_v1")
        );
        let (schema, name) = (&failure.table.schema, &failure.table.name);
        self.write(client, &statement, &[&self.task, schema, name, &key, &failure.kind, &details]).await
    }

    async fn write(
        &self,
        client: &Client,
        statement: &str,
        values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<(), Failure> {
        match client.execute(statement, values).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::of("Failed to write a control table", &error)),
        }
    }
}
