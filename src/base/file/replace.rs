//! Files that are written completely or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::directory::{above, names, sync_directory};
use super::open::refuse_irregular;

/// Who can read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner: mode 0600.
    Owner,
    /// Those whom the process creates files for: mode 0666 without the bits of its umask. For documents that the user
    /// asked for and wants to pass on.
    Umask,
    /// Exactly this mode, for a file that another user of this machine has to read.
    Mode(u32),
}

impl Access {
    fn permissions(self) -> Permissions {
        Permissions::from_mode(match self {
            Self::Owner => 0o600,
            Self::Umask => 0o666,
            Self::Mode(mode) => mode,
        })
    }
}

/// The end of the name of a file that is still being written.
const PARTIAL: &str = ".partial";

/// Replaces the file at `path`, or creates it. When this returns, the file is durable. A crash at any point leaves
/// either the old file or the new one.
///
/// # Errors
/// Something exists at `path` that is not a regular file, or the file cannot be written. The old one is unchanged then.
pub fn replace(path: &Path, bytes: impl AsRef<[u8]>, access: Access) -> io::Result<()> {
    let mut partial = Partial::create(path, access)?;
    partial.write(bytes.as_ref())?;
    partial.sync()?;
    partial.rename()?;
    sync_directory(path)
}

/// Creates a file that must not exist yet, completely or not at all, and makes it durable.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if anything exists at `path`, or the file cannot be written.
pub fn create_new(path: &Path, bytes: impl AsRef<[u8]>, access: Access) -> io::Result<()> {
    let mut partial = Partial::at(path, access)?;
    partial.write(bytes.as_ref())?;
    partial.sync()?;
    partial.rename_new()?;
    sync_directory(path)
}

/// Writes bytes to a new file in `directory`, whose name begins with `prefix` and is in use by no other file. Only the
/// owner can read it. Returns its path.
///
/// # Errors
/// The file cannot be written.
pub fn keep(directory: &Path, prefix: impl AsRef<OsStr>, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut file = Builder::new().prefix(&prefix).permissions(Access::Owner.permissions()).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let (_, path) = file.keep().map_err(|error| error.error)?;
    sync_directory(&path)?;
    Ok(path)
}

/// A file that is being written next to the one that it will replace. It is removed when dropped.
///
/// The steps of [`replace`], for a caller that does something between them.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    file: NamedTempFile,
}

impl Partial {
    /// Creates the temporary file. Its name is random, and it is never an existing file or a symbolic link.
    ///
    /// # Errors
    /// Something exists at `path` that is not a regular file, or the temporary file cannot be created.
    pub fn create(path: &Path, access: Access) -> io::Result<Self> {
        refuse_irregular(path)?;
        Self::at(path, access)
    }

    /// Renames the file to its path, at which nothing may exist.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`], or the file cannot be renamed.
    pub fn rename_new(self) -> io::Result<File> {
        self.file.persist_noclobber(&self.path).map_err(|error| error.error)
    }

    fn at(path: &Path, access: Access) -> io::Result<Self> {
        let prefix = prefix(path)?;
        let mut builder = Builder::new();
        let builder = builder.prefix(&prefix).suffix(PARTIAL).permissions(access.permissions());
        let file = builder.tempfile_in(above(path))?;
        if let Access::Mode(_) = access {
            // The umask has no say in it.
            file.as_file().set_permissions(access.permissions())?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Returns the path of the temporary file, for a program that writes it.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Flushes the bytes to the disk.
    ///
    /// # Errors
    /// They may not be durable.
    pub fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }

    /// Renames the file to its path. The new name is durable after [`sync_directory`].
    ///
    /// # Errors
    /// Something else than a regular file has appeared at the path, or the file cannot be renamed.
    pub fn rename(self) -> io::Result<File> {
        refuse_irregular(&self.path)?;
        self.file.persist(&self.path).map_err(|error| error.error)
    }
}

/// Removes what killed processes have left of a file that they were writing. The caller is the only one who writes it.
///
/// # Errors
/// The directory cannot be read, or a file cannot be removed.
pub fn remove_partials(path: &Path) -> io::Result<()> {
    let (directory, prefix) = (above(path), prefix(path)?);
    let is_partial = |name: &OsString| {
        let name = name.as_encoded_bytes();
        name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(PARTIAL.as_bytes())
    };
    for name in names(directory)?.into_iter().filter(is_partial) {
        match fs::remove_file(directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Returns the beginning of the name of the temporary file: that of the file itself, hidden.
fn prefix(path: &Path) -> io::Result<OsString> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "it does not end with the name of a file");
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().ok_or_else(no_name)?);
    prefix.push(".");
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").permissions().mode() & 0o777
    }

    #[test]
    fn a_file_was_written_through_a_link_at_the_fixed_name_of_its_temporary_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, other) = (directory.path().join("report.json"), directory.path().join("other"));
        fs::write(&other, "untouched").expect("a file");
        symlink(&other, directory.path().join("report.json.partial")).expect("a link");
        symlink(&other, directory.path().join("report.tmp")).expect("a link");
        replace(&path, "one", Access::Owner).expect("it is written");
        replace(&path, "two", Access::Owner).expect("it is replaced");
        assert_eq!(fs::read_to_string(&other).expect("it exists"), "untouched");
        assert_eq!(fs::read_to_string(&path).expect("it exists"), "two");
        assert_eq!(mode(&path), 0o600);
        let left = names(directory.path()).expect("a list").len();
        assert_eq!(left, 4, "no temporary file is left");
    }

    #[test]
    fn a_mode_that_is_asked_for_is_exact() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        for asked in [0o644, 0o600, 0o666] {
            replace(&path, "", Access::Mode(asked)).expect("it is written");
            assert_eq!(mode(&path), asked);
        }
    }

    #[test]
    fn a_link_was_silently_replaced_by_a_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        fs::write(&file, "before").expect("a file");
        symlink(&file, &link).expect("a link");
        let refused = replace(&link, "after", Access::Owner).expect_err("it is a link");
        assert_eq!(refused.to_string(), "it is a symbolic link, not a regular file");
        assert!(fs::symlink_metadata(&link).expect("it exists").is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("it exists"), "before");
        assert!(replace(Path::new("/dev/null"), "", Access::Umask).is_err());
        assert!(replace(directory.path(), "", Access::Umask).is_err());
    }

    #[test]
    fn a_new_file_replaces_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let [path, link] = ["file", "link"].map(|name| directory.path().join(name));
        create_new(&path, "one", Access::Umask).expect("it is created");
        symlink(directory.path().join("missing"), &link).expect("a link");
        for path in [&path, &link] {
            let refused = create_new(path, "two", Access::Umask).expect_err("it exists");
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&path).expect("it exists"), "one");
    }

    #[test]
    fn what_a_killed_process_leaves_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("world.json");
        let left = Partial::create(&path, Access::Owner).expect("a file");
        left.file.keep().expect("it stays");
        for name in [".world.json.notes", "world.json.partial"] {
            fs::write(directory.path().join(name), "").expect("a file");
        }
        assert_eq!(names(directory.path()).expect("a list").len(), 3);
        remove_partials(&path).expect("they are removed");
        let mut kept = names(directory.path()).expect("a list");
        kept.sort();
        assert_eq!(kept, [".world.json.notes", "world.json.partial"]);
        remove_partials(&directory.path().join("missing/file")).expect("there is nothing");
    }

    #[test]
    fn kept_bytes_get_a_name_of_their_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let [one, two] = [b"1", b"2"].map(|bytes| keep(directory.path(), "journal.torn-", bytes).expect("a file"));
        assert_ne!(one, two);
        assert_eq!((fs::read(&one).expect("it exists"), mode(&one)), (b"1".to_vec(), 0o600));
    }
}
