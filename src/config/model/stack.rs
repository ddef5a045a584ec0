//! What the stack is called, and by which key it is encrypted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stack {
    /// Name of the stack: lower-case letters, digits and hyphens.
    pub name: String,
    /// Tells copies of the stack apart; `--suffix` overrides it. Lower-case letters, digits and hyphens.
    pub suffix: String,
}

impl Default for Stack {
    fn default() -> Self {
        Self { name: "payment-migration".into(), suffix: "dev-001".into() }
    }
}

impl Stack {
    /// Returns the stack's identity, as it stands in the ownership tags.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.suffix)
    }
}

/// Encryption at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Encryption {
    /// ARN of a KMS key of yours for databases, buckets, secrets and logs; empty means AWS's own keys.
    pub kms_key_arn: String,
}

impl Encryption {
    /// Returns the customer key, if there is one.
    pub fn key(&self) -> Option<String> {
        (!self.kms_key_arn.is_empty()).then(|| self.kms_key_arn.clone())
    }
}
