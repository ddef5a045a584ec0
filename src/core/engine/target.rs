//! The target of calls.

use std::collections::BTreeMap;

use infra_base::address::{Address, Location};

/// The resource that calls target.
pub(super) struct Target<'a> {
    pub(super) address: &'a Address,
    pub(super) location: &'a Location,
    pub(super) tags: &'a BTreeMap<String, String>,
    pub(super) token: &'a str,
}
