//! How a replication stands, with all that endangers it.

use serde::Serialize;

use super::measure::{database_metric, lag_metric};
use super::scene::{Database, Replication, Scene};
use crate::config::Query;
use crate::engine::Looker;
use crate::resource::{Cx, Result};
use crate::resources::cloudwatch::metric::{Asked, read};
use crate::resources::dms::running::{Standing, Table, present, tables};

/// How far back values are looked for, in seconds.
const BACK: i64 = 15 * 60;
/// Free storage of a database below this share is a danger.
const FREE_SHARE: f64 = 0.15;
/// A slot that holds back more than this is a danger, in bytes: "an inactive slot keeps the log and fills the storage".
const SLOT_BYTES: f64 = 5.0 * GIB;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// How a replication stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// The task.
    #[serde(skip)]
    pub standing: Standing,
    /// Seconds between a change in the source and its capture (`CDCLatencySource`).
    pub source_lag: Option<f64>,
    /// Seconds between a change in the source and its commit in the target (`CDCLatencyTarget`).
    pub target_lag: Option<f64>,
    /// Changes that wait to be applied (`CDCIncomingChanges`).
    pub incoming: Option<f64>,
    /// The tables.
    pub tables: Vec<Table>,
    /// What endangers it, in words.
    pub dangers: Vec<String>,
}

/// Looks at a replication, its tables, its lag and its databases. `now` is in seconds since 1970.
///
/// # Errors
/// What AWS answered, or that the task is gone.
pub async fn health(looker: &Looker, scene: &Scene, replication: &Replication, now: i64) -> Result<Health> {
    let cx = looker.reader(&replication.address, &replication.region);
    let standing = present(&cx, &replication.task).await?;
    let asked = [("source", "CDCLatencySource"), ("target", "CDCLatencyTarget"), ("left", "CDCIncomingChanges")];
    let asked: Vec<Asked> = asked.map(|(id, name)| ask(id, lag_metric(replication, name))).into();
    let (values, tables) = futures::join!(read(&cx, &asked, now - BACK, now + 60), tables(&cx, &replication.task));
    let values = values?;
    let last = |id: &str| values.get(id).and_then(|values| values.last()).map(|(_, value)| *value);
    let tables = tables?;
    let mut dangers = Vec::new();
    if let Some(source) = replication.secrets[0].as_deref().and_then(|secret| scene.database_of(secret)) {
        let cx = looker.reader(&source.address, &source.region);
        dangers.extend(source_dangers(&cx, source, now).await?);
    }
    if let Some(target) = replication.secrets[1].as_deref().and_then(|secret| scene.database_of(secret)) {
        let cx = looker.reader(&target.address, &target.region);
        dangers.extend(storage_danger(&cx, target, now).await?);
    }
    let broken: Vec<&str> = tables.iter().filter(|table| table.state == "Table error").map(|table| table.name.as_str()).collect();
    if !broken.is_empty() {
        dangers.push(format!("DMS gave up on {}: reload these tables", broken.join(", ")));
    }
    Ok(Health { standing, source_lag: last("source"), target_lag: last("target"), incoming: last("left"), tables, dangers })
}

fn ask(id: &str, query: Query) -> Asked {
    Asked { id: id.to_owned(), query, period_seconds: 60 }
}

async fn last_value(cx: &Cx, database: &Database, name: &str, now: i64) -> Result<Option<f64>> {
    let values = read(cx, &[ask("value", database_metric(database, name))], now - BACK, now + 60).await?;
    Ok(values.get("value").and_then(|values| values.last()).map(|(_, value)| *value))
}

/// A slot that nobody reads keeps the write-ahead log until the storage is full (RDS user guide, "PostgreSQL logical replication";
/// `OldestReplicationSlotLag`).
async fn source_dangers(cx: &Cx, database: &Database, now: i64) -> Result<Vec<String>> {
    let mut dangers: Vec<String> = storage_danger(cx, database, now).await?.into_iter().collect();
    let held = last_value(cx, database, "OldestReplicationSlotLag", now).await?.filter(|bytes| *bytes > SLOT_BYTES);
    dangers.extend(held.map(|bytes| {
        let name = &database.identifier;
        format!("the oldest replication slot of {name} holds back {:.1} GiB of its log; start the replication, or delete the slot", bytes / GIB)
    }));
    Ok(dangers)
}

async fn storage_danger(cx: &Cx, database: &Database, now: i64) -> Result<Option<String>> {
    let Some(free) = last_value(cx, database, "FreeStorageSpace", now).await? else { return Ok(None) };
    #[expect(clippy::cast_precision_loss, reason = "gigabytes of storage are far below the limit")]
    let Some(all) = database.storage_gb.map(|gigabytes| gigabytes as f64 * GIB) else { return Ok(None) };
    Ok((free < all * FREE_SHARE).then(|| {
        format!("{} has {:.1} of {:.0} GiB left; raise `database.allocated_storage_gb`, then `up`", database.identifier, free / GIB, all / GIB)
    }))
}
