//! The net effect of random changes, against a model.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proptest::prelude::*;

use super::pair::table;
use crate::apply::catalog::{Route, Table};
use crate::apply::faults::Fault;
use crate::apply::net::Net;
use crate::apply::plan::{Item, Operation, Work};
use crate::apply::statement::{Cell, Match, Statement};

fn cell(column: &str, value: u8) -> Cell {
    Cell { column: column.to_owned(), value: Some(value.to_string()) }
}

fn item(table: &Arc<Table>, operation: Operation, work: Work) -> Item {
    let (truncated, lookup) = (Vec::new(), Vec::new());
    Item { table: table.clone(), operation, work, truncated, lookup, fault: Fault::None }
}

/// Runs a statement on the model of the target. Returns false if PostgreSQL would refuse it or find no row.
fn execute(rows: &mut HashMap<String, String>, statement: &Statement) -> bool {
    let value = |index: usize| statement.values[index].clone().expect("a value");
    match statement.sql.split(' ').next() {
        Some("INSERT") => rows.insert(value(0), value(1)).is_none(),
        Some("UPDATE") => rows.get_mut(&value(1)).map(|row| *row = value(0)).is_some(),
        _ => rows.remove(&value(0)).is_some(),
    }
}

proptest! {
    #[test]
    fn the_net_effect_is_the_effect(changes in prop::collection::vec((0..3_u8, 0..4_u8, any::<u8>()), 0..30)) {
        let table = Arc::new(Table {
            route: Route::same(table("t"), &["id"]),
            columns: BTreeMap::new(),
            has_unique: false,
        });
        let start: HashMap<_, _> = [("0".to_owned(), "x".to_owned()), ("1".to_owned(), "y".to_owned())].into();
        let mut wanted = start.clone();
        let mut net = Net::new(table.clone());
        for (kind, id, value) in changes {
            // Only changes that the source can make: it has the row or has it not.
            let exists = wanted.contains_key(&id.to_string());
            let (key, row) = (vec![cell("id", id)], vec![cell("id", id), cell("v", value)]);
            let item = match (kind, exists) {
                (_, false) => item(&table, Operation::Insert, Work::Insert(row)),
                (0, true) => item(&table, Operation::Delete, Work::Delete(Match::Key(key))),
                (_, true) => {
                    let work = Work::Update { set: vec![cell("v", value)], row, found: Match::Key(key) };
                    item(&table, Operation::Update, work)
                }
            };
            prop_assert!(execute(&mut wanted, &item.statement().expect("a statement")));
            prop_assert!(net.add(&item));
        }
        for (replaces_inserts, replaces_updates) in [(false, false), (true, true)] {
            let mut rows = start.clone();
            let bulk = net.bulk(replaces_inserts, replaces_updates);
            for statement in &bulk.clear {
                execute(&mut rows, statement);
            }
            for statement in bulk.deletes.iter().chain(&bulk.inserts).chain(&bulk.updates) {
                prop_assert!(execute(&mut rows, statement), "{}", statement.with_values());
            }
            prop_assert_eq!(&rows, &wanted);
        }
    }
}
