//! Tags of buckets. S3 replaces all tags of a bucket in one call.

use async_trait::async_trait;
use aws_sdk_s3::types::{Tag, Tagging};

use super::settings::{built, change};
use crate::ownership::Tags;
use infra_core::resource::{Result, StepContext, Tagger};

/// Sets and removes tags by the name of a bucket. It keeps the tags that others have added.
pub struct S3;

#[async_trait]
impl Tagger for S3 {
    const CALLS: &'static [&'static str] = &["s3:PutBucketTagging"];

    async fn sync(cx: &StepContext, bucket: &str) -> Result<()> {
        let (set, removed) = (cx.tags_to_set(), cx.removed_tags());
        if set.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let mut all = list(cx, bucket).await?.unwrap_or_default();
        all.retain(|key, _| !removed.contains(key));
        all.extend(set);
        let tagging = built(Tagging::builder().set_tag_set(Some(to_sdk(all)?)).build())?;
        let put = || {
            let call = cx.aws.s3.put_bucket_tagging().bucket(bucket).tagging(tagging.clone());
            call.expected_bucket_owner(cx.account.as_str()).send()
        };
        change(cx, "s3:PutBucketTagging", put).await?;
        cx.untagged();
        Ok(())
    }
}

/// Converts tags for a call.
pub(super) fn to_sdk(tags: Tags) -> Result<Vec<Tag>> {
    tags.into_iter().map(|(key, value)| built(Tag::builder().key(key).value(value).build())).collect()
}

/// Converts the tags of a response.
pub(super) fn from_sdk(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// Returns the tags of a bucket, or `None` when it does not exist.
pub(super) async fn list(cx: &StepContext, bucket: &str) -> Result<Option<Tags>> {
    let call = cx.aws.s3.get_bucket_tagging().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
    match cx.read("s3:GetBucketTagging", call).await {
        Ok(found) => Ok(Some(from_sdk(found.tag_set()))),
        Err(error) if error.is_code("NoSuchTagSet") => Ok(Some(Tags::new())),
        Err(error) if error.is_code("NoSuchBucket") => Ok(None),
        Err(error) => Err(error),
    }
}
