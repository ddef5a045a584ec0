//! The begin of a run: which tables there are, and what DMS creates on both sides.

use tokio_postgres::Client;

use super::slot;
use super::state::{Shared, Tables};
use crate::catalog;
use crate::checkpoint::{Checkpoint, Phase, TableProgress};
use crate::failure::Failure;
use crate::model::TableName;
use crate::observer::Severity;
use crate::report::{TableReport, TableState};
use crate::settings::StopPoint;
use crate::source_objects::{DdlCapture, capture_ddls};

const NO_TABLES: &str = "No tables were found at task initialization. Either the selected table(s) or schemas(s) no \
     longer exist or no match was found for the table selection pattern(s). If you would like to start a Task that \
     does not initially capture any tables, set Task Setting FailOnNoTablesCaptured to false and restart task.";

/// Forgets the progress of an earlier run, and drops the slot that belonged to it.
pub(super) async fn start_over(shared: &Shared, source: &Client, target: &Client) -> Result<(), Failure> {
    if let Some(record) = shared.checkpoint().slot {
        slot::discard(&record, source).await?;
    }
    shared.record(|checkpoint| *checkpoint = Checkpoint::default());
    shared.show_checkpoint();
    let migration = shared.definition.migration;
    let validates = shared.definition.settings.validation.enabled;
    shared.control.create(target, migration.captures(), validates).await?;
    if migration.captures() {
        shared.control.forget_suspended(target).await?;
    }
    Ok(())
}

/// Finds the tables of the source, unless an earlier run has done so.
pub(super) async fn tables(shared: &Shared, source: &Client) -> Result<Tables, Failure> {
    let failed = |error| Failure::of("Failed to read the tables of the source", &error);
    let all = catalog::read(source, None).await.map_err(failed)?;
    let mappings = &shared.definition.mappings;
    let mut selected: Vec<_> = all.into_iter().filter(|table| mappings.selects(&table.name)).collect();
    for table in &mut selected {
        let name = table.name.clone();
        table.columns.retain(|column| !mappings.removes(&name, &column.name));
    }
    selected.sort_by_key(|table| -mappings.load_order(&table.name));
    if !shared.checkpoint().initialized {
        if selected.is_empty() && shared.definition.settings.fail_on_no_tables {
            return Err(Failure::fatal(NO_TABLES));
        }
        let order: Vec<TableName> = selected.iter().map(|table| table.name.clone()).collect();
        initialize(shared, order);
    }
    let known = shared.checkpoint();
    Ok(selected
        .into_iter()
        .filter(|table| known.table(&table.name).is_some())
        .map(|table| (table.name.clone(), table))
        .collect())
}

fn initialize(shared: &Shared, order: Vec<TableName>) {
    let loads = shared.definition.migration.loads() && !shared.definition.settings.validation.only;
    let state = if loads { TableState::BeforeLoad } else { TableState::Completed };
    shared.record(|checkpoint| {
        checkpoint.initialized = true;
        checkpoint.phase = if loads { Phase::FullLoad } else { Phase::Replicating };
        checkpoint.tables = order
            .into_iter()
            .map(|table| {
                let report = TableReport { state, ..TableReport::default() };
                TableProgress { table, boundary: None, report }
            })
            .collect();
    });
    shared.show_checkpoint();
}

/// Refuses to resume what DMS cannot resume.
///
/// "CreatePkAfterFullLoad […] When this option is selected, you cannot resume incomplete full load tasks."
pub(super) fn check_resume(shared: &Shared) -> Result<(), Failure> {
    let checkpoint = shared.checkpoint();
    if !checkpoint.initialized {
        return Err(Failure::fatal("The task cannot be resumed, because it was never started"));
    }
    let full_load = &shared.definition.settings.full_load;
    let is_incomplete = checkpoint.phase == Phase::FullLoad
        && checkpoint.tables.iter().any(|progress| progress.report.load_started.is_some());
    if is_incomplete && full_load.key_after_load {
        return Err(Failure::fatal(
            "The task cannot be resumed: CreatePkAfterFullLoad is set and the full load is incomplete",
        ));
    }
    if checkpoint.phase == Phase::Finished {
        return Err(Failure::fatal("The task cannot be resumed, because its full load has finished"));
    }
    Ok(())
}

/// Creates what DMS needs on the source to capture changes.
pub(super) async fn prepare_source(shared: &Shared, source: &Client) -> Result<(), Failure> {
    let endpoint = &shared.definition.source;
    let show = "SELECT pg_catalog.current_setting('wal_level')";
    let row = source.query_one(show, &[]).await;
    let failed = |error| Failure::of("Failed to read wal_level", &error);
    let level: String = row.and_then(|row| row.try_get(0)).map_err(failed)?;
    if level != "logical" {
        return Err(Failure::fatal(format!(
            "CDC cannot be provided because wal_level is {level}; it must be set to logical (on RDS with \
             rds.logical_replication = 1)"
        )));
    }
    if endpoint.capture_ddls {
        match capture_ddls(source, &endpoint.ddl_schema).await? {
            DdlCapture::Ready => {}
            DdlCapture::Denied(why) => {
                let text = format!("DDL statements are not captured, because the artifacts were not created: {why}");
                shared.log(Severity::Warning, "SOURCE_CAPTURE", text);
            }
        }
    }
    Ok(())
}

/// Returns whether the task stops when its tables are loaded.
pub(super) fn stops_after_load(shared: &Shared) -> bool {
    shared.definition.settings.full_load.stop == StopPoint::BeforeCachedChanges
}
