//! Whatever can have tags has the required ones, so that each thing in the account can be told whose it is.

use super::Visitor;
use crate::config::{Config, Rule};
use crate::graph::Node;
use crate::resource::kind;

/// The rule, with the tags that it requires.
pub(super) struct RequiredTags {
    tags: Vec<String>,
}

impl RequiredTags {
    pub(super) fn of(config: &Config) -> Self {
        Self { tags: config.policy.required_tags.clone() }
    }
}

impl Visitor for RequiredTags {
    const RULE: Rule = Rule::RequiredTags;

    fn visit(&self, node: &Node) -> Vec<String> {
        if !kind(node.kind).is_some_and(|kind| kind.about().tagged) {
            return Vec::new();
        }
        let missing = self.tags.iter().filter(|tag| node.tags.get(*tag).is_none_or(|value| value.trim().is_empty()));
        missing.map(|tag| format!("it lacks the tag `{tag}`")).collect()
    }
}
