//! A program that the configuration names: runs once, with a time limit, and not more of the environment than it needs.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use infra_base::child_environment::Environment;
use infra_base::terminal_text::one_line;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// The longest line of a program that is shown, in bytes.
const LONGEST_LINE: u64 = 2 * 1024;
/// How much of the output of a program is shown, in bytes.
const MOST_OUTPUT: usize = 64 * 1024;
/// What is shown instead of the rest.
const TRUNCATED: &str = "…truncated";
/// The interval at which a program is polled.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long to wait until killed processes no longer exist.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// What a program gets on standard input.
#[derive(Debug)]
pub enum ProgramInput {
    /// A file. The program and its children have it open until they have ended.
    File(File),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// A program that runs once.
#[derive(Debug)]
pub struct Program {
    /// The program and its arguments, not a shell line.
    pub command: Vec<String>,
    /// All variables that it gets.
    pub environment: Environment,
    /// What it gets on standard input.
    pub input: ProgramInput,
    /// How long it can run. Then it is killed, with its children.
    pub timeout: Duration,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramEnd {
    /// The exit code. `None` if the program could not be started, timed out, or was killed.
    pub exit_code: Option<i32>,
    /// Why it counts as failed, if it does. The output of the program is not included, because it may contain a secret.
    pub failed: Option<String>,
}

impl Program {
    /// Runs the program in this thread, in real time, until it ends or its time is up. Each line that it writes to
    /// standard error is passed to `on_line`; standard output is discarded.
    pub fn run(self, on_line: impl Fn(String) + Send + 'static) -> ProgramEnd {
        let Self { command, environment, input, timeout } = self;
        let failed = |exit_code, why: String| ProgramEnd { exit_code, failed: Some(why) };
        let [program, arguments @ ..] = command.as_slice() else {
            return failed(None, "there is no command".to_owned());
        };
        let (stdin, bytes) = match input {
            ProgramInput::File(file) => (Stdio::from(file), None),
            ProgramInput::Bytes(bytes) => (Stdio::piped(), Some(bytes)),
        };
        let started = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(stdin)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // With its own process group, its children can be killed with it, and Ctrl-C does not reach it.
            .process_group(0)
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => return failed(None, format!("`{program}` cannot be started: {error}")),
        };
        if let (Some(mut stdin), Some(bytes)) = (child.stdin.take(), bytes) {
            // A program that does not read its input must not hold this one up. One that has ended closes the pipe.
            std::thread::spawn(move || drop(stdin.write_all(&bytes)));
        }
        if let Some(stderr) = child.stderr.take() {
            // The thread ends when the program and its children have closed standard error.
            std::thread::spawn(move || pass_on(stderr, on_line));
        }
        match wait_or_kill(&mut child, Instant::now() + timeout) {
            Ok(Some(status)) if status.success() => ProgramEnd { exit_code: status.code(), failed: None },
            Ok(Some(status)) => failed(status.code(), format!("`{program}` ended with {status}")),
            Ok(None) => failed(None, format!("`{program}` took longer than {} s and was stopped", timeout.as_secs())),
            Err(error) => failed(None, format!("the result of `{program}` is unknown: {error}")),
        }
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

    fn program(script: &str, bytes: &[u8], timeout: Duration) -> Program {
        Program {
            command: ["sh", "-c", script].map(str::to_owned).into(),
            environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap_or_default())],
            input: ProgramInput::Bytes(bytes.to_vec()),
            timeout,
        }
    }

    #[test]
    fn a_program_gets_its_input_whether_it_reads_it_or_not() {
        let input = b"x".repeat(1_000_000);
        let read = program("test $(wc -c) = 1000000", &input, Duration::from_mins(1)).run(drop);
        assert_eq!(read, ProgramEnd { exit_code: Some(0), failed: None });
        let unread = program("exit 7", &input, Duration::from_mins(1)).run(drop);
        assert_eq!(unread.exit_code, Some(7));
        let stuck = program("sleep 60", &input, Duration::from_millis(200)).run(drop);
        assert!(stuck.failed.is_some_and(|why| why.contains("was stopped")));
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
}
