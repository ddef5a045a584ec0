//! The progress of a task, as its caller stores it.

use serde::{Deserialize, Serialize};

use crate::model::{Lsn, TableName};
use crate::report::TableReport;

/// The progress of a task.
///
/// *Guarantees*: It is valid after a kill at any time. A kill can lose the last of it: then the confirmed position of
/// the slot is the truth about which changes were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Whether the task has found its tables.
    pub initialized: bool,
    /// The slot from which changes come.
    pub slot: Option<SlotRecord>,
    /// How far the task has come.
    pub phase: Phase,
    /// The tables, in the order in which they are loaded.
    pub tables: Vec<TableProgress>,
    /// How many requests for reloading tables were carried out.
    pub reloads: usize,
    /// The position of the last transaction that was applied. A connection that ends before the slot is moved there
    /// does not make the task apply it again: "RecoveryCheckpoint: Indicates the last checkpoint that occurred during a
    /// change data capture (CDC) operation" (ReplicationTask), and "resume-processing, to replicate the changes from
    /// the last stop position" (StartReplicationTask).
    #[serde(default)]
    pub applied: Lsn,
}

/// A slot and who created it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    /// Its name.
    pub name: String,
    /// Whether the task created it. "DMS automatically drops replication slots when the task is deleted, if DMS created
    /// the slot."
    pub is_own: bool,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Tables are being loaded.
    #[default]
    FullLoad,
    /// All tables are loaded. Changes that were committed up to this position are cached changes.
    CachedChanges {
        /// The position at the end of the load.
        until: Lsn,
    },
    /// Cached changes are applied.
    Replicating,
    /// A full-load task has finished.
    Finished,
}

/// The progress of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableProgress {
    /// The table of the source.
    pub table: TableName,
    /// Which transactions were visible when its load began: their changes are not applied to it.
    pub boundary: Option<Boundary>,
    /// Its statistics.
    pub report: TableReport,
}

impl Checkpoint {
    /// Returns the progress of a table.
    pub fn table(&self, table: &TableName) -> Option<&TableProgress> {
        self.tables.iter().find(|progress| progress.table == *table)
    }

    pub(crate) fn table_mut(&mut self, table: &TableName) -> Option<&mut TableProgress> {
        self.tables.iter_mut().find(|progress| progress.table == *table)
    }
}

/// A snapshot of the source: which transactions had ended.
///
/// "AWS DMS doesn't capture changes for a given table until the full load for that table is started. In other words,
/// the point when change capture starts is different for each individual table" ("Components of AWS DMS"). The
/// boundary is taken when the load of the table begins, before its rows are read. A change between both is loaded and
/// applied again, as with DMS: a table without a key then has the row twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundary {
    next: u64,
    running: Vec<u64>,
}

impl Boundary {
    /// Parses the text of a `pg_snapshot`: "xmin:xmax:xip_list" ("Transaction ID and snapshot information functions").
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':').skip(1);
        let next = parts.next()?.parse().ok()?;
        let running = parts.next()?.split(',').filter(|id| !id.is_empty()).map(str::parse).collect::<Result<_, _>>();
        Some(Self { next, running: running.ok()? })
    }

    /// Returns whether a transaction had committed. The id of a change has 32 bits only, those of a snapshot have 64.
    pub fn contains(&self, xid: u64) -> bool {
        const EPOCH: u64 = 1 << 32;
        let mut full = (self.next & !(EPOCH - 1)) | (xid & (EPOCH - 1));
        if full > self.next.saturating_add(EPOCH / 2) {
            full = full.saturating_sub(EPOCH);
        } else if full.saturating_add(EPOCH / 2) < self.next {
            full = full.saturating_add(EPOCH);
        }
        full < self.next && !self.running.contains(&full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_the_last_epoch_overflowed() {
        let boundary = Boundary::parse(":18446744073709551615:").unwrap();
        assert!(!boundary.contains(0));
        assert!(boundary.contains(u64::from(u32::MAX) - 1));
    }
}
