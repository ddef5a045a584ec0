//! Names that things of several kinds, or regions, take from each other: a secret and the replica of one.
//!
//! What is replaced by one of its own kind is told by its kind, see `decide`. Here it is something else that has the name and goes.

use std::collections::{BTreeMap, BTreeSet};

use super::knot::loosen;
use super::{Action, Step};
use crate::address::Address;
use crate::graph::{Moment, Need};
use crate::resource::kind;

/// Lets what is made wait until whatever has one of its names is gone. Such a one does not wait for what only mentions it and itself waits for the
/// new one.
pub(super) fn wait(steps: &mut [Step]) {
    let mut holders: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.action == Action::Delete) {
        for name in claims(step) {
            holders.entry(name).or_default().push(step.address.clone());
        }
    }
    let mut early = BTreeSet::new();
    for step in steps.iter_mut().filter(|step| matches!(step.action, Action::Create | Action::Replace { .. } | Action::Resume { .. })) {
        let held: BTreeSet<&Address> = claims(step).iter().filter_map(|name| holders.get(name)).flatten().collect();
        for holder in held.into_iter().filter(|holder| holder.made_way().as_ref() != Some(&step.address)) {
            step.needs.push(Need { on: holder.clone(), at: Moment::Ready, loose: false });
            step.after.push(holder.clone());
            early.insert(holder.clone());
        }
    }
    if early.is_empty() {
        return;
    }
    // What holds on to it goes even before.
    let doomed: BTreeMap<&Address, &Step> = steps.iter().filter(|step| step.action == Action::Delete).map(|step| (&step.address, step)).collect();
    let mut open: Vec<&Step> = early.iter().filter_map(|address| doomed.get(address).copied()).collect();
    while let Some(step) = open.pop() {
        for user in step.needs.iter().filter(|need| !need.loose).filter_map(|need| doomed.get(&need.on).copied()) {
            if early.insert(user.address.clone()) {
                open.push(user);
            }
        }
    }
    loosen(steps, &|address| early.contains(address));
}

fn claims(step: &Step) -> Vec<String> {
    kind(&step.kind).map(|kind| kind.claims(&step.spec, &step.region)).unwrap_or_default()
}
