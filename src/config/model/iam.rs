//! `[iam]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an organization requires of IAM roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Iam {
    /// ARN of the policy that is the permissions boundary of all roles. Empty: none.
    pub permissions_boundary: String,
    /// Path of all roles, for example `/payments/`. The roles that DMS requires by name have no path.
    pub path: String,
}

impl Default for Iam {
    fn default() -> Self {
        Self { permissions_boundary: String::new(), path: "/".to_owned() }
    }
}

impl Iam {
    /// Returns the permissions boundary, if one is configured.
    pub fn boundary(&self) -> Option<String> {
        (!self.permissions_boundary.is_empty()).then(|| self.permissions_boundary.clone())
    }
}
