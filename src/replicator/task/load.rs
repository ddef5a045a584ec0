//! The full load of all tables, several at a time.

use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::Client;

use super::state::{Shared, Tables};
use crate::catalog::Table;
use crate::failure::Failure;
use crate::full_load::{Loader, Outcome};
use crate::model::TableName;
use crate::observer::Severity;
use crate::report::TableState;
use crate::session::{Role, open};
use crate::validation::Event;

/// Waits for the transactions that are open on the source.
///
/// "TransactionConsistencyTimeout – the number of seconds that AWS DMS waits for transactions to close before
/// beginning a full-load operation, if transactions are open when the task starts […]. AWS DMS begins the full load
/// after the timeout value is reached, even if there are open transactions. A full-load-only task doesn't wait".
pub(super) async fn wait_for_transactions(shared: &Shared, source: &Client) -> Result<(), Failure> {
    const OPEN: &str = "SELECT array_agg(backend_xid::text) FROM pg_catalog.pg_stat_activity \
         WHERE backend_xid IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()";
    const STILL_OPEN: &str = "SELECT count(*) FROM pg_catalog.pg_stat_activity \
         WHERE backend_xid::text = ANY ($1::text[]) AND datname = current_database()";
    let failed = |error| Failure::of("Failed to read the open transactions", &error);
    let row = source.query_one(OPEN, &[]).await;
    let open: Option<Vec<String>> = row.and_then(|row| row.try_get(0)).map_err(failed)?;
    let Some(open) = open else { return Ok(()) };
    let seconds = u64::from(shared.definition.settings.full_load.transaction_timeout);
    let end = Instant::now() + shared.definition.wall(Duration::from_secs(seconds));
    while Instant::now() < end && !shared.is_stopped() {
        let row = source.query_one(STILL_OPEN, &[&open]).await;
        let count: i64 = row.and_then(|row| row.try_get(0)).map_err(failed)?;
        if count == 0 {
            return Ok(());
        }
        tokio::time::sleep(shared.definition.poll).await;
    }
    shared.log(Severity::Warning, "TASK_MANAGER", "The full load begins although transactions of the source are open");
    Ok(())
}

/// Loads all tables that are not loaded.
///
/// "MaxFullLoadSubTasks – the maximum number of tables to load in parallel". An error of one table does not end the
/// others.
pub(super) async fn load(
    shared: &Shared,
    tables: &Tables,
    validation: Option<&UnboundedSender<Event>>,
) -> Result<(), Failure> {
    let order: Vec<TableName> = shared.checkpoint().tables.into_iter().map(|progress| progress.table).collect();
    let states = shared.tables();
    let is_open = |table: &TableName| match states.get(table).map(|report| report.state) {
        Some(TableState::Completed | TableState::Error | TableState::Suspended) | None => false,
        Some(_) => true,
    };
    let todo: Vec<&Table> = order.iter().filter(|table| is_open(table)).filter_map(|table| tables.get(table)).collect();
    let sub_tasks = shared.definition.settings.full_load.sub_tasks;
    let loads: Vec<_> = todo.into_iter().map(|table| load_table(shared, table, validation).boxed()).collect();
    let mut running = futures::stream::iter(loads).buffer_unordered(sub_tasks);
    while let Some(result) = running.next().await {
        result?;
    }
    Ok(())
}

/// Loads one table with connections of its own.
pub(super) async fn load_table(
    shared: &Shared,
    table: &Table,
    validation: Option<&UnboundedSender<Event>>,
) -> Result<(), Failure> {
    if shared.is_stopped() {
        return Ok(());
    }
    let definition = &shared.definition;
    let source = open(&definition.source.connection, Role::Source, None).await?;
    let script = definition.target.after_connect_script.as_deref();
    let target = open(&definition.target.connection, Role::Target, script).await?;
    let part_kilobytes = definition.settings.target.load_max_file_size.unwrap_or(definition.target.max_file_size);
    let loader = Loader {
        settings: &definition.settings,
        rules: shared.rules(),
        policies: &shared.policies,
        fail_on_lob_truncation: definition.source.fail_on_lob_truncation,
        part_bytes: u64::from(part_kilobytes.max(1)) * 1024,
        report: &shared.report,
        observer: &*shared.observer,
        faults: &*shared.faults,
        stop: &shared.stop,
    };
    let target_name = shared.target_of(&table.name);
    let began = |boundary| shared.set_boundary(&table.name, boundary);
    let outcome = loader.load(&source, &target, table, &target_name, began).await?;
    let event = match &outcome {
        Outcome::Loaded => Some(Event::Loaded(table.name.clone(), target_name)),
        Outcome::Failed(reason) => {
            if definition.migration.captures() {
                shared.control.suspended(&target, &table.name, reason).await?;
            }
            Some(Event::Failed(table.name.clone()))
        }
        Outcome::Stopped => None,
    };
    if let (Some(validation), Some(event)) = (validation, event) {
        // Without a receiver, the run is ending.
        let _ = validation.send(event);
    }
    shared.record(|_| ());
    Ok(())
}
