//! Batch apply: the net effect of many transactions, table by table.
//!
//! "This option efficiently groups transactions and applies them in batches … almost always violates referential
//! integrity constraints" (DMS user guide, "Change processing tuning settings"), because the tables are not in the
//! order of the source.

use std::collections::BTreeMap;

use super::applier::{Applier, Planned, Unit};
use super::classify::{Kind, classify, describe};
use super::error::ApplyError;
use super::event::Event;
use super::faults::Fault;
use super::net::Net;
use super::plan::{Item, Operation, Work};
use super::policy::Action;
use super::session::environment;
use super::statement::Statement;
use crate::model::TableName;

/// Why the changes of a batch are applied one by one.
struct Broken {
    table: TableName,
    reason: String,
}

/// Applies transactions in batches.
///
/// With `BatchSplitSize`, a transaction of the source can be divided: "there is no guarantee that all the changes
/// within a transaction from the source are applied to the target in a single batch". `BatchApplyPreserveTransaction`,
/// which avoids that, "applies only to Oracle target endpoints".
pub(super) async fn apply(applier: &mut Applier, planned: &[Planned]) -> Result<(), ApplyError> {
    let split = if applier.options.split_size == 0 { usize::MAX } else { applier.options.split_size };
    let mut batch = Vec::new();
    let mut size = 0;
    for transaction in planned {
        let mut rest: &[Item] = &transaction.items;
        while size + rest.len() > split {
            let (part, others) = rest.split_at(split - size);
            batch.push(Unit { items: part, end: None });
            apply_batch(applier, &batch).await?;
            batch.clear();
            (rest, size) = (others, 0);
        }
        size += rest.len();
        batch.push(Unit { items: rest, end: Some(transaction.end) });
    }
    apply_batch(applier, &batch).await
}

async fn apply_batch(applier: &mut Applier, batch: &[Unit<'_>]) -> Result<(), ApplyError> {
    let items = || batch.iter().flat_map(|unit| unit.items);
    let live: Vec<&Item> = items().filter(|item| !applier.state.is_suspended(item)).collect();
    for item in live.iter().filter(|item| item.table.has_unique) {
        if applier.state.unique.insert(item.source().clone()) {
            applier.state.events.push(Event::UniqueConstraint { table: item.source().clone() });
        }
    }
    let broken = match collect(applier, &live) {
        Ok(nets) if nets.is_empty() => None,
        Ok(nets) => {
            for item in &live {
                if let Fault::Delay(delay) = item.fault {
                    tokio::time::sleep(delay).await;
                }
            }
            in_bulk(applier, &nets).await?
        }
        Err(broken) => Some(broken),
    };
    if let Some(Broken { table, reason }) = broken {
        // "the AWS DMS task switches from batch mode to one-by-one mode for the rest of the tables".
        applier.state.events.push(Event::OneByOne { table, reason });
        return applier.apply_group(batch).await;
    }
    applier.count(items());
    for unit in batch {
        applier.finished(*unit);
    }
    Ok(())
}

/// Returns the net effect for each table, or why there is none.
fn collect(applier: &Applier, items: &[&Item]) -> Result<BTreeMap<TableName, Net>, Broken> {
    let mut nets: BTreeMap<TableName, Net> = BTreeMap::new();
    for item in items {
        let broken = |reason: &str| Broken { table: item.source().clone(), reason: reason.to_owned() };
        if matches!(item.fault, Fault::Table(_) | Fault::Disconnect) {
            return Err(broken("a fault of the script"));
        }
        if matches!(item.work, Work::Bad { .. }) {
            return Err(broken("a value cannot be converted"));
        }
        if matches!(item.work, Work::Ignored(_)) {
            continue;
        }
        if item.operation == Operation::Truncate {
            return Err(broken("the table is truncated"));
        }
        // "Tables without primary keys or unique indexes will cause the batch to fail, and AWS DMS will process the
        // changes one by one" (assessment `postgres-check-batch-apply-target-pk-ui-absence`).
        if item.table.route.key.is_empty() {
            return Err(broken("the table has no primary key"));
        }
        // "Tables with Primary Keys and Unique Indexes simultaneously cause the batch to fail, and changes are
        // processed one by one" (assessment `postgres-check-batch-apply-target-pk-ui-simultaneously`).
        if item.table.has_unique {
            return Err(broken("the table has a primary key and a unique index"));
        }
        // "Using other options of the LOB mode will cause the batch to fail, and AWS DMS will process changes one by
        // one" (assessment `postgres-batch-apply-lob-mode`).
        if !item.lookup.is_empty() {
            return Err(broken("the table has LOBs, and the LOB mode is not limited"));
        }
        if !item.truncated.is_empty() && applier.options.fail_on_lob_truncation {
            return Err(broken("a LOB is too large"));
        }
        let net = nets.entry(item.source().clone()).or_insert_with(|| Net::new(item.table.clone()));
        if !net.add(item) {
            return Err(broken("a change has no primary key"));
        }
    }
    Ok(nets)
}

/// Applies the net effects in one transaction of the target. Returns why they must be applied one by one, with nothing
/// changed.
async fn in_bulk(applier: &mut Applier, nets: &BTreeMap<TableName, Net>) -> Result<Option<Broken>, ApplyError> {
    applier.session.begin().await?;
    let mut suspended = Vec::new();
    for (table, net) in nets {
        applier.session.command("SAVEPOINT bulk", "apply a batch").await?;
        let Some(reason) = table_in_bulk(applier, net).await? else { continue };
        if !suspends_everything(applier) {
            applier.session.rollback().await?;
            return Ok(Some(Broken { table: table.clone(), reason }));
        }
        // "After setting these policies to "SUSPEND_TABLE", the AWS DMS task then suspends data errors on any tables
        // that raise them and continues in batch mode for all tables."
        applier.session.command("ROLLBACK TO SAVEPOINT bulk", "apply a batch").await?;
        suspended.push((table.clone(), reason));
    }
    applier.session.commit().await?;
    for (table, reason) in suspended {
        applier.state.suspend(&table, reason);
    }
    Ok(None)
}

/// Applies the net effect on one table. Returns why it failed.
async fn table_in_bulk(applier: &mut Applier, net: &Net) -> Result<Option<String>, ApplyError> {
    let policies = applier.policies.clone();
    let bulk = net.bulk(policies.insert == Action::Replace, policies.update == Action::Replace);
    let ignored = |action| action == Action::IgnoreRecord || applier.ignores_conflicts();
    let (ignores_deletes, ignores_updates) = (ignored(policies.delete), ignored(policies.update));
    let steps: [(&[Statement], bool); 4] = [
        (&bulk.clear, true),
        (&bulk.deletes, ignores_deletes),
        (&bulk.inserts, true),
        (&bulk.updates, ignores_updates),
    ];
    for (statements, ignores_missing) in steps {
        match applier.session.execute_all(statements).await {
            Ok(affected) if !ignores_missing && affected.contains(&0) => return Ok(Some("0 rows affected".to_owned())),
            Ok(_) => {}
            Err(error) if classify(&error) == Kind::Environment => return Err(environment("apply a batch")(error)),
            Err(error) => return Ok(Some(describe(&error))),
        }
    }
    Ok(None)
}

/// Whether all policies that the documentation names are `SUSPEND_TABLE`.
fn suspends_everything(applier: &Applier) -> bool {
    let policies = &applier.policies;
    [policies.data_error, policies.delete, policies.insert, policies.update]
        .iter()
        .all(|action| *action == Action::SuspendTable)
}
