//! The replication slot of a task: when it is created, and when it is dropped.

use std::time::Duration;

use tokio_postgres::Client;

use super::state::Shared;
use crate::capture::{CaptureError, Slot, StartPosition};
use crate::checkpoint::{Checkpoint, SlotRecord};
use crate::definition::{Start, TaskDefinition};
use crate::failure::Failure;
use crate::observer::Severity;
use crate::session::{Role, open};

/// Prepares the slot of a task that replicates changes.
///
/// "Slots open automatically as soon as a task starts and remain open even when the task is no longer running." "On
/// restart (not resume) for a full load and CDC task or a CDC task, the replication slot gets recreated" ("Using a
/// PostgreSQL database as an AWS DMS source").
pub(super) async fn prepare(shared: &Shared, client: &Client) -> Result<Slot, Failure> {
    let existing = shared.checkpoint().slot;
    if let Some(record) = existing {
        let slot = Slot::new(record.name);
        slot.verify(client).await.map_err(|error| failure(&error))?;
        return Ok(slot);
    }
    let definition = &shared.definition;
    let (slot, is_own) = match (&definition.start, &definition.source.slot_name) {
        (Start::Fresh(StartPosition::Native { slot, lsn }), _) => {
            let slot = Slot::new(slot.clone());
            slot.start_at(client, *lsn).await.map_err(|error| failure(&error))?;
            (slot, false)
        }
        (_, Some(name)) => {
            let slot = Slot::new(name.clone());
            slot.verify(client).await.map_err(|error| failure(&error))?;
            (slot, false)
        }
        (_, None) => (create(shared, client).await?, true),
    };
    shared.record(|checkpoint| {
        checkpoint.slot = Some(SlotRecord { name: slot.name().to_owned(), is_own });
    });
    shared.report.update(|report| report.slot = Some(slot.name().to_owned()));
    Ok(slot)
}

/// Creates a slot. That waits for all transactions that are open, no longer than the endpoint's `ExecuteTimeout`.
async fn create(shared: &Shared, client: &Client) -> Result<Slot, Failure> {
    let statement = "SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()";
    let row = client.query_one(statement, &[]).await;
    let failed = |error| Failure::of("Failed to create a replication slot", &error);
    let database: u32 = row.and_then(|row| row.try_get(0)).map_err(failed)?;
    let slot = Slot::new(slot_name(&shared.definition.name, database));
    slot.drop_if_exists(client).await.map_err(|error| failure(&error))?;
    let timeout = Duration::from_secs(u64::from(shared.definition.source.execute_timeout));
    let timeout = shared.definition.wall(timeout).max(Duration::from_secs(1)).as_millis();
    client.batch_execute(&format!("SET statement_timeout = {timeout}")).await.map_err(failed)?;
    let created = slot.create(client).await;
    client.batch_execute("SET statement_timeout = 0").await.map_err(failed)?;
    let lsn = created.map_err(|error| failure(&error))?;
    let text = format!("Created the replication slot {} at {lsn}", slot.name());
    shared.log(Severity::Info, "SOURCE_CAPTURE", text);
    Ok(slot)
}

/// Returns a name in the form of DMS: "abc1d2efghijk_34567890_z0yx98w7_6v54_32ut_1srq_1a2b34c5d67ef": the task, the
/// database, and something unique.
fn slot_name(task: &str, database: u32) -> String {
    let allowed =
        |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' };
    let task: String = task.chars().map(allowed).take(17).collect();
    let unique = fastrand::u128(..);
    let hex = format!("{unique:032x}");
    format!("{task}_{database:08}_{}_{}_{}_{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..28])
}

/// Returns the failure that an error of the capture is.
pub(super) fn failure(error: &CaptureError) -> Failure {
    let mut message = error.to_string();
    let mut at = std::error::Error::source(error);
    while let Some(source) = at {
        message.push_str(": ");
        message.push_str(&source.to_string());
        at = source.source();
    }
    if error.is_recoverable() { Failure::recoverable(message) } else { Failure::fatal(message) }
}

/// Drops what a deleted task leaves on the source.
///
/// "Make sure to manually delete open slots. Note that DMS automatically drops replication slots when the task is
/// deleted, if DMS created the slot." A slot that the endpoint names (`SlotName`) stays and keeps the log of the
/// source; so do the DDL artifacts, the heartbeat table, and the control tables on the target.
///
/// *Errors*: The source is not reachable, or the slot is in use. The task is deleted nevertheless, and its slot stays.
pub async fn delete(definition: &TaskDefinition, checkpoint: &Checkpoint) -> Result<(), Failure> {
    let Some(record) = checkpoint.slot.as_ref().filter(|slot| slot.is_own) else { return Ok(()) };
    let client = open(&definition.source.connection, Role::Source, None).await?;
    Slot::new(record.name.clone()).drop_if_exists(&client).await.map_err(|error| failure(&error))
}

/// Drops the slot of a task that starts from the beginning, if the task created it.
pub(super) async fn discard(record: &SlotRecord, client: &Client) -> Result<(), Failure> {
    if !record.is_own {
        return Ok(());
    }
    Slot::new(record.name.clone()).drop_if_exists(client).await.map_err(|error| failure(&error))
}
