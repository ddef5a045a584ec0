//! Applies all rules to a graph and sorts their findings by the exceptions of the configuration.

use std::collections::BTreeMap;

use serde::Serialize;

use super::encryption::Encryption;
use super::plain_http::PlainHttp;
use super::public_exposure::PublicExposure;
use super::required_tags::RequiredTags;
use super::rule::PolicyRule;
use infra_base::address::Address;
use infra_config::{Config, Exception, Rule, Side};
use infra_core::graph::Graph;

/// A resource that violates a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The resource.
    pub address: Address,
    /// What is wrong.
    pub message: String,
}

/// The result of checking a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Violations without an exception. Nothing may be applied while there are any.
    pub violations: Vec<Violation>,
    /// Violations that an exception allows, with the reason from the configuration.
    pub excused: Vec<(Violation, String)>,
    /// Exceptions whose address no resource has, with their index in the configuration. Those of an environment that is
    /// not in the configuration are no mistake.
    pub unknown: Vec<(usize, Exception)>,
}

/// Checks each resource of the graph against each rule.
pub fn review(config: &Config, graph: &Graph) -> Review {
    let mut found = Vec::new();
    check_all(&Encryption::of(config), graph, &mut found);
    check_all(&RequiredTags::of(config), graph, &mut found);
    check_all(&PublicExposure::of(graph), graph, &mut found);
    check_all(&PlainHttp, graph, &mut found);
    let mut review = Review::default();
    let exceptions = &config.policy.exceptions;
    let reasons: BTreeMap<(Rule, &str), &str> =
        exceptions.iter().map(|one| ((one.rule, one.address.as_str()), one.reason.as_str())).collect();
    for violation in found {
        let reason = reasons.get(&(violation.rule, violation.address.as_str())).map(|reason| (*reason).to_owned());
        match reason {
            Some(reason) => review.excused.push((violation, reason)),
            None => review.violations.push(violation),
        }
    }
    // An environment that is removed, for example the source after the migration, takes its exceptions with it.
    let is_removed = |address: &Address| {
        let name = address.environment();
        [Side::Source, Side::Target].iter().any(|side| side.as_str() == name) && config.environment(name).is_none()
    };
    review.unknown = exceptions
        .iter()
        .enumerate()
        .map(|(index, one)| (index, one, Address::new(&one.address)))
        .filter(|(_, _, address)| graph.get(address).is_none() && !is_removed(address))
        .map(|(index, one, _)| (index, one.clone()))
        .collect();
    review
}

fn check_all<P: PolicyRule>(rule: &P, graph: &Graph, found: &mut Vec<Violation>) {
    for node in graph.nodes().values() {
        let messages = rule.check(node).into_iter();
        found.extend(messages.map(|message| Violation { rule: P::RULE, address: node.address.clone(), message }));
    }
}
