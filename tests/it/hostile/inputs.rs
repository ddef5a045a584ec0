//! Options, variables and configurations that nobody should write.

use std::fs;

use super::arrange::arguments;
use super::situation::{Arranged, Situation, UP_SOURCE, check};

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "a key of sixty thousand parts",
        arrange: |_| arguments(format!("--set {}x=1", "a.".repeat(60_000))),
        command: "plan --sandbox",
        exits: 2,
        says: "more than 16 parts",
    },
    Situation {
        name: "a value that is deeply nested",
        arrange: |_| arguments(format!("--set replication.tables={}", "[".repeat(60_000))),
        command: "plan --sandbox",
        exits: 2,
        says: "replication.tables",
    },
    Situation {
        name: "a configuration that is deeply nested",
        arrange: |workspace| {
            let text = format!("[stack]\nname = {}", "[".repeat(100_000));
            fs::write(workspace.path().join("deep.toml"), text).expect("a file");
            arguments("--config deep.toml")
        },
        command: "config check",
        exits: 2,
        says: "deep.toml",
    },
    Situation {
        name: "a configuration that controls the terminal",
        arrange: |workspace| {
            let text = "[stack]\nname = \"\u{1b}]0;owned\u{7}\u{202e}\"\nsuffix = \"x\\nerror: pay here\"\n";
            fs::write(workspace.path().join("escapes.toml"), text).expect("a file");
            arguments("--config escapes.toml")
        },
        command: "config check",
        exits: 2,
        says: "escapes.toml",
    },
    Situation {
        name: "a configuration that is no text",
        arrange: |workspace| {
            fs::write(workspace.path().join("bytes.toml"), [0xff, 0xfe, 0x00, 0x80]).expect("a file");
            arguments("--config bytes.toml")
        },
        command: "config check",
        exits: 2,
        says: "bytes.toml",
    },
    Situation {
        name: "a variable that is deeply nested",
        arrange: |_| Arranged {
            variables: vec![("MIGRATE_INFRA_REPLICATION__TABLES", "{a=".repeat(20_000))],
            ..Arranged::default()
        },
        command: "plan --sandbox",
        exits: 2,
        says: "MIGRATE_INFRA_REPLICATION__TABLES",
    },
    Situation {
        name: "an address that leads elsewhere",
        arrange: |_| arguments("../../etc/passwd"),
        command: "state show --sandbox",
        exits: 2,
        says: "passwd",
    },
];

#[test]
fn input_that_nobody_should_write() {
    check(UP_SOURCE, SITUATIONS);
}
