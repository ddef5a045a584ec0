//! Asks the user before anything is changed.

use std::io::{BufRead, IsTerminal, Write};

use infra_base::terminal_text::plain;

use crate::cli::error::{CliError, Exit};

/// Returns once the user confirms. Without a terminal, `yes` is required.
///
/// # Errors
/// The user does not confirm, or cannot be asked.
pub(in crate::cli) fn confirm(question: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    let refused = |what: &str| CliError::new(Exit::Refused, what).nothing_changed();
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(refused("cannot ask for confirmation without a terminal").hint("add -y to skip confirmation"));
    }
    let _ = write!(std::io::stderr(), "{} Enter `yes` to continue: ", plain(question));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim() == "yes" { Ok(()) } else { Err(refused("you did not enter `yes`")) }
}
