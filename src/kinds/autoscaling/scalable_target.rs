//! The task count of an ECS service, for auto scaling.
//!
//! Its identity is the service: a service has one scalable target for its task count.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget as Description, ServiceNamespace};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use crate::iam::service_linked_role;
use crate::ownership::{Tags, classify};
use infra_base::address::Arn;
use infra_core::graph::{Input, Unresolved};
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a scalable target.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "autoscaling.scalable_target",
    summary = "the task count of an ECS service, for auto scaling",
    repeat = "setting",
    arns("application-autoscaling:scalable-target/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::AutoScaling,
    delete_blockers = "nothing; AWS deletes its policies with it",
    reads(
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:ListTagsForResource",
        "iam:GetRole",
        "tag:GetResources",
    ),
    creates("application-autoscaling:RegisterScalableTarget", "iam:CreateServiceLinkedRole"),
    updates("application-autoscaling:RegisterScalableTarget"),
    deletes("application-autoscaling:DeregisterScalableTarget"),
)]
pub struct ScalableTarget {
    /// The name of the service's cluster.
    #[immutable]
    #[unique]
    pub cluster_name: Input<String>,
    /// The name of the service.
    #[immutable]
    #[unique]
    pub service_name: Input<String>,
    /// The fewest tasks.
    pub min: i32,
    /// The most tasks.
    pub max: i32,
}

/// What is known of a scalable target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ScalableTargetAttrs {
    /// `service/{cluster}/{service}`
    #[id]
    #[output(created)]
    pub resource_id: String,
    /// Its ARN.
    #[tag_target]
    pub arn: Arn,
    /// The fewest tasks.
    pub min: i32,
    /// The most tasks.
    pub max: i32,
}

#[async_trait]
impl Resource for ScalableTarget {
    async fn observe(
        &self,
        cx: &StepContext,
        _known: Option<&ScalableTargetAttrs>,
    ) -> Result<Observed<ScalableTargetAttrs>> {
        let id = self.resource_id()?;
        let Some(current) = find(cx, &id).await? else { return Ok(Observed::Absent) };
        let (min, max) = (current.min_capacity, current.max_capacity);
        let arn = arn(current)?;
        let Some(tags) = tagging::list(cx, arn.as_str()).await? else { return Ok(Observed::Absent) };
        let attrs = ScalableTargetAttrs { resource_id: id.clone(), arn, min, max };
        Ok(classify(cx, &tags, &id, || attrs))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<ScalableTargetAttrs>) -> Result<ScalableTargetAttrs> {
        let id = self.resource_id()?;
        if let Some(seen) = &seen
            && (seen.min, seen.max) == (self.min, self.max)
        {
            return Ok(seen.clone());
        }
        if seen.is_none() {
            service_linked_role::SCALING_OF_ECS.ensure(cx).await?;
        }
        // A second registration changes the limits. It accepts tags only when it creates the target.
        let tags: Option<HashMap<String, String>> =
            seen.is_none().then(|| cx.identity.all_tags().into_iter().collect());
        let call = || {
            let call =
                cx.aws.autoscaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs).resource_id(&id);
            let call = call
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .min_capacity(self.min)
                .max_capacity(self.max);
            call.set_tags(tags.clone()).send()
        };
        let created = cx.retry("another change of the scalable target", &["ConcurrentUpdateException"], 60, || async {
            cx.mutate("application-autoscaling:RegisterScalableTarget", call).await
        });
        let created = created.await?.scalable_target_arn.map(Arn);
        let incomplete =
            Error::MissingField { call: "application-autoscaling:RegisterScalableTarget", what: "the ARN" };
        let arn = created.or(seen.map(|seen| seen.arn)).ok_or(incomplete)?;
        Ok(ScalableTargetAttrs { resource_id: id, arn, min: self.min, max: self.max })
    }

    async fn delete(&self, cx: &StepContext, attrs: &ScalableTargetAttrs) -> Result<()> {
        let call = || {
            let call = cx
                .aws
                .autoscaling
                .deregister_scalable_target()
                .service_namespace(ServiceNamespace::Ecs)
                .resource_id(&attrs.resource_id);
            call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send()
        };
        let deleted = cx.retry("another change of the scalable target", &["ConcurrentUpdateException"], 60, || async {
            cx.mutate("application-autoscaling:DeregisterScalableTarget", call).await
        });
        ignore_codes(deleted.await, &["ObjectNotFoundException"]).map(drop)
    }

    fn inputs_from_attrs(attrs: &ScalableTargetAttrs) -> Vec<(&'static str, Value)> {
        let names = attrs.resource_id.strip_prefix("service/").and_then(|names| names.split_once('/'));
        names
            .map(|(cluster, service)| vec![("cluster_name", cluster.into()), ("service_name", service.into())])
            .unwrap_or_default()
    }
}

impl ScalableTarget {
    fn resource_id(&self) -> Result<String, Unresolved> {
        Ok(format!("service/{}/{}", self.cluster_name.get()?, self.service_name.get()?))
    }
}

fn arn(current: Description) -> Result<Arn> {
    let incomplete = Error::MissingField { call: "application-autoscaling:DescribeScalableTargets", what: "the ARN" };
    current.scalable_target_arn.map(Arn).ok_or(incomplete)
}

pub(super) async fn find(cx: &StepContext, resource_id: &str) -> Result<Option<Description>> {
    const CALL: &str = "application-autoscaling:DescribeScalableTargets";
    let read = || async {
        let call = cx.aws.autoscaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
        let call = call.resource_ids(resource_id).scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send();
        Ok(cx.read(CALL, call).await?.scalable_targets.unwrap_or_default())
    };
    // A refresh reads it once for its policies, too.
    let found = match cx.cached_list(format!("{CALL} {resource_id}"), read).await? {
        Some(shared) if !shared.is_empty() => shared.to_vec(),
        // It may only be invisible for a moment.
        _ => read().await?,
    };
    Ok(found.into_iter().find(|target| target.resource_id == resource_id))
}

/// Returns the tags of the scalable target with this id, or `None` when it does not exist.
pub(super) async fn tags_of(cx: &StepContext, resource_id: &str) -> Result<Option<Tags>> {
    match find(cx, resource_id).await? {
        Some(current) => tagging::read(cx, arn(current)?.as_str()).await,
        None => Ok(None),
    }
}
