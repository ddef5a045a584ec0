//! What a policy rule is, and how it reads a node of the graph.

use infra_config::Rule;
use infra_core::graph::Node;
use infra_core::resource::Resource;

/// A policy rule. It checks one resource at a time and returns a message for each problem.
pub(super) trait PolicyRule {
    const RULE: Rule;
    fn check(&self, node: &Node) -> Vec<String>;
}

/// Returns the specification of a node of this kind.
pub(super) fn spec<R: Resource>(node: &Node) -> Option<R> {
    // The graph has serialized this JSON from the same type.
    (node.kind == R::KIND).then(|| R::deserialize(&node.spec).ok()).flatten()
}
