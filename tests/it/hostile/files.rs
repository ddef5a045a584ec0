//! Modes, links, FIFOs, devices, damaged files, and a full device.

use std::fs;
use std::os::unix::fs::symlink;

use super::arrange::{append, arguments, content, device, directory, fifo, full_output, link};
use super::situation::{Arranged, Situation, UP_SOURCE, check};

const UP: &str = "up --env source --sandbox --sandbox-timing instant -y";
const DOWN: &str = "down --env source --sandbox --sandbox-timing instant -y";

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "the snapshot is a FIFO",
        arrange: |workspace| fifo(workspace, "state.json"),
        command: UP,
        exits: 6,
        says: "it is a FIFO",
    },
    Situation {
        name: "the journal is a FIFO",
        arrange: |workspace| fifo(workspace, "journal.jsonl"),
        command: UP,
        exits: 6,
        says: "it is a FIFO",
    },
    Situation {
        name: "the lock is a FIFO",
        arrange: |workspace| fifo(workspace, "lock"),
        command: UP,
        exits: 6,
        says: "it is a FIFO",
    },
    Situation {
        name: "the snapshot never ends",
        arrange: |workspace| device(workspace, "state.json"),
        command: UP,
        exits: 6,
        says: "it is a device",
    },
    Situation {
        name: "the journal is a directory",
        arrange: |workspace| directory(workspace, "journal.jsonl"),
        command: UP,
        exits: 6,
        says: "it is a directory",
    },
    Situation {
        name: "the snapshot is a link",
        arrange: |workspace| link(workspace, "state.json"),
        command: DOWN,
        exits: 6,
        says: "it is a symbolic link",
    },
    Situation {
        name: "the snapshot is empty",
        arrange: |workspace| content(workspace, "state.json", b""),
        command: UP,
        exits: 6,
        says: "state.json",
    },
    Situation {
        name: "the snapshot is not JSON",
        arrange: |workspace| content(workspace, "state.json", b"\x1b]0;owned\x07\nerror: pay here"),
        command: UP,
        exits: 6,
        says: "state.json",
    },
    Situation {
        name: "the snapshot is deeply nested",
        arrange: |workspace| content(workspace, "state.json", "[".repeat(200_000).as_bytes()),
        command: "status --sandbox",
        exits: 6,
        says: "state.json",
    },
    Situation {
        name: "the last line of the journal is complete and damaged",
        arrange: |workspace| append(workspace, "journal.jsonl", b"00000000 {\"seq\":99999}\n"),
        command: UP,
        exits: 6,
        says: "journal.jsonl",
    },
    Situation {
        name: "the last line of the journal is torn",
        arrange: |workspace| append(workspace, "journal.jsonl", b"00000000 {\"se"),
        command: UP,
        exits: 0,
        says: "journal.torn-",
    },
    Situation {
        name: "a saved plan is a FIFO",
        arrange: |workspace| {
            let path = workspace.path().join("saved.plan");
            assert!(std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
            arguments("saved.plan")
        },
        command: "up --sandbox -y",
        exits: 2,
        says: "it is a FIFO",
    },
    Situation {
        name: "a saved plan is not a plan",
        arrange: |workspace| {
            fs::write(workspace.path().join("saved.plan"), "{\"format\":").expect("a file");
            arguments("saved.plan")
        },
        command: "up --sandbox -y",
        exits: 2,
        says: "saved.plan",
    },
    Situation {
        name: "a plan is written through a link",
        arrange: |workspace| {
            fs::write(workspace.path().join("target"), "before").expect("a file");
            symlink("target", workspace.path().join("link")).expect("a link");
            arguments("--out link")
        },
        command: "plan --sandbox --env source",
        exits: 1,
        says: "it is a symbolic link",
    },
    Situation {
        name: "the configuration is a directory",
        arrange: |workspace| {
            fs::create_dir(workspace.path().join("configured")).expect("a directory");
            arguments("--config configured")
        },
        command: "plan --sandbox",
        exits: 2,
        says: "configured",
    },
    Situation {
        name: "the configuration never ends",
        arrange: |_| arguments("--config /dev/zero"),
        command: "config check",
        exits: 2,
        says: "/dev/zero",
    },
    Situation {
        name: "the result does not fit on the device",
        arrange: full_output,
        command: "state show --sandbox",
        exits: 1,
        says: "cannot write the result to standard output",
    },
    Situation {
        name: "the directory of the state is a file",
        arrange: |workspace| {
            fs::write(workspace.path().join("a-file"), "").expect("a file");
            Arranged { arguments: "--state-dir a-file".to_owned(), ..Arranged::default() }
        },
        command: "up --env source --sandbox -y",
        exits: 6,
        says: "a-file",
    },
];

#[test]
fn files_that_are_broken_or_placed_by_somebody() {
    check(UP_SOURCE, SITUATIONS);
}
