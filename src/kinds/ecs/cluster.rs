//! A cluster for Fargate services.
//!
//! Its name is its identity. ECS describes a deleted cluster as `INACTIVE`, which counts as absent.

use async_trait::async_trait;
use aws_sdk_ecs::types::{Cluster as Description, ClusterField, ClusterSetting, ClusterSettingName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use crate::iam::service_linked_role;
use infra_aws::{ErrorKind, Progress, Wait};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// How long services and tasks can take to leave a cluster before its deletion.
const DRAIN_SECONDS: u64 = 15 * 60;

/// The specification of a cluster.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ecs.cluster",
    summary = "an ECS cluster",
    repeat = "name",
    arns("ecs:cluster/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Ecs,
    delete_blockers = "services and tasks that run in it",
    reads("ecs:DescribeClusters", "iam:GetRole"),
    creates("ecs:CreateCluster", "iam:CreateServiceLinkedRole"),
    updates("ecs:UpdateCluster"),
    deletes("ecs:UpdateCluster", "ecs:DeleteCluster"),
)]
pub struct Cluster {
    /// Its name.
    #[immutable]
    #[unique]
    pub name: String,
    /// Whether Container Insights collects its metrics.
    pub container_insights: bool,
    /// The log group of Container Insights. It must exist first: a log group that ECS creates outlives the cluster.
    #[serde(default)]
    #[order_only]
    pub log_group: Option<Input<String>>,
}

/// What is known of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ClusterAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    pub name: String,
    /// Its ARN.
    #[tag_target]
    #[output(created)]
    pub arn: Arn,
    /// The setting of Container Insights: `enabled`, `disabled` or `enhanced`.
    pub container_insights: String,
}

#[async_trait]
impl Resource for Cluster {
    async fn observe(&self, cx: &StepContext, _known: Option<&ClusterAttrs>) -> Result<Observed<ClusterAttrs>> {
        let Some(current) = find(cx, &self.name).await? else { return Ok(Observed::Absent) };
        let tags = current.tags.clone().unwrap_or_default();
        let status = current.status().unwrap_or_default().to_owned();
        let attrs = attrs(current);
        let observed = tagging::classify(cx, &tags, &self.name, attrs);
        match (&observed, status.as_str()) {
            (Observed::Ours(attrs), "DEPROVISIONING") => {
                wait_gone(cx, &attrs.name).await?;
                Ok(Observed::Absent)
            }
            (Observed::Ours(attrs), "FAILED") => {
                Err(Error::Failed { what: format!("cluster {}", attrs.name), status, reason: None })
            }
            _ => Ok(observed),
        }
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        Ok(find(cx, arn.as_str()).await?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<ClusterAttrs>) -> Result<ClusterAttrs> {
        let wanted = if self.container_insights { "enabled" } else { OFF };
        let Some(mut seen) = seen else {
            service_linked_role::ECS.ensure(cx).await?;
            let tags = tagging::to_sdk(cx.identity.all_tags());
            let call = || {
                cx.aws
                    .ecs
                    .create_cluster()
                    .cluster_name(&self.name)
                    .settings(insights(wanted))
                    .set_tags(Some(tags.clone()))
                    .send()
            };
            let created = cx.mutate("ecs:CreateCluster", call).await?.cluster;
            let arn = created
                .and_then(|created| created.cluster_arn)
                .ok_or(Error::MissingField { call: "ecs:CreateCluster", what: "the ARN" })?;
            return Ok(ClusterAttrs { name: self.name.clone(), arn: Arn(arn), container_insights: wanted.to_owned() });
        };
        if seen.container_insights != wanted {
            let call = || cx.aws.ecs.update_cluster().cluster(&self.name).settings(insights(wanted)).send();
            cx.mutate("ecs:UpdateCluster", call).await?;
            wanted.clone_into(&mut seen.container_insights);
        }
        Ok(seen)
    }

    async fn delete(&self, cx: &StepContext, attrs: &ClusterAttrs) -> Result<()> {
        let busy = &["ClusterContainsServicesException", "ClusterContainsTasksException", "UpdateInProgressException"];
        if attrs.container_insights != OFF {
            // Its last entries can arrive after the deletion, and create the log group again
            // (hashicorp/terraform-provider-aws#42858).
            let call = || cx.aws.ecs.update_cluster().cluster(&attrs.name).settings(insights(OFF)).send();
            match cx.mutate("ecs:UpdateCluster", call).await {
                // The cluster is deleted all the same.
                Err(Error::Aws(error)) if error.kind == ErrorKind::Refused => {
                    cx.notice(format!("Container Insights stays on, so its log group may come back: {error}"));
                }
                other => drop(other?),
            }
        }
        let call = || cx.aws.ecs.delete_cluster().cluster(&attrs.name).send();
        let deleted = cx.retry("the cluster to become empty", busy, DRAIN_SECONDS, || async {
            cx.mutate("ecs:DeleteCluster", call).await
        });
        ignore_codes(deleted.await, &["ClusterNotFoundException"])?;
        wait_gone(cx, &attrs.name).await
    }

    fn inputs_from_attrs(attrs: &ClusterAttrs) -> Vec<(&'static str, Value)> {
        let insights = match attrs.container_insights.as_str() {
            "enabled" => Some(true),
            OFF => Some(false),
            // No specification requests `enhanced`.
            _ => None,
        };
        insights.map(|on| ("container_insights", Value::Bool(on))).into_iter().collect()
    }
}

/// The value of the setting without Container Insights.
const OFF: &str = "disabled";

fn insights(value: &str) -> ClusterSetting {
    ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(value).build()
}

/// Finds a cluster that is not deleted. ECS reports a cluster that never existed as a failure with the reason
/// `MISSING`.
async fn find(cx: &StepContext, name: &str) -> Result<Option<Description>> {
    let call = cx
        .aws
        .ecs
        .describe_clusters()
        .clusters(name)
        .include(ClusterField::Tags)
        .include(ClusterField::Settings)
        .send();
    let found = cx.read("ecs:DescribeClusters", call).await?;
    Ok(found.clusters.unwrap_or_default().into_iter().find(|cluster| cluster.status() != Some("INACTIVE")))
}

fn attrs(current: Description) -> ClusterAttrs {
    let setting =
        current.settings().iter().find(|setting| setting.name() == Some(&ClusterSettingName::ContainerInsights));
    ClusterAttrs {
        container_insights: setting.and_then(ClusterSetting::value).unwrap_or(OFF).to_owned(),
        name: current.cluster_name.unwrap_or_default(),
        arn: Arn(current.cluster_arn.unwrap_or_default()),
    }
}

async fn wait_gone(cx: &StepContext, name: &str) -> Result<()> {
    cx.wait(Wait::new(format!("cluster {name} to be deleted"), 5, DRAIN_SECONDS), || async {
        Ok(match find(cx, name).await? {
            None => Progress::Reached(()),
            Some(current) => Progress::Pending(current.status.unwrap_or_default()),
        })
    })
    .await
}
