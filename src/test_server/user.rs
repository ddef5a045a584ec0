//! The user who runs the servers.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

/// PostgreSQL refuses to run as root.
fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").expect("this process").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the users of this machine");
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map_while(|part| part.parse().ok());
        Some((ids.next()?, ids.next()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("a user `postgres` or `nobody`"))
}

/// Gives a file or a directory to the user who runs the servers.
///
/// # Panics
/// It does not exist.
pub fn give(path: &Path) {
    if let Some((user, group)) = unprivileged() {
        chown(path, Some(user), Some(group)).expect("root can change the owner");
    }
}

/// Returns a command that the kernel ends when the *thread* that started it ends, run by the user of the servers.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    // The other user can enter the directory.
    command.args(["--pdeathsig", "QUIT"]).current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
    if let Some((user, group)) = unprivileged() {
        command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]);
    }
    command.arg(program);
    command
}

/// Runs a command and returns its output.
///
/// # Panics
/// It fails.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("setpriv runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
