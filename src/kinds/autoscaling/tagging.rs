//! Tags of scalable targets.

use async_trait::async_trait;

use crate::ownership::Tags;
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
    let call = cx.aws.autoscaling.list_tags_for_resource().resource_arn(arn).send();
    let found = cx.read("application-autoscaling:ListTagsForResource", call).await;
    let found = ignore_codes(found, &["ResourceNotFoundException"])?;
    Ok(found.map(|found| found.tags.unwrap_or_default().into_iter().collect()))
}
