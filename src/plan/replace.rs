//! What makes way for something new: its deletion, and its place in the order.
//!
//! The new one first, when AWS takes both: then whatever uses the old one is changed to use the new one, and then the old one goes. Else the
//! old one first, and before it all that holds on to it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Move, Order, Step, StillNeeded};
use crate::address::Address;
use crate::graph::{Moment, Need, Node};
use crate::state::{Entry, State};

/// All that makes way in one plan.
pub(super) struct Replaced<'a> {
    state: &'a State,
    /// What an earlier run had set aside and gets its place back: where it is, and its place.
    back: BTreeMap<Address, Address>,
    /// Who uses what, as the state knows it, and whether it does so loosely.
    users: BTreeMap<&'a Address, Vec<(&'a Address, bool)>>,
    /// The old ones.
    old: Vec<Old>,
}

struct Old {
    /// Where it is when its deletion begins.
    address: Address,
    /// Where the state has it now.
    now: Address,
    /// Whose place it has, or had.
    base: Address,
    order: Order,
    step: Step,
}

impl<'a> Replaced<'a> {
    pub(super) fn new(state: &'a State) -> Self {
        let mut users: BTreeMap<&Address, Vec<(&Address, bool)>> = BTreeMap::new();
        for (user, entry) in &state.resources {
            // An earlier version took down what had to be gone before something was made: it may have the same place by now.
            for need in entry.needs.iter().filter(|need| need.on != *user) {
                users.entry(&need.on).or_default().push((user, need.loose));
            }
        }
        Self { state, back: BTreeMap::new(), users, old: Vec::new() }
    }

    /// Something is replaced in this plan. Returns what has to be moved before the new one is made.
    pub(super) fn replaces(&mut self, node: &Node, entry: &Entry, order: Order) -> Option<Move> {
        self.makes_way(node, entry, order, "a new one takes its place")
    }

    /// What an earlier run had set aside gets its place back. Returns how it is moved.
    pub(super) fn takes_back(&mut self, node: &Node, from: Address) -> Move {
        self.back.insert(from.clone(), node.address.clone());
        Move { from, to: node.address.clone() }
    }

    /// What has taken that place in the meantime gives way. Returns what has to be moved before: AWS has taken both already.
    pub(super) fn gives_way(&mut self, node: &Node, entry: &Entry) -> Option<Move> {
        self.makes_way(node, entry, Order::NewFirst, "what it was to replace gets its place back")
    }

    fn makes_way(&mut self, node: &Node, entry: &Entry, order: Order, reason: &str) -> Option<Move> {
        // One more than there are is free at the latest.
        let taken = self.state.set_aside(&node.address).count();
        let free = (0..=taken).map(|number| node.address.set_aside(number)).find(|address| self.state.get(address).is_none())?;
        let moves = Move { from: node.address.clone(), to: free.clone() };
        let mut step = super::down::step(&free, entry, reason);
        // Whichever of the two is first moves it.
        let (first, second) = match order {
            Order::NewFirst => (Some(moves), None),
            Order::OldFirst => (None, Some(moves)),
        };
        step.moves = second;
        self.old.push(Old { address: free, now: node.address.clone(), base: node.address.clone(), order, step });
        first
    }

    /// An earlier run has left something behind that was to make way.
    pub(super) fn left_behind(&mut self, node: &Node, address: &Address, entry: &Entry, order: Order) {
        let step = super::down::step(address, entry, "a new one has taken its place");
        let address = address.clone();
        self.old.push(Old { now: address.clone(), address, base: node.address.clone(), order, step });
    }

    /// Puts everything in its order. Returns what makes way or is doomed, and whoever uses it without being part of the plan.
    pub(super) fn finish(self, steps: &mut Vec<Step>, doomed: &[Address]) -> StillNeeded {
        if self.old.is_empty() && doomed.is_empty() {
            return StillNeeded::default();
        }
        let index: BTreeMap<Address, usize> = steps.iter().enumerate().map(|(at, step)| (step.address.clone(), at)).collect();
        let replaced: BTreeMap<&Address, &Address> =
            self.old.iter().filter(|old| old.address != old.now).map(|old| (&old.base, &old.address)).collect();
        let old_ones: BTreeSet<&Address> = self.old.iter().map(|old| &old.address).collect();
        let ready = |on: &Address, loose: bool| Need { on: on.clone(), at: Moment::Ready, loose };
        let used = doomed.iter().flat_map(|address| self.users.get(address).into_iter().flatten().map(move |(user, _)| (address, *user)));
        let strangers = used.filter(|(_, user)| !index.contains_key(*user) && !old_ones.contains(user) && !self.back.contains_key(*user));
        let mut uses: Vec<(Address, Address)> = strangers.map(|(address, user)| (address.clone(), user.clone())).collect();
        let mut deletions = Vec::new();
        for old in &self.old {
            let mut needs = Vec::new();
            for (user, loose) in self.users.get(&old.now).into_iter().flatten().copied() {
                let step = index.get(user).map(|at| &steps[*at]);
                match step.map(|step| (step, &step.action)) {
                    Some((_, Action::Replace { order, .. })) => {
                        // What holds on to an old one that goes first goes first itself; what only mentions it does not.
                        let before = old.order == Order::NewFirst || *order == Order::OldFirst;
                        needs.extend(replaced.get(user).filter(|_| before).map(|old_user| ready(old_user, loose)));
                        needs.extend((old.order == Order::NewFirst).then(|| ready(user, loose)));
                    }
                    Some((_, Action::Delete)) => needs.push(ready(user, loose)),
                    // One that stays lets go of it first, unless it waits for what takes its place.
                    Some((step, _)) => {
                        let lets_go = old.order == Order::NewFirst || step.needs.iter().all(|need| need.on != old.base);
                        needs.extend(lets_go.then(|| ready(user, loose)));
                        // One that gives way itself goes before.
                        needs.extend(replaced.get(user).map(|old_user| ready(old_user, loose)));
                    }
                    None if self.back.contains_key(user) => needs.extend(self.back.get(user).map(|base| ready(base, loose))),
                    // An old one that an earlier run left behind has a deletion of its own.
                    None if old_ones.contains(user) => needs.push(ready(user, loose)),
                    None => uses.push((old.base.clone(), user.clone())),
                }
            }
            if old.order == Order::NewFirst {
                needs.push(ready(&old.base, false));
            }
            deletions.push(Step { needs, ..old.step.clone() });
        }
        for step in steps.iter_mut().filter(|step| step.action == Action::Delete) {
            // One that is replaced lets go when its old one goes, and so does an old one that an earlier run left behind.
            for need in &mut step.needs {
                if let Some(old) = replaced.get(&need.on) {
                    need.on = (*old).clone();
                }
            }
            let users = self.users.get(&step.address).into_iter().flatten();
            for (user, loose) in users {
                let still = if old_ones.contains(user) { Some(*user) } else { self.back.get(*user) };
                step.needs.extend(still.map(|user| ready(user, *loose)));
            }
        }
        for old in self.old.iter().filter(|old| old.order == Order::OldFirst) {
            if let Some(at) = index.get(&old.base) {
                steps[*at].needs.push(ready(&old.address, false));
            }
        }
        steps.extend(deletions);
        StillNeeded { uses }
    }
}
