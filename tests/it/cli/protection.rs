//! Changes that a command refuses before it starts: protected resources and changes that AWS cannot make.

use std::fs;

use crate::harness::workspace::{Workspace, assert_transcript};

#[test]
fn a_protected_environment_is_not_deleted() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    workspace.edit("protect = false", "protect = true");
    assert_transcript!(workspace.transcript("down --sandbox -y"));
    let all = workspace.run("up --env source --sandbox -y");
    assert!(String::from_utf8_lossy(&all.stdout).contains("nothing to do"), "something was deleted");
}

#[test]
fn a_protected_address_is_not_deleted() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    workspace.edit("[state]", "[resources.\"source/database-source/*\"]\nprotect = true\n\n[state]");
    assert_transcript!(workspace.transcript("down --sandbox -y"));
    // Another pattern does not remove the protection; the same key, in the quotes of TOML, does.
    let with = |key: &str| workspace.run(&format!("down --sandbox -y --set resources.{key}.protect=false"));
    assert_eq!(with("\"source/database-source/instance\"").status.code(), Some(3));
    assert_eq!(with("\"source/database-source/*\"").status.code(), Some(0));
}

#[test]
fn a_protection_that_matches_nothing_is_an_error() {
    let workspace = Workspace::new();
    workspace.edit("[state]", "[resources.\"source/databse-source/instance\"]\nprotect = true\n\n[state]");
    assert_transcript!(workspace.transcript("up --sandbox -y"));
}

#[test]
fn a_rollback_does_not_delete_what_is_protected() {
    let workspace = Workspace::new();
    crate::harness::workspace::kill_while_running(&workspace);
    workspace.edit("protect = false", "protect = true");
    let transcript = workspace.transcript("rollback --sandbox -y");
    assert!(transcript.contains("[exit 5]") && transcript.contains("environments.source.protect"), "{transcript}");
}

#[test]
fn a_changed_region_is_refused() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    let before = fs::read(workspace.state().join("state.json")).unwrap();
    let refused = workspace.run("up --env source --sandbox -y --set environments.source.region=eu-west-1");
    assert_eq!(refused.status.code(), Some(3), "{}", workspace.format_output(&refused, "up"));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another region"));
    assert_eq!(fs::read(workspace.state().join("state.json")).unwrap(), before);
}

#[test]
fn deletion_protection_is_reported_before_anything_is_deleted() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y --set database.deletion_protection=true").status.success());
    let refused = workspace.run("down --sandbox -y --set database.deletion_protection=true");
    assert_eq!(refused.status.code(), Some(3), "{}", workspace.format_output(&refused, "down"));
    assert!(workspace.transcript("status --sandbox").contains("all of them ready"));
    let down = workspace.run("down --sandbox -y --set database.deletion_protection=false");
    assert!(down.status.success(), "{}", workspace.format_output(&down, "down"));
}

#[test]
fn storage_that_shrinks_is_refused() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    let shrunk = workspace.run("up --env source --sandbox -y --set database.allocated_storage_gb=50");
    assert_eq!(shrunk.status.code(), Some(3), "{}", workspace.format_output(&shrunk, "up"));
    assert!(String::from_utf8_lossy(&shrunk.stderr).contains("cannot shrink"));
}
