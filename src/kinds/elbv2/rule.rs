//! How rules of listeners are found. A rule has no name. Its identity is its priority, which is unique per listener.

use aws_sdk_elasticloadbalancingv2::types::Rule as Description;

use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Result, StepContext, ignore_codes};

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
