//! Where a stack's state is: a directory, or a bucket that several people share.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::file::FileStore;
use super::file_lock::FileLock;
use super::lock::{Found, Lock, LockError};
use super::shared_lock::SharedLock;
use super::shared_store::SharedStore;
use super::store::Store;
use crate::aws::Objects;

/// Where a stack's state is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a directory of this machine.
    Local(PathBuf),
    /// In a bucket.
    Shared {
        /// The stack's objects.
        objects: Objects,
        /// For how long the lock is good without a heartbeat.
        lease: Duration,
    },
}

impl Place {
    /// Returns the store.
    pub fn store(&self) -> Box<dyn Store> {
        match self {
            Self::Local(directory) => Box::new(FileStore::new(directory)),
            Self::Shared { objects, .. } => Box::new(SharedStore::new(objects.clone())),
        }
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// [`LockError::Held`] when somebody holds it who is not provably dead.
    pub async fn lock(&self, command: &str) -> Result<Lock, LockError> {
        match self {
            Self::Local(directory) => Lock::take(directory, command),
            Self::Shared { objects, lease } => {
                let (lock, before) = SharedLock::take(objects.clone(), command, *lease).await?;
                Ok(Lock::shared(lock, before))
            }
        }
    }

    /// Returns who holds the lock.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn holder(&self) -> io::Result<Found> {
        match self {
            Self::Local(directory) => FileLock::look(directory),
            Self::Shared { objects, .. } => SharedLock::look(objects).await,
        }
    }

    /// Takes the lock away from whoever holds it. The holder finds out before its next write and stops.
    ///
    /// # Errors
    /// It cannot be written, or was taken or released at this moment.
    pub async fn unlock(&self) -> io::Result<()> {
        match self {
            Self::Local(directory) => FileLock::remove(directory),
            Self::Shared { objects, .. } => SharedLock::remove(objects).await,
        }
    }

    /// Returns the place in words.
    pub fn name(&self) -> String {
        match self {
            Self::Local(directory) => directory.display().to_string(),
            Self::Shared { objects, .. } => objects.place(""),
        }
    }
}
