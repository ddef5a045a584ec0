//! Each resource that supports tags has the required tags, so that its owner can be identified.

use super::rule::PolicyRule;
use infra_config::{Config, Rule};
use infra_core::graph::Node;

/// The rule, with the required tags.
pub(super) struct RequiredTags {
    tags: Vec<String>,
}

impl RequiredTags {
    pub(super) fn of(config: &Config) -> Self {
        Self { tags: config.policy.required_tags.clone() }
    }
}

impl PolicyRule for RequiredTags {
    const RULE: Rule = Rule::RequiredTags;

    fn check(&self, node: &Node) -> Vec<String> {
        if !node.kind.schema().tagged {
            return Vec::new();
        }
        let missing = self.tags.iter().filter(|tag| node.tags.get(*tag).is_none_or(|value| value.trim().is_empty()));
        missing.map(|tag| format!("the tag `{tag}` is missing")).collect()
    }
}
