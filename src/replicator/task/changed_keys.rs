//! Tells the validator which rows changed.

use std::collections::BTreeMap;

use tokio::sync::mpsc::UnboundedSender;

use super::state::Tables;
use crate::model::{Change, Datum, TableName, Transaction, Value};
use crate::validation::Event;

type Row = Vec<(String, String)>;

/// Sends the keys of all rows that some transactions have changed.
pub(super) fn tell<'a>(
    events: &UnboundedSender<Event>,
    tables: &Tables,
    transactions: impl Iterator<Item = &'a Transaction>,
) {
    let mut changed: BTreeMap<&TableName, Vec<Row>> = BTreeMap::new();
    for change in transactions.flat_map(|transaction| &transaction.changes) {
        match change {
            Change::Insert { table, new } => changed.entry(table).or_default().push(key_of(tables, table, new)),
            Change::Update { table, old_key, new } => {
                let rows = changed.entry(table).or_default();
                rows.push(key_of(tables, table, new));
                if !old_key.is_empty() {
                    rows.push(key_of(tables, table, old_key));
                }
            }
            Change::Delete { table, key } => changed.entry(table).or_default().push(key_of(tables, table, key)),
            Change::Truncate { .. } => {}
        }
    }
    for (table, rows) in changed {
        // Without a receiver, nothing is validated.
        let _ = events.send(Event::Changed(table.clone(), rows));
    }
}

fn key_of(tables: &Tables, table: &TableName, values: &[Value]) -> Row {
    let key = tables.get(table).and_then(|table| table.key()).unwrap_or_default();
    let pair = |value: &Value| match &value.data {
        Datum::Text(text) if key.contains(&value.column) => Some((value.column.clone(), text.clone())),
        _ => None,
    };
    values.iter().filter_map(pair).collect()
}
