//! Tags of roles.

use async_trait::async_trait;
use aws_sdk_iam::types::Tag;

use super::retry::when_idle;
use crate::ownership::Tags;
use infra_core::resource::{Error, Result, StepContext, Tagger};

/// Sets and removes tags by the name of a role.
pub struct Iam;

#[async_trait]
impl Tagger for Iam {
    const CALLS: &'static [&'static str] = &["iam:TagRole", "iam:UntagRole"];

    async fn sync(cx: &StepContext, role: &str) -> Result<()> {
        let tags = to_sdk(cx.tags_to_set())?;
        if !tags.is_empty() {
            let call = || cx.aws.iam.tag_role().role_name(role).set_tags(Some(tags.clone())).send();
            when_idle(cx, || cx.mutate("iam:TagRole", call)).await?;
        }
        let remove = |keys| cx.aws.iam.untag_role().role_name(role).set_tag_keys(Some(keys)).send();
        when_idle(cx, || cx.untag("iam:UntagRole", remove)).await
    }
}

/// Converts tags for a call.
pub(super) fn to_sdk(tags: Tags) -> Result<Vec<Tag>> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    tags.into_iter().map(tag).collect::<Result<_, _>>().map_err(|error| Error::Refused(error.to_string()))
}
