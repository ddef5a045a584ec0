//! Ctrl-C, on the real program.

use std::process::{Child, Command};

use crate::harness::workspace::{FAST_UP, Workspace, signal, start_and_wait_for_progress, wait_for_progress};

/// Starts an `up` with this handling of a signal, whatever the tests were started with (an option of `env`, which the
/// program replaces).
fn with_signals(workspace: &Workspace, handling: &str) -> Child {
    let up = workspace.command(FAST_UP);
    let mut command = Command::new("env");
    command.arg(handling).arg(up.get_program()).args(up.get_args()).current_dir(workspace.path()).env_clear();
    command.envs(up.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wait_for_progress(&mut command)
}

fn resumes(workspace: &Workspace) {
    let again = workspace.run("up --env source --sandbox -y");
    assert!(again.status.success(), "{}", workspace.format_output(&again, "up"));
    let quiet = workspace.run("up --env source --sandbox -y");
    assert!(
        String::from_utf8_lossy(&quiet.stdout).contains("nothing to do"),
        "{}",
        workspace.format_output(&quiet, "up")
    );
    let down = workspace.run("down --sandbox -y");
    assert!(down.status.success(), "{}", workspace.format_output(&down, "down"));
    assert!(
        String::from_utf8_lossy(&down.stdout).contains("69 resources deleted"),
        "{}",
        workspace.format_output(&down, "down")
    );
}

#[test]
fn ctrl_c_stops_gracefully_and_the_same_command_resumes() {
    let workspace = Workspace::new();
    let mut child = start_and_wait_for_progress(&workspace);
    signal(&child, "INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let status = workspace.transcript("status --sandbox");
    assert!(status.contains("stopped") && status.contains("`up` to resume"), "{status}");
    resumes(&workspace);
}

#[test]
fn a_closed_terminal_killed_the_run() {
    let workspace = Workspace::new();
    let mut child = with_signals(&workspace, "--default-signal=HUP");
    signal(&child, "HUP");
    // A shell and the kernel can both send it.
    signal(&child, "HUP");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    resumes(&workspace);
}

#[test]
fn sigquit_killed_the_run() {
    let workspace = Workspace::new();
    let mut child = with_signals(&workspace, "--default-signal=QUIT");
    signal(&child, "QUIT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    resumes(&workspace);
}

#[test]
fn a_run_under_nohup_continues_when_the_terminal_is_closed() {
    let workspace = Workspace::new();
    let mut child = with_signals(&workspace, "--ignore-signal=HUP");
    signal(&child, "HUP");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn the_same_command_resumes_after_a_kill() {
    let workspace = Workspace::new();
    let mut child = start_and_wait_for_progress(&workspace);
    signal(&child, "KILL");
    child.wait().expect("it ends");
    let status = workspace.transcript("status --sandbox");
    assert!(status.contains("was killed, or is still running"), "{status}");
    resumes(&workspace);
}
