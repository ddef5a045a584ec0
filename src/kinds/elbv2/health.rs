//! The health of the targets of a load balancer, as DescribeTargetHealth returns it.

use aws_sdk_elasticloadbalancingv2::operation::describe_target_health::DescribeTargetHealthOutput;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;

use infra_core::resource::{Result, StepContext, ignore_codes};

/// The targets of one target group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetHealth {
    /// The number of healthy targets.
    pub healthy: u32,
    /// The number of new targets whose health is not known yet.
    pub initial: u32,
    /// All other targets, each with its state and the reason that AWS gives.
    pub unhealthy: Vec<String>,
}

/// Reads the targets of a group. A target that is being deregistered receives no new connections, so it does not count.
///
/// # Errors
/// The error of Elastic Load Balancing. A group that does not exist has no targets.
pub async fn targets(cx: &StepContext, group: &str) -> Result<TargetHealth> {
    let call = cx.aws.elb.describe_target_health().target_group_arn(group).send();
    let found =
        ignore_codes(cx.read("elasticloadbalancing:DescribeTargetHealth", call).await, &["TargetGroupNotFound"])?;
    let mut health = TargetHealth::default();
    for target in found.iter().flat_map(DescribeTargetHealthOutput::target_health_descriptions) {
        let current = target.target_health();
        match current.and_then(|current| current.state()) {
            Some(TargetHealthStateEnum::Healthy) => health.healthy += 1,
            Some(TargetHealthStateEnum::Initial) => health.initial += 1,
            Some(TargetHealthStateEnum::Draining) => {}
            state => {
                let id = target.target().and_then(|target| target.id()).unwrap_or("a target");
                let state = state.map_or("unknown", TargetHealthStateEnum::as_str);
                let reason = current
                    .and_then(|current| current.description())
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default();
                health.unhealthy.push(format!("{id} is {state}{reason}"));
            }
        }
    }
    Ok(health)
}
