//! What `replication validate` has found: both databases were equal at a point in the history of the primary.
//!
//! The switchover compares what has changed since then, and counts the rest. A point is no proof: see the caveats of
//! [`infra_database::changes::since`].

use std::collections::BTreeSet;

use infra_base::address::Address;
use infra_base::side::Side;
use infra_core::engine::Context;
use infra_core::state::{JournalError, Record, State};
use infra_database::changes::Point;
use serde::{Deserialize, Serialize};

use super::topology::Replication;
use super::unreadable::{self, UnreadableRecord};

/// A comparison that found the rows of both databases equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// When it began, RFC 3339.
    pub at: String,
    /// The side whose database was the primary.
    pub primary: Side,
    /// The ARN of the task. A new task loads the target again.
    pub task: String,
    /// The point on the primary at which it began. What was changed during the comparison counts as changed since then.
    pub point: Point,
    /// How long it took, in milliseconds. A switchover that compares less takes less.
    pub milliseconds: u64,
    /// The size of the tables that were compared, in bytes.
    pub bytes: u64,
    /// Tables that a switchover compares again, row by row, if they have changed since, as `schema.table`. Records of
    /// earlier versions have none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tables: BTreeSet<String>,
}

impl Validation {
    /// Returns the last one of a replication task.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last(state: &State, task: &Address) -> Result<Option<Self>, UnreadableRecord> {
        let saved = state.migration.validations.get(task);
        saved.map(|saved| unreadable::read(|| format!("a comparison of {task}"), saved)).transpose()
    }

    /// Returns the last one, if it says something about this primary and this task. One that cannot be read proves
    /// nothing, so everything is compared.
    pub fn of(state: &State, replication: &Replication, primary: Side) -> Option<Self> {
        let last = Self::last(state, &replication.address).ok().flatten()?;
        (last.primary == primary && last.task == replication.task).then_some(last)
    }
}

/// Records a comparison.
///
/// # Errors
/// The journal cannot be written.
pub async fn record(context: &Context, replication: &Replication, last: &Validation) -> Result<(), JournalError> {
    let saved = serde_json::to_value(last).map_err(|error| JournalError::Record(error.to_string()))?;
    let saved = Some(saved);
    context.journal.write(vec![Record::Validated { address: replication.address.clone(), saved }]).await
}

/// Forgets the comparisons of replications whose tables are about to be loaded again.
///
/// # Errors
/// The journal cannot be written.
pub async fn forget(context: &Context, replications: &[Replication]) -> Result<(), JournalError> {
    let has = |one: &&Replication| context.journal.read(|state| state.migration.validations.contains_key(&one.address));
    let known = replications.iter().filter(has);
    let records = known.map(|one| Record::Validated { address: one.address.clone(), saved: None });
    let records: Vec<Record> = records.collect();
    if records.is_empty() { Ok(()) } else { context.journal.write(records).await }
}
