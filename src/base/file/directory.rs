//! Directories of one user.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Creates a directory and those above it, as far as they are missing, and makes them durable. Only their owner can
/// enter them. Those that exist keep their mode.
///
/// # Errors
/// One of them cannot be created, or is not a directory.
pub fn create_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        create_directory(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_directory(path),
    }
}

/// Flushes the directory that contains `path`, so that its name outlives a power failure.
///
/// # Errors
/// The directory cannot be opened or flushed.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(above(path))?.sync_all()
}

/// Returns the directory that contains `path`.
pub(super) fn above(path: &Path) -> &Path {
    path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the names in a directory. One that does not exist has none.
pub(super) fn names(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn new_directories_were_open_to_every_user() {
        let directory = tempfile::tempdir().expect("a directory");
        let below = directory.path().join("a/b");
        create_directory(&below).expect("it is created");
        create_directory(&below).expect("it may exist");
        for path in [directory.path().join("a"), below] {
            assert_eq!(fs::metadata(&path).expect("it exists").permissions().mode() & 0o777, 0o700, "{path:?}");
        }
        assert!(create_directory(Path::new("")).is_ok(), "the current directory");
    }
}
