//! What a script says of the account, where it differs from a new one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the script says of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountFacts {
    /// Its regions, by name.
    pub regions: BTreeMap<String, RegionFacts>,
    /// Its quotas, by the keys of [`super::quotas`].
    pub quotas: BTreeMap<String, usize>,
}

/// What the script says of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegionFacts {
    /// Whether the account has enabled it. Without it, all regions are enabled that need not be.
    pub enabled: Option<bool>,
    /// The letters of its zones.
    pub zones: Option<Vec<String>>,
    /// Patterns of instance classes that a zone does not offer, by its letter.
    pub not_offered: BTreeMap<String, Vec<String>>,
}
