//! The health of the targets behind a load balancer, as DescribeTargetHealth tells it.

use aws_sdk_elasticloadbalancingv2::operation::describe_target_health::DescribeTargetHealthOutput;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;

use crate::resource::{Cx, Result, settled};

/// The targets of one target group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetHealth {
    /// How many are healthy.
    pub healthy: u32,
    /// How many are on their way: registered, and not asked often enough yet.
    pub initial: u32,
    /// Those that are neither, each with its state and AWS's reason.
    pub unhealthy: Vec<String>,
}

/// Looks at the targets of a group. One that is being deregistered gets no new connections, so it does not count.
///
/// # Errors
/// What Elastic Load Balancing answered. A group that is not there has no targets.
pub async fn targets(cx: &Cx, group: &str) -> Result<TargetHealth> {
    let call = cx.aws.elb.describe_target_health().target_group_arn(group).send();
    let found = settled(cx.read("elasticloadbalancing:DescribeTargetHealth", call).await, &["TargetGroupNotFound"])?;
    let mut health = TargetHealth::default();
    for target in found.iter().flat_map(DescribeTargetHealthOutput::target_health_descriptions) {
        let shown = target.target_health();
        match shown.and_then(|shown| shown.state()) {
            Some(TargetHealthStateEnum::Healthy) => health.healthy += 1,
            Some(TargetHealthStateEnum::Initial) => health.initial += 1,
            Some(TargetHealthStateEnum::Draining) => {}
            state => {
                let id = target.target().and_then(|target| target.id()).unwrap_or("a target");
                let state = state.map_or("unknown", TargetHealthStateEnum::as_str);
                let reason = shown.and_then(|shown| shown.description()).map(|reason| format!(": {reason}")).unwrap_or_default();
                health.unhealthy.push(format!("{id} is {state}{reason}"));
            }
        }
    }
    Ok(health)
}
