//! The objects of a bucket: counting them, and deleting every version and delete marker.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::stream::{self, Stream, TryStreamExt};

use super::settings::{built, change};
use infra_aws::{CallOutcome, ErrorKind};
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// How many pages of a thousand objects are deleted at the same time. S3 accepts 3,500 deletions per second and prefix.
const PAGES_AT_ONCE: usize = 4;
/// After how many pages counting stops: a bucket can hold millions of objects.
const PAGES_COUNTED: usize = 100;
/// Temporary refusals of single objects ("Error responses", Amazon S3 API Reference): "Please reduce your request
/// rate", "We encountered an internal error. Please try again".
const PASSING: &[&str] = &["InternalError", "ServiceUnavailable", "SlowDown"];
/// After how many seconds without a deleted object emptying ends.
const STALL_SECONDS: u64 = 10 * 60;
/// Seconds between two reports of the progress.
const SHOWN_EVERY_SECONDS: u64 = 5;
/// The longest pause before refused objects are sent again, in seconds.
const LONGEST_PAUSE: u64 = 20;

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

fn identify(key: Option<&str>, version: Option<&str>) -> Result<ObjectIdentifier> {
    let object = ObjectIdentifier::builder().set_key(key.map(str::to_owned));
    built(object.set_version_id(version.map(str::to_owned)).build())
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

/// Deletes every version and delete marker, several pages at once, and shows how many and how fast.
///
/// *Memory*: at most [`PAGES_AT_ONCE`] pages and the next one, however many objects there are.
///
/// *Failures*: "If the object specified in the request isn't found, Amazon S3 confirms the deletion" (DeleteObjects).
/// So a page whose answer was lost is sent again, and so are objects that S3 refuses for a moment, without a limit
/// while objects are deleted.
pub(super) struct Emptying<'a> {
    cx: &'a StepContext,
    bucket: &'a str,
    began: Duration,
    tally: Mutex<Tally>,
}

/// How far it is. Times are those of the clock of the run.
struct Tally {
    deleted: u64,
    /// When the last object was deleted.
    advanced: Duration,
    /// When the progress was last shown.
    shown: Option<Duration>,
    /// The last temporary refusal, since the last object that was deleted without one.
    refusal: Option<String>,
}

impl<'a> Emptying<'a> {
    pub(super) fn new(cx: &'a StepContext, bucket: &'a str) -> Self {
        let began = cx.clock.now();
        let tally = Tally { deleted: 0, advanced: began, shown: None, refusal: None };
        Self { cx, bucket, began, tally: Mutex::new(tally) }
    }

    /// Returns what is emptied, for waits.
    pub(super) fn what(&self) -> String {
        format!("bucket `{}` to be empty", self.bucket)
    }

    /// Returns the progress: it changes only when something was deleted.
    pub(super) fn status(&self) -> String {
        format!("{} objects and old versions deleted", self.tally().deleted)
    }

    /// Deletes all versions and delete markers that exist when the list reaches them.
    ///
    /// # Errors
    /// S3 refuses permanently to delete an object; [`Error::Timeout`] if nothing was deleted for [`STALL_SECONDS`].
    pub(super) async fn run(&self) -> Result<()> {
        let mut pause = 1;
        loop {
            let pages = pages(self.cx, self.bucket);
            match pages.try_for_each_concurrent(PAGES_AT_ONCE, |page| self.delete_page(page)).await {
                // The list is read again from its start: what was deleted is no longer in it.
                Err(error) if is_passing(&error) => self.record(0, Some(error.to_string()))?,
                other => return other,
            }
            self.cx.pause(Duration::from_secs(pause)).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn delete_page(&self, page: Page) -> Result<()> {
        let mut objects: Vec<ObjectIdentifier> = page.versions.into_iter().chain(page.markers).collect();
        let mut pause = 1;
        while !objects.is_empty() {
            let sent = objects.len();
            let refusal = match send(self.cx, self.bucket, objects.clone()).await {
                // The bucket no longer exists.
                Ok(None) => return Ok(()),
                Ok(Some(errors)) => {
                    let refusal = errors.first().map(|error| error.code().unwrap_or_default().to_owned());
                    objects = self.refused(&errors)?;
                    refusal
                }
                Err(error) if is_passing(&error) => Some(error.to_string()),
                Err(error) => return Err(error),
            };
            let deleted = sent.saturating_sub(objects.len());
            self.record(deleted as u64, refusal)?;
            if objects.is_empty() {
                break;
            }
            pause = if deleted > 0 { 1 } else { (pause * 2).min(LONGEST_PAUSE) };
            self.cx.pause(Duration::from_secs(pause)).await?;
        }
        Ok(())
    }

    /// Returns the objects that have to be sent again.
    fn refused(&self, errors: &[aws_sdk_s3::types::Error]) -> Result<Vec<ObjectIdentifier>> {
        if let Some(error) = errors.iter().find(|error| !PASSING.contains(&error.code().unwrap_or_default())) {
            return Err(Error::Failed {
                what: format!("deleting `{}` from bucket `{}`", error.key().unwrap_or_default(), self.bucket),
                status: error.code().unwrap_or("refused").to_owned(),
                reason: error.message().map(str::to_owned),
            });
        }
        errors.iter().map(|error| identify(error.key(), error.version_id())).collect()
    }

    /// Counts deleted objects, and shows the progress from time to time.
    fn record(&self, deleted: u64, refusal: Option<String>) -> Result<()> {
        let now = self.cx.clock.now();
        let mut tally = self.tally();
        tally.deleted += deleted;
        tally.refusal = refusal;
        if deleted > 0 {
            tally.advanced = now;
        }
        let stalled = now.saturating_sub(tally.advanced);
        if stalled >= Duration::from_secs(STALL_SECONDS) {
            return Err(Error::Timeout { what: self.what(), status: self.describe(&tally), after: stalled });
        }
        let is_due = |shown: Duration| now.saturating_sub(shown) >= Duration::from_secs(SHOWN_EVERY_SECONDS);
        if tally.shown.is_none_or(is_due) {
            tally.shown = Some(now);
            self.cx.waiting(&self.what(), &self.describe(&tally));
        }
        Ok(())
    }

    fn describe(&self, tally: &Tally) -> String {
        let seconds = self.cx.clock.now().saturating_sub(self.began).as_secs().max(1);
        let rate = tally.deleted / seconds;
        let refusal = tally.refusal.as_ref().map(|why| format!("; S3 asks to try again: {why}")).unwrap_or_default();
        format!("{} objects and old versions deleted, {rate} a second{refusal}", tally.deleted)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the same call may succeed later. To delete named versions twice is the same as once.
fn is_passing(error: &Error) -> bool {
    error.outcome() == CallOutcome::Unknown || error.aws().is_some_and(|aws| aws.kind == ErrorKind::Throttled)
}

/// Deletes objects. Returns those that S3 refuses; `None` if the bucket does not exist.
async fn send(
    cx: &StepContext,
    bucket: &str,
    objects: Vec<ObjectIdentifier>,
) -> Result<Option<Vec<aws_sdk_s3::types::Error>>> {
    let objects = built(Delete::builder().set_objects(Some(objects)).quiet(true).build())?;
    let call = || {
        let call = cx.aws.s3.delete_objects().bucket(bucket).delete(objects.clone());
        call.expected_bucket_owner(cx.account.as_str()).send()
    };
    let answer = ignore_codes(change(cx, "s3:DeleteObjects", call).await, &["NoSuchBucket"])?;
    Ok(answer.map(|answer| answer.errors.unwrap_or_default()))
}
