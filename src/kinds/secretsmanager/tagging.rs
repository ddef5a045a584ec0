//! Tags of secrets.

use async_trait::async_trait;
use aws_sdk_secretsmanager::types::Tag;

use crate::ownership::Tags;
use infra_core::resource::{Result, StepContext, Tagger};

/// Sets and removes tags by ARN.
pub struct SecretsManager;

#[async_trait]
impl Tagger for SecretsManager {
    const CALLS: &'static [&'static str] = &["secretsmanager:TagResource", "secretsmanager:UntagResource"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let tags = to_sdk(cx.tags_to_set());
        if !tags.is_empty() {
            let call = || cx.aws.secrets.tag_resource().secret_id(arn).set_tags(Some(tags.clone())).send();
            cx.mutate("secretsmanager:TagResource", call).await?;
        }
        let remove = |keys| cx.aws.secrets.untag_resource().secret_id(arn).set_tag_keys(Some(keys)).send();
        cx.untag("secretsmanager:UntagResource", remove).await
    }
}

/// Converts tags for a call.
pub(super) fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
