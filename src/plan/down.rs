//! The plan of `down`: the state, backwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Action, Plan, Step, names};
use crate::address::Address;
use crate::graph::{Graph, Moment, Need, Timing};
use crate::resource::{Kind, kind};
use crate::state::{Entry, State};

/// Things that were not asked to be deleted need things that were.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("what is to be deleted is still in use by {}", names(&self.environments()))]
pub struct StillNeeded {
    /// What is in use, and what uses it.
    pub uses: Vec<(Address, Address)>,
}

impl StillNeeded {
    /// Returns the environments that would have to go first, in alphabetical order.
    pub fn environments(&self) -> Vec<&str> {
        self.uses.iter().map(|(_, user)| user.environment()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Plans to delete everything of the chosen environments.
///
/// # Errors
/// [`StillNeeded`], when something outside the chosen environments depends on something inside.
pub fn plan_down(state: &State, chosen: &dyn Fn(&str) -> bool) -> Result<Plan, StillNeeded> {
    let doomed = state.resources.keys().filter(|address| chosen(address.environment())).cloned().collect();
    let mut plan = super::plan_delete(state, &doomed, "everything of this stack is to go")?;
    // One of which nothing is left has no steps, and is done all the same.
    plan.environments.extend(state.undo.environments().filter(|environment| chosen(environment)).map(str::to_owned));
    Ok(plan)
}

/// A deletion, without its place in the order.
pub fn step(address: &Address, entry: &Entry, reason: &str) -> Step {
    let seconds = kind(&entry.kind).map_or(1, |kind| kind.about().delete_seconds);
    Step {
        address: address.clone(),
        kind: entry.kind.clone(),
        region: entry.region.clone(),
        action: Action::Delete,
        reason: reason.to_owned(),
        needs: Vec::new(),
        after: Vec::new(),
        moves: None,
        clears: None,
        gives_back: None,
        leaves: Vec::new(),
        puts_right: None,
        shown: None,
        seen: false,
        spec: entry.spec.clone(),
        tags: entry.tags.clone(),
        timing: Timing { created: Duration::ZERO, ready: Duration::from_secs(seconds.into()) },
    }
}

/// How something is deleted is told by the configuration of today, not by the one that it was made with: whether a snapshot is taken, whether a
/// bucket is emptied. For what makes way that is the configuration of what takes its place.
pub(super) fn as_configured(steps: &mut [Step], graph: &Graph) {
    for step in steps.iter_mut().filter(|step| step.action == Action::Delete) {
        let base = step.address.made_way();
        let Some(node) = graph.get(base.as_ref().unwrap_or(&step.address)).filter(|node| node.kind == step.kind) else { continue };
        for input in kind(&step.kind).map(<dyn Kind>::deletion_inputs).unwrap_or_default() {
            if let (Some(spec), Some(now)) = (step.spec.as_object_mut(), node.spec.get(*input)) {
                spec.insert((*input).to_owned(), now.clone());
            }
        }
    }
}

/// Puts deletions into order: what depends on something goes before it, or lets go of it before, if it stays.
pub fn order(steps: &mut [Step], state: &State, doomed: &[Address]) {
    let doomed: BTreeSet<&Address> = doomed.iter().collect();
    let mut users: BTreeMap<&Address, Vec<Need>> = BTreeMap::new();
    let staying: BTreeSet<&Address> = steps.iter().map(|step| &step.address).collect();
    let counts = |user: &Address| doomed.contains(user) || staying.contains(user);
    for (user, entry) in state.resources.iter().filter(|(user, _)| counts(user)) {
        for need in entry.needs.iter().filter(|need| need.on != *user) {
            users.entry(&need.on).or_default().push(Need { on: user.clone(), at: Moment::Ready, loose: need.loose });
        }
    }
    for step in steps.iter_mut().filter(|step| step.action == Action::Delete) {
        step.needs = users.get(&step.address).cloned().unwrap_or_default();
    }
}
