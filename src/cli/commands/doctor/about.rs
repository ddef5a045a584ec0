//! The program, the operating system and the terminal.

use std::io::IsTerminal;

use serde_json::{Value, json};

use super::check::{Check, Status};
use super::redact::harmless;
use infra_core::state::FORMAT;

/// Describes the program and where it runs.
pub(super) fn about() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "state_format": FORMAT,
        "os": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "kernel": first_line("/proc/sys/kernel/osrelease"),
        "distribution": distribution(),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "terminal": {
            "stdin": std::io::stdin().is_terminal(),
            "stdout": std::io::stdout().is_terminal(),
            "stderr": std::io::stderr().is_terminal(),
            "size": console::Term::stderr().size_checked().map(|(rows, columns)| json!([columns, rows])),
        },
    })
}

/// Tells which streams are a terminal.
pub(super) fn terminal() -> Check {
    let streams = [
        ("input", std::io::stdin().is_terminal()),
        ("output", std::io::stdout().is_terminal()),
        ("errors", std::io::stderr().is_terminal()),
    ];
    let names: Vec<&str> = streams.into_iter().filter(|(_, is_terminal)| *is_terminal).map(|(name, _)| name).collect();
    let detail = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Check::new("terminal", Status::Ok, detail)
}

/// Returns `ID` and `VERSION_ID` (os-release(5)).
fn distribution() -> Option<String> {
    let text = infra_base::file::read_to_string("/etc/os-release".as_ref()).ok()?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        harmless(line.trim_matches('"'))
    };
    Some([field("ID")?, field("VERSION_ID").unwrap_or_default()].join(" ").trim_end().to_owned())
}

fn first_line(path: &str) -> Option<String> {
    let text = infra_base::file::read_to_string(path.as_ref()).ok()?;
    harmless(text.lines().next()?)
}
