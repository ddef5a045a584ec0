//! Tags on alarms and dashboards.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::Tag;

use crate::resource::{Cx, Result, settled};

/// Tags as a create call takes them.
pub(super) fn list(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Returns the tags of the thing with this ARN, or `None` when there is no such thing.
pub(super) async fn of(cx: &Cx, arn: &str) -> Result<Option<BTreeMap<String, String>>> {
    let call = cx.aws.cloudwatch.list_tags_for_resource().resource_arn(arn).send();
    let found = settled(cx.read("cloudwatch:ListTagsForResource", call).await, &["ResourceNotFoundException"])?;
    Ok(found.map(|found| found.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect()))
}

/// Adds the tags that are missing, and takes off those that are no longer wanted. PutMetricAlarm and PutDashboard take tags only when they create.
pub(super) async fn bring(cx: &Cx, arn: &str, missing: &BTreeMap<String, String>) -> Result<()> {
    let (why, busy) = ("CloudWatch to finish an earlier change", &["ConcurrentModificationException", "ConflictException"]);
    if !missing.is_empty() {
        let tags = list(missing);
        let call = || cx.aws.cloudwatch.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        cx.retry(why, busy, 30, || cx.mutate("cloudwatch:TagResource", call)).await?;
    }
    let remove = |keys| cx.aws.cloudwatch.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
    cx.retry(why, busy, 30, || cx.untag("cloudwatch:UntagResource", remove)).await
}
