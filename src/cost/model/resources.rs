//! The resources of a stack: the cost of one can depend on another.

use std::collections::BTreeMap;

use infra_base::address::Address;

use crate::resource::Resource;

/// The resources of a stack, by address. The cost of one can depend on another.
pub(super) struct Resources<'a>(pub(super) BTreeMap<&'a Address, Resource<'a>>);

impl<'a> Resources<'a> {
    /// Returns the resource with an address.
    pub(super) fn get(&self, address: &Address) -> Option<&Resource<'a>> {
        self.0.get(address)
    }

    /// Returns the resource of a kind that another one depends on.
    pub(super) fn needed_by(&self, resource: &Resource<'_>, kind: &str) -> Option<&Resource<'a>> {
        resource.needs.iter().filter_map(|address| self.get(address)).find(|one| one.kind == kind)
    }

    /// Returns the resource of a kind that depends on another one.
    pub(super) fn dependent_on(&self, address: &Address, kind: &str) -> Option<&Resource<'a>> {
        self.0.values().find(|one| one.kind == kind && one.needs.contains(&address))
    }
}
