//! Files that are written as a whole or not at all.

use std::ffi::OsString;
use std::path::Path;

/// Writes a file beside its place and moves it there.
pub(super) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = OsString::from(path);
    beside.push(".partial");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
