//! Commands of the user's own that are run around the last step.

use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::Split;
use super::record::Record;
use super::schedule::Input;
use crate::config::Cutover;
use crate::events::{Event, Events};

/// The name of the file that a command holds locked.
const LOCK: &str = "hook.lock";
/// How often it is looked whether a command has ended.
const EVERY: Duration = Duration::from_millis(20);
/// How long it is waited for what was killed to be gone.
const GONE: Duration = Duration::from_secs(5);

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; none when it could not be started, took too long, or was killed.
    pub exit_code: Option<i32>,
    /// How long it ran.
    pub seconds: u64,
    /// Why it counts as failed, if it does. What the command wrote is not part of it: that may hold a secret.
    pub failed: Option<String>,
}

/// The commands that are run around the last step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Stops writes to the source.
    pub quiesce: Vec<String>,
    /// Allows them again.
    pub release: Vec<String>,
    /// How long either may take.
    pub timeout: Duration,
    /// A file that a command holds locked as long as it runs, so that none is begun beside one that outlived a killed run.
    pub lock: PathBuf,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Before the last step.
    Quiesce,
    /// Once all traffic is on the source again.
    Release,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Quiesce => "quiesce",
            Self::Release => "release",
        }
    }
}

impl Hooks {
    /// The commands of a configuration, in the directory of its state.
    pub fn of(cutover: &Cutover, directory: &Path) -> Self {
        Self {
            quiesce: cutover.quiesce_command.clone(),
            release: cutover.release_command.clone(),
            timeout: Duration::from_secs(cutover.quiesce_timeout_seconds.into()),
            lock: directory.join(LOCK),
        }
    }

    /// Runs a command, if there is one, and tells of it.
    pub async fn run(&self, hook: Hook, events: &Events, live: Split) -> Option<Ran> {
        let (name, command) = match hook {
            Hook::Quiesce => (hook.name(), &self.quiesce),
            Hook::Release => (hook.name(), &self.release),
        };
        let notice = |text: String| Event::Notice { address: None, text };
        if command.is_empty() {
            events.send(notice(format!("there is no {name} command: take back by hand what the quiesce command did")));
            return None;
        }
        events.send(notice(format!("the {name} command runs")));
        let lines = events.clone();
        let tell = move |text: String| lines.send(Event::Notice { address: None, text: format!("{name}: {text}") });
        let ran = run(command, self.lock.clone(), self.timeout, live, tell).await;
        events.send(Event::HookEnded { name, exit_code: ran.exit_code, seconds: ran.seconds });
        Some(ran)
    }
}

/// Takes down what became of a command, which ended at this time, and returns what the machine is told of it.
pub fn ended(report: &mut Record, at: &str, hook: Hook, ran: Option<Ran>) -> Input {
    if let Some(ran) = &ran {
        report.hook(at, hook.name(), ran.exit_code, ran.seconds);
    }
    match (hook, ran.and_then(|ran| ran.failed)) {
        (Hook::Quiesce, None) => Input::QuiesceDone,
        (Hook::Quiesce, Some(why)) => Input::QuiesceFailed(why),
        (Hook::Release, None) => Input::Released,
        (Hook::Release, Some(why)) => Input::ReleaseFailed(why),
    }
}

/// Runs a command: a program and its arguments, not a shell line. It learns where the traffic is from `MIGRATE_INFRA_TRAFFIC_PERCENT`.
/// Each line that it writes to standard error is told.
///
/// A program takes real time, also where AWS's minutes pass in milliseconds: as long as a thread waits for it, no other time passes.
async fn run(command: &[String], lock: PathBuf, timeout: Duration, live: Split, tell: impl Fn(String) + Send + 'static) -> Ran {
    let command = command.to_vec();
    let ran = tokio::task::spawn_blocking(move || wait(&command, &lock, timeout, live, tell)).await;
    ran.unwrap_or_else(|error| Ran { exit_code: None, seconds: 0, failed: Some(format!("it is not known what became of it: {error}")) })
}

fn wait(command: &[String], lock: &Path, timeout: Duration, live: Split, tell: impl Fn(String) + Send + 'static) -> Ran {
    let began = Instant::now();
    let failed = |exit_code, why: String| Ran { exit_code, seconds: began.elapsed().as_secs(), failed: Some(why) };
    let [program, arguments @ ..] = command else { return failed(None, "there is no command".to_owned()) };
    let alone = match alone(lock, began + timeout, &tell) {
        Ok(file) => file,
        Err(why) => return failed(None, why),
    };
    let started = Command::new(program)
        .args(arguments)
        .env("MIGRATE_INFRA_TRAFFIC_PERCENT", live.percent().to_string())
        // It reads nothing from it, and holds it locked until it, and what it has started, has ended.
        .stdin(Stdio::from(alone))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // A group of its own: all that it has started can be stopped with it, and Ctrl-C is for this program alone.
        .process_group(0)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return failed(None, format!("`{program}` can not be started: {error}")),
    };
    if let Some(told) = child.stderr.take() {
        // It ends with the program, or with what that leaves behind.
        std::thread::spawn(move || {
            let mut lines = BufReader::new(told);
            let mut line = Vec::new();
            // Also what is no UTF-8 is read to its end: a program that can not write any more would fail.
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                tell(plain(&String::from_utf8_lossy(&line)));
                line.clear();
            }
        });
    }
    match end(&mut child, Instant::now() + timeout) {
        Ok(Some(status)) if status.success() => Ran { exit_code: status.code(), seconds: began.elapsed().as_secs(), failed: None },
        Ok(Some(status)) => failed(status.code(), format!("`{program}` ended with {status}")),
        Ok(None) => failed(None, format!("`{program}` took longer than {} s and was stopped", timeout.as_secs())),
        Err(error) => failed(None, format!("it is not known what became of `{program}`: {error}")),
    }
}

/// Locks the file for a command that is about to begin. One that a killed run has left behind is waited for: what it was about to do must not be
/// done after what comes next. A lock goes with the last process that has the file open (flock(2)).
fn alone(lock: &Path, limit: Instant, tell: &impl Fn(String)) -> Result<File, String> {
    let unusable = |error: std::io::Error| format!("{} can not be locked: {error}", lock.display());
    if let Some(directory) = lock.parent() {
        std::fs::create_dir_all(directory).map_err(unusable)?;
    }
    let file = File::options().read(true).append(true).create(true).open(lock).map_err(unusable)?;
    let mut waits = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= limit => {
                return Err("the command of an earlier run has not ended; stop it by hand".to_owned());
            }
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut waits, true) {
                    tell("the command of an earlier run still runs; it is waited for".to_owned());
                }
                std::thread::sleep(EVERY);
            }
        }
    }
}

/// A line without what would control a terminal.
fn plain(line: &str) -> String {
    line.trim_end().chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// Waits until a program has ended, or stops it and all that it has started. Returns nothing when it had to be stopped.
fn end(child: &mut Child, limit: Instant) -> std::io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= limit {
            stop(child)?;
            return Ok(None);
        }
        std::thread::sleep(EVERY);
    }
}

/// Stops a program and all that it has started, and returns once nothing of it runs: whatever it was about to do must not be done after what
/// comes next.
fn stop(child: &mut Child) -> std::io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match group {
        Some(group) => drop(kill_process_group(group, Signal::KILL)),
        None => child.kill()?,
    }
    child.wait()?;
    let limit = Instant::now() + GONE;
    while let Some(group) = group
        && test_kill_process_group(group).is_ok()
        && Instant::now() < limit
    {
        std::thread::sleep(EVERY);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_command_had_started_went_on_after_it_was_stopped() {
        let directory = tempfile::tempdir().expect("a directory");
        let late = directory.path().join("late");
        let command = ["sh".to_owned(), "-c".to_owned(), format!("sh -c 'sleep 1; echo late > {}'; true", late.display())];
        let ran = run(&command, directory.path().join(LOCK), Duration::from_millis(200), Split::SOURCE, |_| {}).await;
        assert!(ran.failed.is_some_and(|why| why.contains("was stopped")));
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!late.exists());
    }

    /// A run that was killed leaves its command behind.
    #[tokio::test]
    async fn a_command_ran_beside_that_of_a_killed_run() {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = directory.path().join(LOCK);
        let left = alone(&lock, Instant::now(), &|_| {}).expect("nobody has it");
        let mut orphan = Command::new("sleep").arg("1").stdin(Stdio::from(left)).spawn().expect("a command");
        let command = ["true".to_owned()];
        let early = run(&command, lock.clone(), Duration::from_millis(100), Split::SOURCE, |_| {}).await;
        assert!(early.failed.is_some_and(|why| why.contains("earlier run has not ended")));
        let (told, heard) = std::sync::mpsc::channel();
        let late = run(&command, lock, Duration::from_mins(1), Split::SOURCE, move |text| drop(told.send(text))).await;
        assert_eq!(late.failed, None);
        assert!(orphan.try_wait().expect("it can be asked for").is_some(), "it ran beside the other");
        assert!(heard.recv().is_ok_and(|text| text.contains("waited for")));
    }

    #[test]
    fn what_a_command_wrote_reached_the_terminal_as_it_was() {
        assert_eq!(plain("a\u{1b}[31mred\u{7}\tb\r\n"), "a [31mred  b");
    }
}
