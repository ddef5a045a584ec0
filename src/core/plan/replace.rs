//! Replacements: the deletion of retired resources, and its order.
//!
//! If AWS accepts both resources at once, the new one is created first. Then the users of the old one are updated to
//! use the new one, and then the old one is deleted. Otherwise the old resource is deleted first, and before it all its
//! dependents.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Action, Move, ReplaceOrder};
use super::external_users::ExternalUsers;
use super::step::Step;
use crate::graph::{Moment, Need, Node};
use crate::resource::Kinds;
use crate::state::{Entry, State};
use infra_base::address::Address;

/// All resources that are replaced in one plan.
pub(super) struct Replaced<'a> {
    kinds: Kinds,
    state: &'a State,
    /// Retired resources of an earlier run that get their address back: from the retired address to the base address.
    restored: BTreeMap<Address, Address>,
    /// The users of each resource according to the state, and whether the dependency is weak.
    users: BTreeMap<&'a Address, Vec<(&'a Address, bool)>>,
    /// The retired resources.
    old: Vec<Old>,
}

struct Old {
    /// Its address when its deletion begins.
    address: Address,
    /// Its current address in the state.
    now: Address,
    /// The address that it has, or had, before it is retired.
    base: Address,
    order: ReplaceOrder,
    step: Step,
}

impl<'a> Replaced<'a> {
    pub(super) fn new(kinds: Kinds, state: &'a State) -> Self {
        let mut users: BTreeMap<&Address, Vec<(&Address, bool)>> = BTreeMap::new();
        for (user, entry) in &state.resources {
            // An earlier version recorded what had to be deleted before the creation as a dependency. It may have the
            // same address by now.
            for need in entry.needs.iter().filter(|need| need.on != *user) {
                users.entry(&need.on).or_default().push((user, need.weak));
            }
        }
        Self { kinds, state, restored: BTreeMap::new(), users, old: Vec::new() }
    }

    /// Registers a replacement. Returns the move that must precede the creation.
    pub(super) fn replaces(&mut self, node: &Node, entry: &Entry, order: ReplaceOrder) -> Option<Move> {
        self.retires(node, entry, order, "a new resource replaces it")
    }

    /// Registers a retired resource that gets its address back. Returns its move.
    pub(super) fn restores(&mut self, node: &Node, from: Address) -> Move {
        self.restored.insert(from.clone(), node.address.clone());
        Move { from, to: node.address.clone() }
    }

    /// Retires the resource that has the address now. Returns the move that must precede the step: AWS has accepted
    /// both already.
    pub(super) fn evicts(&mut self, node: &Node, entry: &Entry) -> Option<Move> {
        self.retires(node, entry, ReplaceOrder::CreateFirst, "the resource that it was to replace is restored")
    }

    fn retires(&mut self, node: &Node, entry: &Entry, order: ReplaceOrder, reason: &str) -> Option<Move> {
        // At most `taken` numbers are in use, so one of these is free.
        let taken = self.state.retired(&node.address).count();
        let free =
            (0..=taken).map(|number| node.address.retired(number)).find(|address| self.state.get(address).is_none())?;
        let moves = Move { from: node.address.clone(), to: free.clone() };
        let mut step = super::deletion::step(self.kinds, &free, entry, reason);
        // The first of the two steps moves it.
        let (first, second) = match order {
            ReplaceOrder::CreateFirst => (Some(moves), None),
            ReplaceOrder::DeleteFirst => (None, Some(moves)),
        };
        step.moves = second;
        self.old.push(Old { address: free, now: node.address.clone(), base: node.address.clone(), order, step });
        first
    }

    /// Registers a retired resource that an earlier run left behind.
    pub(super) fn add_retired(&mut self, node: &Node, address: &Address, entry: &Entry, order: ReplaceOrder) {
        let step = super::deletion::step(self.kinds, address, entry, "a new resource has replaced it");
        let address = address.clone();
        self.old.push(Old { now: address.clone(), address, base: node.address.clone(), order, step });
    }

    /// Orders all deletions. Returns the retired and deleted resources that are used by resources outside the plan,
    /// with these users.
    pub(super) fn finish(self, steps: &mut Vec<Step>, deleted: &[Address]) -> ExternalUsers {
        if self.old.is_empty() && deleted.is_empty() {
            return ExternalUsers::default();
        }
        let index: BTreeMap<Address, usize> =
            steps.iter().enumerate().map(|(at, step)| (step.address.clone(), at)).collect();
        let replaced: BTreeMap<&Address, &Address> =
            self.old.iter().filter(|old| old.address != old.now).map(|old| (&old.base, &old.address)).collect();
        let old_ones: BTreeSet<&Address> = self.old.iter().map(|old| &old.address).collect();
        let ready = |on: &Address, weak: bool| Need { on: on.clone(), at: Moment::Ready, weak };
        let used = deleted
            .iter()
            .flat_map(|address| self.users.get(address).into_iter().flatten().map(move |(user, _)| (address, *user)));
        let external_users = used.filter(|(_, user)| {
            !index.contains_key(*user) && !old_ones.contains(user) && !self.restored.contains_key(*user)
        });
        let mut uses: Vec<(Address, Address)> =
            external_users.map(|(address, user)| (address.clone(), user.clone())).collect();
        let mut deletions = Vec::new();
        for old in &self.old {
            let mut needs = Vec::new();
            for (user, weak) in self.users.get(&old.now).into_iter().flatten().copied() {
                let step = index.get(user).map(|at| &steps[*at]);
                match step.map(|step| (step, &step.action)) {
                    Some((_, Action::Replace { order, .. })) => {
                        // A dependent of an old resource that is deleted first is deleted even earlier. A weak
                        // dependent is not.
                        let before = old.order == ReplaceOrder::CreateFirst || *order == ReplaceOrder::DeleteFirst;
                        needs.extend(replaced.get(user).filter(|_| before).map(|old_user| ready(old_user, weak)));
                        needs.extend((old.order == ReplaceOrder::CreateFirst).then(|| ready(user, weak)));
                    }
                    Some((_, Action::Delete)) => needs.push(ready(user, weak)),
                    // A user that stays is updated first, unless it waits for the replacement.
                    Some((step, _)) => {
                        let updated_first =
                            old.order == ReplaceOrder::CreateFirst || step.needs.iter().all(|need| need.on != old.base);
                        needs.extend(updated_first.then(|| ready(user, weak)));
                        // A user that is retired itself is deleted before.
                        needs.extend(replaced.get(user).map(|old_user| ready(old_user, weak)));
                    }
                    None if self.restored.contains_key(user) => {
                        needs.extend(self.restored.get(user).map(|base| ready(base, weak)));
                    }
                    // A retired resource of an earlier run has its own deletion.
                    None if old_ones.contains(user) => needs.push(ready(user, weak)),
                    None => uses.push((old.base.clone(), user.clone())),
                }
            }
            if old.order == ReplaceOrder::CreateFirst {
                needs.push(ready(&old.base, false));
            }
            deletions.push(Step { needs, ..old.step.clone() });
        }
        for step in steps.iter_mut().filter(|step| step.action == Action::Delete) {
            // A replaced user stops using the resource when its old resource is deleted. The same applies to retired
            // resources of earlier runs.
            for need in &mut step.needs {
                if let Some(old) = replaced.get(&need.on) {
                    need.on = (*old).clone();
                }
            }
            let users = self.users.get(&step.address).into_iter().flatten();
            for (user, weak) in users {
                let still = if old_ones.contains(user) { Some(*user) } else { self.restored.get(*user) };
                step.needs.extend(still.map(|user| ready(user, *weak)));
            }
        }
        for old in self.old.iter().filter(|old| old.order == ReplaceOrder::DeleteFirst) {
            if let Some(at) = index.get(&old.base) {
                steps[*at].needs.push(ready(&old.address, false));
            }
        }
        steps.extend(deletions);
        ExternalUsers { uses }
    }
}
