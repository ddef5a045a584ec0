//! Which requests a rule of the migration matches: none or all. One `ModifyRule` changes it.

use aws_sdk_elasticloadbalancingv2::types::{HostHeaderConditionConfig, PathPatternConditionConfig, RuleCondition};
use serde::{Deserialize, Serialize};

use infra_core::resource::{Result, StepContext, ignore_codes};

const EVERY_PATH: &str = "*";
const HOST: &str = "host-header";
const PATH: &str = "path-pattern";

/// The requests that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleScope {
    /// No request.
    Nothing,
    /// Every request.
    Everything,
}

/// A host name that no client can request, which tells a reader what the rule is: `.invalid` never resolves (RFC 2606).
pub(super) type UnusedHost = &'static str;

/// Returns the only condition of a rule with this scope.
pub(super) fn condition(scope: RuleScope, unused: UnusedHost) -> RuleCondition {
    match scope {
        RuleScope::Nothing => RuleCondition::builder()
            .field(HOST)
            .host_header_config(HostHeaderConditionConfig::builder().values(unused).build())
            .build(),
        RuleScope::Everything => RuleCondition::builder()
            .field(PATH)
            .path_pattern_config(PathPatternConditionConfig::builder().values(EVERY_PATH).build())
            .build(),
    }
}

/// Returns the scope that the conditions of a rule stand for; `None` if a rule of the migration never has them.
pub(super) fn scope_of(conditions: &[RuleCondition], unused: UnusedHost) -> Option<RuleScope> {
    let [only] = conditions else { return None };
    // `Values` repeats the values of the configuration in older answers.
    let is = |values: &[String], value: &str| values == [value] || (values.is_empty() && only.values() == [value]);
    let host = only.host_header_config().map(HostHeaderConditionConfig::values).unwrap_or_default();
    let path = only.path_pattern_config().map(PathPatternConditionConfig::values).unwrap_or_default();
    match only.field() {
        Some(HOST) if is(host, unused) => Some(RuleScope::Nothing),
        Some(PATH) if is(path, EVERY_PATH) => Some(RuleScope::Everything),
        _ => None,
    }
}

/// Returns the scope of the rule with this ARN. `None` if there is no such rule, or something has changed its
/// conditions.
pub(super) async fn read(cx: &StepContext, rule_arn: &str, unused: UnusedHost) -> Result<Option<RuleScope>> {
    let call = cx.aws.elb.describe_rules().rule_arns(rule_arn).send();
    let found = ignore_codes(cx.read("elasticloadbalancing:DescribeRules", call).await, &["RuleNotFound"])?;
    Ok(found.and_then(|found| scope_of(found.rules().first()?.conditions(), unused)))
}

/// Changes the scope of the rule with this ARN. It can be repeated. The nodes of the load balancer follow within
/// seconds, not at once.
pub(super) async fn set(cx: &StepContext, rule_arn: &str, to: RuleScope, unused: UnusedHost) -> Result<()> {
    let call = || cx.aws.elb.modify_rule().rule_arn(rule_arn).conditions(condition(to, unused)).send();
    cx.mutate("elasticloadbalancing:ModifyRule", call).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conditions_state_the_scope() {
        let unused = "unused.invalid";
        for scope in [RuleScope::Nothing, RuleScope::Everything] {
            assert_eq!(scope_of(&[condition(scope, unused)], unused), Some(scope));
        }
        assert_eq!(scope_of(&[condition(RuleScope::Nothing, "another.invalid")], unused), None);
        assert_eq!(scope_of(&[], unused), None);
        let both = [RuleScope::Nothing, RuleScope::Everything].map(|scope| condition(scope, unused));
        assert_eq!(scope_of(&both, unused), None);
    }
}
