//! A fence: the rule of a listener with which the migration closes a load balancer to clients.
//!
//! A closed fence answers every request with 503; an open one matches no request. Whether it is closed is state of the
//! migration, as weights are: this kind creates it open, and otherwise leaves it as it is. A fixed response has no
//! headers of its own ("FixedResponseActionConfig"), so the body says when to try again.
//!
//! A rule has no name. Its identity is its priority, which is unique per listener.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, FixedResponseActionConfig, Rule as Description};
use serde::{Deserialize, Serialize};

use super::fence_position::{FencePosition, OPEN_HOST};
use super::rule_scope::{condition, scope_of};
use super::{rule, tagging};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Resource, Result, StepContext};
use infra_macros::{Attrs, Spec};

/// "503 Service Unavailable": the client may try again.
const STATUS: &str = "503";
const CONTENT_TYPE: &str = "text/plain";

/// The specification of a fence.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "elbv2.fence",
    summary = "a listener rule that closes a load balancer to clients",
    repeat = "name",
    arns("elasticloadbalancing:listener-rule/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Elb,
    reads("elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags", "tag:GetResources"),
    creates("elasticloadbalancing:CreateRule"),
    deletes("elasticloadbalancing:DeleteRule"),
)]
pub struct Fence {
    /// Its listener.
    #[immutable]
    #[unique]
    pub listener: Input<Arn>,
    /// Its priority: the rule with the lowest value is evaluated first.
    #[immutable]
    #[unique]
    pub priority: i32,
    /// What clients read while it is closed.
    #[update(call = "elasticloadbalancing:ModifyRule")]
    pub message: String,
}

/// What is known of a fence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct FenceAttrs {
    /// The ARN of the rule.
    #[id]
    pub arn: Arn,
    /// Its listener.
    pub listener: Option<Arn>,
    /// Its priority.
    pub priority: i32,
    /// What clients read while it is closed; `None` for an action that this kind never sets.
    pub message: Option<String>,
    /// Whether it is closed; `None` for conditions that this kind never sets.
    #[computed]
    pub position: Option<FencePosition>,
    /// Whether something has set other conditions, so that it is neither open nor closed.
    #[serde(default)]
    pub conditions_altered: bool,
}

#[async_trait]
impl Resource for Fence {
    async fn observe(&self, cx: &StepContext, known: Option<&FenceAttrs>) -> Result<Observed<FenceAttrs>> {
        let known = known.map(|attrs| &attrs.arn);
        let Some(current) = rule::find(cx, known, &self.listener, self.priority).await? else {
            return Ok(Observed::Absent);
        };
        let attrs = attrs(&current);
        tagging::classify(cx, attrs.arn.clone().as_str(), "RuleNotFound", attrs).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<FenceAttrs>) -> Result<FenceAttrs> {
        let response = self.response();
        let Some(seen) = seen else {
            let open = condition(FencePosition::Open.scope(), OPEN_HOST);
            return rule::create(cx, &self.listener, self.priority, &open, &response).await.map(|rule| attrs(&rule));
        };
        let position = seen.position.unwrap_or(FencePosition::Open);
        let wanted = FenceAttrs {
            message: Some(self.message.clone()),
            position: Some(position),
            conditions_altered: false,
            ..seen.clone()
        };
        if seen != wanted {
            // A fence that something has changed is opened; otherwise its position does not change.
            let changed = seen.position.is_none().then(|| condition(position.scope(), OPEN_HOST));
            rule::modify(cx, &seen.arn, changed.as_ref(), &response).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &FenceAttrs) -> Result<()> {
        rule::delete(cx, &attrs.arn).await
    }
}

impl Fence {
    fn response(&self) -> Action {
        let response = FixedResponseActionConfig::builder()
            .status_code(STATUS)
            .content_type(CONTENT_TYPE)
            .message_body(&self.message)
            .build();
        Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(response).build()
    }
}

fn attrs(current: &Description) -> FenceAttrs {
    let position = scope_of(current.conditions(), OPEN_HOST).map(FencePosition::of);
    let arn = current.rule_arn().unwrap_or_default();
    FenceAttrs {
        arn: arn.into(),
        listener: rule::listener_of(arn),
        priority: rule::priority(current).unwrap_or_default(),
        message: message(current.actions()),
        position,
        conditions_altered: position.is_none(),
    }
}

/// Returns the text of the response, if the action is one that this kind sets.
fn message(actions: &[Action]) -> Option<String> {
    let [only] = actions else { return None };
    let response = only.fixed_response_config()?;
    let is_ours = response.status_code() == Some(STATUS) && response.content_type() == Some(CONTENT_TYPE);
    is_ours.then(|| response.message_body().unwrap_or_default().to_owned())
}
