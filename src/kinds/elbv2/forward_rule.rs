//! A rule of a listener that forwards all requests to another target group than the listener's own, while it is active.
//!
//! It connects an environment to the database of the other side: while it is active, the tasks of the second service
//! get all requests. Both target groups belong to the listener at all times, so that the targets of both are checked:
//! "After you specify a target group in a rule for a listener, the load balancer continually monitors the health of all
//! targets registered with the target group that are in an Availability Zone enabled for the load balancer" ("Target
//! groups for your Application Load Balancers"). Whether it is active is state of the migration, as weights are: this
//! kind creates it inactive, and otherwise leaves it as it is.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, Rule as Description};
use serde::{Deserialize, Serialize};

use super::rule_scope::{self, RuleScope, UnusedHost, condition, scope_of};
use super::{rule, tagging};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

const INACTIVE_HOST: UnusedHost = "forwarding-is-inactive.invalid";

/// The specification of a rule that forwards.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "elbv2.forward_rule",
    summary = "a listener rule that forwards all requests to another target group while it is active",
    repeat = "name",
    arns("elasticloadbalancing:listener-rule/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Elb,
    reads("elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags", "tag:GetResources"),
    creates("elasticloadbalancing:CreateRule"),
    deletes("elasticloadbalancing:DeleteRule"),
)]
pub struct ForwardRule {
    /// Its listener.
    #[immutable]
    #[unique]
    pub listener: Input<Arn>,
    /// Its priority: the rule with the lowest value is evaluated first.
    #[immutable]
    #[unique]
    pub priority: i32,
    /// The target group that gets the requests while it is active.
    #[update(call = "elasticloadbalancing:ModifyRule")]
    pub target_group: Input<Arn>,
}

/// What is known of a rule that forwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ForwardRuleAttrs {
    /// The ARN of the rule.
    #[id]
    #[output(
        created,
        name = "done",
        ty = String,
        doc = "For a service that only depends on the rule, which attaches the target group to the load balancer.",
    )]
    pub arn: Arn,
    /// Its listener.
    pub listener: Option<Arn>,
    /// Its priority.
    pub priority: i32,
    /// The target group; `None` for an action that this kind never sets.
    pub target_group: Option<Arn>,
    /// Which requests it matches; `None` for conditions that this kind never sets.
    #[computed]
    pub scope: Option<RuleScope>,
    /// Whether something has set other conditions, so that it is neither active nor inactive.
    #[serde(default)]
    pub conditions_altered: bool,
}

#[async_trait]
impl Resource for ForwardRule {
    async fn observe(&self, cx: &StepContext, known: Option<&ForwardRuleAttrs>) -> Result<Observed<ForwardRuleAttrs>> {
        let known = known.map(|attrs| &attrs.arn);
        let Some(current) = rule::find(cx, known, &self.listener, self.priority).await? else {
            return Ok(Observed::Absent);
        };
        let attrs = attrs(&current);
        tagging::classify(cx, attrs.arn.clone().as_str(), "RuleNotFound", attrs).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<ForwardRuleAttrs>) -> Result<ForwardRuleAttrs> {
        let group = self.target_group.get()?;
        let action = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build();
        let Some(seen) = seen else {
            let inactive = condition(RuleScope::Nothing, INACTIVE_HOST);
            return rule::create(cx, &self.listener, self.priority, &inactive, &action).await.map(|rule| attrs(&rule));
        };
        let scope = seen.scope.unwrap_or(RuleScope::Nothing);
        let wanted = ForwardRuleAttrs {
            target_group: Some(group.clone()),
            scope: Some(scope),
            conditions_altered: false,
            ..seen.clone()
        };
        if seen != wanted {
            // A rule that something has changed becomes inactive; otherwise its scope does not change.
            let changed = seen.scope.is_none().then(|| condition(scope, INACTIVE_HOST));
            rule::modify(cx, &seen.arn, changed.as_ref(), &action).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &ForwardRuleAttrs) -> Result<()> {
        rule::delete(cx, &attrs.arn).await
    }
}

fn attrs(current: &Description) -> ForwardRuleAttrs {
    let scope = scope_of(current.conditions(), INACTIVE_HOST);
    let arn = current.rule_arn().unwrap_or_default();
    let target_group = match current.actions() {
        [only] => only.target_group_arn().map(Arn::from),
        _ => None,
    };
    ForwardRuleAttrs {
        arn: arn.into(),
        listener: rule::listener_of(arn),
        priority: rule::priority(current).unwrap_or_default(),
        target_group,
        scope,
        conditions_altered: scope.is_none(),
    }
}

/// Returns which requests the rule with this ARN forwards. `None` if there is no such rule, or something has changed
/// its conditions.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn scope(cx: &StepContext, rule_arn: &str) -> Result<Option<RuleScope>> {
    rule_scope::read(cx, rule_arn, INACTIVE_HOST).await
}

/// Makes the rule with this ARN active or inactive. It can be repeated. The nodes of the load balancer follow within
/// seconds, not at once.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn set_scope(cx: &StepContext, rule_arn: &str, to: RuleScope) -> Result<()> {
    rule_scope::set(cx, rule_arn, to, INACTIVE_HOST).await
}
