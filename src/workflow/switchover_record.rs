//! The last switchover, as the state contains it.

use infra_config::Side;
use infra_core::state::State;
use infra_migration::switchover::{SwitchoverRecord, primary};
use infra_switchover::Direction;

use crate::refusal::MigrationRefusal;

/// Returns the last switchover.
///
/// # Errors
/// [`MigrationRefusal::UnreadableSwitchover`].
pub fn read_record(state: &State) -> Result<Option<SwitchoverRecord>, MigrationRefusal> {
    SwitchoverRecord::of(state).map_err(|error| MigrationRefusal::UnreadableSwitchover { reason: error.to_string() })
}

/// Returns a switchover that has not begun.
///
/// # Errors
/// [`MigrationRefusal::UnreadableSwitchover`].
pub fn new_record(state: &State, direction: Direction) -> Result<SwitchoverRecord, MigrationRefusal> {
    Ok(SwitchoverRecord::new(direction, read_record(state)?.as_ref()))
}

/// Returns the side whose database is the primary.
///
/// # Errors
/// [`MigrationRefusal::UnreadableSwitchover`].
pub fn primary_of(state: &State) -> Result<Side, MigrationRefusal> {
    primary(state).map_err(|error| MigrationRefusal::UnreadableSwitchover { reason: error.to_string() })
}
