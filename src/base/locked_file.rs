//! A lock on a file that ends when it is dropped.

use std::fs::File;
use std::ops::{Deref, DerefMut};

/// A file that this process has locked.
///
/// A process that is being started has a copy of each open file until it executes its program. A lock "is released
/// either by an explicit `LOCK_UN` operation on any of these duplicate file descriptors, or when all such file
/// descriptors have been closed" (flock(2)). So to close the file is not enough: the next command could find it locked.
#[derive(Debug)]
pub struct LockedFile(File);

impl LockedFile {
    /// Takes a file that this process has locked.
    pub fn of(locked: File) -> Self {
        Self(locked)
    }
}

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for LockedFile {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // If this fails, the lock ends when the last copy is closed.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_being_started_kept_the_lock_of_its_parent() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || File::create(directory.path().join("lock")).expect("a file");
        let file = open();
        file.try_lock().expect("nobody has locked it");
        let lock = LockedFile::of(file);
        let copy = lock.try_clone().expect("what a child has until it executes its program");
        assert!(open().try_lock().is_err());
        drop(lock);
        open().try_lock().expect("it was released");
        drop(copy);
    }
}
