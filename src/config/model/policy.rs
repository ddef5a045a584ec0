//! `[policy]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every plan must fulfil.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Tags that everything which can have tags must have.
    pub required_tags: Vec<String>,
    /// Where a rule does not count, each with a reason:
    /// `exceptions = [{ rule = "encryption", address = "source/database-source/instance", reason = "test data" }]`.
    pub exceptions: Vec<Exception>,
}

impl Default for Policy {
    fn default() -> Self {
        let required_tags = ["Environment", "MigrationPhase", "CostCenter"].map(str::to_owned).into();
        Self { required_tags, exceptions: Vec::new() }
    }
}

/// A rule that every plan must fulfil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Whatever stores data encrypts it.
    Encryption,
    /// Whatever can have tags has the required ones.
    RequiredTags,
    /// Nothing is open to the world but the ports of the load balancer.
    PublicExposure,
}

impl Rule {
    /// The name that the configuration uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encryption => "encryption",
            Self::RequiredTags => "required-tags",
            Self::PublicExposure => "public-exposure",
        }
    }
}

/// Where a rule does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// `encryption`, `required-tags` or `public-exposure`.
    pub rule: Rule,
    /// The address of the resource, as `plan` shows it.
    pub address: String,
    /// Why it is allowed here.
    pub reason: String,
}
