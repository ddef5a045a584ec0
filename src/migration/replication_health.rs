//! The health of a replication, with its risks.

use serde::Serialize;

use super::gate::probe::{database_metric, lag_metric};
use super::topology::{Database, Replication, Topology};
use infra_config::Query;
use infra_core::engine::ReadContext;
use infra_core::resource::{Result, StepContext};
use infra_kinds::cloudwatch::metric::{Asked, read};
use infra_kinds::dms::task_status::{Table, TaskStatus, read_existing, tables};

/// The time range of the values that are read, in seconds.
const LOOKBACK: i64 = 15 * 60;
/// Free storage below this fraction is a risk.
const FREE_SHARE: f64 = 0.15;
/// A slot that retains more than this, in bytes, is a risk: "an inactive slot keeps the log and fills the storage".
const SLOT_BYTES: f64 = 5.0 * GIB;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// The health of a replication.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplicationHealth {
    /// The status of the task.
    #[serde(skip)]
    pub task: TaskStatus,
    /// Seconds between a change in the source and its capture (`CDCLatencySource`).
    pub source_lag: Option<f64>,
    /// Seconds between a change in the source and its commit in the target (`CDCLatencyTarget`).
    pub target_lag: Option<f64>,
    /// Changes that have not been applied yet (`CDCIncomingChanges`).
    pub incoming: Option<f64>,
    /// The tables.
    pub tables: Vec<Table>,
    /// Risks, as text.
    #[serde(rename = "dangers")]
    pub risks: Vec<String>,
}

/// Reads the status of a replication, its tables, its lag and its databases. `now` is in seconds since 1970.
///
/// # Errors
/// The error of AWS, or that the task no longer exists.
pub async fn read_health(
    read_context: &ReadContext,
    topology: &Topology,
    replication: &Replication,
    now: i64,
) -> Result<ReplicationHealth> {
    let cx = read_context.reader(&replication.address, &replication.location);
    let task = read_existing(&cx, &replication.task).await?;
    let queries = [("source", "CDCLatencySource"), ("target", "CDCLatencyTarget"), ("left", "CDCIncomingChanges")];
    let queries: Vec<Asked> = queries.map(|(id, name)| query(id, lag_metric(replication, name))).into();
    let (values, tables) =
        futures::join!(read(&cx, &queries, now - LOOKBACK, now + 60), tables(&cx, &replication.task));
    let values = values?;
    let last = |id: &str| values.get(id).and_then(|values| values.last()).map(|(_, value)| *value);
    let tables = tables?;
    let mut risks = Vec::new();
    if let Some(source) = replication.secrets[0].as_deref().and_then(|secret| topology.database_of(secret)) {
        let cx = read_context.reader(&source.address, &source.location);
        risks.extend(source_risks(&cx, source, now).await?);
    }
    if let Some(target) = replication.secrets[1].as_deref().and_then(|secret| topology.database_of(secret)) {
        let cx = read_context.reader(&target.address, &target.location);
        risks.extend(storage_risk(&cx, target, now).await?);
    }
    let failed: Vec<&str> =
        tables.iter().filter(|table| table.state == "Table error").map(|table| table.name.as_str()).collect();
    if !failed.is_empty() {
        risks.push(format!("DMS has given up on {}: reload these tables", failed.join(", ")));
    }
    Ok(ReplicationHealth {
        task,
        source_lag: last("source"),
        target_lag: last("target"),
        incoming: last("left"),
        tables,
        risks,
    })
}

fn query(id: &str, query: Query) -> Asked {
    Asked { id: id.to_owned(), query, period_seconds: 60 }
}

async fn last_value(cx: &StepContext, database: &Database, name: &str, now: i64) -> Result<Option<f64>> {
    let values = read(cx, &[query("value", database_metric(database, name))], now - LOOKBACK, now + 60).await?;
    Ok(values.get("value").and_then(|values| values.last()).map(|(_, value)| *value))
}

/// Returns the risks of the source. An unused slot retains the write-ahead log until the storage is full (RDS user
/// guide, "PostgreSQL logical replication"; `OldestReplicationSlotLag`).
async fn source_risks(cx: &StepContext, database: &Database, now: i64) -> Result<Vec<String>> {
    let mut risks: Vec<String> = storage_risk(cx, database, now).await?.into_iter().collect();
    let retained = last_value(cx, database, "OldestReplicationSlotLag", now).await?.filter(|bytes| *bytes > SLOT_BYTES);
    risks.extend(retained.map(|bytes| {
        let name = &database.identifier;
        format!(
            "the oldest replication slot of {name} retains {:.1} GiB of the log; start the replication, or delete the \
             slot",
            bytes / GIB
        )
    }));
    Ok(risks)
}

async fn storage_risk(cx: &StepContext, database: &Database, now: i64) -> Result<Option<String>> {
    let Some(free) = last_value(cx, database, "FreeStorageSpace", now).await? else { return Ok(None) };
    #[expect(clippy::cast_precision_loss, reason = "gigabytes of storage are far below the limit")]
    let Some(all) = database.storage_gb.map(|gigabytes| gigabytes as f64 * GIB) else { return Ok(None) };
    Ok((free < all * FREE_SHARE).then(|| {
        format!(
            "{} has {:.1} of {:.0} GiB left; increase `database.allocated_storage_gb`, then `up`",
            database.identifier,
            free / GIB,
            all / GIB
        )
    }))
}
