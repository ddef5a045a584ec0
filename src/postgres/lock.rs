//! Locks between processes. The kernel releases them when a process ends, also with `kill -9`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use infra_base::file;

use super::error::PostgresError;

/// How often a lock is tried while somebody else holds it.
const RETRY: Duration = Duration::from_millis(20);

/// A held lock of a file.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Shared,
    Exclusive,
}

impl Lock {
    /// Locks a file together with other holders of shared locks. Waits until no exclusive lock is left.
    pub(super) fn shared(path: &Path, limit: Duration) -> Result<Self, PostgresError> {
        wait(path, Mode::Shared, limit)
    }

    /// Locks a file alone. Waits until no other lock is left.
    pub(super) fn exclusive(path: &Path, limit: Duration) -> Result<Self, PostgresError> {
        wait(path, Mode::Exclusive, limit)
    }

    /// Locks a file alone, unless somebody has locked it.
    pub(super) fn try_exclusive(path: &Path) -> Result<Option<Self>, PostgresError> {
        attempt(path, Mode::Exclusive)
    }
}

fn wait(path: &Path, mode: Mode, limit: Duration) -> Result<Lock, PostgresError> {
    let began = Instant::now();
    loop {
        if let Some(lock) = attempt(path, mode)? {
            return Ok(lock);
        }
        if began.elapsed() > limit {
            return Err(PostgresError::Timeout { what: format!("{} is locked", path.display()), limit });
        }
        std::thread::sleep(RETRY);
    }
}

/// Locks the file that has this path now. A file that was removed by the previous holder does not count: its lock would
/// exclude nobody.
fn attempt(path: &Path, mode: Mode) -> Result<Option<Lock>, PostgresError> {
    let open = || {
        let file = file::open(path, File::options().create(true).truncate(false).read(true).write(true))?;
        let locked = match mode {
            Mode::Shared => file.try_lock_shared(),
            Mode::Exclusive => file.try_lock(),
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (held, named) = (file.metadata()?, fs::metadata(path));
        let same = named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino()));
        io::Result::Ok(same.then_some(Lock { _file: file }))
    };
    open().map_err(PostgresError::io("lock", path))
}
