//! What a task shows while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::model::{Lsn, TableName};

/// The state of a table ("Table state during tasks").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableState {
    /// "The full load process has been enabled, but it hasn't started yet."
    #[default]
    BeforeLoad,
    /// "The full load process is in progress."
    FullLoad,
    /// "Full load has completed."
    Completed,
    /// "Loading of the table has been cancelled."
    Cancelled,
    /// "An error occurred when loading the table."
    Error,
    /// Its changes are no longer replicated.
    Suspended,
    /// The table is loaded again, on request.
    Reloading,
}

impl TableState {
    /// Returns the text of `TableStatistics.TableState`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeforeLoad => "Before load",
            Self::FullLoad => "Full load",
            Self::Completed => "Table completed",
            Self::Cancelled => "Table cancelled",
            Self::Error => "Table error",
            Self::Suspended => "Table suspended",
            Self::Reloading => "Table is being reloaded",
        }
    }
}

/// The state of a table's validation ("Replication task statistics").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValidationState {
    /// "Validation isn't enabled for the table in the migration task."
    #[default]
    NotEnabled,
    /// "Some records in the table are waiting for validation."
    Pending,
    /// "Some records in the table don't match between the source and target."
    Mismatched,
    /// "Some records in the table can't be validated."
    Suspended,
    /// "The table can't be validated because it had no primary key."
    NoPrimaryKey,
    /// "The table wasn't validated because it was in an error state and some data wasn't migrated."
    TableError,
    /// "All rows in the table are validated."
    Validated,
    /// "The table can't be validated because of an unexpected error."
    Error,
}

impl ValidationState {
    /// Returns the text of `TableStatistics.ValidationState`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotEnabled => "Not enabled",
            Self::Pending => "Pending records",
            Self::Mismatched => "Mismatched records",
            Self::Suspended => "Suspended records",
            Self::NoPrimaryKey => "No primary key",
            Self::TableError => "Table error",
            Self::Validated => "Validated",
            Self::Error => "Error",
        }
    }
}

/// The statistics of a table (`DescribeTableStatistics`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReport {
    /// Its state.
    pub state: TableState,
    /// Why it is in an error state or suspended.
    pub error: Option<String>,
    /// Rows loaded by the full load.
    pub full_load_rows: u64,
    /// Rows that could not be loaded.
    pub full_load_error_rows: u64,
    /// When its load began.
    pub load_started: Option<SystemTime>,
    /// When its load ended.
    pub load_ended: Option<SystemTime>,
    /// Whether it was loaded again.
    pub reloaded: bool,
    /// Captured inserts.
    pub inserts: u64,
    /// Captured updates.
    pub updates: u64,
    /// Captured deletes.
    pub deletes: u64,
    /// Captured statements about the table.
    pub ddls: u64,
    /// Inserts that changed the target.
    pub applied_inserts: u64,
    /// Updates that changed the target.
    pub applied_updates: u64,
    /// Deletes that changed the target.
    pub applied_deletes: u64,
    /// Statements that changed the target table.
    pub applied_ddls: u64,
    /// The state of its validation.
    pub validation: ValidationState,
    /// Records that wait for validation.
    pub validation_pending: u64,
    /// Records that differ.
    pub validation_failed: u64,
    /// Records that could not be compared.
    pub validation_suspended: u64,
    /// When anything of this changed.
    pub updated: Option<SystemTime>,
}

/// What a task does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It connects and looks for its tables.
    #[default]
    Starting,
    /// It loads tables.
    FullLoad,
    /// It applies the changes that were made during the load.
    CachedChanges,
    /// It replicates changes.
    Replicating,
    /// It waits before it tries again after a recoverable error.
    Recovering,
    /// It has ended.
    Ended,
}

/// What a task shows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What it does.
    pub stage: Stage,
    /// Its tables.
    pub tables: BTreeMap<TableName, TableReport>,
    /// `CDCLatencySource`, in time of the wall.
    pub latency_source: Duration,
    /// `CDCLatencyTarget`, in time of the wall.
    pub latency_target: Duration,
    /// `CDCIncomingChanges`: changes that wait to be applied to the target.
    pub incoming_changes: u64,
    /// How much log the slot has not confirmed, in bytes.
    pub slot_lag: u64,
    /// How much log the source keeps for the slot, in bytes.
    pub slot_retained: u64,
    /// The slot of the task.
    pub slot: Option<String>,
    /// The position up to which changes are applied and confirmed.
    pub position: Option<Lsn>,
    /// The last error, also of an attempt that was repeated.
    pub last_error: Option<String>,
}

impl Report {
    /// Returns the percentage of the full load, by tables.
    pub fn full_load_percent(&self) -> u8 {
        if self.tables.is_empty() {
            return 0;
        }
        let done = self.tables.values().filter(|table| table.load_ended.is_some()).count();
        u8::try_from(done * 100 / self.tables.len()).unwrap_or(100)
    }
}

/// A report that the task writes and others read.
#[derive(Clone, Debug, Default)]
pub struct SharedReport(Arc<Mutex<Report>>);

impl SharedReport {
    /// Returns a copy of the report.
    pub fn get(&self) -> Report {
        self.lock().clone()
    }

    /// Returns the statistics of one table.
    pub fn table(&self, table: &TableName) -> Option<TableReport> {
        self.lock().tables.get(table).cloned()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.lock());
    }

    /// Changes the statistics of a table of the task.
    pub(crate) fn update_table(&self, table: &TableName, change: impl FnOnce(&mut TableReport)) {
        if let Some(report) = self.lock().tables.get_mut(table) {
            change(report);
            report.updated = Some(SystemTime::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        // A panic of a writer leaves numbers that are valid on their own.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
