//! What a replication task does: connection tests, start, stop, and progress. The resource kind handles its existence
//! and its settings.

use std::time::Duration;

use aws_sdk_databasemigration::types::{
    ReplicationTask, ReplicationTaskStats, StartReplicationTaskTypeValue, TableStatistics,
};

use super::codes::{BUSY, BUSY_SECONDS, NOT_FOUND};
use super::filter::filter;
use infra_aws::{Progress, Wait};
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// How long a connection test, a start or a stop can stay in one status, in seconds.
const STALL_SECONDS: u64 = 30 * 60;

/// Statuses in which a task can be started and changed (ModifyReplicationTask: the task must not be running).
pub const AT_REST: [&str; 3] = ["ready", "stopped", "failed"];

/// How a task is started (StartReplicationTaskType).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartMode {
    /// For the first time.
    Start,
    /// From where it stopped.
    Resume,
    /// From the beginning: it reloads the data in the target.
    Reload,
}

impl StartMode {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Resume => "resume",
            Self::Reload => "reload",
        }
    }

    fn to_sdk(self) -> StartReplicationTaskTypeValue {
        match self {
            Self::Start => StartReplicationTaskTypeValue::StartReplication,
            Self::Resume => StartReplicationTaskTypeValue::ResumeProcessing,
            Self::Reload => StartReplicationTaskTypeValue::ReloadTarget,
        }
    }
}

/// The status of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskStatus {
    /// Its status, as DMS spells it.
    pub status: String,
    /// Why it stopped, as DMS reports it.
    pub stop_reason: Option<String>,
    /// Its last failure.
    pub last_failure: Option<String>,
    /// Whether it has ever run.
    pub has_run: bool,
    /// When it was last started, in seconds since 1970.
    pub started_at: Option<i64>,
    /// The progress of the full load, in percent.
    pub full_load_percent: i32,
    /// The number of tables that are loaded, loading, queued, or have errors.
    pub tables: [i32; 4],
}

/// Statuses of a task that replicates changes, or is about to.
const REPLICATING: &[&str] = &["starting", "running", "modifying", "moving", "testing"];

impl TaskStatus {
    /// Returns whether it replicates changes, or is about to.
    pub fn is_at_work(&self) -> bool {
        REPLICATING.contains(&self.status.as_str())
    }
}

/// Returns the status of a task, or `None` when it does not exist.
///
/// # Errors
/// The error of DMS.
pub async fn read(cx: &StepContext, task: &str) -> Result<Option<TaskStatus>> {
    let call = cx
        .aws
        .dms
        .describe_replication_tasks()
        .filters(filter("replication-task-arn", task)?)
        .without_settings(true)
        .send();
    let found = ignore_codes(cx.read("dms:DescribeReplicationTasks", call).await, NOT_FOUND)?;
    Ok(found.and_then(|found| found.replication_tasks?.pop()).map(|task| from_sdk(&task)))
}

/// Returns the status of a task that must exist.
///
/// # Errors
/// The error of DMS, or that the task does not exist.
pub async fn read_existing(cx: &StepContext, task: &str) -> Result<TaskStatus> {
    let missing = || Error::Refused(format!("the replication task {} does not exist; `up` creates it", name_of(task)));
    read(cx, task).await?.ok_or_else(missing)
}

fn from_sdk(task: &ReplicationTask) -> TaskStatus {
    let stats = task.replication_task_stats();
    let count = |of: fn(&ReplicationTaskStats) -> i32| stats.map(of).unwrap_or_default();
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    TaskStatus {
        status: task.status().unwrap_or("unknown").to_owned(),
        stop_reason: text(task.stop_reason()),
        last_failure: text(task.last_failure_message()),
        has_run: task.replication_task_start_date().is_some(),
        started_at: task.replication_task_start_date().map(aws_sdk_databasemigration::primitives::DateTime::secs),
        full_load_percent: count(ReplicationTaskStats::full_load_progress_percent),
        tables: [
            count(ReplicationTaskStats::tables_loaded),
            count(ReplicationTaskStats::tables_loading),
            count(ReplicationTaskStats::tables_queued),
            count(ReplicationTaskStats::tables_errored),
        ],
    }
}

/// The progress of a table (DescribeTableStatistics).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Table {
    /// Schema and name, separated by a dot.
    pub name: String,
    /// Its state, as DMS spells it.
    pub state: String,
    /// Rows that the full load has loaded.
    pub rows: i64,
    /// Rows that could not be loaded.
    pub error_rows: i64,
    /// Applied changes: inserts, updates, deletes.
    pub changes: [i64; 3],
    /// The state of the validation, as DMS spells it.
    pub validation: String,
    /// Rows that differ, that validation could not compare, and that it has not compared yet.
    pub validation_rows: [i64; 3],
}

/// Returns all tables of a task, sorted by name.
///
/// # Errors
/// The error of DMS.
pub async fn tables(cx: &StepContext, task: &str) -> Result<Vec<Table>> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let call = cx
            .aws
            .dms
            .describe_table_statistics()
            .replication_task_arn(task)
            .max_records(500)
            .set_marker(marker)
            .send();
        // "InvalidResourceStateFault": a task that has never run has no statistics.
        let codes = [NOT_FOUND, &["InvalidResourceStateFault"]].concat();
        let Some(page) = ignore_codes(cx.read("dms:DescribeTableStatistics", call).await, &codes)? else { break };
        all.extend(page.table_statistics().iter().map(table));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            break;
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn table(statistics: &TableStatistics) -> Table {
    Table {
        name: format!(
            "{}.{}",
            statistics.schema_name().unwrap_or_default(),
            statistics.table_name().unwrap_or_default()
        ),
        state: statistics.table_state().unwrap_or("unknown").to_owned(),
        rows: statistics.full_load_rows(),
        error_rows: statistics.full_load_error_rows() + statistics.full_load_condtnl_chk_failed_rows(),
        changes: [statistics.inserts(), statistics.updates(), statistics.deletes()],
        validation: statistics.validation_state().unwrap_or("unknown").to_owned(),
        validation_rows: [
            statistics.validation_failed_records(),
            statistics.validation_suspended_records(),
            statistics.validation_pending_records(),
        ],
    }
}

/// Tests the connection of the replication instance to an endpoint, and waits for the result. "Always test the
/// connection before starting a task": a task  starts only when both tests were successful (DMS user guide, "Creating a
/// task").
///
/// # Errors
/// The reason that DMS reports.
pub async fn test_connection(cx: &StepContext, instance: &str, endpoint: &str) -> Result<()> {
    let call = || cx.aws.dms.test_connection().replication_instance_arn(instance).endpoint_arn(endpoint).send();
    // DMS refuses a second test while one is in progress; the result of that one is as good.
    let tested = cx
        .retry("the endpoint to accept a test", &["ResourceNotFoundFault"], 60, || {
            cx.mutate("dms:TestConnection", call)
        })
        .await;
    ignore_codes(tested, BUSY)?;
    cx.wait(Wait::new(format!("the connection to {}", name_of(endpoint)), 5, STALL_SECONDS), || async {
        let by_instance = filter("replication-instance-arn", instance)?;
        let call =
            cx.aws.dms.describe_connections().filters(filter("endpoint-arn", endpoint)?).filters(by_instance).send();
        let found = ignore_codes(cx.read("dms:DescribeConnections", call).await, NOT_FOUND)?;
        let connection = found.as_ref().and_then(|found| found.connections().first());
        Ok(
            match connection
                .map(|connection| (connection.status().unwrap_or("unknown"), connection.last_failure_message()))
            {
                None => Progress::Pending("not visible yet".to_owned()),
                Some(("successful", _)) => Progress::Reached(()),
                Some(("failed", reason)) => {
                    Progress::Failed { status: "failed".to_owned(), reason: reason.map(str::to_owned) }
                }
                Some((status, _)) => Progress::Pending(status.to_owned()),
            },
        )
    })
    .await
}

fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// How long a read can show the status from before the start of a task.
const START_SHOWS_AFTER: Duration = Duration::from_secs(12);

/// Starts a task that is at rest. Returns when reads show the start.
///
/// # Errors
/// The error of DMS.
pub async fn start(cx: &StepContext, task: &str, mode: StartMode) -> Result<()> {
    let call = || {
        cx.aws.dms.start_replication_task().replication_task_arn(task).start_replication_task_type(mode.to_sdk()).send()
    };
    cx.retry("the task to accept the start", BUSY, BUSY_SECONDS, || cx.mutate("dms:StartReplicationTask", call))
        .await?;
    // A read can still show the status from before the start. A task takes longer than this to start.
    cx.pause(START_SHOWS_AFTER).await
}

/// Starts a task once, without waiting for it to accept the start. A change-only task with a slot of its own starts at
/// a position in the log of its source: "For a cdc only task, to start from a specific position, you must use
/// start-replication and also specify the start position" (StartReplicationTask).
///
/// # Errors
/// The error of DMS. InvalidResourceStateFault can mean that a connection test is missing.
pub async fn start_once(cx: &StepContext, task: &str, mode: StartMode, position: Option<&str>) -> Result<()> {
    let call = || {
        let call = cx.aws.dms.start_replication_task().replication_task_arn(task);
        let call = call.start_replication_task_type(mode.to_sdk());
        call.set_cdc_start_position(position.map(str::to_owned)).send()
    };
    cx.mutate("dms:StartReplicationTask", call).await.map(drop)
}

/// Stops a running task, and waits until it has one of the statuses `until`, such as [`AT_REST`].
///
/// # Errors
/// The error of DMS.
pub async fn stop(cx: &StepContext, task: &str, until: &[&str]) -> Result<()> {
    let call = || cx.aws.dms.stop_replication_task().replication_task_arn(task).send();
    ignore_codes(cx.mutate("dms:StopReplicationTask", call).await, BUSY)?;
    wait_for(cx, task, "stop", until, &[]).await.map(drop)
}

/// Waits until a task is in one of the statuses `reached`. It cannot leave those in `broken`.
///
/// # Errors
/// That the task failed, with the reason that DMS reports.
pub async fn wait_for(
    cx: &StepContext,
    task: &str,
    what: &str,
    reached: &[&str],
    broken: &[&str],
) -> Result<TaskStatus> {
    cx.wait(Wait::new(format!("the replication to {what}"), 5, STALL_SECONDS), || async {
        let current = read_existing(cx, task).await?;
        Ok(match current.status.as_str() {
            status if reached.contains(&status) => Progress::Reached(current),
            status if broken.contains(&status) => {
                Progress::Failed { status: status.to_owned(), reason: current.last_failure.or(current.stop_reason) }
            }
            status => Progress::Pending(status.to_owned()),
        })
    })
    .await
}
