//! Users of resources that are to be deleted, which stay themselves.

use std::collections::BTreeSet;

use super::names::names;
use infra_base::address::Address;

/// Resources outside the selection depend on resources that are to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("resources to be deleted are still in use by {}", names(&self.environments()))]
pub struct ExternalUsers {
    /// The resources in use, each with its user.
    pub uses: Vec<(Address, Address)>,
}

impl ExternalUsers {
    /// Returns the environments that must be deleted first, in alphabetical order.
    pub fn environments(&self) -> Vec<&str> {
        self.uses.iter().map(|(_, user)| user.environment()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}
