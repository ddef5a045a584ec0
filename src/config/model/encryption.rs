//! `[encryption]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Encryption at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Encryption {
    /// ARN of a customer managed KMS key for databases, buckets, secrets and logs. Empty: the keys of AWS are used.
    pub kms_key_arn: String,
}

impl Encryption {
    /// Returns the customer managed key, if one is configured.
    pub fn key(&self) -> Option<String> {
        (!self.kms_key_arn.is_empty()).then(|| self.kms_key_arn.clone())
    }
}
