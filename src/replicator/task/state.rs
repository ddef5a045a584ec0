//! What a task knows while it runs, across its attempts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::apply::{Faults, Policies};
use crate::catalog::Table;
use crate::checkpoint::{Boundary, Checkpoint};
use crate::control_tables::Control as ControlTables;
use crate::definition::TaskDefinition;
use crate::model::{Lsn, TableName};
use crate::observer::{LogLine, Observer, Severity};
use crate::report::{SharedReport, Stage, TableReport};
use crate::types::Rules;

/// What all parts of a task share.
pub(super) struct Shared {
    pub definition: TaskDefinition,
    pub policies: Policies,
    pub control: ControlTables,
    pub report: SharedReport,
    pub observer: Arc<dyn Observer>,
    pub faults: Arc<dyn Faults>,
    /// Set when the task is stopped.
    pub stop: AtomicBool,
    checkpoint: Mutex<Checkpoint>,
}

impl Shared {
    pub fn new(
        definition: TaskDefinition,
        policies: Policies,
        checkpoint: Checkpoint,
        report: SharedReport,
        observer: Arc<dyn Observer>,
        faults: Arc<dyn Faults>,
    ) -> Self {
        let control = ControlTables::new(&definition.settings.control_tables, &definition.server, &definition.name);
        let shared = Self {
            definition,
            policies,
            control,
            report,
            observer,
            faults,
            stop: AtomicBool::new(false),
            checkpoint: Mutex::new(checkpoint),
        };
        shared.show_checkpoint();
        shared
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn rules(&self) -> Rules {
        Rules {
            lobs: self.definition.settings.target.lobs,
            exact_numeric: self.definition.source.exact_numeric,
            varchar_max: self.definition.source.varchar_max,
        }
    }

    /// Returns the table of the target.
    pub fn target_of(&self, table: &TableName) -> TableName {
        let schema = self.definition.settings.target.schema.as_deref().unwrap_or(&table.schema);
        TableName::new(schema, table.name.clone())
    }

    /// Returns the progress, with the statistics as they are now.
    pub fn checkpoint(&self) -> Checkpoint {
        let report = self.report.get();
        let mut checkpoint = self.lock().clone();
        for progress in &mut checkpoint.tables {
            if let Some(table) = report.tables.get(&progress.table) {
                progress.report = table.clone();
            }
        }
        checkpoint
    }

    /// Changes the progress and has it stored.
    pub fn record(&self, change: impl FnOnce(&mut Checkpoint)) {
        change(&mut self.lock());
        self.observer.checkpoint(&self.checkpoint());
    }

    /// Takes note of what was applied. It is stored with the next progress.
    pub fn applied(&self, position: Lsn) {
        self.lock().applied = position;
    }

    /// Returns the position of the last transaction that was applied.
    pub fn last_applied(&self) -> Lsn {
        self.lock().applied
    }

    pub fn set_boundary(&self, table: &TableName, boundary: Boundary) {
        self.record(|checkpoint| {
            if let Some(progress) = checkpoint.table_mut(table) {
                progress.boundary = Some(boundary);
            }
        });
    }

    /// Shows the tables of the checkpoint in the report.
    pub fn show_checkpoint(&self) {
        let checkpoint = self.lock().clone();
        self.report.update(|report| {
            report.tables =
                checkpoint.tables.iter().map(|progress| (progress.table.clone(), progress.report.clone())).collect();
            report.slot = checkpoint.slot.map(|slot| slot.name);
        });
    }

    pub fn stage(&self, stage: Stage) {
        self.report.update(|report| report.stage = stage);
    }

    pub fn tables(&self) -> BTreeMap<TableName, TableReport> {
        self.report.get().tables
    }

    pub fn log(&self, severity: Severity, component: &'static str, text: impl Into<String>) {
        self.observer.log(LogLine { severity, component, text: text.into() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Checkpoint> {
        // A panic of a writer leaves a checkpoint that is valid on its own.
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tables of the source that the task migrates, as the catalog describes them.
pub(super) type Tables = BTreeMap<TableName, Table>;
