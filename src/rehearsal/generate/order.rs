//! The order in which tables are filled: the tables that foreign keys refer to come first.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalog::{ForeignKey, Table, TableId};
use crate::error::Error;

/// Orders the tables. Foreign keys of a cycle that allow NULL are removed from their table, so that they stay NULL.
///
/// # Errors
/// A cycle consists of foreign keys that do not allow NULL.
pub(crate) fn ordered(tables: Vec<Table>) -> Result<Vec<Arc<Table>>, Error> {
    let mut waiting = tables;
    let known: BTreeSet<TableId> = waiting.iter().map(|table| table.id.clone()).collect();
    let mut done: BTreeSet<TableId> = BTreeSet::new();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |key: &ForeignKey, table: &Table, done: &BTreeSet<TableId>| {
            key.parent == table.id || done.contains(&key.parent) || !known.contains(&key.parent)
        };
        let (ready, rest): (Vec<Table>, Vec<Table>) =
            waiting.into_iter().partition(|table| table.foreign_keys.iter().all(|key| is_ready(key, table, &done)));
        waiting = rest;
        if ready.is_empty() {
            break_cycle(&mut waiting, |key, table| is_ready(key, table, &done))?;
        }
        done.extend(ready.iter().map(|table| table.id.clone()));
        order.extend(ready.into_iter().map(Arc::new));
    }
    Ok(order)
}

/// Lets the nullable foreign keys of one table stay NULL.
fn break_cycle(waiting: &mut [Table], is_ready: impl Fn(&ForeignKey, &Table) -> bool) -> Result<(), Error> {
    let is_optional =
        |key: &ForeignKey, table: &Table| key.columns.iter().any(|column| !table.columns[*column].not_null);
    let found = waiting
        .iter()
        .position(|table| table.foreign_keys.iter().all(|key| is_ready(key, table) || is_optional(key, table)));
    let Some(at) = found else {
        let table = &waiting[0];
        let key = table.foreign_keys.iter().find(|key| !is_ready(key, table) && !is_optional(key, table));
        return Err(Error::Generate {
            table: table.id.to_string(),
            column: None,
            constraint: key.map(|key| key.name.clone()),
            reason: "the tables refer to each other in a cycle, and no foreign key of it allows NULL; load a dump \
                     instead"
                .to_owned(),
        });
    };
    let table = waiting[at].clone();
    for key in &mut waiting[at].foreign_keys {
        if !is_ready(key, &table) {
            // A foreign key to its own table stays NULL.
            key.parent = table.id.clone();
        }
    }
    Ok(())
}
