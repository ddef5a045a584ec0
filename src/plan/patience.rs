//! An old thing that has to go before the new one can be made goes as late as it can: only when all that the new one waits for is done, unless
//! that itself waits for the old one to be gone. When something fails before, the old one is still there.

use std::collections::BTreeMap;

use super::{Action, Step};
use crate::address::Address;
use crate::graph::{Moment, Need};

/// Lets each such deletion wait. There must be no circle yet, and there is none afterwards. The plan is gone through once for each of them.
pub(super) fn wait(steps: &mut [Step]) {
    let index: BTreeMap<Address, usize> = steps.iter().enumerate().map(|(at, step)| (step.address.clone(), at)).collect();
    let is_gone = |on: &Address| index.get(on).copied().filter(|at| steps[*at].action == Action::Delete);
    let waiting = steps.iter().enumerate().filter(|(_, step)| step.action != Action::Delete);
    let mut pairs: Vec<(usize, usize)> =
        waiting.flat_map(|(new, step)| step.needs.iter().filter_map(move |need| Some((is_gone(&need.on)?, new)))).collect();
    pairs.sort_unstable();
    if pairs.is_empty() {
        return;
    }
    let mut order = Order::of(steps, &index);
    let at_work = order.reached(steps.iter().enumerate().filter(|(_, step)| step.action != Action::Nothing).map(|(at, _)| at));
    for (old, new) in pairs {
        for (on, at) in order.before(old, new).into_iter().filter(|(on, _)| at_work[*on]) {
            order.add(old, on, at);
            let on = steps[on].address.clone();
            match steps[old].needs.iter_mut().find(|need| need.on == on) {
                Some(need) => need.at = need.at.max(at),
                None => steps[old].needs.push(Need { on, at, loose: true }),
            }
        }
    }
}

/// What waits for what, by the places of the steps.
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

    /// Whether each is one of these, or waits for one of them.
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

    /// What can be done before the old one goes, of all that the new one waits for, and how far it has to be.
    fn before(&self, old: usize, new: usize) -> BTreeMap<usize, Moment> {
        let after = self.reached([old]);
        // What comes after the old one is looked through: what that waits for may be done before.
        let mut seen = vec![false; self.needs.len()];
        (seen[new], seen[old]) = (true, true);
        let mut found: BTreeMap<usize, Moment> = BTreeMap::new();
        let mut open = vec![new];
        while let Some(at) = open.pop() {
            for (on, moment) in &self.needs[at] {
                if !after[*on] {
                    let known = found.entry(*on).or_insert(*moment);
                    *known = (*known).max(*moment);
                } else if !std::mem::replace(&mut seen[*on], true) {
                    open.push(*on);
                }
            }
        }
        found
    }
}
