//! The users of each resource: the reverse of all dependencies. This index is derived from the state and not stored. It
//! is built on first use and updated from then on.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Entry;
use crate::graph::Need;
use infra_base::address::Address;

#[derive(Clone, Debug, Default)]
pub(super) struct Dependents(Option<BTreeMap<Address, BTreeSet<Address>>>);

/// The index does not affect the equality of states.
impl PartialEq for Dependents {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Dependents {
    /// Returns the users of a resource.
    pub(super) fn of(&mut self, on: &Address, resources: &BTreeMap<Address, Entry>) -> BTreeSet<Address> {
        if self.0.is_none() {
            self.0 = Some(BTreeMap::new());
            for (user, entry) in resources {
                self.add(user, &entry.needs);
            }
        }
        self.0.as_ref().and_then(|users| users.get(on)).cloned().unwrap_or_default()
    }

    /// Adds dependencies of a resource.
    pub(super) fn add(&mut self, user: &Address, needs: &[Need]) {
        let Some(users) = &mut self.0 else { return };
        for need in needs {
            users.entry(need.on.clone()).or_default().insert(user.clone());
        }
    }

    /// Removes dependencies of a resource.
    pub(super) fn remove(&mut self, user: &Address, needs: &[Need]) {
        let Some(users) = &mut self.0 else { return };
        for need in needs {
            if let Some(of) = users.get_mut(&need.on) {
                of.remove(user);
            }
        }
    }
}
