//! `[policy]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rules that every plan must follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Tags that every taggable resource must have.
    pub required_tags: Vec<String>,
    /// Exceptions from the rules, each with a reason:
    /// `exceptions = [{ rule = "encryption", address = "source/database-source/instance", reason = "test data" }]`.
    pub exceptions: Vec<Exception>,
}

impl Default for Policy {
    fn default() -> Self {
        let required_tags = ["Environment", "MigrationPhase", "CostCenter"].map(str::to_owned).into();
        Self { required_tags, exceptions: Vec::new() }
    }
}

/// A rule that every plan must follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Every resource that stores data encrypts it.
    Encryption,
    /// Every taggable resource has the required tags.
    RequiredTags,
    /// Nothing is publicly accessible, except for the ports of the load balancer.
    PublicExposure,
}

impl Rule {
    /// Returns the name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encryption => "encryption",
            Self::RequiredTags => "required-tags",
            Self::PublicExposure => "public-exposure",
        }
    }
}

/// An exception from a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The rule: `encryption`, `required-tags` or `public-exposure`.
    pub rule: Rule,
    /// The address of the resource, as `plan` shows it.
    pub address: String,
    /// The reason for the exception.
    pub reason: String,
}
