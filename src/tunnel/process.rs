//! One running command.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::announced::announced;
use super::error::TunnelError;
use super::place::Place;
use super::redact::LastLines;
use super::watchdog::Watchdog;

/// How long a command has time to end by itself, and how long until killed processes no longer exist.
const END: Duration = Duration::from_secs(1);
/// The interval at which a process is polled.
const POLL: Duration = Duration::from_millis(10);
/// The longest line that is read, in bytes.
const LINE: u64 = 16 * 1024;

/// A command that runs. Dropping it ends the command and its children.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    watchdog: Watchdog,
    errors: Arc<Mutex<LastLines>>,
}

impl Process {
    /// Starts the command for a place, and waits until it says where it listens.
    ///
    /// # Errors
    /// It cannot be started, ends, or says nothing of use within the time limit.
    pub(super) fn start(
        command: &[String],
        environment: &[(OsString, OsString)],
        place: &Place,
        limit: Duration,
    ) -> Result<(Self, SocketAddr), TunnelError> {
        let command = place.fill(command);
        let [program, arguments @ ..] = command.as_slice() else {
            return Err(TunnelError::new("no command is configured".to_owned()));
        };
        let failed = |error: std::io::Error| TunnelError::new(format!("`{program}` cannot be started: {error}"));
        let mut watchdog = Watchdog::start().map_err(failed)?;
        let mut starting = Command::new(program);
        starting.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        place.set_variables(&mut starting);
        starting.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = starting.spawn().map_err(failed)?;
        let watched = watchdog.watch(child.id());
        let mut process = Self { child, watchdog, errors: Arc::default() };
        watched.map_err(failed)?;
        let lines = process.read();
        let address = process.await_address(program, &lines, Instant::now() + limit)?;
        Ok((process, address))
    }

    /// Reads both outputs, as long as the command runs: one that cannot write any more would fail. Returns the lines of
    /// standard output.
    fn read(&mut self) -> Receiver<String> {
        let (sender, receiver) = channel();
        if let Some(stdout) = self.child.stdout.take() {
            std::thread::spawn(move || {
                // After the address, nobody waits for lines.
                for_each_line(stdout, |line| drop(sender.send(line.to_owned())));
            });
        }
        if let Some(stderr) = self.child.stderr.take() {
            let errors = Arc::clone(&self.errors);
            std::thread::spawn(move || {
                for_each_line(stderr, |line| errors.lock().unwrap_or_else(PoisonError::into_inner).add(line));
            });
        }
        receiver
    }

    fn await_address(
        &mut self,
        program: &str,
        lines: &Receiver<String>,
        deadline: Instant,
    ) -> Result<SocketAddr, TunnelError> {
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => match announced(&line) {
                    Ok(Some(address)) => return Ok(address),
                    Ok(None) => {}
                    Err(why) => return Err(self.error(format!("`{program}` is of no use: {why}"))),
                },
                Err(RecvTimeoutError::Timeout) => {
                    let what = format!("`{program}` has not printed within the time limit where it listens");
                    return Err(self.error(what));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = match self.wait_briefly() {
                        Some(status) => format!("ended with {status}"),
                        None => "closed its output".to_owned(),
                    };
                    return Err(self.error(format!("`{program}` {ended}, and did not say where it listens")));
                }
            }
        }
    }

    /// Returns why the command has ended, if it has.
    pub(super) fn end(&mut self) -> Option<TunnelError> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(self.error(format!("it ended with {status}")))
    }

    /// Standard error may be read a moment later than the end is seen.
    fn error(&mut self, what: String) -> TunnelError {
        if self.wait_briefly().is_some() {
            std::thread::sleep(5 * POLL);
        }
        match self.errors.lock().unwrap_or_else(PoisonError::into_inner).text() {
            Some(text) => TunnelError::new(format!("{what}: {text}")),
            None => TunnelError::new(what),
        }
    }

    fn wait_briefly(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + 10 * POLL;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

impl Drop for Process {
    /// The command can say goodbye to its other side; what remains of it is killed.
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let exists = || test_kill_process_group(group).is_ok();
            for signal in [Signal::TERM, Signal::KILL] {
                let _ = kill_process_group(group, signal);
                let deadline = Instant::now() + END;
                // A child that has ended exists until it is waited for.
                while self.child.try_wait().is_ok() && exists() && Instant::now() < deadline {
                    std::thread::sleep(POLL);
                }
            }
        }
        let _ = self.child.wait();
        self.watchdog.end();
    }
}

fn for_each_line(output: impl Read, mut each: impl FnMut(&str)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    // Invalid UTF-8 is read as well.
    while (&mut output).take(LINE).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        each(&String::from_utf8_lossy(&line));
        line.clear();
    }
}
