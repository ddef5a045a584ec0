//! States that somebody has edited or copied.

use std::fs;

use serde_json::{Value, json};

use super::arrange::snapshot;
use super::situation::{Arranged, Situation, UP_SOURCE, check};
use crate::harness::workspace::Workspace;

const UP: &str = "up --env source --sandbox --sandbox-timing instant -y";
const DOWN: &str = "down --env source --sandbox --sandbox-timing instant -y";

fn entry<'a>(state: &'a mut Value, address: &str) -> &'a mut Value {
    &mut state["resources"][address]
}

/// Makes everything in AWS belong to another stack.
fn of_another_stack(workspace: &Workspace) -> Arranged {
    let path = workspace.path().join(".migrate-infra/sandbox/world.json");
    let world = fs::read_to_string(&path).expect("the world").replace("payment-migration/dev-001", "theirs/prod");
    fs::write(&path, world).expect("the world");
    Arranged::default()
}

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "the entries are those of another stack, and are to be deleted",
        arrange: of_another_stack,
        command: DOWN,
        exits: 1,
        says: "theirs/prod",
    },
    Situation {
        name: "the entries are those of another stack, and are to be changed",
        arrange: of_another_stack,
        command: "up --env source --sandbox --sandbox-timing instant -y --set tags.CostCenter=elsewhere",
        exits: 3,
        says: "theirs/prod",
    },
    Situation {
        name: "the state is that of another stack",
        arrange: |workspace| snapshot(workspace, |state| state["stack"] = json!("theirs/prod")),
        command: DOWN,
        exits: 3,
        says: "this state belongs to the stack `theirs/prod`",
    },
    Situation {
        name: "the state is that of another account, and is only read",
        arrange: |workspace| snapshot(workspace, |state| state["account"] = json!("999999999999")),
        command: "drift --sandbox",
        exits: 3,
        says: "999999999999",
    },
    Situation {
        name: "a kind is unknown",
        arrange: |workspace| {
            snapshot(workspace, |state| entry(state, "source/network/vpc")["kind"] = json!("ec2.teleporter"))
        },
        command: DOWN,
        exits: 6,
        says: "ec2.teleporter",
    },
    Situation {
        name: "a resource needs itself",
        arrange: |workspace| {
            let needs = json!([{ "on": "source/network/vpc", "at": "created" }]);
            snapshot(workspace, |state| entry(state, "source/network/vpc")["needs"] = needs)
        },
        command: DOWN,
        exits: 6,
        says: "source/network/vpc -> source/network/vpc",
    },
    Situation {
        name: "the lineage is empty",
        arrange: |workspace| snapshot(workspace, |state| state["lineage"] = json!("")),
        command: UP,
        exits: 6,
        says: "`lineage` is empty",
    },
    Situation {
        name: "an address leads elsewhere",
        arrange: |workspace| {
            snapshot(workspace, |state| {
                let vpc = entry(state, "source/network/vpc").clone();
                state["resources"]["../../outside/vpc"] = vpc;
            })
        },
        command: UP,
        exits: 6,
        says: "cannot be the address",
    },
    Situation {
        name: "a cutover cannot be read",
        arrange: |workspace| snapshot(workspace, |state| state["migration"]["cutover"] = json!({ "progress": 7 })),
        command: "cutover --sandbox -y",
        exits: 6,
        says: "a cutover that this version cannot read",
    },
    Situation {
        name: "the attributes of a resource are not those of its kind",
        arrange: |workspace| snapshot(workspace, |state| entry(state, "source/network/vpc")["attrs"] = json!([1, 2])),
        command: "state show --sandbox",
        exits: 0,
        says: "source/network/vpc",
    },
    Situation {
        name: "an id controls the terminal",
        arrange: |workspace| {
            snapshot(workspace, |state| {
                entry(state, "source/network/vpc")["attrs"]["vpc_id"] =
                    json!("vpc-\u{1b}]0;owned\u{7}\u{202e}\nerror: x");
            })
        },
        command: "state list --sandbox",
        exits: 0,
        says: "source/network/vpc",
    },
];

#[test]
fn states_that_somebody_has_edited_or_copied() {
    check(UP_SOURCE, SITUATIONS);
}
