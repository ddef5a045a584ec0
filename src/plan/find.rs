//! The plan of looking for what the state does not know, and of deleting some of what it does.

use std::collections::BTreeSet;

use super::{Action, Plan, Step, StillNeeded, plan_up};
use crate::address::Address;
use crate::graph::Graph;
use crate::state::State;

/// Plans to look for everything of the graph that the state does not know.
pub fn plan_find(graph: &Graph, state: &State) -> Plan {
    // With everything chosen nothing can be missing elsewhere.
    let all = plan_up(graph, state, &|_| true).map(|plan| plan.steps).unwrap_or_default();
    Plan::new(all.into_iter().filter(|step| step.action == Action::Create).collect())
}

/// Plans to delete these resources.
///
/// # Errors
/// [`StillNeeded`], when another one that the state knows depends on one of them.
pub fn plan_delete(state: &State, doomed: &BTreeSet<Address>, reason: &str) -> Result<Plan, StillNeeded> {
    let mut uses = Vec::new();
    for (user, entry) in state.resources.iter().filter(|(user, _)| !doomed.contains(user)) {
        uses.extend(entry.needs.iter().filter(|need| doomed.contains(&need.on)).map(|need| (need.on.clone(), user.clone())));
    }
    if !uses.is_empty() {
        return Err(StillNeeded { uses });
    }
    let mut steps: Vec<Step> = doomed.iter().filter_map(|address| Some(super::down::step(address, state.get(address)?, reason))).collect();
    let doomed: Vec<Address> = doomed.iter().cloned().collect();
    super::down::order(&mut steps, state, &doomed);
    Ok(Plan::new(steps))
}
