//! The user's commands around the last step: quiesce and release.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::report::CutoverReport;
use super::state_machine::Input;
use crate::TrafficSplit;
use crate::program::{POLL_INTERVAL, Program, ProgramEnd, ProgramInput};
use infra_base::child_environment::{Environment, child_environment};
use infra_base::file;
use infra_config::Cutover;
use infra_core::events::{Event, Events};

/// The name of the file that a running command keeps locked.
const LOCK_FILE: &str = "hook.lock";
/// Variables that commands for AWS or Kubernetes often need.
const OFTEN_NEEDED: [&str; 4] = ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", "KUBECONFIG"];

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookResult {
    /// The exit code. `None` if the command could not be started, timed out, or was killed.
    pub exit_code: Option<i32>,
    /// How long it ran.
    pub seconds: u64,
    /// Why it counts as failed, if it does. The output of the command is not included, because it may contain a secret.
    pub failed: Option<String>,
}

/// The commands around the last step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Stops writes to the source.
    pub quiesce: Vec<String>,
    /// Allows writes to the source again.
    pub release: Vec<String>,
    /// The timeout of each command.
    pub timeout: Duration,
    /// The names of the variables that each command gets, besides those that it always gets.
    pub pass_environment: Vec<String>,
    /// A file that a running command keeps locked, so that no command starts while one of a killed run still runs.
    pub lock: PathBuf,
}

/// A command around the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Runs before the last step.
    Quiesce,
    /// Runs when all traffic is back on the source.
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
    /// Returns the commands of a configuration. The lock file is in `directory`, which contains the state.
    pub fn of(cutover: &Cutover, directory: &Path) -> Self {
        Self {
            quiesce: cutover.quiesce_command.clone(),
            release: cutover.release_command.clone(),
            timeout: Duration::from_secs(cutover.quiesce_timeout_seconds.into()),
            pass_environment: cutover.pass_environment.clone(),
            lock: directory.join(LOCK_FILE),
        }
    }

    /// Returns the variables of an environment that such commands often need, and do not get.
    pub fn withheld(&self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<&'static str> {
        if self.quiesce.is_empty() && self.release.is_empty() {
            return Vec::new();
        }
        let all: Environment = variables.into_iter().collect();
        let passed = child_environment(all.iter().cloned(), &self.pass_environment);
        let has = |environment: &Environment, name: &str| environment.iter().any(|(found, _)| found == name);
        OFTEN_NEEDED.into_iter().filter(|name| has(&all, name) && !has(&passed, name)).collect()
    }

    /// Runs a command, if there is one, and sends events about it.
    pub async fn run(&self, hook: Hook, events: &Events, live: TrafficSplit) -> Option<HookResult> {
        let (name, command) = match hook {
            Hook::Quiesce => (hook.name(), &self.quiesce),
            Hook::Release => (hook.name(), &self.release),
        };
        let notice = |text: String| Event::Notice { address: None, text };
        if command.is_empty() {
            events.send(notice(format!("there is no {name} command: undo manually what the quiesce command did")));
            return None;
        }
        events.send(notice(format!("running the {name} command")));
        let lines = events.clone();
        let on_line = move |text: String| lines.send(Event::Notice { address: None, text: format!("{name}: {text}") });
        let invocation = Invocation {
            command: command.clone(),
            environment: child_environment(std::env::vars_os(), &self.pass_environment),
            lock: self.lock.clone(),
            timeout: self.timeout,
            live,
        };
        let result = run(invocation, on_line).await;
        events.send(Event::HookEnded { name, exit_code: result.exit_code, seconds: result.seconds });
        Some(result)
    }
}

/// Adds the result of a command, which ended at this time, to the report. Returns the input for the machine.
pub fn record_hook(report: &mut CutoverReport, at: &str, hook: Hook, result: Option<HookResult>) -> Input {
    if let Some(result) = &result {
        report.add_hook(at, hook.name(), result.exit_code, result.seconds);
    }
    match (hook, result.and_then(|result| result.failed)) {
        (Hook::Quiesce, None) => Input::QuiesceDone,
        (Hook::Quiesce, Some(why)) => Input::QuiesceFailed(why),
        (Hook::Release, None) => Input::Released,
        (Hook::Release, Some(why)) => Input::ReleaseFailed(why),
    }
}

/// A command that runs once.
struct Invocation {
    command: Vec<String>,
    environment: Environment,
    lock: PathBuf,
    timeout: Duration,
    live: TrafficSplit,
}

/// Runs a command: a program and its arguments, not a shell line. `MIGRATE_INFRA_TRAFFIC_PERCENT` has the current
/// split. Each line that the program writes to standard error is passed to `on_line`.
///
/// The program runs in real time, even if the clock of AWS is simulated. Simulated time stands still while a thread
/// waits for it.
async fn run(invocation: Invocation, on_line: impl Fn(String) + Send + 'static) -> HookResult {
    let result = tokio::task::spawn_blocking(move || run_blocking(invocation, on_line)).await;
    result.unwrap_or_else(|error| HookResult {
        exit_code: None,
        seconds: 0,
        failed: Some(format!("the result of the command is unknown: {error}")),
    })
}

fn run_blocking(invocation: Invocation, on_line: impl Fn(String) + Send + 'static) -> HookResult {
    let Invocation { command, mut environment, lock, timeout, live } = invocation;
    let began = Instant::now();
    let lock_file = match acquire_lock(&lock, began + timeout, &on_line) {
        Ok(file) => file,
        Err(why) => return HookResult { exit_code: None, seconds: began.elapsed().as_secs(), failed: Some(why) },
    };
    environment.push(("MIGRATE_INFRA_TRAFFIC_PERCENT".into(), live.percent().to_string().into()));
    // The program reads nothing from the file. It and its children keep the file locked until they have ended.
    let program = Program { command, environment, input: ProgramInput::File(lock_file), timeout };
    let ProgramEnd { exit_code, failed } = program.run(on_line);
    HookResult { exit_code, seconds: began.elapsed().as_secs(), failed }
}

/// Locks the file for a command that is about to start. Waits until a command of a killed run has ended, because its
/// effect must not follow that of the new command. The kernel releases the lock when the last process that has the file
/// open ends (flock(2)).
fn acquire_lock(lock: &Path, deadline: Instant, on_line: &impl Fn(String)) -> Result<File, String> {
    let unusable = |error: std::io::Error| format!("{} cannot be locked: {error}", lock.display());
    if let Some(directory) = lock.parent() {
        file::create_directory(directory).map_err(unusable)?;
    }
    let file = file::open(lock, File::options().read(true).append(true).create(true)).map_err(unusable)?;
    let mut waits = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err("the command of an earlier run has not ended; stop it manually".to_owned());
            }
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut waits, true) {
                    on_line("waiting for the command of an earlier run".to_owned());
                }
                std::thread::sleep(POLL_INTERVAL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn invocation(command: &[String], lock: &Path, timeout: Duration) -> Invocation {
        let environment = child_environment(std::env::vars_os(), &[]);
        let (command, lock) = (command.to_vec(), lock.to_owned());
        Invocation { command, environment, lock, timeout, live: TrafficSplit::SOURCE }
    }

    #[tokio::test]
    async fn children_of_a_stopped_command_do_not_survive() {
        let directory = tempfile::tempdir().expect("a directory");
        let late = directory.path().join("late");
        let command =
            ["sh".to_owned(), "-c".to_owned(), format!("sh -c 'sleep 1; echo late > {}'; true", late.display())];
        let lock = directory.path().join(LOCK_FILE);
        let result = run(invocation(&command, &lock, Duration::from_millis(200)), |_| {}).await;
        assert!(result.failed.is_some_and(|why| why.contains("was stopped")));
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!late.exists());
    }

    /// A killed run leaves its command running.
    #[tokio::test]
    async fn a_command_waits_for_the_command_of_a_killed_run() {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = directory.path().join(LOCK_FILE);
        let left = acquire_lock(&lock, Instant::now(), &|_| {}).expect("it is not locked");
        let mut orphan = Command::new("sleep").arg("1").stdin(Stdio::from(left)).spawn().expect("a command");
        let command = ["true".to_owned()];
        let early = run(invocation(&command, &lock, Duration::from_millis(100)), |_| {}).await;
        assert!(early.failed.is_some_and(|why| why.contains("earlier run has not ended")));
        let (sender, receiver) = std::sync::mpsc::channel();
        let on_line = move |text| drop(sender.send(text));
        let late = run(invocation(&command, &lock, Duration::from_mins(1)), on_line).await;
        assert_eq!(late.failed, None);
        assert!(orphan.try_wait().expect("its status is known").is_some(), "both ran at the same time");
        assert!(receiver.recv().is_ok_and(|text| text.contains("waiting for")));
    }

    #[test]
    fn what_a_command_often_needs_and_does_not_get_is_named() {
        let all = || ["AWS_PROFILE", "KUBECONFIG", "HOME"].map(|name| (name.into(), "x".into()));
        let mut hooks = Hooks { quiesce: vec!["aws".to_owned()], ..Hooks::default() };
        assert_eq!(hooks.withheld(all()), ["AWS_PROFILE", "KUBECONFIG"]);
        hooks.pass_environment = vec!["AWS_*".to_owned()];
        assert_eq!(hooks.withheld(all()), ["KUBECONFIG"]);
        assert_eq!(Hooks::default().withheld(all()), [""; 0]);
    }

    #[tokio::test]
    async fn a_command_got_the_whole_environment() {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path().join("environment");
        let cutover = Cutover {
            quiesce_command: vec!["sh".into(), "-c".into(), format!("env > {}", out.display())],
            pass_environment: vec!["CARGO_PKG_*".into()],
            ..Cutover::default()
        };
        let hooks = Hooks::of(&cutover, directory.path());
        let result = hooks.run(Hook::Quiesce, &Events::nowhere(), TrafficSplit::SOURCE).await.expect("it runs");
        assert_eq!(result.failed, None);
        let text = std::fs::read_to_string(&out).expect("the environment");
        let names: Vec<&str> = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        assert!(names.contains(&"PATH") && names.contains(&"MIGRATE_INFRA_TRAFFIC_PERCENT"), "{names:?}");
        // The tests are started by cargo, which sets both.
        assert!(names.contains(&"CARGO_PKG_NAME"), "{names:?}");
        assert!(!names.contains(&"CARGO_MANIFEST_DIR"), "{names:?}");
    }
}
