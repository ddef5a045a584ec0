//! Dependency cycles between steps.

use std::collections::BTreeMap;

use super::action::Action;
use super::step::Step;
use crate::graph::DependencyGraph;
use infra_base::address::Address;

/// Steps that form a dependency cycle, so that none of them can start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these changes form a dependency cycle: {}", .0.iter().map(Address::as_str).collect::<Vec<_>>().join(" -> "))]
pub struct DependencyCycle(pub Vec<Address>);

/// Breaks cycles: a deletion in a cycle no longer waits for users that only mention the resource or only wait for it.
/// AWS accepts that. Without a cycle, the users come first, so that nothing refers to a deleted resource.
///
/// # Errors
/// A cycle of resources that depend on each other.
pub(super) fn break_cycles(steps: &mut [Step]) -> Result<(), DependencyCycle> {
    drop_weak_edges(steps, &|_| true);
    dependencies(steps).find_cycle().map_or(Ok(()), |cycle| Err(DependencyCycle(cycle)))
}

/// Removes the weak dependencies of the selected deletions that are part of a cycle.
pub(super) fn drop_weak_edges(steps: &mut [Step], is_selected: &dyn Fn(&Address) -> bool) {
    let components: BTreeMap<Address, usize> = {
        let strongly_connected = dependencies(steps).strongly_connected();
        let numbered = strongly_connected
            .iter()
            .enumerate()
            .flat_map(|(number, component)| component.iter().map(move |address| ((*address).clone(), number)));
        numbered.collect()
    };
    for step in steps.iter_mut().filter(|step| step.action == Action::Delete && is_selected(&step.address)) {
        let Some(component) = components.get(&step.address) else { continue };
        step.needs.retain(|need| !need.weak || components.get(&need.on) != Some(component));
    }
}

fn dependencies(steps: &[Step]) -> DependencyGraph<'_> {
    DependencyGraph::new(steps.iter().map(|step| (&step.address, step.needs.as_slice())))
}
