//! What a replication task does: connection tests, starting, stopping, and how far it is. That it exists and how it is set is the
//! resource's own business.

use aws_sdk_databasemigration::types::{ReplicationTask as Shown, ReplicationTaskStats, StartReplicationTaskTypeValue, TableStatistics};

use super::{BUSY, BUSY_SECONDS, NOT_FOUND, filter};
use crate::aws::{Progress, Wait};
use crate::resource::{Cx, Error, Result, settled};

/// How long a connection test, a start or a stop may stay in one status, in seconds.
const PATIENCE: u64 = 30 * 60;

/// Statuses in which a task takes orders, and can be changed (ModifyReplicationTask: the task must not be running).
pub const AT_REST: [&str; 3] = ["ready", "stopped", "failed"];

/// How a task is started (StartReplicationTaskType).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// For the first time.
    Start,
    /// Where it stopped.
    Resume,
    /// Again from the beginning: what is in the target is loaded anew.
    Reload,
}

impl Begin {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Resume => "resume",
            Self::Reload => "reload",
        }
    }

    fn sent(self) -> StartReplicationTaskTypeValue {
        match self {
            Self::Start => StartReplicationTaskTypeValue::StartReplication,
            Self::Resume => StartReplicationTaskTypeValue::ResumeProcessing,
            Self::Reload => StartReplicationTaskTypeValue::ReloadTarget,
        }
    }
}

/// How a task stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Its status, as DMS writes it.
    pub status: String,
    /// Why it stopped, in DMS's words.
    pub stop_reason: Option<String>,
    /// What it failed with last.
    pub last_failure: Option<String>,
    /// Whether it has ever run.
    pub has_run: bool,
    /// How much of the full load is done, in percent.
    pub full_load_percent: i32,
    /// Tables by how far they are: loaded, loading, queued, with errors.
    pub tables: [i32; 4],
}

/// Statuses of a task in which it carries changes over, or is about to.
const AT_WORK: &[&str] = &["starting", "running", "modifying", "moving", "testing"];

impl Standing {
    /// Returns whether it carries changes over, or is about to.
    pub fn is_at_work(&self) -> bool {
        AT_WORK.contains(&self.status.as_str())
    }
}

/// Asks for a task.
///
/// # Errors
/// What DMS answered; nothing when there is no such task.
pub async fn standing(cx: &Cx, task: &str) -> Result<Option<Standing>> {
    let call = cx.aws.dms.describe_replication_tasks().filters(filter("replication-task-arn", task)?).without_settings(true).send();
    let found = settled(cx.read("dms:DescribeReplicationTasks", call).await, NOT_FOUND)?;
    Ok(found.and_then(|found| found.replication_tasks?.pop()).map(|task| read(&task)))
}

/// Asks for a task that must be there.
///
/// # Errors
/// What DMS answered, or that it is gone.
pub async fn present(cx: &Cx, task: &str) -> Result<Standing> {
    let gone = || Error::Refused(format!("the replication task {} is gone; `up` makes it again", name_of(task)));
    standing(cx, task).await?.ok_or_else(gone)
}

fn read(task: &Shown) -> Standing {
    let stats = task.replication_task_stats();
    let count = |of: fn(&ReplicationTaskStats) -> i32| stats.map(of).unwrap_or_default();
    let words = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Standing {
        status: task.status().unwrap_or("unknown").to_owned(),
        stop_reason: words(task.stop_reason()),
        last_failure: words(task.last_failure_message()),
        has_run: task.replication_task_start_date().is_some(),
        full_load_percent: count(ReplicationTaskStats::full_load_progress_percent),
        tables: [
            count(ReplicationTaskStats::tables_loaded),
            count(ReplicationTaskStats::tables_loading),
            count(ReplicationTaskStats::tables_queued),
            count(ReplicationTaskStats::tables_errored),
        ],
    }
}

/// How a table stands (DescribeTableStatistics).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Table {
    /// Schema and name, with a dot between.
    pub name: String,
    /// How far it is, in DMS's words.
    pub state: String,
    /// Rows of the full load.
    pub rows: i64,
    /// Rows that could not be loaded.
    pub error_rows: i64,
    /// Changes that were applied: inserts, updates, deletes.
    pub changes: [i64; 3],
    /// What validation says, in DMS's words.
    pub validation: String,
    /// Rows that validation found different, could not compare, and has yet to compare.
    pub validation_rows: [i64; 3],
}

/// Returns all tables of a task, by name.
///
/// # Errors
/// What DMS answered.
pub async fn tables(cx: &Cx, task: &str) -> Result<Vec<Table>> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let call = cx.aws.dms.describe_table_statistics().replication_task_arn(task).max_records(500).set_marker(marker).send();
        // "InvalidResourceStateFault": a task that has never run has no statistics.
        let codes = [NOT_FOUND, &["InvalidResourceStateFault"]].concat();
        let Some(page) = settled(cx.read("dms:DescribeTableStatistics", call).await, &codes)? else { break };
        all.extend(page.table_statistics().iter().map(table));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            break;
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn table(shown: &TableStatistics) -> Table {
    Table {
        name: format!("{}.{}", shown.schema_name().unwrap_or_default(), shown.table_name().unwrap_or_default()),
        state: shown.table_state().unwrap_or("unknown").to_owned(),
        rows: shown.full_load_rows(),
        error_rows: shown.full_load_error_rows() + shown.full_load_condtnl_chk_failed_rows(),
        changes: [shown.inserts(), shown.updates(), shown.deletes()],
        validation: shown.validation_state().unwrap_or("unknown").to_owned(),
        validation_rows: [shown.validation_failed_records(), shown.validation_suspended_records(), shown.validation_pending_records()],
    }
}

/// Has the replication instance connect to an endpoint, and waits for what comes of it. "Always test the connection before starting a task":
/// a task starts only when both tests were successful (DMS user guide, "Creating a task").
///
/// # Errors
/// What DMS says of the failure.
pub async fn test_connection(cx: &Cx, instance: &str, endpoint: &str) -> Result<()> {
    let call = || cx.aws.dms.test_connection().replication_instance_arn(instance).endpoint_arn(endpoint).send();
    // A test that is under way already is refused, and is as good as one of our own.
    let tested = cx.retry("the endpoint to take a test", &["ResourceNotFoundFault"], 60, || cx.mutate("dms:TestConnection", call)).await;
    settled(tested, BUSY)?;
    cx.wait(Wait::new(format!("the connection to {}", name_of(endpoint)), 5, PATIENCE), || async {
        let by_instance = filter("replication-instance-arn", instance)?;
        let call = cx.aws.dms.describe_connections().filters(filter("endpoint-arn", endpoint)?).filters(by_instance).send();
        let found = settled(cx.read("dms:DescribeConnections", call).await, NOT_FOUND)?;
        let connection = found.as_ref().and_then(|found| found.connections().first());
        Ok(match connection.map(|connection| (connection.status().unwrap_or("unknown"), connection.last_failure_message())) {
            None => Progress::Pending("not visible yet".to_owned()),
            Some(("successful", _)) => Progress::Reached(()),
            Some(("failed", reason)) => Progress::Failed { status: "failed".to_owned(), reason: reason.map(str::to_owned) },
            Some((status, _)) => Progress::Pending(status.to_owned()),
        })
    })
    .await
}

fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// Starts a task that is at rest.
///
/// # Errors
/// What DMS answered.
pub async fn start(cx: &Cx, task: &str, begin: Begin) -> Result<()> {
    let call = || cx.aws.dms.start_replication_task().replication_task_arn(task).start_replication_task_type(begin.sent()).send();
    cx.retry("the task to take an order", BUSY, BUSY_SECONDS, || cx.mutate("dms:StartReplicationTask", call)).await.map(drop)
}

/// Stops a task that runs, and waits until it has stopped.
///
/// # Errors
/// What DMS answered.
pub async fn stop(cx: &Cx, task: &str) -> Result<()> {
    let call = || cx.aws.dms.stop_replication_task().replication_task_arn(task).send();
    settled(cx.mutate("dms:StopReplicationTask", call).await, BUSY)?;
    wait_for(cx, task, "stop", &AT_REST, &[]).await.map(drop)
}

/// Waits until a task is in one of these statuses. One of `broken` is where it can not come from.
///
/// # Errors
/// That it failed, with DMS's reason.
pub async fn wait_for(cx: &Cx, task: &str, what: &str, reached: &[&str], broken: &[&str]) -> Result<Standing> {
    cx.wait(Wait::new(format!("the replication to {what}"), 5, PATIENCE), || async {
        let standing = present(cx, task).await?;
        Ok(match standing.status.as_str() {
            status if reached.contains(&status) => Progress::Reached(standing),
            status if broken.contains(&status) => {
                Progress::Failed { status: status.to_owned(), reason: standing.last_failure.or(standing.stop_reason) }
            }
            status => Progress::Pending(status.to_owned()),
        })
    })
    .await
}
