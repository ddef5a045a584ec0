//! One run at a time.
//!
//! The lock is an advisory lock of the operating system on the file `lock`, so it ends with the process that holds it, however
//! that process ends. The file's content is only for people: it tells who, where, what and since when.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The command that runs.
    pub command: String,
    /// Its process id.
    pub pid: u32,
    /// The host it runs on.
    pub host: String,
    /// The user.
    pub user: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run is going on.
    #[error("another run is going on: {}", .holder.as_ref().map_or_else(|| "its holder is not written down".to_owned(), |holder| format!("`{}` by {} on {}, process {}, since {}", holder.command, holder.user, holder.host, holder.pid, holder.since)))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who, when the file tells.
        holder: Option<Holder>,
    },
    /// The lock file cannot be used.
    #[error("{} can not be locked", .path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A held lock. Dropping it releases it.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Who held it before and died without releasing it.
    pub taken_over_from: Option<Holder>,
}

impl Lock {
    /// Takes the lock in `directory`, which is made when it is missing.
    ///
    /// # Errors
    /// [`LockError::Held`] when a living process holds it.
    pub fn take(directory: &Path, command: &str) -> Result<Self, LockError> {
        let path = directory.join("lock");
        let io = |source| LockError::Io { path: path.clone(), source };
        fs::create_dir_all(directory).map_err(io)?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { path: path.clone(), holder: holder(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let taken_over_from = holder(&mut file);
        let text = serde_json::to_string_pretty(&myself(command)).unwrap_or_default();
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).map_err(io)?;
        Ok(Self { file, taken_over_from })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // When this fails, the next run merely reports that it took over.
        let _ = self.file.set_len(0);
    }
}

fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn myself(command: &str) -> Holder {
    Holder {
        command: command.to_owned(),
        pid: std::process::id(),
        host: gethostname::gethostname().to_string_lossy().into_owned(),
        user: std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned()),
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
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
        fs::write(directory.path().join("lock"), serde_json::to_string(&myself("up")).unwrap()).unwrap();
        let lock = Lock::take(directory.path(), "up").unwrap();
        assert_eq!(lock.taken_over_from.as_ref().map(|holder| holder.pid), Some(std::process::id()));
    }
}
