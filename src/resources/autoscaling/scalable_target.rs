//! The task count of an ECS service as something that can be scaled.
//!
//! Its identity is the service: a service has one scalable target for its task count.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget as Shown, ServiceNamespace};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Arn;
use crate::graph::{Input, Unresolved};
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned;

/// The specification of a scalable target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalableTarget {
    /// The name of the service's cluster.
    pub cluster_name: Input<String>,
    /// The name of the service.
    pub service_name: Input<String>,
    /// The fewest tasks.
    pub min: i32,
    /// The most tasks.
    pub max: i32,
}

/// What is known of a scalable target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalableTargetAttrs {
    /// `service/{cluster}/{service}`
    pub resource_id: String,
    /// Its ARN.
    pub arn: Arn,
    /// The fewest tasks.
    pub min: i32,
    /// The most tasks.
    pub max: i32,
}

impl Handle<ScalableTarget> {
    /// The id that policies name: `service/{cluster}/{service}`.
    pub fn resource_id(&self) -> Input<String> {
        self.created("resource_id")
    }
}

#[async_trait]
impl Resource for ScalableTarget {
    const KIND: &'static str = "autoscaling.scalable_target";
    const ABOUT: About = About {
        summary: "the task count of an ECS service, to be scaled",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:ListTagsForResource",
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:TagResource",
            "application-autoscaling:UntagResource",
            "iam:CreateServiceLinkedRole",
        ],
        creates: &["application-autoscaling:RegisterScalableTarget"],
        changes: &["application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource", "application-autoscaling:UntagResource"],
        deletes: &["application-autoscaling:DeregisterScalableTarget"],
        immutable: &["cluster_name", "service_name"],
        tagged: true,
        blocked_by: "nothing; its policies go with it",
        unique: &[&["cluster_name", "service_name"]],
        ..About::PLAIN
    };
    type Attrs = ScalableTargetAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&ScalableTargetAttrs>) -> Result<Observed<ScalableTargetAttrs>> {
        let id = self.resource_id()?;
        let Some(shown) = find(cx, &id).await? else { return Ok(Observed::Absent) };
        let (min, max) = (shown.min_capacity, shown.max_capacity);
        let arn = arn(shown)?;
        let Some(tags) = tags(cx, &arn).await? else { return Ok(Observed::Absent) };
        let attrs = ScalableTargetAttrs { resource_id: id.clone(), arn, min, max };
        Ok(owned::judge(cx, &tags.into_iter().collect(), &id, || attrs))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ScalableTargetAttrs>) -> Result<ScalableTargetAttrs> {
        let id = self.resource_id()?;
        if let Some(seen) = &seen
            && (seen.min, seen.max) == (self.min, self.max)
        {
            return Ok(seen.clone());
        }
        // Registering again changes the limits. Tags are taken only when the target is made.
        let tags: Option<HashMap<String, String>> = seen.is_none().then(|| cx.identity.all_tags().into_iter().collect());
        let call = || {
            let call = cx.aws.autoscaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs).resource_id(&id);
            let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).min_capacity(self.min).max_capacity(self.max);
            call.set_tags(tags.clone()).send()
        };
        let made = cx.retry("another change of the scalable target", &["ConcurrentUpdateException"], 60, || async {
            cx.mutate("application-autoscaling:RegisterScalableTarget", call).await
        });
        let made = made.await?.scalable_target_arn.map(Arn);
        let incomplete = Error::Incomplete { call: "application-autoscaling:RegisterScalableTarget", what: "the ARN" };
        let arn = made.or(seen.map(|seen| seen.arn)).ok_or(incomplete)?;
        Ok(ScalableTargetAttrs { resource_id: id, arn, min: self.min, max: self.max })
    }

    async fn delete(&self, cx: &Cx, attrs: &ScalableTargetAttrs) -> Result<()> {
        let call = || {
            let call = cx.aws.autoscaling.deregister_scalable_target().service_namespace(ServiceNamespace::Ecs).resource_id(&attrs.resource_id);
            call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send()
        };
        let gone = cx.retry("another change of the scalable target", &["ConcurrentUpdateException"], 60, || async {
            cx.mutate("application-autoscaling:DeregisterScalableTarget", call).await
        });
        settled(gone.await, &["ObjectNotFoundException"]).map(drop)
    }

    async fn retag(&self, cx: &Cx, attrs: &ScalableTargetAttrs) -> Result<()> {
        let tags: HashMap<String, String> = cx.tags_to_set().into_iter().collect();
        if !tags.is_empty() {
            let call = || cx.aws.autoscaling.tag_resource().resource_arn(attrs.arn.as_str()).set_tags(Some(tags.clone())).send();
            cx.mutate("application-autoscaling:TagResource", call).await?;
        }
        let remove = |keys| cx.aws.autoscaling.untag_resource().resource_arn(attrs.arn.as_str()).set_tag_keys(Some(keys)).send();
        cx.untag("application-autoscaling:UntagResource", remove).await
    }

    fn as_inputs(attrs: &ScalableTargetAttrs) -> Vec<(&'static str, Value)> {
        let names = attrs.resource_id.strip_prefix("service/").and_then(|names| names.split_once('/'));
        names.map(|(cluster, service)| vec![("cluster_name", cluster.into()), ("service_name", service.into())]).unwrap_or_default()
    }

    fn id(attrs: &ScalableTargetAttrs) -> String {
        attrs.resource_id.clone()
    }
}

impl ScalableTarget {
    fn resource_id(&self) -> Result<String, Unresolved> {
        Ok(format!("service/{}/{}", self.cluster_name.get()?, self.service_name.get()?))
    }
}

fn arn(shown: Shown) -> Result<Arn> {
    let incomplete = Error::Incomplete { call: "application-autoscaling:DescribeScalableTargets", what: "the ARN" };
    shown.scalable_target_arn.map(Arn).ok_or(incomplete)
}

async fn find(cx: &Cx, resource_id: &str) -> Result<Option<Shown>> {
    let call = cx.aws.autoscaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs).resource_ids(resource_id);
    let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send();
    let found = cx.read("application-autoscaling:DescribeScalableTargets", call).await?;
    Ok(found.scalable_targets.unwrap_or_default().into_iter().find(|target| target.resource_id == resource_id))
}

async fn tags(cx: &Cx, arn: &Arn) -> Result<Option<BTreeMap<String, String>>> {
    let call = cx.aws.autoscaling.list_tags_for_resource().resource_arn(arn).send();
    let found = settled(cx.read("application-autoscaling:ListTagsForResource", call).await, &["ResourceNotFoundException"])?;
    Ok(found.map(|found| found.tags.unwrap_or_default().into_iter().collect()))
}

/// The tags of the scalable target with this id. `None` when there is no such target.
pub(super) async fn tags_of(cx: &Cx, resource_id: &str) -> Result<Option<BTreeMap<String, String>>> {
    match find(cx, resource_id).await? {
        Some(shown) => tags(cx, &arn(shown)?).await,
        None => Ok(None),
    }
}
