//! The plan that searches for resources that are not in the state.

use super::action::Action;
use super::steps::Plan;
use super::up::plan_up;
use crate::graph::Graph;
use crate::resource::Kinds;
use crate::state::State;

/// Plans to search for all resources of the graph that are not in the state.
pub fn plan_discovery(kinds: Kinds, graph: &Graph, state: &State) -> Plan {
    // All environments are chosen, so nothing can be missing outside.
    let all = plan_up(kinds, graph, state, &|_| true).map(|plan| plan.steps).unwrap_or_default();
    Plan::new(all.into_iter().filter(|step| step.action == Action::Create).collect())
}
