//! What every plan must fulfil, whatever the configuration says: rules that visit the finished graph, as CDK's aspects do.
//!
//! A rule reads specifications only; it makes no call. Where one does not count, the configuration says so by address and with
//! a reason (`policy.exceptions`).

mod encryption;
mod public_exposure;
mod required_tags;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::address::Address;
use crate::config::{Config, Exception, Rule};
use crate::graph::{Graph, Node};
use crate::resource::Resource;

/// One resource that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The resource.
    pub address: Address,
    /// What is wrong with it.
    pub message: String,
}

/// What the rules say of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Review {
    /// What breaks a rule and has no exception; nothing may be carried out.
    pub violations: Vec<Violation>,
    /// What breaks a rule and is allowed to, with the reason that the configuration gives.
    pub excused: Vec<(Violation, String)>,
    /// Exceptions for addresses that no resource has, by their place in the list.
    pub unknown: Vec<(usize, Exception)>,
}

/// A rule: it is shown each resource and says what is wrong with it.
trait Visitor {
    const RULE: Rule;
    fn visit(&self, node: &Node) -> Vec<String>;
}

/// Lets every rule visit every resource.
pub fn review(config: &Config, graph: &Graph) -> Review {
    let mut found = Vec::new();
    walk(&encryption::Encryption::of(config), graph, &mut found);
    walk(&required_tags::RequiredTags::of(config), graph, &mut found);
    walk(&public_exposure::PublicExposure::of(graph), graph, &mut found);
    let mut review = Review::default();
    let reasons: BTreeMap<(Rule, &str), &str> =
        config.policy.exceptions.iter().map(|one| ((one.rule, one.address.as_str()), one.reason.as_str())).collect();
    for violation in found {
        let reason = reasons.get(&(violation.rule, violation.address.as_str())).map(|reason| (*reason).to_owned());
        match reason {
            Some(reason) => review.excused.push((violation, reason)),
            None => review.violations.push(violation),
        }
    }
    let exceptions = config.policy.exceptions.iter().enumerate();
    review.unknown = exceptions.filter(|(_, one)| graph.get(&Address::new(&one.address)).is_none()).map(|(at, one)| (at, one.clone())).collect();
    review
}

fn walk<V: Visitor>(visitor: &V, graph: &Graph, found: &mut Vec<Violation>) {
    for node in graph.nodes().values() {
        let messages = visitor.visit(node).into_iter();
        found.extend(messages.map(|message| Violation { rule: V::RULE, address: node.address.clone(), message }));
    }
}

/// Returns the specification of a node of this kind.
fn spec<R: Resource>(node: &Node) -> Option<R> {
    // The graph made this JSON from the same type.
    (node.kind == R::KIND).then(|| R::deserialize(&node.spec).ok()).flatten()
}
