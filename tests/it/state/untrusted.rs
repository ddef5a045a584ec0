//! A state that can be read, and that this version must not act on.

use std::fs;

use serde_json::{Value, json};

use crate::harness::workspace::Workspace;

/// Returns a workspace with a source, whose state was edited.
fn edited(edit: impl FnOnce(&mut Value)) -> Workspace {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    let path = workspace.state().join("state.json");
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).expect("the state")).expect("it is JSON");
    edit(&mut state);
    fs::write(&path, state.to_string()).expect("the state");
    workspace
}

/// Asserts that these commands are refused with code 6 and this text, and change neither the state nor the world.
fn refused(workspace: &Workspace, commands: &[&str], text: &str) {
    let files = [workspace.state().join("state.json"), workspace.state().join("journal.jsonl")];
    let read = || (files.each_ref().map(|file| fs::read(file).expect("a file")), workspace.stable_inventory());
    let before = read();
    for command in commands {
        let transcript = workspace.transcript(command);
        assert!(transcript.contains("[exit 6]") && transcript.contains(text), "{transcript}");
        assert!(read() == before, "`{command}` has changed something");
    }
}

#[test]
fn a_cutover_that_cannot_be_read_counted_as_none() {
    let workspace = edited(|state| state["migration"]["cutover"] = json!({ "progress": "of a newer version" }));
    let commands = [
        "cutover --sandbox -y",
        "cutover --sandbox --approve -y",
        "cutover --sandbox --dry-run",
        "cutover finish --sandbox -y",
        "replication start --sandbox -y",
        "replication stop --sandbox -y",
        "traffic shift --to 50 --sandbox -y",
        "runbook --sandbox --offline",
        "up --env source --sandbox -y",
    ];
    refused(&workspace, &commands, "the state contains a cutover that this version cannot read");
    let status = workspace.transcript("status --sandbox");
    assert!(status.contains("[exit 0]") && status.contains("a cutover that this version cannot read"), "{status}");
}

#[test]
fn a_switchover_that_cannot_be_read_was_only_refused_by_some_commands() {
    let workspace = edited(|state| state["migration"]["switchover"] = json!({ "progress": 1 }));
    let commands = [
        "cutover --sandbox -y",
        "down --env source --sandbox -y",
        "replication stop --sandbox -y",
        "traffic emergency --sandbox -y",
    ];
    refused(&workspace, &commands, "the state contains a switchover that this version cannot read");
}

#[test]
fn an_unknown_kind_was_found_only_at_its_step() {
    let workspace = edited(|state| state["resources"]["source/network/vpc"]["kind"] = json!("ec2.teleporter"));
    let commands = [
        "plan --env source --sandbox",
        "up --env source --sandbox -y",
        "down --env source --sandbox -y",
        "rollback --sandbox -y",
        "forget source/network/vpc --sandbox -y",
    ];
    refused(&workspace, &commands, "source/network/vpc has the kind `ec2.teleporter`");
    for command in ["state list --sandbox", "state show --sandbox", "state show source/network/vpc --sandbox"] {
        let shown = workspace.transcript(command);
        assert!(shown.contains("[exit 0]") && shown.contains("source/network/vpc"), "{shown}");
    }
}

#[test]
fn a_cycle_of_dependencies_was_found_only_in_a_plan() {
    let workspace = edited(|state| {
        let needs = json!([{ "on": "source/network/vpc", "at": "created" }]);
        state["resources"]["source/network/vpc"]["needs"] = needs;
    });
    let commands = ["up --env source --sandbox -y", "down --env source --sandbox -y"];
    refused(&workspace, &commands, "source/network/vpc -> source/network/vpc");
}

#[test]
fn a_state_without_a_lineage_started_another_history() {
    let workspace = edited(|state| state["lineage"] = json!(""));
    refused(&workspace, &["up --env source --sandbox -y", "status --sandbox"], "its `lineage` is empty");
}

#[test]
fn an_address_in_a_state_led_out_of_its_directory() {
    let workspace = edited(|state| {
        let vpc = state["resources"]["source/network/vpc"].clone();
        state["resources"]["../../outside/vpc"] = vpc;
    });
    refused(&workspace, &["up --env source --sandbox -y"], "\"../../outside/vpc\" cannot be the address");
}
