//! `[drift]`.

use infra_base::address::Address;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Drift that is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DriftConfig {
    /// Fields that can be changed outside of this tool, each with a reason. Address and field support `*` wildcards:
    /// `ignore = [{ address = "*/service/load-balancer", field = "settings.idle_timeout_seconds", reason = "tuned" }]`.
    pub ignore: Vec<IgnoreRule>,
}

/// A field that can be changed outside of this tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IgnoreRule {
    /// The address of the resource. Supports `*` wildcards.
    pub address: String,
    /// The field, as `drift` shows it. Supports `*` wildcards.
    pub field: String,
    /// The reason why changes are accepted.
    pub reason: String,
}

impl IgnoreRule {
    /// Returns whether the rule covers a field, as `drift` shows it.
    pub fn covers(&self, field: &str) -> bool {
        wildmatch::WildMatch::new(&self.field).matches(field)
    }
}

impl DriftConfig {
    /// Returns the reason why changes to a field are ignored, if a rule covers it.
    pub fn ignore_reason(&self, address: &Address, field: &str) -> Option<&str> {
        let applies = |rule: &&IgnoreRule| address.matches(&rule.address) && rule.covers(field);
        self.ignore.iter().find(applies).map(|rule| rule.reason.as_str())
    }
}
