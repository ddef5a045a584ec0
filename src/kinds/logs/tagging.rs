//! Tags of log groups.

use async_trait::async_trait;

use super::retry::when_idle;
use crate::ownership::Tags;
use crate::tag_index;
use infra_core::resource::{Result, StepContext, Tagger, ignore_codes};

/// Sets and removes tags by ARN.
pub struct Logs;

#[async_trait]
impl Tagger for Logs {
    const CALLS: &'static [&'static str] = &["logs:TagResource", "logs:UntagResource"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let tags = cx.tags_to_set();
        if !tags.is_empty() {
            let call = || {
                cx.aws.logs.tag_resource().resource_arn(arn).set_tags(Some(tags.clone().into_iter().collect())).send()
            };
            when_idle(cx, || cx.mutate("logs:TagResource", call)).await?;
        }
        let remove = |keys| cx.aws.logs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        when_idle(cx, || cx.untag("logs:UntagResource", remove)).await
    }

    async fn exists(cx: &StepContext, arn: &str) -> Result<bool> {
        Ok(list(cx, arn.trim_end_matches(":*")).await?.is_some())
    }
}

/// Returns the tags of a log group, or `None` when it does not exist.
pub(super) async fn list(cx: &StepContext, arn: &str) -> Result<Option<Tags>> {
    if let Some(tags) = tag_index::tags(cx, arn).await? {
        return Ok(Some(tags));
    }
    let call = cx.aws.logs.list_tags_for_resource().resource_arn(arn).send();
    let found = ignore_codes(cx.read("logs:ListTagsForResource", call).await, &["ResourceNotFoundException"])?;
    Ok(found.map(|found| found.tags.unwrap_or_default().into_iter().collect()))
}
