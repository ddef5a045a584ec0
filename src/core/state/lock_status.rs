//! The status and the errors of locks.

use std::io;

use super::lock_owner::Holder;

/// The reason why the lock could not be acquired, kept or released.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds the lock.
    #[error(
        "another run is in progress: {}",
        .holder.as_ref().map_or_else(|| "its holder is not recorded".to_owned(), Holder::describe)
    )]
    Held {
        /// The location of the lock.
        place: String,
        /// The holder, if it is recorded.
        holder: Option<Holder>,
    },
    /// This run held the lock, but does not any more.
    #[error(
        "this run no longer holds the lock at {place}{}",
        .holder.as_ref().map(|holder| format!("; its holder is {}", holder.describe())).unwrap_or_default()
    )]
    Lost {
        /// The location of the lock.
        place: String,
        /// The new holder, if it is recorded.
        holder: Option<Holder>,
    },
    /// Objects in the bucket would not be encrypted.
    #[error("the bucket of {place} does not encrypt its objects")]
    Unencrypted {
        /// The location of the lock.
        place: String,
    },
    /// The lock cannot be read or written.
    #[error("{place} cannot be locked")]
    Io {
        /// The location of the lock.
        place: String,
        /// The error.
        #[source]
        source: io::Error,
    },
}

/// The status of a lock that another run may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No run holds it.
    Free,
    /// Its holder is provably dead. The next run takes over the lock.
    Dead(Holder),
    /// Its holder is alive, or may be alive.
    Held(Option<Holder>),
}
