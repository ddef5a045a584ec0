//! Directories that end with this process.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::user::give;

/// Creates a directory of the user who runs the servers. It is removed when this process has ended.
///
/// # Panics
/// There is no space for it.
pub fn directory(prefix: &str) -> PathBuf {
    let directory = tempfile::Builder::new().prefix(prefix).tempdir().expect("a directory").keep();
    remove_at_exit(&directory);
    give(&directory);
    directory
}

/// Removes a directory when this process has ended, however it ended: a static value is never dropped. The kernel
/// closes the input of the shell with this process.
#[expect(clippy::zombie_processes, reason = "it outlives this process")]
fn remove_at_exit(directory: &Path) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat > /dev/null; sleep 2; rm -rf -- \"$0\""]).arg(directory).stdin(Stdio::piped());
    // In a process group of its own, so that Ctrl-C does not end it.
    let mut shell = shell.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().expect("a shell");
    std::mem::forget(shell.stdin.take());
}
