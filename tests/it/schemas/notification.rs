//! `[notify]`: what its command gets, and what happens when that fails.

use serde_json::Value;

use super::check;
use crate::harness::workspace::Workspace;

/// Returns a workspace whose command appends what it gets, and its environment, to a file.
fn workspace(script: &str) -> Workspace {
    let workspace = Workspace::new();
    let settings = format!("[notify]\ncommand = [\"sh\", \"-c\", {script:?}]\npass_environment = [\"PASSED_*\"]\n");
    let path = workspace.path().join("config/migration.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let (before, after) = text.split_once("[notify]\n").expect("the section");
    let after: String = after.split_inclusive('\n').skip_while(|line| !line.starts_with('[')).collect();
    std::fs::write(&path, format!("{before}{settings}\n{after}")).expect("the configuration");
    workspace
}

fn notes(workspace: &Workspace) -> Vec<Value> {
    let text = std::fs::read_to_string(workspace.path().join("notes")).unwrap_or_default();
    let notes: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for note in &notes {
        check("notification", note);
    }
    notes
}

/// Returns for each note what it is about, and which command.
fn occasions(workspace: &Workspace) -> Vec<String> {
    let word = |note: &Value, key: &str| note[key].as_str().unwrap_or_default().to_owned();
    notes(workspace).iter().map(|note| format!("{}: {}", word(note, "command"), word(note, "on"))).collect()
}

#[test]
fn a_command_is_notified_of_the_end_of_runs() {
    let workspace = workspace("cat >> notes; env > environment");
    // Nothing was run: they only show something.
    for arguments in ["plan --sandbox", "status --sandbox", "config show"] {
        workspace.transcript(arguments);
    }
    assert_eq!(occasions(&workspace), [""; 0]);
    let up = workspace
        .command("up --env source --sandbox -y")
        .env("PASSED_ON", "yes")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2")
        .output()
        .expect("it runs");
    assert!(up.status.success(), "{}", workspace.format_output(&up, "up"));
    let environment = std::fs::read_to_string(workspace.path().join("environment")).expect("the environment");
    assert!(environment.contains("PASSED_ON=yes") && !environment.contains("hunter2"), "{environment}");
    let quota = workspace.path().join("quota.toml");
    std::fs::write(&quota, "[quotas]\nelastic_ips = 0\n").expect("a script");
    let refused = workspace.transcript("up --env target --sandbox -y --skip-preflight --sandbox-script quota.toml");
    assert!(!refused.contains("[exit 0]"), "{refused}");
    let undone = workspace.transcript("rollback --sandbox -y");
    assert!(undone.contains("[exit 0]"), "{undone}");
    assert!(workspace.transcript("down --sandbox -y").contains("[exit 0]"));
    let expected = ["up: finished", "up: failed", "rollback: rolled-back", "down: finished"];
    assert_eq!(occasions(&workspace), expected);
    let failed = &notes(&workspace)[1];
    assert!(failed["exit_code"].as_u64().is_some_and(|code| code > 0) && failed["why"].is_string(), "{failed}");
}

#[test]
fn only_what_was_selected_is_notified() {
    let workspace = workspace("cat >> notes");
    let up = workspace.transcript("up --env source --sandbox -y --set notify.on=[\"failed\"]");
    assert!(up.contains("[exit 0]"), "{up}");
    assert_eq!(occasions(&workspace), [""; 0]);
}

#[test]
fn a_notification_that_fails_does_not_fail_a_run() {
    for (script, notice) in [
        ("echo too bad >&2; exit 3", "nobody was notified of `finished`: `sh` ended with exit status: 3"),
        ("sleep 60", "nobody was notified of `finished`: `sh` took longer than 1 s and was stopped"),
    ] {
        let workspace = workspace(script);
        let up = workspace.transcript("up --env source --sandbox -y --set notify.timeout_seconds=1");
        assert!(up.contains("[exit 0]") && up.contains(notice), "{up}");
        assert!(!script.contains("bad") || up.contains("notify: too bad"), "{up}");
    }
    let missing = workspace("true");
    let up = missing.transcript("up --env source --sandbox -y --set notify.command=[\"./missing\"]");
    assert!(up.contains("[exit 0]") && up.contains("`./missing` cannot be started"), "{up}");
}

#[test]
fn a_cutover_that_waits_for_approval_is_notified() {
    let workspace = workspace("cat >> notes");
    let run = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox"));
    run("up -y");
    run("replication start -y");
    run("replication validate --wait");
    std::fs::remove_file(workspace.path().join("notes")).expect("notes");
    let held = run("cutover -y --pause-at 50");
    assert!(held.contains("[exit 9]"), "{held}");
    let asked = run("cutover --rollback -y");
    assert!(asked.contains("[exit 8]"), "{asked}");
    assert_eq!(occasions(&workspace), ["cutover: waiting-for-approval", "cutover: rolled-back"]);
}
