//! Suggested next commands.

use super::terminal::stdout;
use crate::cli::options::GlobalOptions;
use crate::cli::suggest::command;

/// The next commands once resources exist.
pub(super) const AFTER_UP: [(&str, &str); 3] = [
    ("status", "what exists, and what is unfinished"),
    ("plan", "what has changed in the configuration"),
    ("down", "delete everything"),
];

/// Returns the next commands once resources exist, each with what it does.
pub(in crate::cli) fn next_commands(options: &GlobalOptions) -> Vec<(String, &'static str)> {
    AFTER_UP.into_iter().map(|(verb, what)| (command(options, verb), what)).collect()
}

/// Writes commands and what they do, aligned.
pub(in crate::cli) fn next_steps(commands: impl IntoIterator<Item = (String, &'static str)>) {
    let commands: Vec<_> = commands.into_iter().collect();
    let width = commands.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    stdout("\nnext:");
    for (command, what) in commands {
        stdout(&format!("  {command:width$}  {what}"));
    }
}
