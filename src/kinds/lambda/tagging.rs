//! Tags of functions.

use async_trait::async_trait;

use super::retry::when_idle;
use infra_core::resource::{Result, StepContext, Tagger};

/// Sets and removes tags by ARN.
pub struct Lambda;

#[async_trait]
impl Tagger for Lambda {
    const CALLS: &'static [&'static str] = &["lambda:TagResource", "lambda:UntagResource"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let tags = cx.tags_to_set();
        if !tags.is_empty() {
            let call =
                || cx.aws.lambda.tag_resource().resource(arn).set_tags(Some(tags.clone().into_iter().collect())).send();
            when_idle(cx, || async { cx.mutate("lambda:TagResource", call).await.map(drop) }).await?;
        }
        let remove = |keys| cx.aws.lambda.untag_resource().resource(arn).set_tag_keys(Some(keys)).send();
        when_idle(cx, || cx.untag("lambda:UntagResource", remove)).await
    }
}
