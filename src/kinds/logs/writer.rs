//! What writes to a log group that its service has created: a resource of this stack, of somebody else, or one that no
//! longer exists. The group itself has no tags, and its name is all that it has in common with its writer.

use aws_sdk_databasemigration::types::Filter;
use aws_sdk_ecs::types::ClusterField;

use infra_base::tags::{OWNER_STACK, Owner};
use infra_core::resource::{Result, StepContext, ignore_codes};

/// What writes to a group.
pub(super) enum Writer {
    /// It no longer exists, or does not exist yet.
    Gone,
    /// A resource of this stack.
    Ours,
    /// A resource of somebody else, with this name.
    Foreign(String),
}

/// Returns how a group of this writer is described as foreign.
pub(super) fn foreign_writer(id: &str) -> Owner {
    format!("{id}, which writes to it and belongs to somebody else").as_str().into()
}

/// Finds the writer of a group.
///
/// # Errors
/// Those of the reads.
pub(super) async fn writer(cx: &StepContext, group: &str) -> Result<Writer> {
    let (what, name, stack) = if let Some(rest) = group.strip_prefix("/aws/rds/instance/") {
        let name = rest.split('/').next().unwrap_or(rest);
        ("the database", name, database(cx, name).await?)
    } else if let Some(rest) = group.strip_prefix("/aws/ecs/containerinsights/") {
        let name = rest.split('/').next().unwrap_or(rest);
        ("the cluster", name, cluster(cx, name).await?)
    } else if let Some(name) = group.strip_prefix("/aws/lambda/") {
        ("the function", name, function(cx, name).await?)
    } else if let Some(name) = group.strip_prefix("dms-tasks-") {
        ("the replication instance", name, replication_instance(cx, name).await?)
    } else {
        return Ok(Writer::Gone);
    };
    Ok(match stack {
        None => Writer::Gone,
        Some(Some(stack)) if stack == cx.identity.stack => Writer::Ours,
        Some(_) => Writer::Foreign(format!("{what} `{name}`")),
    })
}

/// The stack in the tags of a resource that exists.
type Stack = Option<Option<String>>;

fn stack_in<'a>(mut tags: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Option<String> {
    tags.find(|(key, _)| *key == Some(OWNER_STACK)).and_then(|(_, value)| value).map(str::to_owned)
}

async fn database(cx: &StepContext, name: &str) -> Result<Stack> {
    let call = cx.aws.rds.describe_db_instances().db_instance_identifier(name).send();
    let found = ignore_codes(cx.read("rds:DescribeDBInstances", call).await, &["DBInstanceNotFound"])?;
    let found = found.and_then(|found| found.db_instances?.pop());
    Ok(found.map(|one| stack_in(one.tag_list().iter().map(|tag| (tag.key(), tag.value())))))
}

async fn cluster(cx: &StepContext, name: &str) -> Result<Stack> {
    let call = cx.aws.ecs.describe_clusters().clusters(name).include(ClusterField::Tags).send();
    let found = cx.read("ecs:DescribeClusters", call).await?;
    let found = found.clusters().iter().find(|cluster| cluster.status() != Some("INACTIVE"));
    Ok(found.map(|one| stack_in(one.tags().iter().map(|tag| (tag.key(), tag.value())))))
}

async fn function(cx: &StepContext, name: &str) -> Result<Stack> {
    let call = cx.aws.lambda.get_function().function_name(name).send();
    let found = ignore_codes(cx.read("lambda:GetFunction", call).await, &["ResourceNotFoundException"])?;
    Ok(found.map(|one| one.tags.unwrap_or_default().remove(OWNER_STACK)))
}

async fn replication_instance(cx: &StepContext, name: &str) -> Result<Stack> {
    let Ok(filter) = Filter::builder().name("replication-instance-id").values(name).build() else { return Ok(None) };
    let call = cx.aws.dms.describe_replication_instances().filters(filter).send();
    let found = ignore_codes(cx.read("dms:DescribeReplicationInstances", call).await, &["ResourceNotFoundFault"])?;
    let arn = found.and_then(|found| found.replication_instances?.pop()?.replication_instance_arn);
    let Some(arn) = arn else { return Ok(None) };
    let tags = cx.read("dms:ListTagsForResource", cx.aws.dms.list_tags_for_resource().resource_arn(arn).send()).await?;
    Ok(Some(stack_in(tags.tag_list().iter().map(|tag| (tag.key(), tag.value())))))
}
