//! Conflicts of names that are unique across kinds or regions, for example of a secret and a replica of another secret.
//!
//! For replacements within a kind, the kind declares its unique inputs; see `planner`. Here, another resource that is
//! deleted has the name.

use std::collections::{BTreeMap, BTreeSet};

use super::action::Action;
use super::cycle::drop_weak_edges;
use super::step::Step;
use crate::graph::{Moment, Need};
use infra_base::address::Address;

/// Makes each creation wait until the deleted owner of one of its names no longer exists. Such a deletion does not wait
/// for resources that only mention it and that wait for the new resource themselves.
pub(super) fn order_by_names(steps: &mut [Step]) {
    let mut holders: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.action == Action::Delete) {
        for name in global_names(step) {
            holders.entry(name).or_default().push(step.address.clone());
        }
    }
    if holders.is_empty() {
        return;
    }
    let mut early = BTreeSet::new();
    for step in steps
        .iter_mut()
        .filter(|step| matches!(step.action, Action::Create | Action::Replace { .. } | Action::Resume { .. }))
    {
        let held: BTreeSet<&Address> =
            global_names(step).iter().filter_map(|name| holders.get(name)).flatten().collect();
        for holder in held.into_iter().filter(|holder| holder.retired_from().as_ref() != Some(&step.address)) {
            step.needs.push(Need { on: holder.clone(), at: Moment::Ready, weak: false });
            step.after.push(holder.clone());
            early.insert(holder.clone());
        }
    }
    if early.is_empty() {
        return;
    }
    // The dependents of the owner are deleted even earlier.
    let deleted: BTreeMap<&Address, &Step> =
        steps.iter().filter(|step| step.action == Action::Delete).map(|step| (&step.address, step)).collect();
    let mut open: Vec<&Step> = early.iter().filter_map(|address| deleted.get(address).copied()).collect();
    while let Some(step) = open.pop() {
        for user in step.needs.iter().filter(|need| !need.weak).filter_map(|need| deleted.get(&need.on).copied()) {
            if early.insert(user.address.clone()) {
                open.push(user);
            }
        }
    }
    drop_weak_edges(steps, &|address| early.contains(address));
}

fn global_names(step: &Step) -> Vec<String> {
    step.handler.map(|kind| kind.global_names(&step.spec, &step.region)).unwrap_or_default()
}
