//! A policy that keeps a metric of a scalable target near a value.
//!
//! Its identity is its name, which is unique per scalable target. It has no tags: its target determines its owner.

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ScalingPolicy as Description,
    ServiceNamespace, TargetTrackingScalingPolicyConfiguration,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scalable_target;
use super::scalable_target::ScalableTarget;
use infra_base::address::Arn;
use infra_base::tags::{OWNER_STACK, Owner};
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a scaling policy.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "autoscaling.scaling_policy",
    summary = "a policy that keeps a metric of an ECS service near a value",
    repeat = "setting",
    create_seconds = 1,
    delete_seconds = 1,
    reads(
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:ListTagsForResource",
    ),
    creates("application-autoscaling:PutScalingPolicy"),
    updates("application-autoscaling:PutScalingPolicy"),
    deletes("application-autoscaling:DeleteScalingPolicy")
)]
pub struct ScalingPolicy {
    /// Its name.
    #[immutable]
    #[unique(name)]
    pub name: String,
    /// The scalable target, `service/{cluster}/{service}`.
    #[immutable]
    #[unique(name, metric)]
    pub resource_id: Input<String>,
    /// `ECSServiceAverageCPUUtilization` or `ECSServiceAverageMemoryUtilization`.
    #[unique(metric)]
    pub metric: String,
    /// The target value of the metric, in percent.
    pub target_percent: f64,
    /// Time after a scale-in before the next.
    pub scale_in_cooldown_seconds: i32,
    /// Time after a scale-out before the next.
    pub scale_out_cooldown_seconds: i32,
}

/// What is known of a scaling policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ScalingPolicyAttrs {
    /// Its ARN.
    #[id]
    #[output(created)]
    pub arn: Arn,
    /// The scalable target.
    pub resource_id: String,
    /// What it does.
    pub rule: Rule,
}

/// What a policy does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The metric.
    pub metric: String,
    /// Its target value.
    pub target_percent: f64,
    /// Time after a scale-in before the next.
    pub scale_in_cooldown_seconds: i32,
    /// Time after a scale-out before the next.
    pub scale_out_cooldown_seconds: i32,
}

#[async_trait]
impl Resource for ScalingPolicy {
    async fn observe(
        &self,
        cx: &StepContext,
        _known: Option<&ScalingPolicyAttrs>,
    ) -> Result<Observed<ScalingPolicyAttrs>> {
        let id = self.resource_id.get()?;
        let call = cx
            .aws
            .autoscaling
            .describe_scaling_policies()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(id)
            .policy_names(&self.name);
        let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send();
        let found = cx.read("application-autoscaling:DescribeScalingPolicies", call).await?;
        let Some(current) = found.scaling_policies.and_then(|found| found.into_iter().next()) else {
            return Ok(Observed::Absent);
        };
        let Some(tags) = scalable_target::tags_of(cx, id).await? else { return Ok(Observed::Absent) };
        if tags.get(OWNER_STACK) == Some(&cx.identity.stack) {
            return Ok(Observed::Ours(ScalingPolicyAttrs {
                rule: rule(&current),
                arn: Arn(current.policy_arn),
                resource_id: current.resource_id,
            }));
        }
        let owner = Owner::of_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        Ok(Observed::Foreign { id: current.policy_arn, owner })
    }

    fn parents(&self, attrs: Option<&ScalingPolicyAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<ScalableTarget>("resource_id", attrs.map(|attrs| &attrs.resource_id), &self.resource_id)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<ScalingPolicyAttrs>) -> Result<ScalingPolicyAttrs> {
        let id = self.resource_id.get()?;
        let wanted = Rule {
            metric: self.metric.clone(),
            target_percent: self.target_percent,
            scale_in_cooldown_seconds: self.scale_in_cooldown_seconds,
            scale_out_cooldown_seconds: self.scale_out_cooldown_seconds,
        };
        match seen {
            Some(seen) if seen.rule == wanted => Ok(seen),
            // PutScalingPolicy creates or changes a policy.
            _ => {
                let configuration = configuration(&wanted);
                let call = || {
                    let call = cx
                        .aws
                        .autoscaling
                        .put_scaling_policy()
                        .policy_name(&self.name)
                        .service_namespace(ServiceNamespace::Ecs)
                        .resource_id(id);
                    let call = call
                        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                        .policy_type(PolicyType::TargetTrackingScaling);
                    call.set_target_tracking_scaling_policy_configuration(configuration.clone()).send()
                };
                // `FailedResourceAccessException`: the service-linked role, created with the registration of the
                // target, cannot be used yet. `ObjectNotFoundException`: the target is not visible yet.
                let passing =
                    &["FailedResourceAccessException", "ConcurrentUpdateException", "ObjectNotFoundException"];
                let put = cx.retry("the scalable target to be usable", passing, 60, || async {
                    cx.mutate("application-autoscaling:PutScalingPolicy", call).await
                });
                Ok(ScalingPolicyAttrs { arn: Arn(put.await?.policy_arn), resource_id: id.clone(), rule: wanted })
            }
        }
    }

    async fn delete(&self, cx: &StepContext, attrs: &ScalingPolicyAttrs) -> Result<()> {
        let call = || {
            let call = cx
                .aws
                .autoscaling
                .delete_scaling_policy()
                .policy_name(&self.name)
                .service_namespace(ServiceNamespace::Ecs);
            call.resource_id(&attrs.resource_id).scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send()
        };
        let deleted = cx.retry("another change of the scalable target", &["ConcurrentUpdateException"], 60, || async {
            cx.mutate("application-autoscaling:DeleteScalingPolicy", call).await
        });
        ignore_codes(deleted.await, &["ObjectNotFoundException"]).map(drop)
    }

    fn inputs_from_attrs(attrs: &ScalingPolicyAttrs) -> Vec<(&'static str, Value)> {
        attrs.arn.as_str().rsplit_once(":policyName/").map(|(_, name)| ("name", name.into())).into_iter().collect()
    }
}

fn configuration(rule: &Rule) -> Option<TargetTrackingScalingPolicyConfiguration> {
    let metric =
        PredefinedMetricSpecification::builder().predefined_metric_type(MetricType::from(rule.metric.as_str())).build();
    let configuration = TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(rule.target_percent)
        .set_predefined_metric_specification(metric.ok());
    // Both have their required members.
    configuration
        .scale_in_cooldown(rule.scale_in_cooldown_seconds)
        .scale_out_cooldown(rule.scale_out_cooldown_seconds)
        .build()
        .ok()
}

/// Returns the settings of a policy. A policy that this kind never creates has an empty metric, which differs from
/// every configured one.
fn rule(current: &Description) -> Rule {
    let tracking = current.target_tracking_scaling_policy_configuration.as_ref();
    let metric = tracking
        .and_then(|tracking| tracking.predefined_metric_specification())
        .map(|metric| metric.predefined_metric_type().as_str().to_owned());
    Rule {
        metric: metric.unwrap_or_default(),
        target_percent: tracking.map_or(0.0, |tracking| tracking.target_value),
        scale_in_cooldown_seconds: tracking.and_then(|tracking| tracking.scale_in_cooldown).unwrap_or_default(),
        scale_out_cooldown_seconds: tracking.and_then(|tracking| tracking.scale_out_cooldown).unwrap_or_default(),
    }
}
