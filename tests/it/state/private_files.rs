//! The files that the program writes: nobody else can read them, and nothing but a regular file is read or replaced.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::workspace::Workspace;

/// Returns all files and directories below a directory, and itself.
fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    let mut all = vec![directory.to_owned()];
    for path in entries {
        if path.is_dir() { all.extend(below(&path)) } else { all.push(path) }
    }
    all
}

#[test]
fn the_state_was_readable_by_every_user() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    assert!(workspace.run("plan --sandbox --out saved.plan").status.success());
    let mut paths = below(&workspace.path().join(".migrate-infra"));
    assert!(paths.iter().any(|path| path.ends_with("state.json")) && paths.len() > 5, "{paths:?}");
    paths.push(workspace.path().join("saved.plan"));
    for path in paths {
        let found = fs::metadata(&path).expect("it exists");
        let wanted = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o777, wanted, "{}", path.display());
    }
}

#[test]
fn a_fifo_in_place_of_the_state_was_waited_for() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    for name in ["state.json", "journal.jsonl", "lock"] {
        let (path, aside) = (workspace.state().join(name), workspace.state().join("aside"));
        fs::rename(&path, &aside).expect("it exists");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
        let transcript = workspace.transcript("up --env source --sandbox -y");
        assert!(transcript.contains("[exit 6]") && transcript.contains("it is a FIFO"), "{name}: {transcript}");
        fs::remove_file(&path).expect("it is still there");
        fs::rename(&aside, &path).expect("it is put back");
    }
    assert!(workspace.run("up --env source --sandbox -y").status.success());
}

#[test]
fn a_link_in_place_of_the_state_was_replaced_by_a_file() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    let (path, elsewhere) = (workspace.state().join("state.json"), workspace.path().join("elsewhere.json"));
    fs::rename(&path, &elsewhere).expect("it exists");
    symlink(&elsewhere, &path).expect("a link");
    assert!(workspace.run("status --sandbox").status.success(), "it can be read through the link");
    let before = fs::read(&elsewhere).expect("the state");
    let transcript = workspace.transcript("down --env source --sandbox -y");
    assert!(!transcript.contains("[exit 0]") && transcript.contains("it is a symbolic link"), "{transcript}");
    assert!(fs::symlink_metadata(&path).expect("it exists").is_symlink());
    assert_eq!(fs::read(&elsewhere).expect("the state"), before, "nothing was changed");
}

#[test]
fn an_output_file_replaced_whatever_was_there() {
    let workspace = Workspace::new();
    let target = workspace.path().join("target");
    fs::write(&target, "before").expect("a file");
    symlink(&target, workspace.path().join("link")).expect("a link");
    for arguments in ["plan --sandbox --out link", "graph --out link", "runbook --sandbox --offline --out link"] {
        let transcript = workspace.transcript(arguments);
        assert!(!transcript.contains("[exit 0]") && transcript.contains("symbolic link"), "{transcript}");
        assert!(fs::symlink_metadata(workspace.path().join("link")).expect("it exists").is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("it exists"), "before");
    }
    let transcript = workspace.transcript("init --config link");
    assert!(transcript.contains("[exit 3]") && transcript.contains("already exists"), "{transcript}");
}
