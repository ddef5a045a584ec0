//! Who uses what: the needs of all resources the other way round. It follows from the state and is no part of it; it is made when somebody
//! first asks, and kept up to date from then on.

use std::collections::{BTreeMap, BTreeSet};

use super::snapshot::Entry;
use crate::address::Address;
use crate::graph::Need;

#[derive(Clone, Debug, Default)]
pub(super) struct Users(Option<BTreeMap<Address, BTreeSet<Address>>>);

/// Two states are the same, whatever they were asked.
impl PartialEq for Users {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Users {
    /// Returns who uses a resource.
    pub(super) fn of(&mut self, on: &Address, resources: &BTreeMap<Address, Entry>) -> BTreeSet<Address> {
        if self.0.is_none() {
            self.0 = Some(BTreeMap::new());
            for (user, entry) in resources {
                self.add(user, &entry.needs);
            }
        }
        self.0.as_ref().and_then(|users| users.get(on)).cloned().unwrap_or_default()
    }

    /// A resource needs these from here on.
    pub(super) fn add(&mut self, user: &Address, needs: &[Need]) {
        let Some(users) = &mut self.0 else { return };
        for need in needs {
            users.entry(need.on.clone()).or_default().insert(user.clone());
        }
    }

    /// A resource needs these no more.
    pub(super) fn remove(&mut self, user: &Address, needs: &[Need]) {
        let Some(users) = &mut self.0 else { return };
        for need in needs {
            if let Some(of) = users.get_mut(&need.on) {
                of.remove(user);
            }
        }
    }
}
