//! A lost or damaged state: existing resources are found again by names and ownership tags.

use std::fs;

use crate::harness::backend::Backend;
use crate::harness::workspace::Workspace;

fn succeed(workspace: &Workspace, arguments: &str) -> String {
    Backend::Sandbox.succeed(workspace, arguments)
}

/// Returns a workspace with a complete stack and without its state.
fn lost() -> Workspace {
    let workspace = Workspace::new();
    succeed(&workspace, "up -y");
    fs::remove_dir_all(workspace.state()).expect("the state");
    workspace
}

#[test]
fn a_lost_state_is_rebuilt() {
    let workspace = lost();
    let transcript = succeed(&workspace, "state rebuild -y");
    assert!(transcript.contains("187 resources were found, the state contains 187 now"), "{transcript}");
    assert!(succeed(&workspace, "up -y").contains("nothing to do"));
    succeed(&workspace, "down -y");
    assert!(Backend::Sandbox.inventory(&workspace, &["us-east-1"]).iter().all(|id| !id.contains("payment")));
}

#[test]
fn a_damaged_state_is_archived_and_rebuilt() {
    let workspace = Workspace::new();
    crate::harness::workspace::kill_while_running(&workspace);
    let journal = workspace.state().join("journal.jsonl");
    let mut lines: Vec<String> =
        fs::read_to_string(&journal).expect("the journal").lines().map(str::to_owned).collect();
    let middle = lines.len() / 2;
    lines[middle] = lines[middle].replace("source", "sourse");
    let damaged = lines.join("\n") + "\n";
    fs::write(&journal, &damaged).expect("the journal");
    let refused = workspace.transcript("up --env source --sandbox -y");
    assert!(refused.contains("[exit 6]") && refused.contains("state rebuild"), "{refused}");

    let transcript = workspace.transcript("state rebuild --sandbox -y");
    assert!(
        transcript.contains("[exit 0]")
            && transcript.contains("are kept as")
            && transcript.contains("its intact part contains"),
        "{transcript}"
    );
    let kept = fs::read_dir(workspace.state())
        .expect("the directory")
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().contains("damaged"));
    assert_eq!(fs::read_to_string(kept.expect("the damaged file").path()).expect("it is readable"), damaged);
    succeed(&workspace, "up --env source -y");
    let down = succeed(&workspace, "down -y");
    assert!(down.contains("69 resources deleted"), "{down}");
}

#[test]
fn orphans_are_listed_and_imported() {
    let workspace = lost();
    let transcript = succeed(&workspace, "orphans");
    assert!(
        transcript.contains("source/network/vpc")
            && transcript.contains("role/payment-task-source-dev-001")
            && transcript.contains("role/dms-vpc-role")
            && transcript.contains("--adopt"),
        "{transcript}"
    );
    assert_eq!(Backend::Sandbox.run(&workspace, "orphans --exit-code").status.code(), Some(4));
    let transcript = succeed(&workspace, "orphans --adopt -y");
    assert!(transcript.contains("187 resources were imported into the state"), "{transcript}");
    assert!(succeed(&workspace, "orphans").contains("no orphans"));
    assert!(succeed(&workspace, "up -y").contains("nothing to do"));
}

#[test]
fn orphans_are_deleted() {
    let workspace = lost();
    let transcript = succeed(&workspace, "orphans --delete -y");
    assert!(transcript.contains("187 resources deleted"), "{transcript}");
    assert!(succeed(&workspace, "status").contains("nothing of"));
    assert!(Backend::Sandbox.inventory(&workspace, &["us-east-1"]).iter().all(|id| !id.contains("payment")));
}

#[test]
fn a_complete_state_has_no_orphans() {
    let workspace = Workspace::new();
    succeed(&workspace, "up --env source -y");
    assert!(succeed(&workspace, "orphans").contains("no orphans"));
    assert_eq!(Backend::Sandbox.run(&workspace, "orphans --exit-code").status.code(), Some(0));
}
