//! An old thing that has to go before the new one can be made goes as late as it can: only when all that the new one waits for is done, unless
//! that itself waits for the old one to be gone. When something fails before, the old one is still there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Step};
use crate::address::Address;
use crate::graph::{Moment, Need};

/// Lets each such deletion wait. There must be no circle yet, and there is none afterwards.
pub(super) fn wait(steps: &mut [Step]) {
    let index: BTreeMap<Address, usize> = steps.iter().enumerate().map(|(at, step)| (step.address.clone(), at)).collect();
    let makes_way = |step: &Step| {
        let base = step.address.made_way().filter(|_| step.action == Action::Delete)?;
        index.get(&base).copied()
    };
    let pairs: Vec<(usize, usize)> = steps.iter().enumerate().filter_map(|(old, step)| Some((old, makes_way(step)?))).collect();
    for (old, new) in pairs {
        if !steps[new].needs.iter().any(|need| need.on == steps[old].address) {
            continue;
        }
        for (on, at) in before(steps, &index, old, new) {
            let on = steps[on].address.clone();
            match steps[old].needs.iter_mut().find(|need| need.on == on) {
                Some(need) => need.at = need.at.max(at),
                None => steps[old].needs.push(Need { on, at, loose: true }),
            }
        }
    }
}

/// What can be done before the old one goes, of all that the new one waits for, and how far it has to be.
fn before(steps: &[Step], index: &BTreeMap<Address, usize>, old: usize, new: usize) -> BTreeMap<usize, Moment> {
    let needs = |at: usize| steps[at].needs.iter().filter_map(|need| Some((*index.get(&need.on)?, need.at)));
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for at in 0..steps.len() {
        for (on, _) in needs(at) {
            users[on].push(at);
        }
    }
    let after = reached(old, |at| users[at].clone());
    // What comes after the old one is looked through: what that waits for may be done before.
    let mut seen = BTreeSet::from([new]);
    let mut found: BTreeMap<usize, Moment> = BTreeMap::new();
    let mut next = vec![new];
    while let Some(at) = next.pop() {
        for (on, moment) in needs(at) {
            if after.contains(&on) {
                next.extend(seen.insert(on).then_some(on).filter(|on| *on != old));
            } else {
                let known = found.entry(on).or_insert(moment);
                *known = (*known).max(moment);
            }
        }
    }
    let is_at_work = |at: &usize| reached(*at, |at| needs(at).map(|(on, _)| on).collect()).iter().any(|at| steps[*at].action != Action::Nothing);
    found.retain(|at, _| is_at_work(at));
    found
}

/// Everything on the way from one, and itself.
fn reached(from: usize, next: impl Fn(usize) -> Vec<usize>) -> BTreeSet<usize> {
    let (mut found, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(at) = open.pop() {
        open.extend(next(at).into_iter().filter(|one| found.insert(*one)));
    }
    found
}
