//! `[[moved]]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A resource whose address has changed. Its tags in AWS keep the old address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MovedBlock {
    /// The old address.
    pub from: String,
    /// The new address.
    pub to: String,
}
