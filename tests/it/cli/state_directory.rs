//! What a command does when it cannot read, write or lock the state directory.

use std::fs;
use std::path::Path;
use std::process::Command;

use migrate_infra::state::Lock;

use crate::harness::workspace::{Workspace, assert_transcript};

#[test]
fn unwritable_state_directory() {
    let workspace = Workspace::new();
    fs::write(workspace.path().join("a-file"), "").unwrap();
    assert_transcript!(workspace.transcript("up --env source --sandbox -y --state-dir a-file/state"));
}

#[test]
fn damaged_journal_line_in_the_middle() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    // The journal is empty after a run. Write what a killed run leaves, and damage the second line.
    let state: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(workspace.state().join("state.json")).unwrap()).unwrap();
    let seq = state["seq"].as_u64().unwrap();
    let line = |offset: u64, command: &str| {
        let record = migrate_infra::state::Record::RunStarted {
            run: "r".into(),
            command: command.into(),
            environments: [].into(),
            version: "0".into(),
            at: "t".into(),
        };
        migrate_infra::state::Line { seq: seq + offset, record }.encode()
    };
    let damaged = line(2, "down").replace("down", "dawn");
    let journal = format!("{}{damaged}{}", line(1, "up"), line(3, "up"));
    fs::write(workspace.state().join("journal.jsonl"), &journal).unwrap();
    assert_transcript!(workspace.transcript("down --sandbox -y"));
    assert_eq!(
        fs::read_to_string(workspace.state().join("journal.jsonl")).unwrap(),
        journal,
        "the damaged journal was touched"
    );
}

#[test]
fn state_of_a_newer_version() {
    let workspace = Workspace::new();
    fs::create_dir_all(workspace.state()).unwrap();
    let newer = r#"{"format": 99, "something": "else"}"#;
    fs::write(workspace.state().join("state.json"), newer).unwrap();
    assert_transcript!(workspace.transcript("up --env source --sandbox -y"));
    assert_eq!(fs::read_to_string(workspace.state().join("state.json")).unwrap(), newer);
}

#[test]
fn a_complete_last_line_of_a_later_version_is_kept() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    let text = r#"{"seq":99999,"record":"teleported"}"#;
    let line = format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()));
    fs::write(workspace.state().join("journal.jsonl"), &line).unwrap();
    assert_eq!(workspace.run("up --env source --sandbox -y").status.code(), Some(6));
    assert_eq!(fs::read_to_string(workspace.state().join("journal.jsonl")).unwrap(), line);
}

/// Returns the line of a record that follows the snapshot of the last run.
fn next_line(workspace: &Workspace) -> String {
    let text = fs::read_to_string(workspace.state().join("state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    let record = migrate_infra::state::Record::RunStarted {
        run: "r".into(),
        command: "up".into(),
        environments: [].into(),
        version: "0".into(),
        at: "t".into(),
    };
    migrate_infra::state::Line { seq: state["seq"].as_u64().unwrap() + 1, record }.encode()
}

#[test]
fn a_damaged_complete_last_line_was_silently_removed() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    let damaged = next_line(&workspace).replace("\"up\"", "\"pu\"");
    fs::write(workspace.state().join("journal.jsonl"), &damaged).unwrap();
    let refused = workspace.transcript("down --env source --sandbox -y");
    assert!(refused.contains("[exit 6]") && refused.contains("line 1 of"), "{refused}");
    assert!(refused.contains("is damaged, and no line follows it"), "{refused}");
    assert_eq!(fs::read_to_string(workspace.state().join("journal.jsonl")).unwrap(), damaged);
}

#[test]
fn a_torn_last_line_was_removed_without_a_word() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    let line = next_line(&workspace);
    fs::write(workspace.state().join("journal.jsonl"), &line[..30]).unwrap();
    let transcript = workspace.transcript("up --env source --sandbox -y");
    assert!(transcript.contains("[exit 0]") && transcript.contains("30 bytes were never acknowledged"), "{transcript}");
    let names = fs::read_dir(workspace.state()).unwrap().flatten().map(|entry| entry.path());
    let kept: Vec<_> = names.filter(|path| path.to_string_lossy().contains("journal.torn-")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs::read_to_string(&kept[0]).unwrap(), &line[..30]);
}

#[test]
fn lock_held_by_a_live_process() {
    let workspace = Workspace::new();
    let _lock = Lock::take(&workspace.state(), "up").unwrap();
    assert_transcript!(workspace.transcript("up --env source --sandbox -y"));
}

#[test]
fn unlock_shows_the_holder_and_removes_the_lock_with_force() {
    let workspace = Workspace::new();
    assert!(workspace.transcript("unlock --sandbox").contains("the lock is free"));
    let lock = Lock::take(&workspace.state(), "up").unwrap();
    assert_transcript!(workspace.transcript("unlock --sandbox"));
    let forced = workspace.transcript("unlock --sandbox --force -y");
    assert!(forced.contains("[exit 0]") && forced.contains("the lock is free"), "{forced}");
    assert!(lock.lease().check().is_err(), "the old holder may still write");
    assert!(workspace.run("up --env source --sandbox -y").status.success());
}

/// Root can write everywhere, so the program runs as nobody then.
#[test]
fn a_state_directory_without_write_permission() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let workspace = Workspace::new();
    let program = workspace.path().join("migrate-infra");
    fs::copy(env!("CARGO_BIN_EXE_migrate-infra"), &program).unwrap();
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let locked = workspace.path().join("locked");
    fs::create_dir(&locked).unwrap();
    open(&locked, 0o555);
    open(workspace.path(), 0o755);
    let mut command = Command::new(&program);
    command
        .args(["up", "--env", "source", "--sandbox", "-y", "--state-dir", "locked"])
        .current_dir(workspace.path())
        .env_clear();
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    assert_transcript!(workspace.format_output(&output, "up --env source --sandbox -y --state-dir locked"));
}
