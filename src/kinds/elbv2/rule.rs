//! The calls about rules of listeners. A rule has no name. Its identity is its priority, which is unique per listener.

use aws_sdk_elasticloadbalancingv2::types::{Action, Rule as Description, RuleCondition};

use super::tagging;
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// Returns the rule with a known ARN, or the rule of the listener with this priority.
pub(super) async fn find(
    cx: &StepContext,
    known: Option<&Arn>,
    listener: &Input<Arn>,
    wanted: i32,
) -> Result<Option<Description>> {
    let mut marker = None;
    loop {
        let call = cx.aws.elb.describe_rules();
        let call = match known {
            Some(arn) => call.rule_arns(arn),
            None => call.listener_arn(listener.get()?).set_marker(marker.take()),
        };
        let found = ignore_codes(
            cx.read("elasticloadbalancing:DescribeRules", call.send()).await,
            &["RuleNotFound", "ListenerNotFound"],
        )?;
        let Some(found) = found else { return Ok(None) };
        marker.clone_from(&found.next_marker);
        let rules = found.rules.unwrap_or_default();
        let current = rules.into_iter().find(|current| known.is_some() || priority(current) == Some(wanted));
        if current.is_some() || marker.is_none() {
            return Ok(current);
        }
    }
}

/// Creates a rule with one condition and one action.
pub(super) async fn create(
    cx: &StepContext,
    listener: &Input<Arn>,
    priority: i32,
    condition: &RuleCondition,
    action: &Action,
) -> Result<Description> {
    let listener = listener.get()?;
    let tags = tagging::to_sdk(cx.identity.all_tags());
    let call = || {
        let call = cx.aws.elb.create_rule().listener_arn(listener).priority(priority);
        call.conditions(condition.clone()).actions(action.clone()).set_tags(Some(tags.clone())).send()
    };
    let created = cx.mutate("elasticloadbalancing:CreateRule", call).await?;
    let rule = created.rules.and_then(|rules| rules.into_iter().next());
    rule.ok_or(Error::MissingField { call: "elasticloadbalancing:CreateRule", what: "the rule" })
}

/// Sets the action of a rule, and its condition if one is given.
pub(super) async fn modify(
    cx: &StepContext,
    arn: &Arn,
    condition: Option<&RuleCondition>,
    action: &Action,
) -> Result<()> {
    let call = || {
        let call = cx.aws.elb.modify_rule().rule_arn(arn).actions(action.clone());
        call.set_conditions(condition.map(|condition| vec![condition.clone()])).send()
    };
    cx.mutate("elasticloadbalancing:ModifyRule", call).await.map(drop)
}

/// Deletes a rule that may be gone already.
pub(super) async fn delete(cx: &StepContext, arn: &Arn) -> Result<()> {
    let call = || cx.aws.elb.delete_rule().rule_arn(arn).send();
    ignore_codes(cx.mutate("elasticloadbalancing:DeleteRule", call).await, &["RuleNotFound"]).map(drop)
}

/// Returns the listener of a rule, whose ARN is that of the rule without its last part ("Resource types defined by
/// Elastic Load Balancing V2").
pub(super) fn listener_of(rule_arn: &str) -> Option<Arn> {
    let (listener, _) = rule_arn.rsplit_once('/')?;
    listener.contains(":listener-rule/").then(|| Arn(listener.replacen(":listener-rule/", ":listener/", 1)))
}

/// Returns the priority; none for the default rule.
pub(super) fn priority(current: &Description) -> Option<i32> {
    current.priority()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_rule_contains_that_of_its_listener() {
        let part = |kind: &str| format!("arn:aws:elasticloadbalancing:us-east-1:111122223333:{kind}/app/alb/1/2");
        assert_eq!(listener_of(&format!("{}/3", part("listener-rule"))), Some(Arn(part("listener"))));
        assert_eq!(listener_of("something/else"), None);
    }
}
