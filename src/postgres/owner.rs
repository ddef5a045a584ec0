//! The operating system's user who runs the servers.
//!
//! `postgres` refuses to run as root: "it is advisable to run PostgreSQL under a separate user account" ("The
//! PostgreSQL User Account"). So root drops its privileges for it.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::PostgresError;

/// The users that root becomes, in this order.
const USERS: [&str; 2] = ["postgres", "nobody"];
/// The variables that programs need to find their libraries, and each other.
const ENVIRONMENT: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];
/// The number that Linux and most other systems give to `nobody`.
const NOBODY: u32 = 65534;

/// The user who runs the servers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    /// User and group, unless they are those of this process.
    ids: Option<(u32, u32)>,
}

impl Owner {
    /// Returns the user who runs the servers that this process starts.
    pub(super) fn current() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self { ids: None };
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = USERS.into_iter().find_map(|name| ids(&users, name));
        Self { ids: Some(found.unwrap_or((NOBODY, NOBODY))) }
    }

    /// Gives a file or a directory to the user.
    pub(super) fn give(self, path: &Path) -> Result<(), PostgresError> {
        let Some((user, group)) = self.ids else { return Ok(()) };
        chown(path, Some(user), Some(group)).map_err(PostgresError::io("change the owner of", path))
    }

    /// Returns a command that runs as the user.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.ids {
            // The standard library also drops the supplementary groups of root.
            command.uid(user).gid(group);
        }
        // The directory of this process can be closed to the user.
        command.current_dir("/").stdin(Stdio::null());
        // The environment of the person who starts this process can contain credentials, and `PGDATA` or `PGOPTIONS`.
        command.env_clear().env("LC_ALL", "C");
        command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
    }

    /// Returns whether the user can enter a directory and all above it.
    pub(super) fn can_enter(self, directory: &Path) -> bool {
        self.ids.is_none() || directory.ancestors().all(|path| self.may(path, 0o1))
    }

    /// Returns whether the user can run a program.
    pub(super) fn can_run(self, program: &Path) -> bool {
        self.ids.is_none() || self.may(program, 0o5) && program.parent().is_some_and(|parent| self.can_enter(parent))
    }

    /// Decides by the permission bits. Access control lists, which can permit more, are not read: then the files are
    /// placed elsewhere although it is not needed.
    fn may(self, path: &Path, wanted: u32) -> bool {
        let Some((user, group)) = self.ids else { return true };
        fs::metadata(path).is_ok_and(|data| {
            let shift = match () {
                () if data.uid() == user => 6,
                () if data.gid() == group => 3,
                () => 0,
            };
            data.mode() >> shift & wanted == wanted
        })
    }
}

/// Finds user and group of a name in the text of `/etc/passwd`.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let fields: Vec<&str> = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f[0] == name)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}
