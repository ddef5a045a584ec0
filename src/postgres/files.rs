//! Files that are whole or absent, whenever the process ends.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use infra_base::file::{self, Access};

use super::error::PostgresError;

/// How much of a log an error shows.
const LOG_END: u64 = 4096;

/// Writes a file: first beside it, then renamed, so that a reader never sees half of it.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), PostgresError> {
    file::replace(path, text, Access::Mode(mode)).map_err(PostgresError::io("write", path))
}

/// Reads a file that can be absent.
pub(super) fn read(path: &Path) -> Result<Option<String>, PostgresError> {
    match file::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PostgresError::io("read", path)(error)),
    }
}

/// Creates a directory and those above it.
pub(super) fn create_directory(path: &Path, mode: u32) -> Result<(), PostgresError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(PostgresError::io("create", path))
}

/// Removes a file or a directory that can be absent.
pub(super) fn remove(path: &Path) -> Result<(), PostgresError> {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|data| data.is_dir());
    let removed = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PostgresError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Returns the end of a log, for an error.
pub(super) fn end_of(path: &Path) -> String {
    let read = || {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_END)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    let text = read().unwrap_or_else(|error| format!("{}: {error}", path.display()).into_bytes());
    String::from_utf8_lossy(&text).trim_end().to_owned()
}
