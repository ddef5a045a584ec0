//! Leases: whether a run may still write, because it still holds the lock.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

use super::store::Store;

/// The right to write that comes with a lock. Clones share it.
#[derive(Clone, Debug)]
pub struct Lease(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    until: Until,
    lost: Mutex<Option<String>>,
}

/// The validity of a lease.
#[derive(Debug)]
enum Until {
    /// Valid as long as the file has this inode, which the operating system has locked.
    Moved { path: PathBuf, inode: u64 },
    /// Valid for this long after the last renewal, by two clocks: one that pauses while the machine sleeps, and one
    /// that does not.
    Elapsed { length: Duration, renewed: Mutex<(Instant, SystemTime)> },
}

/// How often a write asks whether the lease is renewed.
const ASK_EVERY: Duration = Duration::from_millis(100);

impl Lease {
    /// Returns a lease on a lock file.
    pub(super) fn on_file(path: PathBuf, inode: u64) -> Self {
        Self::new(Until::Moved { path, inode })
    }

    /// Returns a lease that must be renewed within `length`. It was last renewed at `at`.
    pub(super) fn for_time(length: Duration, at: (Instant, SystemTime)) -> Self {
        Self::new(Until::Elapsed { length, renewed: Mutex::new(at) })
    }

    fn new(until: Until) -> Self {
        Self(Arc::new(Inner { until, lost: Mutex::new(None) }))
    }

    /// Renews the lease, with a request that was sent at `at`.
    pub(super) fn renew(&self, at: (Instant, SystemTime)) {
        if let Until::Elapsed { renewed, .. } = &self.0.until {
            *renewed.lock().unwrap_or_else(PoisonError::into_inner) = at;
        }
    }

    /// Checks that the lock is provably still held. If it was not renewed in time, for example because it could not be
    /// while the credentials had expired, waits for the next renewal, but not longer than until it is due.
    ///
    /// # Errors
    /// Those of [`Lease::check`].
    pub(super) async fn wait_until_held(&self) -> io::Result<()> {
        let Until::Elapsed { length, .. } = &self.0.until else { return self.check() };
        let mut waited = Duration::ZERO;
        loop {
            let checked = self.check();
            // There are four renewals in the length of a lease.
            if checked.is_ok() || self.is_lost() || waited > *length / 4 {
                return checked;
            }
            tokio::time::sleep(ASK_EVERY).await;
            waited += ASK_EVERY;
        }
    }

    fn is_lost(&self) -> bool {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Marks the lease as lost for good, with the reason.
    pub(super) fn lose(&self, why: String) {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    /// Checks that the lock is provably still held.
    ///
    /// # Errors
    /// The lock was lost, or may have been taken over because it was not renewed in time.
    pub fn check(&self) -> io::Result<()> {
        if let Some(why) = self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Err(io::Error::other(format!("the lock is lost: {why}")));
        }
        match &self.0.until {
            Until::Moved { path, inode } if inode_of(path) == Some(*inode) => Ok(()),
            Until::Moved { path, .. } => {
                Err(io::Error::other(format!("the lock is lost: {} was removed by `unlock --force`", path.display())))
            }
            Until::Elapsed { length, renewed } => {
                let (awake, wall) = *renewed.lock().unwrap_or_else(PoisonError::into_inner);
                let passed = awake.elapsed().max(wall.elapsed().unwrap_or_default());
                if passed < *length {
                    Ok(())
                } else {
                    Err(io::Error::other(format!("the lock could not be renewed for {} s", passed.as_secs())))
                }
            }
        }
    }
}

#[cfg(unix)]
pub(super) fn inode_of(path: &std::path::Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| std::os::unix::fs::MetadataExt::ino(&metadata))
}

/// A store that is written only while the lock is held.
pub struct FencedStore {
    store: Box<dyn Store>,
    lease: Lease,
}

impl FencedStore {
    /// Returns the store, protected by a lease.
    pub fn new(store: Box<dyn Store>, lease: Lease) -> Self {
        Self { store, lease }
    }
}

#[async_trait]
impl Store for FencedStore {
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.store.snapshot().await
    }

    async fn journal(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.store.journal().await
    }

    async fn append(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        self.lease.wait_until_held().await?;
        self.store.append(first, bytes).await
    }

    async fn truncate(&mut self, length: u64) -> io::Result<String> {
        self.lease.check()?;
        self.store.truncate(length).await
    }

    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        self.lease.wait_until_held().await?;
        self.store.compact(snapshot).await
    }

    async fn archive(&mut self, label: &str) -> io::Result<Vec<String>> {
        self.lease.check()?;
        self.store.archive(label).await
    }

    fn journal_place(&self) -> String {
        self.store.journal_place()
    }

    fn snapshot_place(&self) -> String {
        self.store.snapshot_place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> (Instant, SystemTime) {
        (Instant::now(), SystemTime::now())
    }

    #[test]
    fn a_lease_that_was_not_renewed_in_time_prevents_writes() {
        let lease = Lease::for_time(Duration::from_mins(1), now());
        assert!(lease.check().is_ok());
        // The machine slept: only one of the clocks continued.
        lease.renew((Instant::now(), SystemTime::now() - Duration::from_secs(61)));
        assert!(lease.check().unwrap_err().to_string().contains("61 s"));
        lease.renew(now());
        assert!(lease.check().is_ok());
    }

    #[test]
    fn a_lost_lease_stays_lost() {
        let lease = Lease::for_time(Duration::from_mins(1), now());
        lease.lose("another run took it".to_owned());
        lease.renew(now());
        assert!(lease.check().is_err());
    }

    fn overdue() -> Lease {
        Lease::for_time(Duration::from_secs(2), (Instant::now(), SystemTime::now() - Duration::from_mins(5)))
    }

    /// The renewal waited for new credentials, and the first write after them was refused.
    #[tokio::test(start_paused = true)]
    async fn a_write_waits_for_the_next_renewal() {
        let lease = overdue();
        let renewal = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            lease.renew(now());
        };
        let (held, ()) = tokio::join!(lease.wait_until_held(), renewal);
        held.unwrap();
    }

    /// A rollback must be sent, also when the state cannot be written.
    #[tokio::test(start_paused = true)]
    async fn a_write_does_not_wait_for_long() {
        let began = tokio::time::Instant::now();
        assert!(overdue().wait_until_held().await.is_err());
        assert!(began.elapsed() < Duration::from_secs(1), "a quarter of the lease");
        let lease = overdue();
        lease.lose("another run took it".to_owned());
        assert!(lease.wait_until_held().await.is_err());
    }
}
