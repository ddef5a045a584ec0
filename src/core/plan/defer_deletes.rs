//! Defers deletions that must precede a creation: the old resource is deleted only when all other dependencies of the
//! new one are done, unless they wait for the deletion themselves. If something fails before that, the old resource
//! still exists.

use std::collections::BTreeMap;

use super::action::Action;
use super::step::Step;
use crate::graph::{Moment, Need};
use infra_base::address::Address;

/// Defers each such deletion. The steps must not contain a cycle; afterwards, they still do not. Goes through the plan
/// once for each deletion.
pub(super) fn defer(steps: &mut [Step]) {
    let index: BTreeMap<Address, usize> =
        steps.iter().enumerate().map(|(at, step)| (step.address.clone(), at)).collect();
    let is_gone = |on: &Address| index.get(on).copied().filter(|at| steps[*at].action == Action::Delete);
    let waiting = steps.iter().enumerate().filter(|(_, step)| step.action != Action::Delete);
    let mut pairs: Vec<(usize, usize)> = waiting
        .flat_map(|(new, step)| step.needs.iter().filter_map(move |need| Some((is_gone(&need.on)?, new))))
        .collect();
    pairs.sort_unstable();
    if pairs.is_empty() {
        return;
    }
    let mut order = Order::of(steps, &index);
    let at_work =
        order.reached(steps.iter().enumerate().filter(|(_, step)| step.action != Action::NoOp).map(|(at, _)| at));
    for (old, new) in pairs {
        for (on, at) in order.before(old, new).into_iter().filter(|(on, _)| at_work[*on]) {
            order.add(old, on, at);
            let on = steps[on].address.clone();
            match steps[old].needs.iter_mut().find(|need| need.on == on) {
                Some(need) => need.at = need.at.max(at),
                None => steps[old].needs.push(Need { on, at, weak: true }),
            }
        }
    }
}

/// Which step waits for which, by index.
struct Order {
    needs: Vec<Vec<(usize, Moment)>>,
    users: Vec<Vec<usize>>,
}

impl Order {
    fn of(steps: &[Step], index: &BTreeMap<Address, usize>) -> Self {
        let mut order = Self { needs: vec![Vec::new(); steps.len()], users: vec![Vec::new(); steps.len()] };
        for (at, step) in steps.iter().enumerate() {
            for need in &step.needs {
                if let Some(on) = index.get(&need.on) {
                    order.add(at, *on, need.at);
                }
            }
        }
        order
    }

    fn add(&mut self, user: usize, on: usize, at: Moment) {
        self.needs[user].push((on, at));
        self.users[on].push(user);
    }

    /// Returns for each step whether it is one of these, or waits for one of them.
    fn reached(&self, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut open: Vec<usize> = from.into_iter().collect();
        let mut found = vec![false; self.users.len()];
        for at in &open {
            found[*at] = true;
        }
        while let Some(at) = open.pop() {
            for user in &self.users[at] {
                if !std::mem::replace(&mut found[*user], true) {
                    open.push(*user);
                }
            }
        }
        found
    }

    /// Returns what can be done before `old` is deleted, of all that `new` waits for, and the moment it must reach.
    fn before(&self, old: usize, new: usize) -> BTreeMap<usize, Moment> {
        let after = self.reached([old]);
        // The dependencies of steps after `old` are searched, too: these dependencies may be done before.
        let mut visited = vec![false; self.needs.len()];
        (visited[new], visited[old]) = (true, true);
        let mut found: BTreeMap<usize, Moment> = BTreeMap::new();
        let mut open = vec![new];
        while let Some(at) = open.pop() {
            for (on, moment) in &self.needs[at] {
                if !after[*on] {
                    let known = found.entry(*on).or_insert(*moment);
                    *known = (*known).max(*moment);
                } else if !std::mem::replace(&mut visited[*on], true) {
                    open.push(*on);
                }
            }
        }
        found
    }
}
