//! What is protected from deletion.

use std::collections::BTreeSet;

use infra_base::address::Address;
use infra_config::Config;
use infra_core::graph::Graph;
use infra_core::plan::{Action, Plan, Step};
use infra_core::state::State;

use crate::refusal::{ConfigRefusal, PlanRefusal};

/// Refuses a section of `[resources]` that matches nothing: a typing error must not leave a resource unprotected.
pub(crate) fn check_sections(config: &Config, graph: &Graph, state: &State) -> Result<(), ConfigRefusal> {
    let addresses: Vec<&Address> = graph.nodes().keys().chain(state.resources.keys()).collect();
    let Some(pattern) = config.unmatched_resources(&addresses).first().map(|pattern| (*pattern).to_owned()) else {
        return Ok(());
    };
    Err(ConfigRefusal::UnmatchedSection { pattern, known: addresses.iter().map(ToString::to_string).collect() })
}

/// Returns the resources that a plan would delete or replace although the configuration protects them, each with the
/// key that protects it.
pub(crate) fn protected(plan: &Plan, config: &Config) -> Vec<(Address, String)> {
    let is_replaced = |step: &&Step| matches!(step.action, Action::Replace { .. });
    let removed = plan.steps.iter().filter(|step| step.action == Action::Delete || is_replaced(step));
    // The retired resource of a replacement is the same resource.
    let replaced: BTreeSet<&Address> = plan.steps.iter().filter(is_replaced).map(|step| &step.address).collect();
    let removed = removed.filter(|step| step.address.retired_from().is_none_or(|base| !replaced.contains(&base)));
    removed.filter_map(|step| Some((step.address.clone(), config.protection_of(&step.address)?))).collect()
}

/// Refuses a plan that would delete or replace what the configuration protects.
pub(crate) fn refuse(plan: &Plan, config: &Config) -> Result<(), PlanRefusal> {
    let resources = protected(plan, config);
    if resources.is_empty() { Ok(()) } else { Err(PlanRefusal::Protected { resources }) }
}

/// Refuses a plan that would delete resources with deletion protection in AWS.
pub(crate) fn refuse_in_aws(plan: &Plan, graph: &Graph) -> Result<(), PlanRefusal> {
    let is_protected = |step: &&Step| {
        step.action == Action::Delete && step.spec.get("deletion_protection").is_some_and(|value| value == true)
    };
    let is_configured = |address: &Address| graph.get(address.retired_from().as_ref().unwrap_or(address)).is_some();
    let protected = plan.steps.iter().filter(is_protected).map(|step| step.address.clone());
    let (configured, removed): (Vec<Address>, Vec<Address>) = protected.partition(is_configured);
    if !configured.is_empty() {
        return Err(PlanRefusal::DeletionProtection { addresses: configured, configured: true });
    }
    if !removed.is_empty() {
        return Err(PlanRefusal::DeletionProtection { addresses: removed, configured: false });
    }
    Ok(())
}
