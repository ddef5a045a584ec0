//! The user's commands around the last step: quiesce and release.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::report::CutoverReport;
use super::state_machine::Input;
use crate::TrafficSplit;
use infra_base::child_environment::{Environment, child_environment};
use infra_base::file;
use infra_base::terminal_text::one_line;
use infra_config::Cutover;
use infra_core::events::{Event, Events};

/// The name of the file that a running command keeps locked.
const LOCK_FILE: &str = "hook.lock";
/// Variables that commands for AWS or Kubernetes often need.
const OFTEN_NEEDED: [&str; 4] = ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", "KUBECONFIG"];
/// The longest line of a command that is shown, in bytes.
const LONGEST_LINE: u64 = 2 * 1024;
/// How much of the output of a command is shown, in bytes.
const MOST_OUTPUT: usize = 64 * 1024;
/// What is shown instead of the rest.
const TRUNCATED: &str = "…truncated";
/// The interval at which a command is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long to wait until killed processes no longer exist.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

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
    let result = tokio::task::spawn_blocking(move || run_blocking(&invocation, on_line)).await;
    result.unwrap_or_else(|error| HookResult {
        exit_code: None,
        seconds: 0,
        failed: Some(format!("the result of the command is unknown: {error}")),
    })
}

fn run_blocking(invocation: &Invocation, on_line: impl Fn(String) + Send + 'static) -> HookResult {
    let Invocation { command, environment, lock, timeout, live } = invocation;
    let timeout = *timeout;
    let began = Instant::now();
    let failed =
        |exit_code, why: String| HookResult { exit_code, seconds: began.elapsed().as_secs(), failed: Some(why) };
    let [program, arguments @ ..] = command.as_slice() else { return failed(None, "there is no command".to_owned()) };
    let lock_file = match acquire_lock(lock, began + timeout, &on_line) {
        Ok(file) => file,
        Err(why) => return failed(None, why),
    };
    let started = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("MIGRATE_INFRA_TRAFFIC_PERCENT", live.percent().to_string())
        // The program reads nothing from the file. It and its children keep the file locked until they have ended.
        .stdin(Stdio::from(lock_file))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // With its own process group, its children can be killed with it, and Ctrl-C does not reach it.
        .process_group(0)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return failed(None, format!("`{program}` cannot be started: {error}")),
    };
    if let Some(stderr) = child.stderr.take() {
        // The thread ends when the program and its children have closed standard error.
        std::thread::spawn(move || pass_on(stderr, on_line));
    }
    match wait_or_kill(&mut child, Instant::now() + timeout) {
        Ok(Some(status)) if status.success() => {
            HookResult { exit_code: status.code(), seconds: began.elapsed().as_secs(), failed: None }
        }
        Ok(Some(status)) => failed(status.code(), format!("`{program}` ended with {status}")),
        Ok(None) => failed(None, format!("`{program}` took longer than {} s and was stopped", timeout.as_secs())),
        Err(error) => failed(None, format!("the result of `{program}` is unknown: {error}")),
    }
}

/// Passes on the first lines of an output, and the beginning of a long one. All of it is read, also invalid UTF-8: a
/// program that cannot write any more would fail.
fn pass_on(output: impl Read, on_line: impl Fn(String)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    let mut passed = 0;
    let mut is_silent = false;
    while output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let is_whole = line.ends_with(b"\n") || (line.len() as u64) < LONGEST_LINE;
        if !is_whole && output.skip_until(b'\n').is_err() {
            return;
        }
        if passed < MOST_OUTPUT {
            passed += line.len();
            let text = sanitize(&String::from_utf8_lossy(&line));
            on_line(if is_whole { text } else { format!("{text} {TRUNCATED}") });
        } else if !std::mem::replace(&mut is_silent, true) {
            on_line(format!("{TRUNCATED}: what else it writes is not shown"));
        }
        line.clear();
    }
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

/// Returns a line without what could control the terminal.
fn sanitize(line: &str) -> String {
    one_line(line.trim_end()).into_owned()
}

/// Waits until a program has ended. Kills it and its children at the deadline, and then returns `None`.
fn wait_or_kill(child: &mut Child, deadline: Instant) -> std::io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            kill(child)?;
            return Ok(None);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Kills a program and its children. Returns when none of them runs, because their effect must not follow that of the
/// next command.
fn kill(child: &mut Child) -> std::io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match group {
        Some(group) => drop(kill_process_group(group, Signal::KILL)),
        None => child.kill()?,
    }
    child.wait()?;
    let deadline = Instant::now() + KILL_TIMEOUT;
    while let Some(group) = group
        && test_kill_process_group(group).is_ok()
        && Instant::now() < deadline
    {
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(sanitize("a\u{1b}[31mred\u{7}\tb\r\n"), "a\\u001B[31mred\\u0007\tb");
    }

    fn passed_on(output: &[u8]) -> Vec<String> {
        let lines = std::cell::RefCell::new(Vec::new());
        pass_on(output, |line| lines.borrow_mut().push(line));
        lines.into_inner()
    }

    #[test]
    fn the_output_of_a_command_was_kept_without_a_limit() {
        assert_eq!(passed_on(b"one\ntwo"), ["one", "two"]);
        let long = passed_on(&[b"x".repeat(100_000), b"\nshort\n".to_vec()].concat());
        assert_eq!(long.len(), 2);
        assert!(long[0].len() < 3000 && long[0].ends_with("x …truncated"), "{}", long[0]);
        assert_eq!(long[1], "short");
        let many = passed_on(&b"a line of thirty-two characters\n".repeat(10_000));
        assert_eq!(many.len(), MOST_OUTPUT / 32 + 1);
        assert_eq!(many.last().map(String::as_str), Some("…truncated: what else it writes is not shown"));
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
