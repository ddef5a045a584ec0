//! The lock across machines, for one run at a time: an object with conditional writes only.
//!
//! The holder renews it. A run that finds a lock not renewed for longer than its lease does not trust the two clocks:
//! it watches for longer than the heartbeat interval, and takes the lock over only if it was not renewed meanwhile. S3
//! rejects the old holder's next write, and the old holder does not try to write after the end of its lease.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::lease::Lease;
use super::lock_owner::{Holder, machine};
use super::lock_status::{Found, LockError};
use infra_aws::{Expect, Object, Objects, WriteError};
use infra_base::clock::timestamp;

const KEY: &str = "lock";
/// How often other runs may be faster before the lock counts as held.
const ROUNDS: u32 = 5;

/// A lock in an S3 object.
#[derive(Debug)]
pub(super) struct SharedLock {
    objects: Objects,
    holder: Holder,
    etag: String,
    length: Duration,
    pub(super) lease: Lease,
}

/// The content of the object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Content {
    Held(Holder),
    /// The lock is released. The object remains, so that acquiring and releasing are the same conditional write.
    Free {
        free_since: String,
    },
}

/// What the object shows about the holder.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Free,
    /// The process on this same machine no longer exists.
    Gone(Holder),
    /// It was not renewed within its lease, if both clocks are right.
    Silent(Holder),
    Alive(Option<Holder>),
}

fn judge(bytes: &[u8], age: Duration, machine: Option<&str>) -> Verdict {
    match serde_json::from_slice(bytes) {
        Ok(Content::Free { .. }) => Verdict::Free,
        Ok(Content::Held(holder)) if holder.is_gone_from(machine) => Verdict::Gone(holder),
        Ok(Content::Held(holder)) => match holder.lease_seconds {
            Some(seconds) if age > Duration::from_secs(seconds) => Verdict::Silent(holder),
            _ => Verdict::Alive(Some(holder)),
        },
        Err(_) => Verdict::Alive(None),
    }
}

fn age(object: &Object) -> Duration {
    SystemTime::now().duration_since(object.modified).unwrap_or_default()
}

impl SharedLock {
    /// Acquires the lock, with leases of `length`. Returns the previous holder if it died without releasing the lock.
    pub(super) async fn take(
        objects: Objects,
        command: &str,
        length: Duration,
    ) -> Result<(Self, Option<Holder>), LockError> {
        let place = objects.place(KEY);
        let fail = |error: &dyn std::error::Error| LockError::Io {
            place: place.clone(),
            source: io::Error::other(error.to_string()),
        };
        let holder = Holder::current(command, Some(length.as_secs()));
        let text = text(&Content::Held(holder.clone()));
        let mut before: Option<(String, Option<Holder>)> = None;
        for _ in 0..ROUNDS {
            let expect = before.as_ref().map_or(Expect::Absent, |(etag, _)| Expect::Tag(etag));
            match objects.put(KEY, &text, expect).await {
                Ok(written) => {
                    let lease = Lease::for_time(length, written.sent_at);
                    let lock = Self { objects, holder, etag: written.etag, length, lease };
                    if !written.encrypted {
                        lock.release().await?;
                        return Err(LockError::Unencrypted { place });
                    }
                    return Ok((lock, before.and_then(|(_, holder)| holder)));
                }
                Err(WriteError::Conflict) => {}
                Err(WriteError::Aws(error)) => return Err(fail(&error)),
            }
            // Another run holds the lock, or has held it.
            before = None;
            let Some(object) = objects.get(KEY).await.map_err(|error| fail(&error))? else { continue };
            let held = |holder| LockError::Held { place: place.clone(), holder };
            match judge(&object.bytes, age(&object), machine().as_deref()) {
                Verdict::Alive(holder) => return Err(held(holder)),
                Verdict::Free => before = Some((object.etag, None)),
                Verdict::Gone(holder) => before = Some((object.etag, Some(holder))),
                Verdict::Silent(holder) => {
                    let lease = Duration::from_secs(holder.lease_seconds.unwrap_or_default());
                    tokio::time::sleep(lease / 2).await;
                    match objects.get(KEY).await.map_err(|error| fail(&error))? {
                        Some(again) if again.etag == object.etag => before = Some((object.etag, Some(holder))),
                        Some(_) => return Err(held(Some(holder))),
                        None => {}
                    }
                }
            }
        }
        Err(LockError::Held { place, holder: None })
    }

    /// Returns the heartbeat interval: four heartbeats per lease.
    pub(super) fn period(&self) -> Duration {
        self.length / 4
    }

    pub(super) fn holder(&self) -> &Holder {
        &self.holder
    }

    pub(super) fn identify(&mut self, arn: &str) {
        self.holder.identity = Some(arn.to_owned());
    }

    pub(super) async fn renew(&mut self) -> Result<(), LockError> {
        let sent_at = self.write(&Content::Held(self.holder.heartbeat_age())).await?;
        self.lease.renew(sent_at);
        Ok(())
    }

    pub(super) async fn release(mut self) -> Result<(), LockError> {
        self.write(&Content::Free { free_since: timestamp() }).await.map(drop)
    }

    /// Writes the object. Returns when the request was sent.
    async fn write(&mut self, content: &Content) -> Result<(Instant, SystemTime), LockError> {
        let place = self.objects.place(KEY);
        match self.objects.put(KEY, &text(content), Expect::Tag(&self.etag)).await {
            Ok(written) => {
                self.etag = written.etag;
                Ok(written.sent_at)
            }
            Err(WriteError::Aws(error)) => Err(LockError::Io { place, source: io::Error::other(error.to_string()) }),
            Err(WriteError::Conflict) => {
                let object = self.objects.get(KEY).await.ok().flatten();
                let holder = object.and_then(|object| serde_json::from_slice(&object.bytes).ok());
                Err(LockError::Lost { place, holder })
            }
        }
    }

    /// Returns the status of the lock.
    pub(super) async fn status(objects: &Objects) -> io::Result<Found> {
        let Some(object) = objects.get(KEY).await.map_err(io::Error::other)? else { return Ok(Found::Free) };
        Ok(match judge(&object.bytes, age(&object), machine().as_deref()) {
            Verdict::Free => Found::Free,
            Verdict::Gone(holder) => Found::Dead(holder),
            Verdict::Silent(holder) => Found::Held(Some(holder)),
            Verdict::Alive(holder) => Found::Held(holder),
        })
    }

    /// Removes the lock by force. The holder's next heartbeat or write is rejected.
    pub(super) async fn remove(objects: &Objects) -> io::Result<()> {
        let Some(object) = objects.get(KEY).await.map_err(io::Error::other)? else { return Ok(()) };
        let free = text(&Content::Free { free_since: timestamp() });
        objects.put(KEY, &free, Expect::Tag(&object.etag)).await.map(drop).map_err(io::Error::other)
    }
}

fn text(content: &Content) -> Vec<u8> {
    serde_json::to_vec_pretty(content).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_dead_without_its_process_and_silent_after_its_lease() {
        let holder = Holder { pid: u32::MAX, machine: Some("here".into()), ..Holder::current("up", Some(60)) };
        let bytes = text(&Content::Held(holder.clone()));
        let seconds = Duration::from_secs;
        assert_eq!(judge(&bytes, seconds(1), Some("here")), Verdict::Gone(holder.clone()));
        assert_eq!(judge(&bytes, seconds(1), Some("elsewhere")), Verdict::Alive(Some(holder.clone())));
        assert_eq!(judge(&bytes, seconds(61), Some("elsewhere")), Verdict::Silent(holder));
        assert_eq!(judge(b"{}", seconds(9999), Some("here")), Verdict::Alive(None), "unreadable content is left alone");
        let free = text(&Content::Free { free_since: "2026-01-01T00:00:00Z".into() });
        assert_eq!(judge(&free, seconds(0), Some("here")), Verdict::Free);
    }
}
