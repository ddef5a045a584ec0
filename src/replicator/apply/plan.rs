//! Turns changes of the source into what is done on the target.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalog::{Convert, Table, TargetCatalog};
use super::faults::{Fault, Faults};
use super::statement::{self, Cell, Match, Statement};
use crate::model::{Change, Datum, TableName, Transaction, Value};
use crate::settings::LobMode;

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// A row is inserted.
    Insert(Vec<Cell>),
    /// Columns are set. All columns of the new row that the source sent are in `row`, those of the key too.
    Update {
        /// The columns to set.
        set: Vec<Cell>,
        /// The new row.
        row: Vec<Cell>,
        /// The rows to update.
        found: Match,
    },
    /// Rows are deleted.
    Delete(Match),
    /// The table is truncated.
    Truncate,
    /// Nothing: DMS does not replicate such a change.
    Ignored(Ignored),
    /// A value could not be converted, so the record has bad data.
    Bad {
        /// The operation, for the table of exceptions.
        operation: &'static str,
        /// Why.
        reason: String,
    },
}

/// Why a change is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ignored {
    /// The source sent no key. "If a table does not have a primary key, AWS DMS ignores DELETE and UPDATE record
    /// operations for that table."
    NoKey,
    /// The key changes. "AWS DMS ignores an attempt to update a primary key segment. … no records are written to the
    /// exceptions table."
    KeyUpdate,
    /// A partition was truncated, or truncations are not handled.
    Truncation,
}

/// The operation of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Insert,
    Update,
    Delete,
    Truncate,
}

/// A change of one table.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The table.
    pub table: Arc<Table>,
    /// The operation of the source.
    pub operation: Operation,
    /// What is done.
    pub work: Work,
    /// Columns whose values were truncated.
    pub truncated: Vec<String>,
    /// LOBs that are looked up on the source after the row is there, by the names of the columns on the source.
    pub lookup: Vec<String>,
    /// The fault of the script.
    pub fault: Fault,
}

impl Item {
    /// Returns the table of the source.
    pub fn source(&self) -> &TableName {
        &self.table.route.source
    }

    /// Returns the statement, if there is one.
    pub fn statement(&self) -> Option<Statement> {
        match &self.work {
            Work::Insert(row) => Some(statement::insert(&self.table, row)),
            Work::Update { set, found, .. } => Some(statement::update(&self.table, set, found)),
            Work::Delete(found) => Some(statement::delete(&self.table, found)),
            Work::Truncate => Some(statement::truncate(&self.table)),
            Work::Ignored(_) | Work::Bad { .. } => None,
        }
    }
}

/// What the plan needs to know.
pub(super) struct Planner<'a> {
    pub catalog: &'a TargetCatalog,
    pub convert: &'a dyn Convert,
    pub faults: &'a dyn Faults,
    pub lobs: LobMode,
    pub truncations: bool,
}

/// A row of the source on its way to the target.
#[derive(Default)]
struct Row {
    cells: Vec<Cell>,
    truncated: Vec<String>,
    lookup: Vec<String>,
}

impl Planner<'_> {
    /// Returns what is done for a transaction, in the order of its changes.
    pub fn items(&self, transaction: &Transaction) -> Vec<Item> {
        let mut items = Vec::with_capacity(transaction.changes.len());
        for change in &transaction.changes {
            let tables = match change {
                Change::Insert { table, .. } | Change::Update { table, .. } | Change::Delete { table, .. } => {
                    std::slice::from_ref(table)
                }
                Change::Truncate { tables } => tables,
            };
            for table in tables.iter().filter_map(|table| self.catalog.get(table)) {
                if transaction.commit_lsn > table.route.after {
                    items.push(self.item(table, change));
                }
            }
        }
        items
    }

    fn item(&self, table: &Arc<Table>, change: &Change) -> Item {
        let fault = self.faults.before_apply(&table.route.source);
        let (operation, name) = match change {
            Change::Insert { .. } => (Operation::Insert, "INSERT"),
            Change::Update { .. } => (Operation::Update, "UPDATE"),
            Change::Delete { .. } => (Operation::Delete, "DELETE"),
            Change::Truncate { .. } => (Operation::Truncate, "TRUNCATE"),
        };
        let mut row = Row::default();
        let work = match change {
            Change::Insert { new, .. } => self.row(table, new, &mut row).map(|()| Work::Insert(row.cells)),
            Change::Update { old_key, new, .. } => self.update(table, old_key, new, &mut row),
            Change::Delete { key, .. } => self.delete(table, key),
            Change::Truncate { .. } if table.route.partition || !self.truncations => {
                Ok(Work::Ignored(Ignored::Truncation))
            }
            Change::Truncate { .. } => Ok(Work::Truncate),
        };
        let work = work.unwrap_or_else(|reason| Work::Bad { operation: name, reason });
        Item { table: table.clone(), operation, work, truncated: row.truncated, lookup: row.lookup, fault }
    }

    /// Converts the values of a new row.
    fn row(&self, table: &Table, values: &[Value], row: &mut Row) -> Result<(), String> {
        for value in values {
            let Some(column) = table.target_column(&value.column) else { continue };
            let text = match &value.data {
                Datum::Null => None,
                // The update did not change the value, and the source did not send it.
                Datum::UnchangedToast => continue,
                Datum::Text(text) => Some(text.as_str()),
            };
            let lob = self.convert.lob(&table.route.source, &value.column, &value.type_name);
            let text = match (lob, self.lobs) {
                // "Don't include LOB columns": they stay empty.
                (Some(_), LobMode::None) => continue,
                // "In full LOB mode, AWS DMS migrates all LOBs from source to target regardless of size … one at a
                // time". The row comes first and the LOB after it: "DMS requires a LOB column to be null when using
                // these LOB modes" (assessment `full-lob-not-nullable-at-target`).
                (Some(_), LobMode::Full { .. }) => {
                    if text.is_some() {
                        row.lookup.push(value.column.clone());
                    }
                    None
                }
                (Some(kind), LobMode::Limited(kilobytes)) => {
                    let truncated = text.and_then(|text| kind.truncated(text, kilobytes));
                    if truncated.is_some() {
                        row.truncated.push(column.to_owned());
                    }
                    truncated.or(text)
                }
                (None, _) => text,
            };
            let convert = |text| self.convert.convert(&table.route.source, &value.column, &value.type_name, text);
            let value = text.map(convert).transpose()?.map(std::borrow::Cow::into_owned);
            row.cells.push(Cell { column: column.to_owned(), value });
        }
        // "A table must have a primary key or a unique key for DMS to migrate LOBs" (assessment
        // `table-with-lob-but-without-primary-key-or-unique-constraint`).
        if !row.lookup.is_empty() && self.key(table, values)?.is_none() {
            row.lookup.clear();
        }
        Ok(())
    }

    fn update(&self, table: &Table, old: &[Value], new: &[Value], row: &mut Row) -> Result<Work, String> {
        self.row(table, new, row)?;
        if table.route.key.is_empty() {
            if old.is_empty() {
                return Ok(Work::Ignored(Ignored::NoKey));
            }
            // `REPLICA IDENTITY FULL`. The plugin leaves out old values that are null.
            let mut found = self.cells(table, old.iter())?;
            for value in new.iter().filter(|new| !old.iter().any(|old| old.column == new.column)) {
                if let Some(column) = table.target_column(&value.column) {
                    found.push(Cell { column: column.to_owned(), value: None });
                }
            }
            return Ok(Work::Update { set: row.cells.clone(), row: row.cells.clone(), found: Match::Row(found) });
        }
        let Some(key) = self.key(table, new)? else { return Ok(Work::Ignored(Ignored::NoKey)) };
        let old: HashMap<&str, &Datum> = old.iter().map(|value| (value.column.as_str(), &value.data)).collect();
        let changed = |value: &&Value| {
            table.is_key(&value.column) && old.get(value.column.as_str()).is_some_and(|old| **old != value.data)
        };
        if new.iter().find(changed).is_some() {
            return Ok(Work::Ignored(Ignored::KeyUpdate));
        }
        let is_key = |cell: &&Cell| key.iter().any(|key| key.column == cell.column);
        let mut set: Vec<_> = row.cells.iter().filter(|cell| !is_key(cell)).cloned().collect();
        if set.is_empty() {
            // The row has no other columns, or none that changed. The statement still finds out whether it exists.
            set.clone_from(&key);
        }
        Ok(Work::Update { set, row: row.cells.clone(), found: Match::Key(key) })
    }

    fn delete(&self, table: &Table, key: &[Value]) -> Result<Work, String> {
        if key.is_empty() {
            return Ok(Work::Ignored(Ignored::NoKey));
        }
        if table.route.key.is_empty() {
            let mut found = self.cells(table, key.iter())?;
            for column in table.columns.keys() {
                if !found.iter().any(|cell| cell.column == *column) {
                    found.push(Cell { column: column.clone(), value: None });
                }
            }
            return Ok(Work::Delete(Match::Row(found)));
        }
        if let Some(found) = self.key(table, key)? {
            return Ok(Work::Delete(Match::Key(found)));
        }
        if key.iter().any(|value| table.is_key(&value.column)) {
            // The key contains a LOB.
            return Ok(Work::Ignored(Ignored::NoKey));
        }
        // With `REPLICA IDENTITY USING INDEX`, the source sends the columns of another unique index.
        Ok(Work::Delete(Match::Key(self.cells(table, key.iter())?)))
    }

    /// Returns the values of the primary key, if the values contain all of its columns, and none is a LOB: "DMS does
    /// not support replication if the source table has an LOB column as a primary key" (assessment
    /// `postgres-check-pk-lob`).
    fn key(&self, table: &Table, values: &[Value]) -> Result<Option<Vec<Cell>>, String> {
        let of = |column: &String| values.iter().find(|value| value.column == *column);
        let Some(key) = table.route.key.iter().map(of).collect::<Option<Vec<_>>>() else { return Ok(None) };
        if key.is_empty() {
            return Ok(None);
        }
        let is_lob = |value: &Value| self.convert.lob(&table.route.source, &value.column, &value.type_name).is_some();
        let usable = |value: &&Value| matches!(value.data, Datum::Text(_)) && !is_lob(value);
        let complete = key.iter().all(usable);
        Ok(if complete { Some(self.cells(table, key.into_iter())?) } else { None })
    }

    /// Converts the values by which rows are found.
    fn cells<'v>(&self, table: &Table, values: impl Iterator<Item = &'v Value>) -> Result<Vec<Cell>, String> {
        let mut cells = Vec::new();
        for value in values {
            let Some(column) = table.target_column(&value.column) else { continue };
            let Datum::Text(text) = &value.data else { continue };
            let text = self.convert.convert(&table.route.source, &value.column, &value.type_name, text)?;
            cells.push(Cell { column: column.to_owned(), value: Some(text.into_owned()) });
        }
        Ok(cells)
    }
}
