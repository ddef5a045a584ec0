//! The delay between a change of a listener's routing and its effect.

use crate::registry::Call;

/// Keeps the current routing of a listener, which the caller is about to change, until the change is effective.
///
/// "Rule updates do not take effect immediately, so requests could be routed using the previous rule configuration for
/// a short time after you update a rule" ("Edit a listener rule for your Application Load Balancer"). AWS does not say
/// how long it takes: some seconds, as observed.
pub(super) fn supersede_routing(call: &mut Call<'_>, listener_arn: &str) {
    let now = call.now();
    let effective_at = call.completion_time(1.0, 3.0, 10.0);
    call.region_state().elbv2.supersede_routing(listener_arn, now, effective_at);
}
