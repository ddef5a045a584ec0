//! Whether a state that can be read may be used for changes.

use infra_core::state::State;
use infra_kinds::KINDS;
use infra_migration::saved_records;

use crate::error::Error;
use crate::refusal::{MigrationRefusal, StateRefusal};

/// Checks the state before any call. Commands that only show it do not need that: they show what they can.
pub(crate) fn verify(state: &State) -> Result<(), Error> {
    state.verify(KINDS).map_err(StateRefusal::from)?;
    saved_records::verify(state).map_err(MigrationRefusal::from)?;
    Ok(())
}
