//! The lock on one machine, for one run at a time.
//!
//! The lock is an advisory lock of the operating system on the file `lock`, so it ends with the process that holds it,
//! however that process ends. The content of the file is only for people: it shows the holder, the command and the
//! time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::lease::{Lease, inode_of};
use super::lock_owner::Holder;
use super::lock_status::{Found, LockError};
use infra_base::crash_point::CrashPoints;
use infra_base::file;
use infra_base::locked_file::LockedFile;

/// A lock on a file. It is released when dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    file: LockedFile,
    holder: Holder,
    crash_points: CrashPoints,
    pub(super) lease: Lease,
}

fn place(directory: &Path) -> PathBuf {
    directory.join("lock")
}

impl FileLock {
    /// Acquires the lock in `directory`, which is created if it is missing. Returns the previous holder if it died
    /// without releasing the lock.
    pub(super) fn take(
        directory: &Path,
        command: &str,
        crash_points: &CrashPoints,
    ) -> Result<(Self, Option<Holder>), LockError> {
        let path = place(directory);
        let io = |source| LockError::Io { place: path.display().to_string(), source };
        let hit = |point| crash_points.hit(point).map_err(io::Error::other);
        hit("before the lock is taken").and_then(|()| file::create_directory(directory)).map_err(io)?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        let mut file = file::open(&path, &options).map_err(io)?;
        let held = |holder| LockError::Held { place: path.display().to_string(), holder };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(holder(&mut file))),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut file = LockedFile::of(file);
        hit("after the lock is taken").map_err(io)?;
        // `unlock --force` may have removed the file between opening and locking it.
        let inode = std::os::unix::fs::MetadataExt::ino(&file.metadata().map_err(io)?);
        if inode_of(&path) != Some(inode) {
            return Err(held(None));
        }
        let before = holder(&mut file);
        let mut lock = Self {
            file,
            holder: Holder::current(command, None),
            crash_points: crash_points.clone(),
            lease: Lease::on_file(path.clone(), inode),
        };
        lock.write(&lock.holder.clone()).and_then(|()| hit("after the holder is recorded")).map_err(io)?;
        Ok((lock, before))
    }

    pub(super) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Adds the identity to the file, which is only for people: a failure changes nothing.
    pub(super) fn identify(&mut self, arn: &str) {
        self.holder.identity = Some(arn.to_owned());
        let _ = self.renew();
    }

    /// Records a heartbeat.
    pub(super) fn renew(&mut self) -> io::Result<()> {
        self.lease.check()?;
        self.write(&self.holder.heartbeat_age())
    }

    /// Returns the status of the lock in `directory`.
    pub(super) fn status(directory: &Path) -> io::Result<Found> {
        let mut file = match file::open(&place(directory), OpenOptions::new().read(true).write(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Free),
            Err(error) => return Err(error),
        };
        match (file.try_lock(), holder(&mut file)) {
            (Ok(()), before) => {
                drop(LockedFile::of(file));
                Ok(before.map_or(Found::Free, Found::Dead))
            }
            (Err(TryLockError::WouldBlock), holder) => Ok(Found::Held(holder)),
            (Err(TryLockError::Error(error)), _) => Err(error),
        }
    }

    /// Removes the lock by force: deletes the file, so that the next run locks a new one. The holder notices before its
    /// next write.
    pub(super) fn remove(directory: &Path) -> io::Result<()> {
        match fs::remove_file(place(directory)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&mut self, holder: &Holder) -> io::Result<()> {
        let text = serde_json::to_string_pretty(holder).unwrap_or_default();
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // If this fails, the next run only reports that it took over the lock.
        if self.crash_points.hit("before the lock is released").is_ok() {
            let _ = self.file.set_len(0);
            let _ = self.crash_points.hit("after the lock is released");
        }
    }
}

fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
