//! `[resources]`: options of single resources.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of single resources, by address or pattern.
pub type Resources = BTreeMap<String, ResourceOptions>;

/// Options of single resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceOptions {
    /// Whether the resource must never be deleted or replaced.
    pub protect: bool,
}
