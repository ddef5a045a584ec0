//! Environments that depend on each other: missing environments are reported, used ones are kept, and the command to
//! run is suggested.

use crate::harness::workspace::Workspace;

fn succeed(workspace: &Workspace, arguments: &str) {
    let output = workspace.run(arguments);
    assert!(output.status.success(), "{}", workspace.format_output(&output, arguments));
}

#[test]
fn up_of_the_target_without_the_source() {
    let workspace = Workspace::new();
    insta::assert_snapshot!(
        "up_of_the_target_without_the_source",
        workspace.transcript("up --env target --sandbox -y")
    );
    assert!(!workspace.path().join(".migrate-infra").exists(), "something was begun");
}

#[test]
fn plan_of_the_routing_without_either_environment() {
    let workspace = Workspace::new();
    insta::assert_snapshot!(
        "plan_of_the_routing_without_either_environment",
        workspace.transcript("plan --env routing")
    );
}

#[test]
fn down_of_the_source_while_others_depend_on_it() {
    let workspace = Workspace::new();
    succeed(&workspace, "up --sandbox -y");
    let refused = workspace.transcript("down --env source --sandbox -y");
    insta::assert_snapshot!("down_of_the_source_while_others_depend_on_it", refused);
    // The suggested command works.
    succeed(&workspace, "down --env routing --env target --sandbox -y");
    succeed(&workspace, "down --env source --sandbox -y");
    assert!(workspace.transcript("status --sandbox").contains("nothing of"));
}

#[test]
fn one_environment_after_the_other() {
    let workspace = Workspace::new();
    for environment in ["source", "target", "routing"] {
        succeed(&workspace, &format!("up --env {environment} --sandbox -y"));
    }
    let transcript = workspace.transcript("up --sandbox -y");
    assert!(transcript.contains("there is nothing to do") || transcript.contains("nothing to do"), "{transcript}");
    succeed(&workspace, "down --sandbox -y");
    assert!(workspace.transcript("status --sandbox").contains("nothing of"));
}

/// An environment whose creation was interrupted has resources whose outputs are not known yet.
#[test]
fn an_incomplete_environment_is_not_a_dependency() {
    let workspace = Workspace::new();
    crate::harness::workspace::kill_while_running(&workspace);
    let transcript = workspace.transcript("up --env target --sandbox -y");
    assert!(
        transcript.contains("[exit 3]") && transcript.contains("required resources of `source` do not exist yet"),
        "{transcript}"
    );
}
