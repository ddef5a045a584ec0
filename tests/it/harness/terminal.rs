//! A terminal that is closed while a command runs on it.

use std::path::Path;
use std::process::{Command, Stdio};

/// Returns a command that runs another one on a terminal, closes the terminal when a text appears on it, and exits as
/// that one does.
pub fn closing_terminal(text: &str, command: &Command) -> Command {
    let mut closing = Command::new("python3");
    closing.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/closed.py")).arg(text);
    closing.arg(command.get_program()).args(command.get_args()).env_clear().env("TERM", "xterm-256color");
    closing.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    closing.stdin(Stdio::null());
    if let Some(directory) = command.get_current_dir() {
        closing.current_dir(directory);
    }
    closing
}
