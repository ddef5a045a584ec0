//! The last switchover, as the state contains it.

use infra_config::Side;
use infra_core::state::State;
use infra_migration::switchover::{SwitchoverRecord, primary};
use infra_switchover::Direction;

use crate::refusal::MigrationRefusal;

/// Returns the last switchover.
///
/// # Errors
/// [`MigrationRefusal::UnreadableRecord`].
pub fn read_record(state: &State) -> Result<Option<SwitchoverRecord>, MigrationRefusal> {
    Ok(SwitchoverRecord::of(state)?)
}

/// Returns a switchover that has not begun.
///
/// # Errors
/// [`MigrationRefusal::UnreadableRecord`].
pub fn new_record(state: &State, direction: Direction) -> Result<SwitchoverRecord, MigrationRefusal> {
    Ok(SwitchoverRecord::new(direction, read_record(state)?.as_ref()))
}

/// Returns the side whose database is the primary.
///
/// # Errors
/// [`MigrationRefusal::UnreadableRecord`].
pub fn primary_of(state: &State) -> Result<Side, MigrationRefusal> {
    Ok(primary(state)?)
}
