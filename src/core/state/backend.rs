//! The location of a stack's state: a local directory, or a shared bucket.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::file::FileStore;
use super::file_lock::FileLock;
use super::lock::Lock;
use super::lock_status::{Found, LockError};
use super::shared_lock::SharedLock;
use super::shared_store::SharedStore;
use super::store::Store;
use infra_aws::Objects;

/// The location of a stack's state.
#[derive(Clone, Debug)]
pub enum Backend {
    /// A directory on this machine.
    Local(PathBuf),
    /// A bucket.
    Shared {
        /// The stack's objects.
        objects: Objects,
        /// How long the lock is valid without a heartbeat.
        lease: Duration,
    },
}

impl Backend {
    /// Returns the store of journal and snapshot.
    pub fn store(&self) -> Box<dyn Store> {
        match self {
            Self::Local(directory) => Box::new(FileStore::new(directory)),
            Self::Shared { objects, .. } => Box::new(SharedStore::new(objects.clone())),
        }
    }

    /// Acquires the lock.
    ///
    /// # Errors
    /// [`LockError::Held`] if another run holds it that is not provably dead.
    pub async fn lock(&self, command: &str) -> Result<Lock, LockError> {
        match self {
            Self::Local(directory) => Lock::take(directory, command),
            Self::Shared { objects, lease } => {
                let (lock, before) = SharedLock::take(objects.clone(), command, *lease).await?;
                Ok(Lock::shared(lock, before))
            }
        }
    }

    /// Returns the status of the lock.
    ///
    /// # Errors
    /// The lock cannot be read.
    pub async fn holder(&self) -> io::Result<Found> {
        match self {
            Self::Local(directory) => FileLock::status(directory),
            Self::Shared { objects, .. } => SharedLock::status(objects).await,
        }
    }

    /// Removes the lock by force. Its holder notices before its next write, and stops.
    ///
    /// # Errors
    /// The lock cannot be written, or was acquired or released at the same moment.
    pub async fn unlock(&self) -> io::Result<()> {
        match self {
            Self::Local(directory) => FileLock::remove(directory),
            Self::Shared { objects, .. } => SharedLock::remove(objects).await,
        }
    }

    /// Returns the location, for messages.
    pub fn name(&self) -> String {
        match self {
            Self::Local(directory) => directory.display().to_string(),
            Self::Shared { objects, .. } => objects.place(""),
        }
    }
}
