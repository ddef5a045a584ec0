//! Whether a fence is open or closed: how the conditions of its rule say so, and how they are changed.

use aws_sdk_elasticloadbalancingv2::types::{HostHeaderConditionConfig, PathPatternConditionConfig, RuleCondition};
use serde::{Deserialize, Serialize};

use infra_core::resource::{Result, StepContext, ignore_codes};

/// A name that no client can request: `.invalid` never resolves (RFC 2606).
const NO_HOST: &str = "fence-is-open.invalid";
const EVERY_PATH: &str = "*";
const HOST: &str = "host-header";
const PATH: &str = "path-pattern";

/// A position of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FencePosition {
    /// Requests pass.
    Open,
    /// Every request is answered with 503.
    Closed,
}

impl FencePosition {
    /// Returns the name of the position.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Returns the only condition of a rule in this position.
pub(super) fn condition(position: FencePosition) -> RuleCondition {
    match position {
        FencePosition::Open => RuleCondition::builder()
            .field(HOST)
            .host_header_config(HostHeaderConditionConfig::builder().values(NO_HOST).build())
            .build(),
        FencePosition::Closed => RuleCondition::builder()
            .field(PATH)
            .path_pattern_config(PathPatternConditionConfig::builder().values(EVERY_PATH).build())
            .build(),
    }
}

/// Returns the position that the conditions of a rule stand for; `None` if a fence never has them.
pub(super) fn position_of(conditions: &[RuleCondition]) -> Option<FencePosition> {
    let [only] = conditions else { return None };
    // `Values` repeats the values of the configuration in older answers.
    let is = |values: &[String], value: &str| values == [value] || (values.is_empty() && only.values() == [value]);
    let host = only.host_header_config().map(HostHeaderConditionConfig::values).unwrap_or_default();
    let path = only.path_pattern_config().map(PathPatternConditionConfig::values).unwrap_or_default();
    match only.field() {
        Some(HOST) if is(host, NO_HOST) => Some(FencePosition::Open),
        Some(PATH) if is(path, EVERY_PATH) => Some(FencePosition::Closed),
        _ => None,
    }
}

/// Returns the position of the fence with this ARN. `None` if there is no such rule, or something has changed its
/// conditions.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn position(cx: &StepContext, rule_arn: &str) -> Result<Option<FencePosition>> {
    let call = cx.aws.elb.describe_rules().rule_arns(rule_arn).send();
    let found = ignore_codes(cx.read("elasticloadbalancing:DescribeRules", call).await, &["RuleNotFound"])?;
    Ok(found.and_then(|found| position_of(found.rules().first()?.conditions())))
}

/// Opens or closes the fence with this ARN. It can be repeated. The nodes of the load balancer follow within seconds,
/// not at once.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn set_position(cx: &StepContext, rule_arn: &str, to: FencePosition) -> Result<()> {
    let call = || cx.aws.elb.modify_rule().rule_arn(rule_arn).conditions(condition(to)).send();
    cx.mutate("elasticloadbalancing:ModifyRule", call).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conditions_state_the_position() {
        for position in [FencePosition::Open, FencePosition::Closed] {
            assert_eq!(position_of(&[condition(position)]), Some(position));
        }
        assert_eq!(position_of(&[]), None);
        let both = [condition(FencePosition::Open), condition(FencePosition::Closed)];
        assert_eq!(position_of(&both), None);
    }
}
