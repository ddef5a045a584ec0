//! Standard output and standard error.

use std::io::{IsTerminal, Write};

use crate::cli::options::GlobalOptions;

/// Writes a line to standard output. A closed pipe is not an error.
pub(in crate::cli) fn stdout(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes a line to standard error. A closed pipe must not stop a run.
pub(in crate::cli) fn stderr(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Returns whether standard error is a terminal on which lines can be redrawn.
pub(super) fn can_draw() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Returns whether standard error can be coloured.
pub(in crate::cli) fn colour(options: &GlobalOptions) -> bool {
    wants_colour(options) && can_draw()
}

/// Returns whether colours are not disabled.
pub(super) fn wants_colour(options: &GlobalOptions) -> bool {
    !options.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
