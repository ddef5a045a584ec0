//! Deletion steps, and their order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::action::Action;
use super::step::Step;
use crate::graph::{Graph, Moment, Need, Timing};
use crate::resource::{Kind, KindRef, Kinds};
use crate::state::{Entry, State};
use infra_base::address::Address;

/// Returns a deletion step, without dependencies.
pub fn step(kinds: Kinds, address: &Address, entry: &Entry, reason: &str) -> Step {
    let handler = kinds.get(&entry.kind);
    let seconds = handler.map_or(1, |kind| kind.schema().delete_seconds);
    Step {
        address: address.clone(),
        kind: entry.kind.clone(),
        handler,
        region: entry.region.clone(),
        account: entry.account.clone(),
        action: Action::Delete,
        reason: reason.to_owned(),
        needs: Vec::new(),
        after: Vec::new(),
        moves: None,
        evicts: None,
        restores: None,
        ignored_fields: Vec::new(),
        corrects: None,
        observed: None,
        verified: false,
        spec: entry.spec.clone(),
        tags: entry.tags.clone(),
        timing: Timing { created: Duration::ZERO, ready: Duration::from_secs(seconds.into()) },
    }
}

/// Applies the current inputs for the deletion: whether a snapshot is taken, whether a bucket is emptied. The current
/// configuration decides, not the one at creation. For a retired resource, that is the configuration of its
/// replacement.
pub(super) fn as_configured(steps: &mut [Step], graph: &Graph) {
    for step in steps.iter_mut().filter(|step| step.action == Action::Delete) {
        let base = step.address.retired_from();
        let Some(node) = graph.get(base.as_ref().unwrap_or(&step.address)).filter(|node| node.kind == *step.kind)
        else {
            continue;
        };
        for input in step.handler.map(KindRef::get).map(<dyn Kind>::deletion_inputs).unwrap_or_default() {
            if let (Some(spec), Some(now)) = (step.spec.as_object_mut(), node.spec.get(*input)) {
                spec.insert((*input).to_owned(), now.clone());
            }
        }
    }
}

/// Orders deletions: the dependents of a resource are deleted before it. Those that stay are updated before it, so that
/// they no longer reference it.
pub fn order(steps: &mut [Step], state: &State, deleted: &[Address]) {
    let deleted: BTreeSet<&Address> = deleted.iter().collect();
    let mut users: BTreeMap<&Address, Vec<Need>> = BTreeMap::new();
    let staying: BTreeSet<&Address> = steps.iter().map(|step| &step.address).collect();
    let counts = |user: &Address| deleted.contains(user) || staying.contains(user);
    for (user, entry) in state.resources.iter().filter(|(user, _)| counts(user)) {
        for need in entry.needs.iter().filter(|need| need.on != *user) {
            users.entry(&need.on).or_default().push(Need { on: user.clone(), at: Moment::Ready, weak: need.weak });
        }
    }
    for step in steps.iter_mut().filter(|step| step.action == Action::Delete) {
        step.needs = users.get(&step.address).cloned().unwrap_or_default();
    }
}
