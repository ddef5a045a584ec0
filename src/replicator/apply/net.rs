//! The net effect of the changes of a batch: "DMS creates a table called the net changes table that contains all
//! changes from the batch" (AWS knowledge center, "How can I use the DMS batch apply feature").

use std::collections::HashMap;
use std::sync::Arc;

use super::catalog::Table;
use super::one_by_one::key_of;
use super::plan::{Item, Work};
use super::statement::{self, Cell, Match, Statement};

/// The net effect on one row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Effect {
    /// The row is new.
    Insert(Vec<Cell>),
    /// Columns are set. All columns that the source sent are in the second list.
    Update(Vec<Cell>, Vec<Cell>),
    /// The row is deleted.
    Delete,
    /// The row is deleted, and another one with the same key inserted.
    Replace(Vec<Cell>),
}

/// The net effect on the rows of one table, in the order in which the batch first touched them.
#[derive(Debug)]
pub(super) struct Net {
    table: Arc<Table>,
    rows: Vec<(Vec<Cell>, Option<Effect>)>,
    places: HashMap<Vec<Option<String>>, usize>,
}

/// The statements for a table, in the order of their execution.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    /// Deletes of rows that may be missing, because they are about to be inserted.
    pub clear: Vec<Statement>,
    /// Deletes.
    pub deletes: Vec<Statement>,
    /// Inserts.
    pub inserts: Vec<Statement>,
    /// Updates.
    pub updates: Vec<Statement>,
}

impl Net {
    pub fn new(table: Arc<Table>) -> Self {
        Self { table, rows: Vec::new(), places: HashMap::new() }
    }

    /// Adds a change. Returns false if the change has no key and cannot be part of a batch.
    pub fn add(&mut self, item: &Item) -> bool {
        let found = match &item.work {
            Work::Ignored(_) => return true,
            Work::Insert(row) => key_of(item, row),
            Work::Update { found, .. } | Work::Delete(found) => Some(found.clone()),
            Work::Truncate | Work::Bad { .. } => None,
        };
        let Some(Match::Key(key)) = found else { return false };
        let values: Vec<_> = key.iter().map(|cell| cell.value.clone()).collect();
        let place = *self.places.entry(values).or_insert_with(|| {
            self.rows.push((key, None));
            self.rows.len() - 1
        });
        let effect = &mut self.rows[place].1;
        *effect = match (effect.take(), &item.work) {
            (Some(Effect::Delete | Effect::Replace(_)), Work::Insert(row)) => Some(Effect::Replace(row.clone())),
            (_, Work::Insert(row)) => Some(Effect::Insert(row.clone())),
            (Some(Effect::Insert(mut row)), Work::Update { set, .. }) => {
                merge(&mut row, set);
                Some(Effect::Insert(row))
            }
            (Some(Effect::Replace(mut row)), Work::Update { set, .. }) => {
                merge(&mut row, set);
                Some(Effect::Replace(row))
            }
            (Some(Effect::Update(mut all, mut known)), Work::Update { set, row, .. }) => {
                merge(&mut all, set);
                merge(&mut known, row);
                Some(Effect::Update(all, known))
            }
            (_, Work::Update { set, row, .. }) => Some(Effect::Update(set.clone(), row.clone())),
            // A row that the batch inserted and deleted leaves no trace.
            (Some(Effect::Insert(_)), Work::Delete(_)) => None,
            (_, Work::Delete(_)) => Some(Effect::Delete),
            (effect, Work::Truncate | Work::Ignored(_) | Work::Bad { .. }) => effect,
        };
        true
    }

    /// Returns the statements. With `replaces_inserts` or `replaces_updates`, "the process removes all existing records
    /// in the target batch before inserting the complete set of new records".
    pub fn bulk(&self, replaces_inserts: bool, replaces_updates: bool) -> Bulk {
        let mut bulk = Bulk::default();
        for (key, effect) in &self.rows {
            let found = Match::Key(key.clone());
            let delete = || statement::delete(&self.table, &found);
            match effect {
                None => {}
                Some(Effect::Delete) => bulk.deletes.push(delete()),
                Some(Effect::Insert(row)) => {
                    if replaces_inserts {
                        bulk.clear.push(delete());
                    }
                    bulk.inserts.push(statement::insert(&self.table, row));
                }
                Some(Effect::Replace(row)) => {
                    bulk.clear.push(delete());
                    bulk.inserts.push(statement::insert(&self.table, row));
                }
                Some(Effect::Update(_, row)) if replaces_updates => {
                    bulk.clear.push(delete());
                    bulk.inserts.push(statement::insert(&self.table, row));
                }
                Some(Effect::Update(set, _)) => bulk.updates.push(statement::update(&self.table, set, &found)),
            }
        }
        bulk
    }
}

/// Sets columns in a row.
fn merge(row: &mut Vec<Cell>, set: &[Cell]) {
    for cell in set {
        match row.iter_mut().find(|old| old.column == cell.column) {
            Some(old) => old.value.clone_from(&cell.value),
            None => row.push(cell.clone()),
        }
    }
}
