//! The part of a switchover that outlives the process, and which database is the primary.

use infra_base::side::Side;
use infra_switchover::machine::{Outcome, Progress, State as MachineState};
use infra_switchover::{Direction, Journal, JournalError, Row};
use serde::{Deserialize, Serialize};

use infra_core::engine::Context;
use infra_core::resource::describe;
use infra_core::state::{JournalError as StoreError, Record, State};

/// The last switchover, as the state stores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwitchoverRecord {
    /// Its progress.
    pub progress: Progress,
    /// Whether `cutover finish` has removed what the replications left in the databases.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finished: bool,
}

/// The state contains a switchover that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("the state contains a switchover of a newer version: {0}")]
pub struct UnreadableSwitchover(String);

impl SwitchoverRecord {
    /// Returns a switchover that has not begun.
    pub fn new(direction: Direction) -> Self {
        Self { progress: Progress::new(direction), finished: false }
    }

    /// Returns the last switchover.
    ///
    /// # Errors
    /// A newer version has written it.
    pub fn of(state: &State) -> Result<Option<Self>, UnreadableSwitchover> {
        let Some(saved) = state.migration.switchover.clone() else { return Ok(None) };
        serde_json::from_value(saved).map(Some).map_err(|error| UnreadableSwitchover(error.to_string()))
    }

    /// Returns the side whose database is the primary. While a switchover is under way, it is the one from before until
    /// row `Open` has begun, from where on nothing is undone.
    pub fn primary(&self) -> Side {
        let is_decided = match self.progress.state {
            MachineState::Doing { row, .. } => row == Row::Open,
            MachineState::Done { outcome } => outcome == Outcome::Completed,
            MachineState::New | MachineState::Undoing { .. } => false,
        };
        let direction = self.progress.direction;
        if is_decided { direction.to() } else { direction.from() }
    }

    /// Returns whether the migration to the target is finished, so that nothing leads back.
    pub fn is_finished(&self) -> bool {
        self.finished && self.primary() == Side::Target
    }

    /// Returns whether a row has begun.
    pub fn has_begun(&self) -> bool {
        self.progress.state != MachineState::New
    }

    /// Returns whether it has begun and has not ended.
    pub fn is_under_way(&self) -> bool {
        self.progress.outcome().is_none()
    }
}

/// Returns the side whose database is the primary: the source, until a switchover has moved it.
///
/// # Errors
/// A newer version has written the state.
pub fn primary(state: &State) -> Result<Side, UnreadableSwitchover> {
    Ok(SwitchoverRecord::of(state)?.map_or(Side::Source, |record| record.primary()))
}

/// Keeps the progress in the journal of the state.
pub(super) struct StateJournal<'a> {
    pub(super) context: &'a Context,
}

impl Journal for StateJournal<'_> {
    async fn write(&mut self, progress: &Progress) -> Result<(), JournalError> {
        if self.context.cancel.is_cancelled() {
            return Err(JournalError::Lost("the lock of the state was lost".to_owned()));
        }
        let saved = SwitchoverRecord { progress: progress.clone(), finished: false };
        let saved = serde_json::to_value(saved).map_err(|error| JournalError::Lost(error.to_string()))?;
        let written = self.context.journal.write(vec![Record::Switchover { saved: Some(saved) }]).await;
        written.map_err(|error| match error {
            // After an error of the store, nobody knows what is stored, so the journal accepts nothing more.
            StoreError::Store { .. } | StoreError::Closed | StoreError::Record(_) => {
                JournalError::Lost(describe(&error))
            }
        })
    }
}
