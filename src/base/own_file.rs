//! Files with which processes of one user talk to each other, in a directory to which others may have access. Who reads
//! one must know who has written it; [`crate::file`] writes them.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum OwnFileError {
    /// It cannot be opened or read. A symbolic link cannot be opened.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is a directory, a pipe or something else that is no file.
    #[error("it is no regular file")]
    NotAFile,
    /// Another user has written it.
    #[error("it belongs to the user with the id {0}")]
    OtherOwner(u32),
    /// Other users can write it.
    #[error("other users can write it: its mode is {0:o}")]
    WritableByOthers(u32),
    /// It is longer than what a message can be.
    #[error("it is longer than 64 KiB")]
    TooLong,
}

/// Reads a file that this user or root has written, and that nobody else can write. It never follows a link, and never
/// waits for a writer.
///
/// # Errors
/// It does not exist, or somebody else may have written it.
pub fn read(path: &Path) -> Result<String, OwnFileError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    check(&file.metadata()?, rustix::process::geteuid().as_raw())?;
    text_of(file)
}

fn check(found: &Metadata, me: u32) -> Result<(), OwnFileError> {
    if !found.file_type().is_file() {
        return Err(OwnFileError::NotAFile);
    }
    check_rights(found.uid(), found.permissions().mode(), me)
}

fn check_rights(owner: u32, mode: u32, me: u32) -> Result<(), OwnFileError> {
    const ROOT: u32 = 0;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    match mode & 0o7777 {
        _ if owner != me && owner != ROOT => Err(OwnFileError::OtherOwner(owner)),
        mode if mode & WRITABLE_BY_OTHERS != 0 => Err(OwnFileError::WritableByOthers(mode)),
        _ => Ok(()),
    }
}

fn text_of(file: File) -> Result<String, OwnFileError> {
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST { Err(OwnFileError::TooLong) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Access, create_new};

    #[test]
    fn a_file_of_another_user_was_obeyed() {
        assert!(matches!(check_rights(1001, 0o100_600, 1000), Err(OwnFileError::OtherOwner(1001))));
        assert!(matches!(check_rights(1000, 0o100_620, 1000), Err(OwnFileError::WritableByOthers(0o620))));
        assert!(matches!(check_rights(1000, 0o100_602, 1000), Err(OwnFileError::WritableByOthers(0o602))));
        assert!(matches!(check_rights(1000, 0o100_600, 0), Err(OwnFileError::OtherOwner(1000))));
        assert!(check_rights(1000, 0o100_644, 1000).is_ok());
        assert!(check_rights(0, 0o100_600, 1000).is_ok());
    }

    #[test]
    fn what_this_user_has_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("message");
        create_new(&path, "hello", Access::Owner).unwrap();
        assert_eq!(read(&path).unwrap(), "hello");
    }

    #[test]
    fn links_pipes_directories_and_long_files_are_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        create_new(&at("real"), "approve", Access::Owner).unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        assert!(matches!(read(&at("link")), Err(OwnFileError::Io(_))));
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), kind, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(matches!(read(&at("pipe")), Err(OwnFileError::NotAFile)));
        std::fs::create_dir(at("directory")).unwrap();
        assert!(matches!(read(&at("directory")), Err(OwnFileError::NotAFile)));
        create_new(&at("long"), "x".repeat(70_000), Access::Owner).unwrap();
        assert!(matches!(read(&at("long")), Err(OwnFileError::TooLong)));
        std::fs::set_permissions(at("real"), std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(read(&at("real")), Err(OwnFileError::WritableByOthers(0o666))));
    }
}
