//! What was captured and what was applied, by table.

use std::collections::BTreeMap;

use crate::model::TableName;

/// The counters of one table, as in `DescribeTableStatistics`. They count what is committed on the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableCounters {
    /// Captured inserts.
    pub inserts: u64,
    /// Captured updates.
    pub updates: u64,
    /// Captured deletes.
    pub deletes: u64,
    /// Captured truncations.
    pub ddls: u64,
    /// Inserts that changed the target.
    pub applied_inserts: u64,
    /// Updates that changed the target.
    pub applied_updates: u64,
    /// Deletes that changed the target.
    pub applied_deletes: u64,
    /// Truncations of the target.
    pub applied_ddls: u64,
    /// Updates and deletes that were ignored because the source sent no key, or because they change the key.
    pub ignored: u64,
    /// Changes that were discarded because the table is suspended.
    pub discarded: u64,
    /// Values that were truncated to the maximum size of a LOB.
    pub truncated_lobs: u64,
    /// Apply conflicts: existing rows at an insert, missing rows at an update or a delete.
    pub conflicts: u64,
    /// Errors of single records.
    pub data_errors: u64,
    /// Errors of the whole table.
    pub table_errors: u64,
    /// Records that were written to the table of exceptions.
    pub exceptions: u64,
}

impl TableCounters {
    fn add(&mut self, other: &Self) {
        self.inserts += other.inserts;
        self.updates += other.updates;
        self.deletes += other.deletes;
        self.ddls += other.ddls;
        self.applied_inserts += other.applied_inserts;
        self.applied_updates += other.applied_updates;
        self.applied_deletes += other.applied_deletes;
        self.applied_ddls += other.applied_ddls;
        self.ignored += other.ignored;
        self.discarded += other.discarded;
        self.truncated_lobs += other.truncated_lobs;
        self.conflicts += other.conflicts;
        self.data_errors += other.data_errors;
        self.table_errors += other.table_errors;
        self.exceptions += other.exceptions;
    }
}

/// The counters of all tables of the source, by their names there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    tables: BTreeMap<TableName, TableCounters>,
}

impl Counters {
    /// Returns the counters of a table.
    pub fn table(&self, table: &TableName) -> TableCounters {
        self.tables.get(table).cloned().unwrap_or_default()
    }

    /// Returns all tables with changes.
    pub fn tables(&self) -> impl Iterator<Item = (&TableName, &TableCounters)> {
        self.tables.iter()
    }

    /// Returns the sum over all tables.
    pub fn total(&self) -> TableCounters {
        let mut total = TableCounters::default();
        self.tables.values().for_each(|table| total.add(table));
        total
    }

    pub(super) fn of(&mut self, table: &TableName) -> &mut TableCounters {
        self.tables.entry(table.clone()).or_default()
    }
}
