//! Assembles the lines of a slot to transactions.

use super::decoding::{self, Message};
use super::error::CaptureError;
use super::is_control_table;
use crate::model::{Change, Lsn, TableName, Transaction};

/// Committed transactions, in the order of their commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The transactions. One without changes has changed only tables that are not captured; it moves the position.
    pub transactions: Vec<Transaction>,
    /// The size of the text that the slot returned for them.
    pub bytes: usize,
    /// Whether the slot has probably more.
    pub more: bool,
}

impl Batch {
    /// Returns the position of the last transaction. It is the argument of `Slot::advance` when all are applied.
    pub fn position(&self) -> Option<Lsn> {
        self.transactions.last().map(|transaction| transaction.commit_lsn)
    }

    /// Returns the number of captured changes.
    pub fn changes(&self) -> usize {
        self.transactions.iter().map(|transaction| transaction.changes.len()).sum()
    }
}

/// Collects the lines of a slot, which returns whole transactions in the order of their commits.
pub struct Assembler<'a> {
    captured: &'a (dyn Fn(&TableName) -> bool + Sync),
    batch: Batch,
    open: Option<(u64, Vec<Change>)>,
}

impl<'a> Assembler<'a> {
    /// Returns an assembler that keeps the changes of the tables for which `captured` is true. Changes of DMS's own
    /// tables are never kept.
    pub fn new(captured: &'a (dyn Fn(&TableName) -> bool + Sync)) -> Self {
        Self { captured, batch: Batch::default(), open: None }
    }

    /// Adds a line of the slot. The line of a commit has the position *after* its record (`ReorderBufferTXN.end_lsn`).
    ///
    /// # Errors
    /// Returns an error if the line is not understood, or not at its place.
    pub fn add(&mut self, lsn: Lsn, line: &str) -> Result<(), CaptureError> {
        self.batch.bytes += line.len();
        let message = decoding::parse(line).map_err(|source| CaptureError::Decode { lsn, source })?;
        match message {
            Message::Emitted => {}
            Message::Begin { xid } => {
                if self.open.replace((xid, Vec::new())).is_some() {
                    return Err(CaptureError::Order { lsn, what: "a transaction inside another" });
                }
            }
            Message::Change(change) => {
                let kept = self.kept(change);
                let Some((_, changes)) = &mut self.open else {
                    return Err(CaptureError::Order { lsn, what: "a change outside a transaction" });
                };
                changes.extend(kept);
            }
            Message::Commit { xid, at } => match self.open.take() {
                Some((open, changes)) if open == xid => {
                    self.batch.transactions.push(Transaction { xid, commit_lsn: lsn, committed_at: at, changes });
                }
                _ => return Err(CaptureError::Order { lsn, what: "the end of another transaction" }),
            },
        }
        Ok(())
    }

    /// Whether the last line ended a transaction.
    pub fn is_complete(&self) -> bool {
        self.open.is_none()
    }

    /// Returns the size of the lines.
    pub fn bytes(&self) -> usize {
        self.batch.bytes
    }

    /// Returns the complete transactions.
    pub fn finish(self) -> Batch {
        self.batch
    }

    fn kept(&self, change: Change) -> Option<Change> {
        let kept = |table: &TableName| !is_control_table(table) && (self.captured)(table);
        match change {
            Change::Truncate { mut tables } => {
                tables.retain(kept);
                (!tables.is_empty()).then_some(Change::Truncate { tables })
            }
            Change::Insert { ref table, .. } | Change::Update { ref table, .. } | Change::Delete { ref table, .. } => {
                kept(table).then_some(change)
            }
        }
    }
}
