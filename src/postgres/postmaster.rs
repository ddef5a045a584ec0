//! The main process of a running server, found by its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::error::PostgresError;

/// How often the state of a process is read.
pub(super) const POLL: Duration = Duration::from_millis(20);
/// How long a fast shutdown can take: it writes a checkpoint.
const FAST: Duration = Duration::from_secs(30);
/// How long an immediate shutdown can take. PostgreSQL itself kills its processes after 5 seconds.
const IMMEDIATE: Duration = Duration::from_secs(10);

/// A running main process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Postmaster {
    pub(super) pid: Pid,
    /// The port, once it is known.
    pub(super) port: Option<u16>,
    /// Whether it accepts connections.
    pub(super) is_ready: bool,
    data: PathBuf,
}

impl Postmaster {
    /// Finds the main process of a data directory. `None` if it does not run: the file of a killed server remains.
    ///
    /// The lines of `postmaster.pid` are those of `src/include/utils/pidfile.h`: 1 is the process id, 4 the port, 8 the
    /// state, `ready` when it accepts connections.
    pub(super) fn find(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(pid_file(data)).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let pid = Pid::from_raw(lines.first()?.parse().ok()?)?;
        let found = Self {
            pid,
            port: lines.get(3).and_then(|line| line.parse().ok()),
            is_ready: lines.get(7).is_some_and(|state| *state == "ready"),
            data: data.to_owned(),
        };
        found.is_alive().then_some(found)
    }

    /// Returns whether the process still runs. Its number can belong to another process by now: the server's process is
    /// in the data directory ("postmaster" changes there), and an ended one is nowhere.
    pub(super) fn is_alive(&self) -> bool {
        is_in(self.pid, &self.data)
    }

    /// Stops the server: fast (transactions are aborted, and a checkpoint is written), if that does not end,
    /// immediately, and then by killing it. What was committed is there in each case.
    pub(super) fn stop(&self) {
        for (signal, limit) in [(Signal::INT, FAST), (Signal::QUIT, IMMEDIATE), (Signal::KILL, IMMEDIATE)] {
            if !self.is_alive() {
                break;
            }
            // It can have ended meanwhile.
            let _ = kill_process(self.pid, signal);
            if self.ends_within(limit) {
                break;
            }
        }
        end_strays(&self.data);
    }

    /// Asks for a fast shutdown.
    pub(super) fn interrupt(&self) {
        // It can have ended meanwhile.
        let _ = kill_process(self.pid, Signal::INT);
    }

    /// Waits until the process has ended. Returns whether it has.
    pub(super) fn ends_within(&self, limit: Duration) -> bool {
        let began = Instant::now();
        while self.is_alive() {
            if began.elapsed() > limit {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }
}

/// Prepares the start of a server whose main process does not run: ends the processes that it has left, and removes its
/// file.
///
/// PostgreSQL refuses to start while "pre-existing shared memory block [...] is still in use", and while the number in
/// its file belongs to any process of the same user.
pub(super) fn clean(data: &Path) -> Result<(), PostgresError> {
    end_strays(data);
    super::files::remove(&pid_file(data))
}

fn pid_file(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// Returns whether a process runs and its current directory is the data directory.
fn is_in(pid: Pid, data: &Path) -> bool {
    if test_kill_process(pid).is_err() {
        return false;
    }
    match fs::read_link(format!("/proc/{}/cwd", pid.as_raw_pid())) {
        Ok(directory) => directory == data,
        Err(_) if has_proc() => false,
        // Systems without `/proc`: the data directory is an argument of the main process.
        Err(_) => {
            let mut command = Command::new("ps");
            command.args(["-ww", "-o", "command=", "-p", &pid.as_raw_pid().to_string()]);
            let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
            let data = data.to_string_lossy();
            output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(data.as_ref()))
        }
    }
}

fn has_proc() -> bool {
    Path::new("/proc/self/cwd").exists()
}

/// Kills the processes that a killed main process has left. They end by themselves as soon as they wait for something,
/// but a long statement can keep them busy. Without `/proc` they are not found; then the start is tried again.
fn end_strays(data: &Path) {
    let strays = || {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
        pids.filter(|pid| is_server(*pid) && is_in(*pid, data)).collect::<Vec<_>>()
    };
    let began = Instant::now();
    loop {
        let left = strays();
        if left.is_empty() || began.elapsed() > IMMEDIATE {
            return;
        }
        for pid in left {
            // It can have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(POLL);
    }
}

/// Returns whether a process is of PostgreSQL: a shell can be in the data directory too.
fn is_server(pid: Pid) -> bool {
    fs::read_link(format!("/proc/{}/exe", pid.as_raw_pid()))
        .is_ok_and(|program| program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgres")))
}
