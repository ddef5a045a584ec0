//! The lock, for one run at a time: acquiring, renewing and releasing it.

use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::file_lock::FileLock;
use super::lease::Lease;
use super::lock_owner::Holder;
use super::lock_status::LockError;
use super::shared_lock::SharedLock;
use infra_base::crash_point::CrashPoints;

/// A held lock. A local lock is released when dropped; a shared lock requires [`Lock::release`].
#[derive(Debug)]
pub struct Lock {
    kind: Kind,
    /// The previous holder, if it died without releasing the lock.
    pub taken_over_from: Option<Holder>,
}

#[derive(Debug)]
enum Kind {
    File(FileLock),
    Shared(SharedLock),
}

/// The heartbeat interval of a local lock. The heartbeat is only for people who inspect the lock.
const ON_DISK: Duration = Duration::from_secs(15);

impl Lock {
    /// Acquires the lock of the state in `directory`, which is created if it is missing.
    ///
    /// # Errors
    /// [`LockError::Held`] if a living process holds it.
    pub fn take(directory: &Path, command: &str) -> Result<Self, LockError> {
        Self::take_with_crash_points(directory, command, &CrashPoints::default())
    }

    /// Acquires the lock for a run that is killed at one of `crash_points`.
    ///
    /// # Errors
    /// Those of [`Lock::take`].
    pub fn take_with_crash_points(
        directory: &Path,
        command: &str,
        crash_points: &CrashPoints,
    ) -> Result<Self, LockError> {
        let (lock, taken_over_from) = FileLock::take(directory, command, crash_points)?;
        Ok(Self { kind: Kind::File(lock), taken_over_from })
    }

    pub(super) fn shared(lock: SharedLock, taken_over_from: Option<Holder>) -> Self {
        Self { kind: Kind::Shared(lock), taken_over_from }
    }

    /// Returns the lease that comes with the lock.
    pub fn lease(&self) -> Lease {
        match &self.kind {
            Kind::File(lock) => lock.lease.clone(),
            Kind::Shared(lock) => lock.lease.clone(),
        }
    }

    /// Returns the unique id of this acquisition.
    pub fn id(&self) -> &str {
        match &self.kind {
            Kind::File(lock) => &lock.holder().id,
            Kind::Shared(lock) => &lock.holder().id,
        }
    }

    /// Sets who the credentials of the run belong to. Others see it at once in a directory, and in a bucket from the
    /// next heartbeat on.
    pub fn identify(&mut self, arn: &str) {
        match &mut self.kind {
            Kind::File(lock) => lock.identify(arn),
            Kind::Shared(lock) => lock.identify(arn),
        }
    }

    /// Records a heartbeat.
    ///
    /// # Errors
    /// [`LockError::Lost`] if another run holds the lock. Other errors may be temporary.
    pub async fn renew(&mut self) -> Result<(), LockError> {
        match &mut self.kind {
            Kind::File(lock) => {
                lock.renew().map_err(|_| LockError::Lost { place: "this directory".to_owned(), holder: None })
            }
            Kind::Shared(lock) => lock.renew().await,
        }
    }

    /// Releases the lock, and proves that it was still held.
    ///
    /// # Errors
    /// [`LockError::Lost`] if it was not held any more. After another error, the lock ends with its lease.
    pub async fn release(self) -> Result<(), LockError> {
        match self.kind {
            Kind::File(lock) => {
                drop(lock);
                Ok(())
            }
            Kind::Shared(lock) => lock.release().await,
        }
    }

    fn period(&self) -> Duration {
        match &self.kind {
            Kind::File(_) => ON_DISK,
            Kind::Shared(lock) => lock.period(),
        }
    }
}

/// Renews a lock in the background.
#[derive(Debug)]
pub struct Heartbeat {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Lock>,
}

impl Heartbeat {
    /// Renews `lock` from now on. If it is lost, nothing can be written any more, and `lost` receives the reason.
    pub fn start(mut lock: Lock, lost: impl FnOnce(String) + Send + 'static) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut lost = Some(lost);
            loop {
                tokio::select! {
                    _ = &mut stopped => return lock,
                    () = tokio::time::sleep(lock.period()) => {}
                }
                match lock.renew().await {
                    Err(error @ LockError::Lost { .. }) => {
                        lock.lease().lose(error.to_string());
                        if let Some(lost) = lost.take() {
                            lost(error.to_string());
                        }
                    }
                    // A temporary network failure is no reason to stop: after the end of the lease, nothing is written.
                    Err(error) => tracing::warn!("the lock could not be renewed: {error}"),
                    Ok(()) => {}
                }
            }
        });
        Self { stop, task }
    }

    /// Stops the renewal. Returns the lock.
    pub async fn stop(self) -> Option<Lock> {
        // If the task has ended, the lock is lost, too.
        let _ = self.stop.send(());
        self.task.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_learns_who_holds_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let first = Lock::take(directory.path(), "up").unwrap();
        let Err(LockError::Held { holder: Some(holder), .. }) = Lock::take(directory.path(), "down") else {
            panic!("the lock was acquired twice");
        };
        assert_eq!((holder.command.as_str(), holder.pid), ("up", std::process::id()));
        drop(first);
        let again = Lock::take(directory.path(), "down").unwrap();
        assert_eq!(again.taken_over_from, None);
    }

    #[test]
    fn the_lock_of_a_dead_holder_is_taken_over_and_the_holder_is_returned() {
        let directory = tempfile::tempdir().unwrap();
        let dead = Holder::current("up", None);
        std::fs::write(directory.path().join("lock"), serde_json::to_string(&dead).unwrap()).unwrap();
        let lock = Lock::take(directory.path(), "up").unwrap();
        assert_eq!(lock.taken_over_from, Some(dead));
    }

    #[tokio::test]
    async fn a_lock_removed_by_force_prevents_writes_of_its_holder() {
        let directory = tempfile::tempdir().unwrap();
        let mut lock = Lock::take(directory.path(), "up").unwrap();
        assert!(lock.lease().check().is_ok());
        FileLock::remove(directory.path()).unwrap();
        assert!(lock.lease().check().is_err());
        assert!(matches!(lock.renew().await, Err(LockError::Lost { .. })));
        let next = Lock::take(directory.path(), "up").unwrap();
        assert!(next.lease().check().is_ok() && lock.lease().check().is_err());
    }
}
