//! The commands as a user runs them: arguments, output and exit codes.

use crate::harness::workspace::{Workspace, assert_transcript};

#[test]
fn no_credentials() {
    let workspace = Workspace::new();
    assert_transcript!(workspace.transcript("up --env source -y"));
}

#[test]
fn unreachable_endpoint() {
    let workspace = Workspace::new();
    let mut command = workspace.command("up --env source -y --endpoint-url http://127.0.0.1:1");
    let output =
        command.env("AWS_ACCESS_KEY_ID", "111122223333").env("AWS_SECRET_ACCESS_KEY", "test").output().unwrap();
    assert_transcript!(workspace.format_output(&output, "up --env source -y --endpoint-url http://127.0.0.1:1"));
}

#[test]
fn nothing_changes_without_a_terminal_and_without_yes() {
    let workspace = Workspace::new();
    assert_transcript!(workspace.transcript("down --sandbox"));
}

#[test]
fn help_of_every_command() {
    let workspace = Workspace::new();
    let mut all = String::new();
    for arguments in [
        "",
        "init",
        "config",
        "config check",
        "config show",
        "config schema",
        "plan",
        "up",
        "rollback",
        "orphans",
        "state rebuild",
        "status",
        "outputs",
        "down",
        "state",
        "state list",
        "state show",
    ] {
        let output = workspace.run(&format!("{arguments} --help"));
        assert!(output.status.success(), "{arguments} --help");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // The global options are the same for all commands: they are checked once.
        let text = if arguments.is_empty() {
            text
        } else {
            text.split("Global options:").enumerate().filter(|(part, _)| *part == 0).map(|(_, text)| text).collect()
        };
        all.push_str(&format!("==== {arguments} --help\n{text}\n"));
        let leads_on = ["", "config", "state"].contains(&arguments);
        assert!(
            leads_on || String::from_utf8_lossy(&output.stdout).contains("Example:"),
            "`{arguments} --help` has no example"
        );
    }
    assert_transcript!(all);
}

#[test]
fn the_sandbox_is_kept_between_commands() {
    let workspace = Workspace::new();
    let up = workspace.run("up --env source --sandbox -y");
    assert!(up.status.success(), "{}", workspace.format_output(&up, "up"));
    assert_transcript!(workspace.transcript("status --sandbox"));
    assert_transcript!(workspace.transcript("outputs --sandbox"));
    let again = workspace.run("up --env source --sandbox -y --output json");
    let finished: serde_json::Value = String::from_utf8_lossy(&again.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|event| event["event"] == "run_finished")
        .unwrap();
    assert_eq!(finished["mutations"], 0, "a second up changed something");
    let down = workspace.run("down --sandbox -y");
    assert!(down.status.success(), "{}", workspace.format_output(&down, "down"));
    let status = workspace.transcript("status --sandbox");
    assert!(status.contains("nothing of `payment-migration/dev-001` exists"), "{status}");
    assert_transcript!(workspace.transcript("down --sandbox -y"));
}

#[test]
fn every_refresh_reports_how_many_calls_it_needed() {
    let workspace = Workspace::new();
    let up = workspace.run("up --env source --sandbox -y");
    assert!(up.status.success(), "{}", workspace.format_output(&up, "up"));
    for (command, before, after) in [
        ("plan --env source", "resources with ", " calls"),
        ("drift --env source", "as last applied (", " calls)"),
        ("up --env source -y", "as configured (", " read calls"),
    ] {
        let transcript = workspace.transcript(&format!("{command} --sandbox"));
        let rest = transcript.split_once(before).unwrap_or_else(|| panic!("{transcript}")).1;
        let number = rest.split_once(after).unwrap_or_else(|| panic!("{transcript}")).0;
        assert!(number.parse::<u32>().is_ok_and(|calls| calls > 40), "{command}: {number}");
    }
}

#[test]
fn plan_of_the_source_environment() {
    assert_transcript!(Workspace::new().transcript("plan --env source"));
}

#[test]
fn plan_reports_changes_by_exit_code_on_request() {
    let workspace = Workspace::new();
    assert_eq!(workspace.run("plan --env source --exit-code").status.code(), Some(4));
    assert_eq!(workspace.run("plan --env source").status.code(), Some(0));
}

#[test]
fn the_sandbox_ignores_an_endpoint_in_the_environment() {
    let workspace = Workspace::new();
    let output = workspace
        .command("up --env source --sandbox -y")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", workspace.format_output(&output, "up --env source --sandbox -y"));
}

#[test]
fn the_run_continues_when_the_reader_of_standard_error_disappears() {
    let workspace = Workspace::new();
    let mut child = workspace
        .command("up --env source --sandbox -y")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_environment_variable_that_is_not_text_is_ignored() {
    use std::os::unix::ffi::OsStrExt;
    let workspace = Workspace::new();
    let output =
        workspace.command("plan --env source").env("ODD", std::ffi::OsStr::from_bytes(b"\xff")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", workspace.format_output(&output, "plan"));
}

/// The name of the action is not that of the operation ("Required permissions for Amazon S3 API operations").
#[test]
fn a_refused_call_names_the_iam_action() {
    let workspace = Workspace::new();
    let script =
        "[[events]]\nat_seconds = 0\ncalls_fail = { \"s3:PutBucketLifecycleConfiguration\" = \"AccessDenied\" }\n";
    std::fs::write(workspace.path().join("denied.toml"), script).expect("a file");
    let failed = workspace.transcript("up -y --env source --sandbox --sandbox-script denied.toml --skip-preflight");
    assert!(failed.contains("[exit 1]"), "{failed}");
    let hint = "not allowed to call s3:PutBucketLifecycleConfiguration: allow the IAM action \
                `s3:PutLifecycleConfiguration`";
    assert!(failed.contains(hint), "{failed}");
}
