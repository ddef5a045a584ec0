//! The statistics of a task that moves real data.

use aws_sdk_databasemigration::types::{ReplicationTaskStats, TableStatistics};

use super::conversion::date;
use crate::world::dms::Task;
use crate::world::real_data::{LiveTable, LiveTask};

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Converts the statistics of a table to the SDK's type.
pub(super) fn to_sdk(table: &LiveTable) -> TableStatistics {
    TableStatistics::builder()
        .schema_name(&table.schema)
        .table_name(&table.name)
        .inserts(number(table.inserts))
        .updates(number(table.updates))
        .deletes(number(table.deletes))
        .ddls(number(table.ddls))
        .applied_inserts(number(table.applied_inserts))
        .applied_updates(number(table.applied_updates))
        .applied_deletes(number(table.applied_deletes))
        .applied_ddls(number(table.applied_ddls))
        .full_load_rows(number(table.full_load_rows))
        .full_load_error_rows(number(table.full_load_error_rows))
        .full_load_condtnl_chk_failed_rows(0)
        .set_full_load_start_time(table.full_load_started_at.map(date))
        .set_full_load_end_time(table.full_load_ended_at.map(date))
        .full_load_reloaded(table.reloaded)
        .last_update_time(date(table.updated_at))
        .table_state(&table.state)
        .validation_state(&table.validation_state)
        .validation_pending_records(number(table.validation_pending))
        .validation_failed_records(number(table.validation_failed))
        .validation_suspended_records(number(table.validation_suspended))
        .build()
}

/// Returns the statistics of a task over all its tables; `None` before its first run.
pub(super) fn summary(task: &Task, live: &LiveTask, now: u64) -> Option<ReplicationTaskStats> {
    let progress = &task.progress;
    let (run, at) = (progress.runs.last()?, task.progress_at(now));
    let count = |is: fn(&str) -> bool| {
        i32::try_from(live.tables.iter().filter(|table| is(&table.state)).count()).unwrap_or(i32::MAX)
    };
    let (loaded, all) = (count(|state| state == "Table completed"), live.tables.len());
    // The number of rows of a table is not known before its load. DMS estimates it; finished tables count here.
    let percent = match (live.loaded_at, i32::try_from(all).unwrap_or(i32::MAX)) {
        (Some(_), _) => 100,
        (None, 0) => 0,
        (None, all) => loaded.saturating_mul(100) / all,
    };
    let stats = ReplicationTaskStats::builder()
        .full_load_progress_percent(percent)
        .elapsed_time_millis(number(at.saturating_sub(run.from)))
        .tables_loaded(loaded)
        .tables_loading(count(|state| state == "Full load"))
        .tables_queued(count(|state| state == "Before load"))
        .tables_errored(count(|state| state == "Table error"))
        .set_fresh_start_date(progress.fresh_start_at.map(date))
        .start_date(date(run.from))
        .set_stop_date(progress.stopped_at.map(date))
        .set_full_load_start_date(progress.fresh_start_at.map(date))
        .set_full_load_finish_date(live.loaded_at.map(date));
    Some(stats.build())
}
