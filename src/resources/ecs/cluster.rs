//! A cluster for Fargate services.
//!
//! Its name is its identity. ECS still describes a deleted cluster, as `INACTIVE`; that counts as absent.

use async_trait::async_trait;
use aws_sdk_ecs::types::{Cluster as Shown, ClusterField, ClusterSetting, ClusterSettingName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use crate::address::Arn;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// How long services and tasks may take to leave a cluster that is to be deleted.
const DRAIN_SECONDS: u64 = 15 * 60;

/// The specification of a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Whether Container Insights collects metrics of it.
    pub container_insights: bool,
    /// The log group that Container Insights writes to. It must be there first: one that ECS makes by itself outlives the cluster.
    #[serde(default)]
    pub log_group: Option<Input<String>>,
}

/// What is known of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Arn,
    /// The setting of Container Insights: `enabled`, `disabled` or `enhanced`.
    pub container_insights: String,
}

impl Handle<Cluster> {
    /// The cluster's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }

    /// The cluster's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }
}

#[async_trait]
impl Resource for Cluster {
    const KIND: &'static str = "ecs.cluster";
    const ABOUT: About = About {
        summary: "an ECS cluster",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "ecs:CreateCluster",
            "ecs:DescribeClusters",
            "ecs:UpdateCluster",
            "ecs:DeleteCluster",
            "ecs:TagResource",
            "ecs:UntagResource",
            "iam:CreateServiceLinkedRole",
        ],
        creates: &["ecs:CreateCluster"],
        changes: &["ecs:UpdateCluster", "ecs:TagResource", "ecs:UntagResource"],
        deletes: &["ecs:DeleteCluster"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "services and tasks that still run in it",
        unique: &[&["name"]],
        waits_for: &["log_group"],
        ..About::PLAIN
    };
    type Attrs = ClusterAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&ClusterAttrs>) -> Result<Observed<ClusterAttrs>> {
        let Some(shown) = find(cx, &self.name).await? else { return Ok(Observed::Absent) };
        let tags = shown.tags.clone().unwrap_or_default();
        let status = shown.status().unwrap_or_default().to_owned();
        let attrs = attrs(shown);
        let judged = tagging::judge(cx, &tags, &self.name, attrs);
        match (&judged, status.as_str()) {
            (Observed::Ours(attrs), "DEPROVISIONING") => {
                wait_gone(cx, &attrs.name).await?;
                Ok(Observed::Absent)
            }
            (Observed::Ours(attrs), "FAILED") => Err(Error::Failed { what: format!("cluster {}", attrs.name), status, reason: None }),
            _ => Ok(judged),
        }
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ClusterAttrs>) -> Result<ClusterAttrs> {
        let insights = if self.container_insights { "enabled" } else { "disabled" };
        let setting = ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(insights).build();
        let Some(mut seen) = seen else {
            let tags = tagging::all(cx);
            let call = || cx.aws.ecs.create_cluster().cluster_name(&self.name).settings(setting.clone()).set_tags(Some(tags.clone())).send();
            let made = cx.mutate("ecs:CreateCluster", call).await?.cluster;
            let arn = made.and_then(|made| made.cluster_arn).ok_or(Error::Incomplete { call: "ecs:CreateCluster", what: "the ARN" })?;
            return Ok(ClusterAttrs { name: self.name.clone(), arn: Arn(arn), container_insights: insights.to_owned() });
        };
        if seen.container_insights != insights {
            let call = || cx.aws.ecs.update_cluster().cluster(&self.name).settings(setting.clone()).send();
            cx.mutate("ecs:UpdateCluster", call).await?;
            insights.clone_into(&mut seen.container_insights);
        }
        Ok(seen)
    }

    async fn delete(&self, cx: &Cx, attrs: &ClusterAttrs) -> Result<()> {
        let busy = &["ClusterContainsServicesException", "ClusterContainsTasksException", "UpdateInProgressException"];
        let call = || cx.aws.ecs.delete_cluster().cluster(&attrs.name).send();
        let deleted = cx.retry("the cluster to become empty", busy, DRAIN_SECONDS, || async { cx.mutate("ecs:DeleteCluster", call).await });
        settled(deleted.await, &["ClusterNotFoundException"])?;
        wait_gone(cx, &attrs.name).await
    }

    async fn retag(&self, cx: &Cx, attrs: &ClusterAttrs) -> Result<()> {
        tagging::retag(cx, attrs.arn.as_str()).await
    }

    fn as_inputs(attrs: &ClusterAttrs) -> Vec<(&'static str, Value)> {
        let insights = match attrs.container_insights.as_str() {
            "enabled" => Some(true),
            "disabled" => Some(false),
            // What ECS calls enhanced no specification asks for.
            _ => None,
        };
        insights.map(|on| ("container_insights", Value::Bool(on))).into_iter().collect()
    }

    fn id(attrs: &ClusterAttrs) -> String {
        attrs.name.clone()
    }
}

/// Looks for a cluster that is not deleted. A cluster that never was comes back as a failure with the reason `MISSING`.
async fn find(cx: &Cx, name: &str) -> Result<Option<Shown>> {
    let call = cx.aws.ecs.describe_clusters().clusters(name).include(ClusterField::Tags).include(ClusterField::Settings).send();
    let found = cx.read("ecs:DescribeClusters", call).await?;
    Ok(found.clusters.unwrap_or_default().into_iter().find(|cluster| cluster.status() != Some("INACTIVE")))
}

fn attrs(shown: Shown) -> ClusterAttrs {
    let setting = shown.settings().iter().find(|setting| setting.name() == Some(&ClusterSettingName::ContainerInsights));
    ClusterAttrs {
        container_insights: setting.and_then(ClusterSetting::value).unwrap_or("disabled").to_owned(),
        name: shown.cluster_name.unwrap_or_default(),
        arn: Arn(shown.cluster_arn.unwrap_or_default()),
    }
}

async fn wait_gone(cx: &Cx, name: &str) -> Result<()> {
    cx.wait(Wait::new(format!("cluster {name} to be deleted"), 5, DRAIN_SECONDS), || async {
        Ok(match find(cx, name).await? {
            None => Progress::Reached(()),
            Some(shown) => Progress::Pending(shown.status.unwrap_or_default()),
        })
    })
    .await
}
