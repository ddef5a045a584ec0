//! The objects of a bucket: counting them, and deleting every version and delete marker.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::stream::{self, Stream, TryStreamExt};

use super::settings::{built, change};
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// How many pages of a thousand objects are deleted at the same time. S3 accepts 3,500 deletions per second and prefix.
const PAGES_AT_ONCE: usize = 4;
/// After how many pages counting stops: a bucket can hold millions of objects.
const PAGES_COUNTED: usize = 100;
/// Temporary refusals of single objects. The next round lists and deletes these objects again.
const PASSING: &[&str] = &["InternalError", "ServiceUnavailable", "SlowDown"];

/// The number of objects in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    versions: usize,
    markers: usize,
    and_more: bool,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = if self.and_more { "at least " } else { "" };
        write!(f, "{least}{} objects and old versions and {} delete markers", self.versions, self.markers)
    }
}

/// One page of a list: at most a thousand objects, as many as one call can delete.
struct Page {
    versions: Vec<ObjectIdentifier>,
    markers: Vec<ObjectIdentifier>,
}

#[derive(Default)]
struct After {
    key: Option<String>,
    version: Option<String>,
}

fn pages<'a>(cx: &'a StepContext, bucket: &'a str) -> impl Stream<Item = Result<Page>> + Send + 'a {
    stream::try_unfold(Some(After::default()), move |after| async move {
        let Some(after) = after else { return Ok(None) };
        let call = cx.aws.s3.list_object_versions().bucket(bucket).expected_bucket_owner(cx.account.as_str());
        let call = call.set_key_marker(after.key).set_version_id_marker(after.version).send();
        let Some(found) = ignore_codes(cx.read("s3:ListObjectVersions", call).await, &["NoSuchBucket"])? else {
            return Ok(None);
        };
        let identify = |key: Option<&str>, version: Option<&str>| {
            built(
                ObjectIdentifier::builder()
                    .set_key(key.map(str::to_owned))
                    .set_version_id(version.map(str::to_owned))
                    .build(),
            )
        };
        let page = Page {
            versions: found
                .versions()
                .iter()
                .map(|version| identify(version.key(), version.version_id()))
                .collect::<Result<_>>()?,
            markers: found
                .delete_markers()
                .iter()
                .map(|marker| identify(marker.key(), marker.version_id()))
                .collect::<Result<_>>()?,
        };
        let more = found.is_truncated() == Some(true) && found.next_key_marker.is_some();
        let next = more.then_some(After { key: found.next_key_marker, version: found.next_version_id_marker });
        Ok(Some((page, next)))
    })
}

/// Counts the objects of a bucket.
pub(super) async fn count(cx: &StepContext, bucket: &str) -> Result<Held> {
    let mut held = Held::default();
    let mut counted = 0;
    let mut pages = std::pin::pin!(pages(cx, bucket));
    while let Some(page) = pages.try_next().await? {
        held.versions += page.versions.len();
        held.markers += page.markers.len();
        counted += 1;
        if counted == PAGES_COUNTED {
            held.and_more = true;
            break;
        }
    }
    Ok(held)
}

/// Deletes every version and delete marker in the list, several pages at once.
///
/// # Errors
/// S3 refuses permanently to delete an object.
pub(super) async fn delete(cx: &StepContext, bucket: &str) -> Result<()> {
    let deleted = &AtomicU64::new(0);
    pages(cx, bucket)
        .try_for_each_concurrent(PAGES_AT_ONCE, |page| async move {
            let objects: Vec<ObjectIdentifier> = page.versions.into_iter().chain(page.markers).collect();
            if objects.is_empty() {
                return Ok(());
            }
            let count = objects.len() as u64;
            delete_page(cx, bucket, objects).await?;
            let sum = deleted.fetch_add(count, Ordering::Relaxed) + count;
            cx.notice(format!("{sum} objects and old versions deleted from bucket `{bucket}`"));
            Ok(())
        })
        .await
}

async fn delete_page(cx: &StepContext, bucket: &str, objects: Vec<ObjectIdentifier>) -> Result<()> {
    let objects_to_delete = built(Delete::builder().set_objects(Some(objects)).quiet(true).build())?;
    let call = || {
        cx.aws
            .s3
            .delete_objects()
            .bucket(bucket)
            .delete(objects_to_delete.clone())
            .expected_bucket_owner(cx.account.as_str())
            .send()
    };
    let Some(answer) = ignore_codes(change(cx, "s3:DeleteObjects", call).await, &["NoSuchBucket"])? else {
        return Ok(());
    };
    let refused = answer.errors().iter().find(|error| !PASSING.contains(&error.code().unwrap_or_default()));
    match refused {
        None => Ok(()),
        Some(error) => Err(Error::Failed {
            what: format!("deleting `{}` from bucket `{bucket}`", error.key().unwrap_or_default()),
            status: error.code().unwrap_or("refused").to_owned(),
            reason: error.message().map(str::to_owned),
        }),
    }
}
