//! Commands of the user's own that are run around the last step.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::Split;
use super::record::Record;
use super::schedule::Input;
use crate::config::Cutover;
use crate::events::{Event, Events};

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
    /// The commands of a configuration.
    pub fn of(cutover: &Cutover) -> Self {
        Self {
            quiesce: cutover.quiesce_command.clone(),
            release: cutover.release_command.clone(),
            timeout: Duration::from_secs(cutover.quiesce_timeout_seconds.into()),
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
        let ran = run(command, self.timeout, live, tell).await;
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
async fn run(command: &[String], timeout: Duration, live: Split, tell: impl Fn(String) + Send + 'static) -> Ran {
    let command = command.to_vec();
    let ran = tokio::task::spawn_blocking(move || wait(&command, timeout, live, tell)).await;
    ran.unwrap_or_else(|error| Ran { exit_code: None, seconds: 0, failed: Some(format!("it is not known what became of it: {error}")) })
}

fn wait(command: &[String], timeout: Duration, live: Split, tell: impl Fn(String) + Send + 'static) -> Ran {
    let began = Instant::now();
    let failed = |exit_code, why: String| Ran { exit_code, seconds: began.elapsed().as_secs(), failed: Some(why) };
    let [program, arguments @ ..] = command else { return failed(None, "there is no command".to_owned()) };
    let started = Command::new(program)
        .args(arguments)
        .env("MIGRATE_INFRA_TRAFFIC_PERCENT", live.percent().to_string())
        .stdin(Stdio::null())
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
    match end(&mut child, began + timeout) {
        Ok(Some(status)) if status.success() => Ran { exit_code: status.code(), seconds: began.elapsed().as_secs(), failed: None },
        Ok(Some(status)) => failed(status.code(), format!("`{program}` ended with {status}")),
        Ok(None) => failed(None, format!("`{program}` took longer than {} s and was stopped", timeout.as_secs())),
        Err(error) => failed(None, format!("it is not known what became of `{program}`: {error}")),
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
        let ran = run(&command, Duration::from_millis(200), Split::SOURCE, |_| {}).await;
        assert!(ran.failed.is_some_and(|why| why.contains("was stopped")));
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!late.exists());
    }

    #[test]
    fn what_a_command_wrote_reached_the_terminal_as_it_was() {
        assert_eq!(plain("a\u{1b}[31mred\u{7}\tb\r\n"), "a [31mred  b");
    }
}
