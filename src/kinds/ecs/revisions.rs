//! The revisions of a family of task definitions.
//!
//! A revision that a deployment replaces stays registered until the new deployment has completed: "You also can't
//! update an existing service to reference an `INACTIVE` task definition revision" (ECS Developer Guide, "Deregistering
//! an Amazon ECS task definition revision"), so the circuit breaker could not roll back to it.

use aws_sdk_ecs::types::{SortOrder, Tag, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus};

use infra_base::address::Arn;
use infra_base::tags::{OWNER_ADDRESS, OWNER_STACK};
use infra_core::resource::{Result, StepContext, ignore_codes};

/// A revision with its tags.
pub(super) struct Revision {
    pub(super) arn: String,
    pub(super) definition: TaskDefinition,
    pub(super) tags: Vec<Tag>,
}

impl Revision {
    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.key() == Some(key))?.value()
    }
}

/// Returns the family of a revision.
pub(super) fn family(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, name)| name).split(':').next().unwrap_or_default()
}

/// Returns the revisions of a family in this status, newest first.
pub(super) async fn of_family(cx: &StepContext, family: &str, status: TaskDefinitionStatus) -> Result<Vec<Revision>> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let call = cx.aws.ecs.list_task_definitions().family_prefix(family).status(status.clone());
        let call = call.sort(SortOrder::Desc).set_next_token(token).send();
        let page = cx.read("ecs:ListTaskDefinitions", call).await?;
        for arn in page.task_definition_arns() {
            found.extend(describe(cx, arn).await?);
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Returns a revision. ECS reports one that was deleted in between with its general error code.
async fn describe(cx: &StepContext, arn: &str) -> Result<Option<Revision>> {
    let call = cx.aws.ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags).send();
    let found = ignore_codes(cx.read("ecs:DescribeTaskDefinition", call).await, &["ClientException"])?;
    Ok(found.and_then(|found| {
        let tags = found.tags.unwrap_or_default();
        Some(Revision { arn: arn.to_owned(), definition: found.task_definition?, tags })
    }))
}

/// Deregisters the other active revisions of the resource that this revision belongs to, once a deployment of it has
/// completed. Revisions with other ownership tags, or without, belong to somebody else.
pub(super) async fn deregister_replaced(cx: &StepContext, current: &Arn) -> Result<()> {
    let Some(kept) = describe(cx, current.as_str()).await? else { return Ok(()) };
    if kept.tag(OWNER_STACK) != Some(&cx.identity.stack) {
        return Ok(());
    }
    for other in of_family(cx, family(current.as_str()), TaskDefinitionStatus::Active).await? {
        let is_same = [OWNER_STACK, OWNER_ADDRESS].iter().all(|key| other.tag(key) == kept.tag(key));
        if is_same && other.arn != current.as_str() {
            let call = || cx.aws.ecs.deregister_task_definition().task_definition(&other.arn).send();
            // The list may still show a revision that is deregistered already.
            ignore_codes(cx.mutate("ecs:DeregisterTaskDefinition", call).await, &["ClientException"])?;
        }
    }
    Ok(())
}
