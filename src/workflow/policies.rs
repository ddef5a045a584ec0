//! The policies that every stack must fulfil.

use infra_config::Config;
use infra_core::graph::Graph;
use infra_payment::policy::{Review, review};

use crate::refusal::ConfigRefusal;

/// Refuses a graph that violates a policy, and exceptions that match nothing. Returns what exceptions allowed.
///
/// # Errors
/// [`ConfigRefusal::UnmatchedPolicyException`] or [`ConfigRefusal::PolicyViolations`].
pub fn check(config: &Config, graph: &Graph) -> Result<Review, ConfigRefusal> {
    let review = review(config, graph);
    if let Some((index, exception)) = review.unknown.first() {
        return Err(ConfigRefusal::UnmatchedPolicyException {
            index: *index,
            address: exception.address.clone(),
            known: graph.nodes().keys().map(ToString::to_string).collect(),
        });
    }
    if review.violations.is_empty() { Ok(review) } else { Err(ConfigRefusal::PolicyViolations(review.violations)) }
}
