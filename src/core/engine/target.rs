//! The target of calls.

use std::collections::BTreeMap;

use infra_base::address::{Address, Region};

/// The resource that calls target.
pub(super) struct Target<'a> {
    pub(super) address: &'a Address,
    pub(super) region: &'a Region,
    pub(super) tags: &'a BTreeMap<String, String>,
    pub(super) token: &'a str,
}
