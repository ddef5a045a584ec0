//! The part of a switchover that outlives the process, and which database is the primary.

use infra_base::side::Side;
use infra_database::Lsn;
use infra_switchover::machine::{Outcome, Progress, State as MachineState};
use infra_switchover::{Direction, Journal, JournalError, Row};
use serde::{Deserialize, Serialize};

use infra_core::engine::Context;
use infra_core::resource::describe;
use infra_core::state::{JournalError as StoreError, Record, State};

use super::carrier::Carrier;
use crate::unreadable::{self, UnreadableRecord};

/// The last switchover, as the state stores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwitchoverRecord {
    /// Its progress.
    pub progress: Progress,
    /// What carried changes from the source to the target before it.
    #[serde(default)]
    pub carrier: Carrier,
    /// What was done of it after its end.
    #[serde(default)]
    pub after: After,
    /// Where the fallback begins, once that is decided. If its slot is past it, it has run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_from: Option<Lsn>,
}

/// What was done after the end of a switchover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// Nothing yet.
    #[default]
    Nothing,
    /// The fallback was seen to run, and nothing is left of the replication that was stopped.
    Settled,
    /// `cutover finish` has stopped the fallback and removed what the migration left in the databases.
    Finished,
}

impl SwitchoverRecord {
    /// Returns a switchover that has not begun, given the one before it.
    pub fn new(direction: Direction, before: Option<&Self>) -> Self {
        let carrier = before.map(Self::carrier_to_target).unwrap_or_default();
        Self { progress: Progress::new(direction), carrier, after: After::Nothing, fallback_from: None }
    }

    /// Returns the last switchover.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(state: &State) -> Result<Option<Self>, UnreadableRecord> {
        let saved = state.migration.switchover.as_ref();
        saved.map(|saved| unreadable::read(|| "a switchover".to_owned(), saved)).transpose()
    }

    /// Returns the progress of the last switchover, if it was completed and can be read. It only tells how long one
    /// takes; nothing is decided with it.
    pub fn last_completed(state: &State) -> Option<Progress> {
        let last = Self::of(state).ok().flatten()?.progress;
        (last.outcome() == Some(Outcome::Completed)).then_some(last)
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

    /// Returns what carries changes from the source to the target, if anything does.
    pub fn carrier_to_target(&self) -> Carrier {
        let is_back = self.progress.direction != Direction::FORWARD;
        match self.progress.outcome() {
            _ if self.after == After::Finished => Carrier::Load,
            Some(Outcome::Completed) if is_back => Carrier::Fallback,
            _ => self.carrier,
        }
    }

    /// Returns whether it has completed, and something is left to do after it.
    pub fn is_unsettled(&self) -> bool {
        self.progress.outcome() == Some(Outcome::Completed) && self.after == After::Nothing
    }

    /// Returns whether the migration to the target is finished, so that nothing leads back.
    pub fn is_finished(&self) -> bool {
        self.after == After::Finished && self.primary() == Side::Target
    }

    /// Returns the record of the journal.
    ///
    /// # Errors
    /// It cannot be written as JSON, which is a bug.
    pub fn to_record(&self) -> Result<Record, serde_json::Error> {
        Ok(Record::Switchover { saved: Some(serde_json::to_value(self)?) })
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
/// The last switchover cannot be read.
pub fn primary(state: &State) -> Result<Side, UnreadableRecord> {
    Ok(SwitchoverRecord::of(state)?.map_or(Side::Source, |record| record.primary()))
}

/// Keeps the progress in the journal of the state.
pub(super) struct StateJournal<'a> {
    pub(super) context: &'a Context,
    /// The record, whose progress is replaced.
    pub(super) record: SwitchoverRecord,
}

impl Journal for StateJournal<'_> {
    async fn write(&mut self, progress: &Progress) -> Result<(), JournalError> {
        if self.context.cancel.is_cancelled() {
            return Err(JournalError::Lost("the lock of the state was lost".to_owned()));
        }
        self.record.progress.clone_from(progress);
        let record = self.record.to_record().map_err(|error| JournalError::Lost(error.to_string()))?;
        let written = self.context.journal.write(vec![record]).await;
        written.map_err(|error| match error {
            // After an error of the store, nobody knows what is stored, so the journal accepts nothing more.
            StoreError::Store { .. } | StoreError::Closed | StoreError::Record(_) => {
                JournalError::Lost(describe(&error))
            }
        })
    }
}
