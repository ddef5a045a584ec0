//! Regular files are opened; everything else is refused.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file with these options. A file that they create can be read and written by its owner only.
///
/// # Errors
/// The path is a symbolic link, a FIFO, a device, a socket or a directory, or the file cannot be opened.
pub fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    refuse_irregular(path)?;
    open_with(path, options, OFlags::NOFOLLOW)
}

/// Reads a regular file, also through a symbolic link.
///
/// # Errors
/// The path leads to a FIFO, a device, a socket or a directory, or the file cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    // To open a device can have an effect.
    refuse_kind(&fs::metadata(path)?)?;
    let mut bytes = Vec::new();
    open_with(path, OpenOptions::new().read(true), OFlags::empty())?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a regular file of UTF-8 text, also through a symbolic link.
///
/// # Errors
/// Those of [`read`], or it is not text.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The largest file that a person writes for this program, in bytes.
const LARGEST_INPUT: u64 = 8 * 1024 * 1024;

/// Reads a text that a person has named, also from a pipe: at most 8 MiB, because a device may never end.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`]; it cannot be read, or is not text.
pub fn read_input(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST_INPUT + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LARGEST_INPUT {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 8 MiB")),
        false => Ok(text),
    }
}

/// Refuses a path at which something exists that is not a regular file. Nothing may exist.
///
/// # Errors
/// It is a symbolic link, a FIFO, a device, a socket or a directory, or the path cannot be examined.
pub fn refuse_irregular(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) => refuse_kind(&found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn open_with(path: &Path, options: &OpenOptions, flags: OFlags) -> io::Result<File> {
    // A FIFO that has taken the place of the file in the meantime is not waited for.
    let flags = (flags | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let file = options.clone().mode(0o600).custom_flags(flags.cast_signed()).open(path)?;
    refuse_kind(&file.metadata()?)?;
    Ok(file)
}

fn refuse_kind(found: &Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn fifo(directory: &Path) -> PathBuf {
        let path = directory.join("fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
        path
    }

    fn why<T>(result: io::Result<T>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_fifo_in_place_of_a_file_was_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let fifo = fifo(directory.path());
        assert_eq!(why(read(&fifo)), "it is a FIFO, not a regular file");
        assert_eq!(why(open(&fifo, OpenOptions::new().append(true))), "it is a FIFO, not a regular file");
        // Also one that appears after the check.
        let opened = open_with(&fifo, OpenOptions::new().read(true), OFlags::NOFOLLOW);
        assert_eq!(why(opened), "it is a FIFO, not a regular file");
        assert_eq!(why(read(directory.path())), "it is a directory, not a regular file");
        assert_eq!(why(read(Path::new("/dev/null"))), "it is a device, not a regular file");
    }

    #[test]
    fn a_symbolic_link_was_written_through() {
        let directory = tempfile::tempdir().expect("a directory");
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        fs::write(&file, "before").expect("a file");
        symlink(&file, &link).expect("a link");
        let options = OpenOptions::new().write(true).create(true).truncate(true).clone();
        assert_eq!(why(open(&link, &options)), "it is a symbolic link, not a regular file");
        assert!(open_with(&link, &options, OFlags::NOFOLLOW).is_err(), "also one that appears after the check");
        assert_eq!(read(&link).expect("it can be read"), b"before");
        // A link to nothing would create a file elsewhere.
        fs::remove_file(&file).expect("it is removed");
        assert!(open(&link, &options).is_err());
        assert!(!file.exists());
    }

    #[test]
    fn a_new_file_was_readable_by_every_user() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let file = open(&path, OpenOptions::new().append(true).create(true)).expect("it is created");
        assert_eq!(file.metadata().expect("it exists").permissions().mode() & 0o777, 0o600);
    }
}
