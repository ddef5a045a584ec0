//! Asking before anything is changed.

use std::io::{BufRead, IsTerminal, Write};

use super::failure::{CliError, Exit};

/// Returns when the user agrees. Without a terminal there is nobody to ask, so `-y` is needed.
///
/// # Errors
/// The user does not agree, or cannot be asked.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    let refused = |what: &str| CliError::new(Exit::Refused, what).remains("nothing was changed");
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(refused("there is no terminal to ask on").hint("add -y when the command shall change things without asking"));
    }
    let _ = write!(std::io::stderr(), "{question} Only `yes` goes on: ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim() == "yes" { Ok(()) } else { Err(refused("you did not say `yes`")) }
}
