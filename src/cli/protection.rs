//! What the configuration protects from deletion.

use super::failure::{CliError, Exit};
use super::plan::some;
use crate::address::Address;
use crate::config::{Config, did_you_mean};
use crate::graph::Graph;
use crate::plan::{Action, Plan};
use crate::state::State;

/// Refuses patterns of `[resources]` that match nothing: a slip of the pen must not leave unprotected what was meant.
pub(super) fn check(config: &Config, graph: &Graph, state: &State) -> Result<(), CliError> {
    let addresses: Vec<&Address> = graph.nodes().keys().chain(state.resources.keys()).collect();
    let Some(pattern) = config.unmatched(&addresses).first().copied() else { return Ok(()) };
    let known: Vec<&str> = addresses.iter().map(|address| address.as_str()).collect();
    Err(CliError::new(Exit::Usage, format!("no resource is called `{pattern}`, which has a section in `[resources]`"))
        .remains("nothing was changed")
        .hint(did_you_mean(pattern, &known, "`plan` shows all addresses; `*` stands for any text")))
}

/// Refuses a plan that would delete or replace what is protected, before anything is called.
pub(super) fn refuse(plan: &Plan, config: &Config, exit: Exit) -> Result<(), CliError> {
    let doomed = plan.steps.iter().filter(|step| matches!(step.action, Action::Delete | Action::Replace { .. }));
    let protected: Vec<(&Address, String)> = doomed.filter_map(|step| Some((&step.address, config.protection_of(&step.address)?))).collect();
    let Some((first, key)) = protected.first() else { return Ok(()) };
    let what = match protected.len() {
        1 => format!("{first} is protected and would be deleted"),
        many => format!("{many} resources are protected and would be deleted"),
    };
    let mut error = CliError::new(exit, what).remains("nothing was changed");
    error.causes = some(&protected.iter().map(|(address, key)| format!("{address} is protected by `{key}`")).collect::<Vec<_>>());
    Err(error.hint(format!("take `{key}` out of the configuration if they may go, or choose what is not protected")))
}
