//! Ctrl-C, on the real program.

use std::process::{Child, Command};

use crate::harness::workspace::{Workspace, start_and_wait_for_progress};

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
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
        String::from_utf8_lossy(&down.stdout).contains("68 resources deleted"),
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
fn the_same_command_resumes_after_a_kill() {
    let workspace = Workspace::new();
    let mut child = start_and_wait_for_progress(&workspace);
    signal(&child, "KILL");
    child.wait().expect("it ends");
    let status = workspace.transcript("status --sandbox");
    assert!(status.contains("was killed, or is still running"), "{status}");
    resumes(&workspace);
}
