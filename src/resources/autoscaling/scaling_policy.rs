//! A policy that keeps a metric of a scalable target near a value.
//!
//! Its identity is its name, which a scalable target has once. It takes no tags: it belongs to whom its target belongs to.

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ScalingPolicy as Shown, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scalable_target;
use crate::address::Arn;
use crate::aws::{OWNER_STACK, owner_of};
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};

/// The specification of a scaling policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// Its name.
    pub name: String,
    /// The scalable target, `service/{cluster}/{service}`.
    pub resource_id: Input<String>,
    /// `ECSServiceAverageCPUUtilization` or `ECSServiceAverageMemoryUtilization`.
    pub metric: String,
    /// The value of the metric to keep, in percent.
    pub target_percent: f64,
    /// Time after a scale-in before the next.
    pub scale_in_cooldown_seconds: i32,
    /// Time after a scale-out before the next.
    pub scale_out_cooldown_seconds: i32,
}

/// What is known of a scaling policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingPolicyAttrs {
    /// Its ARN.
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
    /// Its value to keep.
    pub target_percent: f64,
    /// Time after a scale-in before the next.
    pub scale_in_cooldown_seconds: i32,
    /// Time after a scale-out before the next.
    pub scale_out_cooldown_seconds: i32,
}

impl Handle<ScalingPolicy> {
    /// The policy's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }
}

#[async_trait]
impl Resource for ScalingPolicy {
    const KIND: &'static str = "autoscaling.scaling_policy";
    const ABOUT: About = About {
        summary: "a policy that keeps a metric of an ECS service near a value",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:ListTagsForResource",
            "application-autoscaling:DeleteScalingPolicy",
        ],
        creates: &["application-autoscaling:PutScalingPolicy"],
        changes: &["application-autoscaling:PutScalingPolicy"],
        deletes: &["application-autoscaling:DeleteScalingPolicy"],
        immutable: &["name", "resource_id"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["name", "resource_id"], &["resource_id", "metric"]],
        ..About::PLAIN
    };
    type Attrs = ScalingPolicyAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&ScalingPolicyAttrs>) -> Result<Observed<ScalingPolicyAttrs>> {
        let id = self.resource_id.get()?;
        let call = cx.aws.autoscaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs).resource_id(id).policy_names(&self.name);
        let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send();
        let found = cx.read("application-autoscaling:DescribeScalingPolicies", call).await?;
        let Some(shown) = found.scaling_policies.and_then(|found| found.into_iter().next()) else { return Ok(Observed::Absent) };
        let Some(tags) = scalable_target::tags_of(cx, id).await? else { return Ok(Observed::Absent) };
        if tags.get(OWNER_STACK) == Some(&cx.identity.stack) {
            return Ok(Observed::Ours(ScalingPolicyAttrs { rule: rule(&shown), arn: Arn(shown.policy_arn), resource_id: shown.resource_id }));
        }
        let owner = owner_of(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        Ok(Observed::Foreign { id: shown.policy_arn, owner })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ScalingPolicyAttrs>) -> Result<ScalingPolicyAttrs> {
        let id = self.resource_id.get()?;
        let wanted = Rule {
            metric: self.metric.clone(),
            target_percent: self.target_percent,
            scale_in_cooldown_seconds: self.scale_in_cooldown_seconds,
            scale_out_cooldown_seconds: self.scale_out_cooldown_seconds,
        };
        match seen {
            Some(seen) if seen.rule == wanted => Ok(seen),
            // Putting a policy makes it or changes it.
            _ => {
                let configuration = configuration(&wanted);
                let call = || {
                    let call =
                        cx.aws.autoscaling.put_scaling_policy().policy_name(&self.name).service_namespace(ServiceNamespace::Ecs).resource_id(id);
                    let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).policy_type(PolicyType::TargetTrackingScaling);
                    call.set_target_tracking_scaling_policy_configuration(configuration.clone()).send()
                };
                // `FailedResourceAccessException`: the service-linked role, made when the target was registered, cannot be
                // used yet. `ObjectNotFoundException`: the target cannot be seen yet.
                let passing = &["FailedResourceAccessException", "ConcurrentUpdateException", "ObjectNotFoundException"];
                let put = cx.retry("the scalable target to be usable", passing, 60, || async {
                    cx.mutate("application-autoscaling:PutScalingPolicy", call).await
                });
                Ok(ScalingPolicyAttrs { arn: Arn(put.await?.policy_arn), resource_id: id.clone(), rule: wanted })
            }
        }
    }

    async fn delete(&self, cx: &Cx, attrs: &ScalingPolicyAttrs) -> Result<()> {
        let call = || {
            let call = cx.aws.autoscaling.delete_scaling_policy().policy_name(&self.name).service_namespace(ServiceNamespace::Ecs);
            call.resource_id(&attrs.resource_id).scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send()
        };
        let gone = cx.retry("another change of the scalable target", &["ConcurrentUpdateException"], 60, || async {
            cx.mutate("application-autoscaling:DeleteScalingPolicy", call).await
        });
        settled(gone.await, &["ObjectNotFoundException"]).map(drop)
    }

    fn as_inputs(attrs: &ScalingPolicyAttrs) -> Vec<(&'static str, Value)> {
        attrs.arn.as_str().rsplit_once(":policyName/").map(|(_, name)| ("name", name.into())).into_iter().collect()
    }

    fn id(attrs: &ScalingPolicyAttrs) -> String {
        attrs.arn.0.clone()
    }
}

fn configuration(rule: &Rule) -> Option<TargetTrackingScalingPolicyConfiguration> {
    let metric = PredefinedMetricSpecification::builder().predefined_metric_type(MetricType::from(rule.metric.as_str())).build();
    let configuration =
        TargetTrackingScalingPolicyConfiguration::builder().target_value(rule.target_percent).set_predefined_metric_specification(metric.ok());
    // Both are given what they require.
    configuration.scale_in_cooldown(rule.scale_in_cooldown_seconds).scale_out_cooldown(rule.scale_out_cooldown_seconds).build().ok()
}

/// What a policy was seen to do. Something that this kind never sets comes out with an empty metric, which differs from all.
fn rule(shown: &Shown) -> Rule {
    let tracking = shown.target_tracking_scaling_policy_configuration.as_ref();
    let metric =
        tracking.and_then(|tracking| tracking.predefined_metric_specification()).map(|metric| metric.predefined_metric_type().as_str().to_owned());
    Rule {
        metric: metric.unwrap_or_default(),
        target_percent: tracking.map_or(0.0, |tracking| tracking.target_value),
        scale_in_cooldown_seconds: tracking.and_then(|tracking| tracking.scale_in_cooldown).unwrap_or_default(),
        scale_out_cooldown_seconds: tracking.and_then(|tracking| tracking.scale_out_cooldown).unwrap_or_default(),
    }
}
