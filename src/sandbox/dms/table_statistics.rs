//! The progress of a task for each of its tables, and the results of validation.

use aws_sdk_databasemigration::operation::describe_table_statistics::{
    DescribeTableStatisticsError, DescribeTableStatisticsInput, DescribeTableStatisticsOutput,
};
use aws_sdk_databasemigration::types::{ReplicationTaskStats, TableStatistics};
use serde_json::Value;

use super::conversion::date;
use super::filters::matches_filters;
use super::live_statistics;
use crate::paging::{DMS, page};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::dms::{TableLoad, Task};
use crate::world::script::ValidationOutcome;
use crate::world::timeline::ActiveChanges;

/// How many rows per second are validated after their table is loaded.
const VALIDATED_PER_SECOND: u64 = 4_000;
/// The intervals at which a row of each table is inserted and updated, in milliseconds.
const INSERT_EVERY: u64 = 6_000;
const UPDATE_EVERY: u64 = 15_000;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["replication_task_arn", "filters", "max_records", "marker"];
    registry.on("dms", "DescribeTableStatistics", fields, DescribeTableStatisticsError::generic, describe);
}

/// Returns how many rows are loaded at `at`.
fn loaded_rows(load: &TableLoad, at: u64) -> u64 {
    let rows = u64::from(load.table.rows);
    match load.to.saturating_sub(load.from) {
        _ if at >= load.to => rows,
        took => rows * at.saturating_sub(load.from) / took.max(1),
    }
}

fn state(load: &TableLoad, active: &ActiveChanges<'_>, at: u64) -> &'static str {
    match at {
        at if at < load.from => "Before load",
        _ if active.has_table_error(&load.table.full_name()) => "Table error",
        at if at < load.to => "Full load",
        _ => "Table completed",
    }
}

/// Returns the validation state and the numbers of pending, failed and suspended records.
fn validation(task: &Task, load: &TableLoad, active: &ActiveChanges<'_>, at: u64) -> (&'static str, u64, u64, u64) {
    let rows = u64::from(load.table.rows);
    let on = task.settings.pointer("/ValidationSettings/EnableValidation") == Some(&Value::Bool(true));
    let waiting = rows.saturating_sub(at.saturating_sub(load.to) * VALIDATED_PER_SECOND / 1000);
    let found = active.validation(&load.table.full_name());
    match found.map(|found| (found.outcome, u64::from(found.rows))) {
        _ if !on => ("Not enabled", 0, 0, 0),
        _ if state(load, active, at) == "Table error" => ("Table error", 0, 0, 0),
        _ if !load.table.primary_key => ("No primary key", 0, 0, 0),
        _ if at < load.to => ("Pending records", rows, 0, 0),
        Some((ValidationOutcome::Mismatched, rows)) => ("Mismatched records", 0, rows, 0),
        Some((ValidationOutcome::Suspended, rows)) => ("Suspended records", 0, 0, rows),
        Some((ValidationOutcome::Pending, rows)) => ("Pending records", rows, 0, 0),
        Some((ValidationOutcome::Error, _)) => ("Error", 0, 0, 0),
        None if waiting > 0 => ("Pending records", waiting, 0, 0),
        None => ("Validated", 0, 0, 0),
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Returns how long the task had applied changes at `at`, in milliseconds.
fn captured_millis(task: &Task, at: u64) -> u64 {
    let fresh = task.progress.fresh_start_at.unwrap_or_default();
    let runs = task.progress.runs.iter().filter(|run| run.from >= fresh);
    runs.filter_map(|run| Some(run.to.unwrap_or(at).min(at).saturating_sub(run.cdc_from?))).sum()
}

fn to_sdk(task: &Task, load: &TableLoad, active: &ActiveChanges<'_>, at: u64) -> TableStatistics {
    let (validation, pending, failed, suspended) = validation(task, load, active, at);
    let (table_state, captured_millis) = (state(load, active, at), captured_millis(task, at));
    let changes = |every: u64| number(captured_millis / every);
    TableStatistics::builder()
        .schema_name(&load.table.schema)
        .table_name(&load.table.name)
        .inserts(changes(INSERT_EVERY))
        .applied_inserts(changes(INSERT_EVERY))
        .updates(changes(UPDATE_EVERY))
        .applied_updates(changes(UPDATE_EVERY))
        .deletes(0)
        .applied_deletes(0)
        .ddls(0)
        .applied_ddls(0)
        .full_load_rows(number(loaded_rows(load, at)))
        .full_load_error_rows(i64::from(table_state == "Table error"))
        .full_load_condtnl_chk_failed_rows(0)
        .set_full_load_start_time((at >= load.from).then(|| date(load.from)))
        .set_full_load_end_time((at >= load.to).then(|| date(load.to)))
        .full_load_reloaded(load.reloaded)
        .last_update_time(date(at))
        .table_state(table_state)
        .validation_state(validation)
        .validation_pending_records(number(pending))
        .validation_failed_records(number(failed))
        .validation_suspended_records(number(suspended))
        .build()
}

/// Returns the statistics of a task over all its tables; `None` before its first run.
pub(super) fn summary(task: &Task, active: &ActiveChanges<'_>, now: u64) -> Option<ReplicationTaskStats> {
    if let Some(live) = &task.live {
        return live_statistics::summary(task, live, now);
    }
    let progress = &task.progress;
    let (run, at) = (progress.runs.last()?, task.progress_at(now));
    let count = |wanted: &str| {
        let found = progress.loads.iter().filter(|load| state(load, active, at) == wanted).count();
        i32::try_from(found).unwrap_or(i32::MAX)
    };
    let (all, done) = progress
        .loads
        .iter()
        .fold((0, 0), |(all, done), load| (all + u64::from(load.table.rows), done + loaded_rows(load, at)));
    let finished = progress.loads.iter().map(|load| load.to).max().unwrap_or(run.from);
    let percent = match all {
        _ if at >= finished => 100,
        0 => 0,
        all => (done * 100 / all).min(99),
    };
    let elapsed = at.saturating_sub(run.from);
    let stats = ReplicationTaskStats::builder()
        .full_load_progress_percent(i32::try_from(percent).unwrap_or(100))
        .elapsed_time_millis(number(elapsed))
        .tables_loaded(count("Table completed"))
        .tables_loading(count("Full load"))
        .tables_queued(count("Before load"))
        .tables_errored(count("Table error"))
        .set_fresh_start_date(progress.fresh_start_at.map(date))
        .start_date(date(run.from))
        .set_stop_date(progress.stopped_at.map(date))
        .set_full_load_start_date(progress.fresh_start_at.map(date))
        .set_full_load_finish_date((at >= finished).then(|| date(finished)));
    Some(stats.build())
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeTableStatisticsInput,
) -> Result<DescribeTableStatisticsOutput, Rejection> {
    let arn = input.replication_task_arn().unwrap_or_default();
    let (world, region) = (&*call.world, call.region.as_str());
    let Some(task) = world
        .existing_region(region)
        .and_then(|region_state| region_state.dms.tasks.values().find(|task| task.arn == arn))
    else {
        return refuse("ResourceNotFoundFault", format!("Replication task {arn} not found"));
    };
    let (active, at) = (world.timeline().at(world.now), task.progress_at(world.now));
    let mut loads: Vec<&TableLoad> = task.progress.loads.iter().collect();
    loads.sort_by_key(|load| load.table.full_name());
    let mut found = Vec::new();
    for table in task.live.iter().flat_map(|live| &live.tables) {
        let field = |name: &str| match name {
            "schema-name" => Some(table.schema.clone()),
            "table-name" => Some(table.name.clone()),
            "table-state" => Some(table.state.clone()),
            _ => None,
        };
        if matches_filters(input.filters(), field)? {
            found.push(live_statistics::to_sdk(table));
        }
    }
    for load in loads {
        let field = |name: &str| match name {
            "schema-name" => Some(load.table.schema.clone()),
            "table-name" => Some(load.table.name.clone()),
            "table-state" => Some(state(load, &active, at).to_owned()),
            _ => None,
        };
        if matches_filters(input.filters(), field)? {
            found.push(to_sdk(task, load, &active, at));
        }
    }
    // "Default: 100. Constraints: Minimum 20, maximum 500."
    let (found, next) = page(found, input.marker(), input.max_records(), 20..=500, DMS)?;
    Ok(DescribeTableStatisticsOutput::builder()
        .replication_task_arn(arn)
        .set_table_statistics(Some(found))
        .set_marker(next)
        .build())
}
