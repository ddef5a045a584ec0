//! Kills a process group when this process has ended, however it ended.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Reads the group, then waits: for the word, or for the end of this process, which closes the pipe. There is no `--`
/// before the group: the `kill` of dash takes it for a number.
const SCRIPT: &str = "read -r group || exit 0; read -r word; [ \"$word\" = ended ] || kill -9 \"-$group\"";

/// A process that waits for the end of this one.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts it, before there is anything to watch.
    pub(super) fn start() -> std::io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C does not reach it.
        shell.process_group(0).spawn().map(Self)
    }

    /// Watches a process group.
    pub(super) fn watch(&mut self, group: u32) -> std::io::Result<()> {
        self.say(&group.to_string())
    }

    /// The group has ended: another one may have its number soon.
    pub(super) fn end(&mut self) {
        let _ = self.say("ended");
        self.0.stdin = None;
        let _ = self.0.wait();
    }

    fn say(&mut self, line: &str) -> std::io::Result<()> {
        match &mut self.0.stdin {
            Some(stdin) => stdin.write_all(format!("{line}\n").as_bytes()),
            None => Ok(()),
        }
    }
}
