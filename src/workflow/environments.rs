//! The environments that a command can select.

use infra_config::Config;
use infra_core::state::State;

use crate::refusal::SelectionRefusal;
use crate::selection::Selection;

/// Returns the environments of the configuration, and those that exist although the configuration no longer contains
/// them.
pub fn known(config: &Config, state: &State) -> Vec<String> {
    let mut known: Vec<String> = config.environments.iter().map(|environment| environment.name.clone()).collect();
    known.extend(state.resources.keys().map(|address| address.environment().to_owned()));
    known.sort();
    known.dedup();
    known
}

/// Refuses unknown environments.
///
/// # Errors
/// [`SelectionRefusal::UnknownEnvironment`].
pub fn check(selection: &Selection, known: &[String]) -> Result<(), SelectionRefusal> {
    match selection.environments.iter().find(|one| !known.contains(one)) {
        None => Ok(()),
        Some(unknown) => Err(SelectionRefusal::UnknownEnvironment { name: unknown.clone(), known: known.to_vec() }),
    }
}
