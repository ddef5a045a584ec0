//! Standard output and standard error: the one place that writes to them.
//!
//! What others have written cannot control the terminal and cannot look like an error of this program. A result that
//! cannot be written is an error at the end of the command; it never ends a run that is under way.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use infra_base::terminal_text::{plain, styled, without_labels};

use crate::cli::options::GlobalOptions;

/// How the lines of an error begin. Nothing else that is written begins like that.
const LABELS: [&str; 3] = ["error:", "remains:", "hint:"];

/// The first error of standard output.
static FAILURE: Mutex<Option<std::io::Error>> = Mutex::new(None);

/// Writes a line of the result to standard output. [`finish_stdout`] reports what could not be written.
pub(in crate::cli) fn stdout(text: &str) {
    write_result(&without_labels(&plain(text), &LABELS));
}

/// Does the same with text that has colours. Text of others in it is [`plain`] already.
pub(super) fn stdout_styled(text: &str) {
    write_result(&without_labels(&styled(text), &LABELS));
}

/// Writes a line to standard error. If nobody can read it, the run continues.
pub(in crate::cli) fn stderr(text: &str) {
    write_message(&without_labels(&plain(text), &LABELS));
}

/// Writes an error that is rendered for people to standard error. Text of others in it is plain and indented already.
pub(in crate::cli) fn stderr_error(rendered: &str) {
    write_message(&styled(rendered));
}

/// Returns the first error of standard output, after everything was written. A closed pipe is not an error: its reader
/// has seen enough.
pub(in crate::cli) fn finish_stdout() -> Option<std::io::Error> {
    note_failure(std::io::stdout().lock().flush());
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Records the result of something that was written to standard output by other means.
pub(in crate::cli) fn note_failure(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

fn write_result(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // Each line is seen at once, also by a pipe.
    note_failure(writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
}

fn write_message(text: &str) {
    // A terminal that is gone, a closed pipe and a full disk must not stop a run.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes what is logged to standard error, as [`stderr`] does. It never fails.
pub(in crate::cli) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
        let _ = std::io::stderr().lock().write_all(styled(&text).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Returns whether standard error is a terminal on which lines can be redrawn.
pub(super) fn can_draw() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Returns whether standard error can be coloured.
pub(in crate::cli) fn colour(options: &GlobalOptions) -> bool {
    colours(options, can_draw())
}

/// Returns whether standard output can be coloured.
pub(super) fn colour_of_stdout(options: &GlobalOptions) -> bool {
    colours(options, std::io::stdout().is_terminal())
}

/// Returns whether there are colours: `NO_COLOR` (no-color.org) comes before `CLICOLOR_FORCE` (bixense.com/clicolors).
fn colours(options: &GlobalOptions, is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let is_disabled = options.no_color || is_set("NO_COLOR").is_some();
    let is_forced = is_set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    !is_disabled && (is_forced || is_terminal)
}
