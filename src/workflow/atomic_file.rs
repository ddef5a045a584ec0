//! Files that are written completely or not at all.

use std::ffi::OsString;
use std::path::Path;

/// Writes a temporary file next to `path` and renames it.
///
/// # Errors
/// The file cannot be written or renamed.
pub fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut partial = OsString::from(path);
    partial.push(".partial");
    std::fs::write(&partial, text)?;
    std::fs::rename(&partial, path)
}
