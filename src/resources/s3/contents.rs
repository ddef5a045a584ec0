//! What is in a bucket: counting it, and deleting every version and delete marker.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::stream::{self, Stream, TryStreamExt};

use super::settings::{built, change};
use crate::resource::{Cx, Error, Result, settled};

/// How many pages of a thousand are deleted at the same time. S3 takes 3,500 deletions a second for a prefix.
const PAGES_AT_ONCE: usize = 4;
/// After how many pages counting stops: a bucket may hold millions.
const PAGES_COUNTED: usize = 100;
/// Refusals of single objects that pass by themselves; they are listed again and deleted in the next round.
const PASSING: &[&str] = &["InternalError", "ServiceUnavailable", "SlowDown"];

/// How much is in a bucket.
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

/// One page of a listing: at most a thousand, as many as one call can delete.
struct Page {
    versions: Vec<ObjectIdentifier>,
    markers: Vec<ObjectIdentifier>,
}

#[derive(Default)]
struct After {
    key: Option<String>,
    version: Option<String>,
}

fn pages<'a>(cx: &'a Cx, bucket: &'a str) -> impl Stream<Item = Result<Page>> + Send + 'a {
    stream::try_unfold(Some(After::default()), move |after| async move {
        let Some(after) = after else { return Ok(None) };
        let call = cx.aws.s3.list_object_versions().bucket(bucket).expected_bucket_owner(cx.account.as_str());
        let call = call.set_key_marker(after.key).set_version_id_marker(after.version).send();
        let Some(found) = settled(cx.read("s3:ListObjectVersions", call).await, &["NoSuchBucket"])? else { return Ok(None) };
        let identify = |key: Option<&str>, version: Option<&str>| {
            built(ObjectIdentifier::builder().set_key(key.map(str::to_owned)).set_version_id(version.map(str::to_owned)).build())
        };
        let page = Page {
            versions: found.versions().iter().map(|version| identify(version.key(), version.version_id())).collect::<Result<_>>()?,
            markers: found.delete_markers().iter().map(|marker| identify(marker.key(), marker.version_id())).collect::<Result<_>>()?,
        };
        let more = found.is_truncated() == Some(true) && found.next_key_marker.is_some();
        let next = more.then_some(After { key: found.next_key_marker, version: found.next_version_id_marker });
        Ok(Some((page, next)))
    })
}

/// Counts what is in a bucket.
pub(super) async fn count(cx: &Cx, bucket: &str) -> Result<Held> {
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

/// Deletes every version and delete marker that a listing shows, several pages at once.
///
/// # Errors
/// When S3 refuses to delete an object for a reason that does not pass by itself.
pub(super) async fn delete(cx: &Cx, bucket: &str) -> Result<()> {
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

async fn delete_page(cx: &Cx, bucket: &str, objects: Vec<ObjectIdentifier>) -> Result<()> {
    let doomed = built(Delete::builder().set_objects(Some(objects)).quiet(true).build())?;
    let call = || cx.aws.s3.delete_objects().bucket(bucket).delete(doomed.clone()).expected_bucket_owner(cx.account.as_str()).send();
    let Some(answer) = settled(change(cx, "s3:DeleteObjects", call).await, &["NoSuchBucket"])? else { return Ok(()) };
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
