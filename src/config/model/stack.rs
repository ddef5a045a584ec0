//! `[stack]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stack {
    /// Name of the stack: lower-case letters, digits and hyphens.
    pub name: String,
    /// Distinguishes several copies of the stack: lower-case letters, digits and hyphens. `--suffix` overrides it.
    pub suffix: String,
}

impl Default for Stack {
    fn default() -> Self {
        Self { name: "payment-migration".into(), suffix: "dev-001".into() }
    }
}

impl Stack {
    /// Returns the identity of the stack, as it is stored in the ownership tags.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.suffix)
    }
}
