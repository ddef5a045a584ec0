//! What must hold before drift is detected.

use infra_base::address::Address;
use infra_config::Config;
use infra_core::state::State;

use crate::error::Error;
use crate::planning::check_patterns;
use crate::refusal::Selector;
use crate::selection::Selection;
use crate::stack::graph;
use crate::{environments, ignore_rules};

/// Refuses a selection or an ignore rule that matches nothing.
///
/// # Errors
/// The selection or the configuration does not match the stack.
pub fn check(config: &Config, state: &State, selection: &Selection) -> Result<(), Error> {
    environments::check(selection, &environments::known(config, state))?;
    ignore_rules::check(config, &graph(config, state)?, state)?;
    let is_selected = |address: &&Address| selection.includes(address.environment());
    Ok(check_patterns(Selector::Target, &selection.targets, state.resources.keys().filter(is_selected))?)
}
