//! Tags of alarms and dashboards.

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::Tag;

use crate::ownership::Tags;
use crate::tag_index;
use infra_core::resource::{Result, StepContext, Tagger, ignore_codes};

const BUSY: &[&str] = &["ConcurrentModificationException", "ConflictException"];

/// Sets and removes tags by ARN. PutMetricAlarm and PutDashboard accept tags only when they create.
pub struct CloudWatch;

#[async_trait]
impl Tagger for CloudWatch {
    const CALLS: &'static [&'static str] = &["cloudwatch:TagResource", "cloudwatch:UntagResource"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let (why, tags) = ("CloudWatch to finish an earlier change", to_sdk(cx.tags_to_set()));
        if !tags.is_empty() {
            let call = || cx.aws.cloudwatch.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
            cx.retry(why, BUSY, 30, || cx.mutate("cloudwatch:TagResource", call)).await?;
        }
        let remove = |keys| cx.aws.cloudwatch.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        cx.retry(why, BUSY, 30, || cx.untag("cloudwatch:UntagResource", remove)).await
    }

    async fn exists(cx: &StepContext, arn: &str) -> Result<bool> {
        Ok(list(cx, arn).await?.is_some())
    }
}

/// Converts tags for a call.
pub(super) fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Returns the tags of the resource with this ARN, or `None` when it does not exist.
pub(super) async fn list(cx: &StepContext, arn: &str) -> Result<Option<Tags>> {
    if let Some(tags) = tag_index::tags(cx, arn).await? {
        return Ok(Some(tags));
    }
    let call = cx.aws.cloudwatch.list_tags_for_resource().resource_arn(arn).send();
    let found = ignore_codes(cx.read("cloudwatch:ListTagsForResource", call).await, &["ResourceNotFoundException"])?;
    Ok(found.map(|found| {
        found.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect()
    }))
}
