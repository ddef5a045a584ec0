//! One run at a time: taking the lock, showing that one is alive, giving it back.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::file_lock::FileLock;
use super::holder::Holder;
use super::lease::Lease;
use super::shared_lock::SharedLock;
use crate::fuse::Fuse;

/// Why the lock could not be taken, kept or given back.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run is going on.
    #[error("another run is going on: {}", .holder.as_ref().map_or_else(|| "its holder is not written down".to_owned(), Holder::describe))]
    Held {
        /// The lock's place.
        place: String,
        /// Who, when it is written down.
        holder: Option<Holder>,
    },
    /// It was ours and is not any more.
    #[error("the lock at {place} is not ours any more{}", .holder.as_ref().map(|holder| format!(": it is held by {}", holder.describe())).unwrap_or_default())]
    Lost {
        /// The lock's place.
        place: String,
        /// Who has it now, when that is written down.
        holder: Option<Holder>,
    },
    /// What is stored there would not be encrypted.
    #[error("the bucket of {place} does not encrypt what is put into it")]
    Unencrypted {
        /// The lock's place.
        place: String,
    },
    /// The lock cannot be read or written.
    #[error("{place} can not be locked")]
    Io {
        /// The lock's place.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What is known of a lock that somebody else may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nobody holds it.
    Free,
    /// Its holder is provably dead; the next run takes it over.
    Dead(Holder),
    /// Its holder is alive, or cannot be known to be dead.
    Held(Option<Holder>),
}

/// A held lock. On disk, dropping it releases it; in S3, [`Lock::release`] has to be called.
#[derive(Debug)]
pub struct Lock {
    kind: Kind,
    /// Who held it before and died without releasing it.
    pub taken_over_from: Option<Holder>,
}

#[derive(Debug)]
enum Kind {
    File(FileLock),
    Shared(SharedLock),
}

/// How often a lock on disk shows that its holder is alive. Nobody depends on it; it is for those who look.
const ON_DISK: Duration = Duration::from_secs(15);

impl Lock {
    /// Takes the lock of the state in `directory`, which is made when it is missing.
    ///
    /// # Errors
    /// [`LockError::Held`] when a living process holds it.
    pub fn take(directory: &Path, command: &str) -> Result<Self, LockError> {
        Self::take_with_fuse(directory, command, &Fuse::default())
    }

    /// The same, for a run that dies when `fuse` blows.
    ///
    /// # Errors
    /// As [`Lock::take`].
    pub fn take_with_fuse(directory: &Path, command: &str, fuse: &Fuse) -> Result<Self, LockError> {
        let (lock, taken_over_from) = FileLock::take(directory, command, fuse)?;
        Ok(Self { kind: Kind::File(lock), taken_over_from })
    }

    pub(super) fn shared(lock: SharedLock, taken_over_from: Option<Holder>) -> Self {
        Self { kind: Kind::Shared(lock), taken_over_from }
    }

    /// Returns the right to write that the lock gives.
    pub fn lease(&self) -> Lease {
        match &self.kind {
            Kind::File(lock) => lock.lease.clone(),
            Kind::Shared(lock) => lock.lease.clone(),
        }
    }

    /// Shows that the holder is alive.
    ///
    /// # Errors
    /// [`LockError::Lost`] when somebody else has it; another error may pass.
    pub async fn renew(&mut self) -> Result<(), LockError> {
        match &mut self.kind {
            Kind::File(lock) => lock.renew().map_err(|_| LockError::Lost { place: "this directory".to_owned(), holder: None }),
            Kind::Shared(lock) => lock.renew().await,
        }
    }

    /// Gives the lock back, which proves that it was still ours.
    ///
    /// # Errors
    /// [`LockError::Lost`] when it was not; another error when it could not be given back, and then it ends with its lease.
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

/// Renews a lock until it is stopped.
#[derive(Debug)]
pub struct Heartbeat {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Lock>,
}

impl Heartbeat {
    /// Renews `lock` from now on. When it is lost, nothing can be written any more, and `lost` is told why.
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
                    // A network that fails for a moment is no reason to stop: nothing is written once the lease is over.
                    Err(error) => tracing::warn!("the lock could not be renewed: {error}"),
                    Ok(()) => {}
                }
            }
        });
        Self { stop, task }
    }

    /// Stops and returns the lock.
    pub async fn stop(self) -> Option<Lock> {
        // When the task is gone, so is the lock.
        let _ = self.stop.send(());
        self.task.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let first = Lock::take(directory.path(), "up").unwrap();
        let Err(LockError::Held { holder: Some(holder), .. }) = Lock::take(directory.path(), "down") else {
            panic!("the lock was given twice");
        };
        assert_eq!((holder.command.as_str(), holder.pid), ("up", std::process::id()));
        drop(first);
        let again = Lock::take(directory.path(), "down").unwrap();
        assert_eq!(again.taken_over_from, None);
    }

    #[test]
    fn a_lock_whose_holder_died_is_taken_over_and_it_is_said_from_whom() {
        let directory = tempfile::tempdir().unwrap();
        let dead = Holder::myself("up", None);
        std::fs::write(directory.path().join("lock"), serde_json::to_string(&dead).unwrap()).unwrap();
        let lock = Lock::take(directory.path(), "up").unwrap();
        assert_eq!(lock.taken_over_from, Some(dead));
    }

    #[tokio::test]
    async fn a_lock_that_was_taken_away_by_force_does_not_let_its_holder_write() {
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
