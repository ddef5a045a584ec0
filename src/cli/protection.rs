//! What the configuration protects from deletion.

use std::collections::BTreeSet;

use super::failure::{CliError, Exit};
use super::plan::some;
use crate::address::Address;
use crate::config::{Config, did_you_mean};
use crate::graph::Graph;
use crate::plan::{Action, Plan, Step};
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
    // The old one of a replacement is the same thing.
    let replaced: BTreeSet<&Address> =
        plan.steps.iter().filter(|step| matches!(step.action, Action::Replace { .. })).map(|step| &step.address).collect();
    let doomed = doomed.filter(|step| step.address.made_way().is_none_or(|base| !replaced.contains(&base)));
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

/// Refuses a plan that would delete what AWS is to protect from deletion, before anything is called.
pub(super) fn refuse_in_aws(plan: &Plan, graph: &Graph) -> Result<(), CliError> {
    let is_protected = |step: &&Step| step.action == Action::Delete && step.spec.get("deletion_protection").is_some_and(|value| value == true);
    let is_configured = |address: &&Address| graph.get(address.made_way().as_ref().unwrap_or(address)).is_some();
    let protected = plan.steps.iter().filter(is_protected).map(|step| &step.address);
    let (configured, removed): (Vec<&Address>, Vec<&Address>) = protected.partition(is_configured);
    let names = |addresses: &[&Address]| addresses.iter().map(|address| address.as_str()).collect::<Vec<_>>().join(" and ");
    let refused = |what: String| CliError::new(Exit::Refused, what).remains("nothing was changed");
    if !configured.is_empty() {
        return Err(refused(format!("{} is protected from deletion by the configuration", names(&configured)))
            .hint("set `database.deletion_protection = false`, in the file or with --set, and run the same command again"));
    }
    if !removed.is_empty() {
        return Err(refused(format!("{} is protected from deletion, and the configuration no longer has it", names(&removed)))
            .hint("put it back with `database.deletion_protection = false` and run `up`; then it can be taken out"));
    }
    Ok(())
}
