//! `[policy]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layout::Layout;

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

impl Policy {
    /// Returns the policy of a generated configuration: without a certificate, its load balancers serve plain HTTP,
    /// and an exception says so for each of them. A configuration that does not mention the exceptions has none.
    pub(super) fn of_layout(layout: Layout) -> Self {
        let exception = |environment: &String| Exception {
            rule: Rule::PlainHttp,
            address: format!("{environment}/service/listener-http"),
            reason: "no certificate yet (service.certificate_arn)".to_owned(),
        };
        Self { exceptions: layout.environments().keys().map(exception).collect(), ..Self::default() }
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
    /// Load balancers serve requests from the internet only over HTTPS.
    PlainHttp,
}

impl Rule {
    /// Returns the name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encryption => "encryption",
            Self::RequiredTags => "required-tags",
            Self::PublicExposure => "public-exposure",
            Self::PlainHttp => "plain-http",
        }
    }
}

/// An exception from a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The rule: `encryption`, `required-tags`, `public-exposure` or `plain-http`.
    pub rule: Rule,
    /// The address of the resource, as `plan` shows it.
    pub address: String,
    /// The reason for the exception.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use crate::model::RawConfig;

    #[test]
    fn a_file_that_lists_no_exception_got_those_of_a_generated_one() {
        for text in ["", "[policy]\nrequired_tags = []\n"] {
            let raw: RawConfig = toml::from_str(text).unwrap();
            assert!(raw.policy.exceptions.is_empty(), "{text:?}: {:?}", raw.policy.exceptions);
        }
        let addresses: Vec<String> =
            RawConfig::default().policy.exceptions.into_iter().map(|exception| exception.address).collect();
        assert_eq!(addresses, ["source/service/listener-http", "target/service/listener-http"]);
    }
}
