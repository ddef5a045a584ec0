//! Clusters.

use aws_sdk_ecs::operation::create_cluster::{CreateClusterError, CreateClusterInput, CreateClusterOutput};
use aws_sdk_ecs::operation::delete_cluster::{DeleteClusterError, DeleteClusterInput, DeleteClusterOutput};
use aws_sdk_ecs::operation::describe_clusters::{DescribeClustersError, DescribeClustersInput, DescribeClustersOutput};
use aws_sdk_ecs::operation::list_clusters::{ListClustersError, ListClustersInput, ListClustersOutput};
use aws_sdk_ecs::operation::update_cluster::{UpdateClusterError, UpdateClusterInput, UpdateClusterOutput};
use aws_sdk_ecs::types::{ClusterField, ClusterSetting, ClusterSettingName, Failure};

use super::names::{is_name, resource_name};
use super::tags::{sdk_tags, tags_from_sdk};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ecs::{Cluster, Ecs};

pub(super) fn register(registry: &mut Registry) {
    registry.on("ecs", "CreateCluster", &["cluster_name", "settings", "tags"], CreateClusterError::generic, create);
    registry.on("ecs", "DescribeClusters", &["clusters", "include"], DescribeClustersError::generic, describe);
    registry.on("ecs", "ListClusters", &[], ListClustersError::generic, list);
    registry.on("ecs", "UpdateCluster", &["cluster", "settings"], UpdateClusterError::generic, update);
    registry.on("ecs", "DeleteCluster", &["cluster"], DeleteClusterError::generic, delete);
}

fn insights(settings: &[ClusterSetting]) -> Result<Option<String>, Rejection> {
    match settings {
        [] => Ok(None),
        [one] if one.name() == Some(&ClusterSettingName::ContainerInsights) => match one.value() {
            Some(value @ ("enabled" | "disabled" | "enhanced")) => Ok(Some(value.to_owned())),
            other => refuse("InvalidParameterException", format!("Invalid value {other:?} for containerInsights")),
        },
        _ => refuse("InvalidParameterException", "Invalid cluster settings"),
    }
}

fn create(call: &mut Call<'_>, input: &CreateClusterInput) -> Result<CreateClusterOutput, Rejection> {
    let name = input.cluster_name().unwrap_or("default");
    if !is_name(name) {
        return refuse("InvalidParameterException", "Invalid cluster name");
    }
    let container_insights = insights(input.settings())?.unwrap_or_else(|| "disabled".to_owned());
    // For an existing cluster, the call returns it unchanged. A deleted cluster becomes active again.
    let ecs = &call.region_state().ecs;
    if let Some(cluster) = ecs.clusters.get(name).filter(|cluster| cluster.active) {
        return Ok(CreateClusterOutput::builder().cluster(to_sdk(ecs, cluster)).build());
    }
    // ECS creates the role, and cannot assume it at once (aws-cloudformation/cloudformation-coverage-roadmap#818).
    if !crate::iam::create_for(call, "ecs.amazonaws.com") {
        let text = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
        return refuse("InvalidParameterException", text);
    }
    let arn = call.arn("ecs", &format!("cluster/{name}"));
    let cluster =
        Cluster { name: name.to_owned(), arn, active: true, container_insights, tags: tags_from_sdk(input.tags()) };
    let answer = to_sdk(&call.region_state().ecs, &cluster);
    call.region_state().ecs.clusters.insert(name.to_owned(), cluster);
    Ok(CreateClusterOutput::builder().cluster(answer).build())
}

/// Deleted clusters are not listed.
fn list(call: &mut Call<'_>, _input: &ListClustersInput) -> Result<ListClustersOutput, Rejection> {
    let arns = call
        .region_state()
        .ecs
        .clusters
        .values()
        .filter(|cluster| cluster.active)
        .map(|cluster| cluster.arn.clone())
        .collect();
    Ok(ListClustersOutput::builder().set_cluster_arns(Some(arns)).build())
}

fn to_sdk(ecs: &Ecs, cluster: &Cluster) -> aws_sdk_ecs::types::Cluster {
    let active =
        ecs.services.values().filter(|service| service.cluster == cluster.name && service.status() == "ACTIVE").count();
    let setting = ClusterSetting::builder()
        .name(ClusterSettingName::ContainerInsights)
        .value(&cluster.container_insights)
        .build();
    aws_sdk_ecs::types::Cluster::builder()
        .cluster_name(&cluster.name)
        .cluster_arn(&cluster.arn)
        .status(if cluster.active { "ACTIVE" } else { "INACTIVE" })
        .active_services_count(i32::try_from(active).unwrap_or(i32::MAX))
        .settings(setting)
        .set_tags(Some(sdk_tags(&cluster.tags)))
        .build()
}

fn describe(call: &mut Call<'_>, input: &DescribeClustersInput) -> Result<DescribeClustersOutput, Rejection> {
    let with = |field: &ClusterField| input.include().contains(field);
    let mut answer = DescribeClustersOutput::builder();
    for requested in input.clusters() {
        let missing = call.arn("ecs", &format!("cluster/{}", resource_name(requested)));
        let ecs = &call.region_state().ecs;
        // Deleted clusters are described for some time, as INACTIVE (DeleteCluster).
        answer = match ecs.clusters.get(resource_name(requested)) {
            Some(cluster) => {
                let mut cluster = to_sdk(ecs, cluster);
                cluster.tags = cluster.tags.filter(|_| with(&ClusterField::Tags));
                cluster.settings = cluster.settings.filter(|_| with(&ClusterField::Settings));
                answer.clusters(cluster)
            }
            None => answer.failures(Failure::builder().arn(missing).reason("MISSING").build()),
        };
    }
    Ok(answer.build())
}

fn find<'a>(call: &'a mut Call<'_>, name: Option<&str>) -> Result<&'a mut Cluster, Rejection> {
    match call
        .region_state()
        .ecs
        .clusters
        .get_mut(resource_name(name.unwrap_or("default")))
        .filter(|cluster| cluster.active)
    {
        Some(cluster) => Ok(cluster),
        None => refuse("ClusterNotFoundException", "Cluster not found."),
    }
}

fn update(call: &mut Call<'_>, input: &UpdateClusterInput) -> Result<UpdateClusterOutput, Rejection> {
    let wanted = insights(input.settings())?;
    let cluster = find(call, input.cluster())?;
    if let Some(wanted) = wanted {
        cluster.container_insights = wanted;
    }
    let cluster = cluster.clone();
    Ok(UpdateClusterOutput::builder().cluster(to_sdk(&call.region_state().ecs, &cluster)).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteClusterInput) -> Result<DeleteClusterOutput, Rejection> {
    let name = find(call, input.cluster())?.name.clone();
    let ecs = &mut call.region_state().ecs;
    if ecs.services.values().any(|service| service.cluster == name && !service.deleted) {
        return refuse("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.");
    }
    if ecs.tasks.values().any(|task| task.arn.contains(&format!(":task/{name}/"))) {
        return refuse("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.");
    }
    let cluster = find(call, Some(&name))?;
    cluster.active = false;
    let cluster = cluster.clone();
    if cluster.container_insights != "disabled" {
        let group = format!("/aws/ecs/containerinsights/{}/performance", cluster.name);
        call.region_state().logs.unfinished.insert(group);
    }
    Ok(DeleteClusterOutput::builder().cluster(to_sdk(&call.region_state().ecs, &cluster)).build())
}
