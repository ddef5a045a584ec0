//! Tags of scalable targets.

use async_trait::async_trait;

use crate::ownership::Tags;
use crate::tag_index;
use infra_core::resource::{Result, StepContext, Tagger, ignore_codes};

/// Sets and removes tags by ARN.
pub struct AutoScaling;

#[async_trait]
impl Tagger for AutoScaling {
    const CALLS: &'static [&'static str] =
        &["application-autoscaling:TagResource", "application-autoscaling:UntagResource"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let tags = cx.tags_to_set();
        if !tags.is_empty() {
            let call = || {
                let call = cx.aws.autoscaling.tag_resource().resource_arn(arn);
                call.set_tags(Some(tags.clone().into_iter().collect())).send()
            };
            cx.mutate("application-autoscaling:TagResource", call).await?;
        }
        let remove = |keys| cx.aws.autoscaling.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        cx.untag("application-autoscaling:UntagResource", remove).await
    }

    async fn exists(cx: &StepContext, arn: &str) -> Result<bool> {
        Ok(list(cx, arn).await?.is_some())
    }
}

/// Returns the tags of the scalable target with this ARN, or `None` when it does not exist.
pub(super) async fn list(cx: &StepContext, arn: &str) -> Result<Option<Tags>> {
    match tag_index::tags(cx, arn).await? {
        Some(tags) => Ok(Some(tags)),
        None => read(cx, arn).await,
    }
}

/// Does the same for what belongs to the target, with the target's own tags.
pub(super) async fn read(cx: &StepContext, arn: &str) -> Result<Option<Tags>> {
    const CALL: &str = "application-autoscaling:ListTagsForResource";
    let read = || async {
        let found = cx.read(CALL, cx.aws.autoscaling.list_tags_for_resource().resource_arn(arn).send()).await;
        let found = ignore_codes(found, &["ResourceNotFoundException"])?;
        Ok(found.into_iter().map(|found| found.tags.unwrap_or_default().into_iter().collect()).collect())
    };
    // A refresh reads them once for the policies of the target, too.
    Ok(match cx.cached_list(format!("{CALL} {arn}"), read).await? {
        Some(shared) if !shared.is_empty() => shared.first().cloned(),
        // It may only be invisible for a moment.
        _ => read().await?.pop(),
    })
}
