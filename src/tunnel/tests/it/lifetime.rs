//! A command and its children end with the tunnels, and with the process, however it ends.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::server::{is_running, place, script, until};

/// A command with a child that ignores polite requests. Both write their ids.
fn with_child(directory: &Path) -> String {
    let file = |name: &str| directory.join(name).display().to_string();
    format!(
        "sh -c 'trap \"\" TERM; echo $$ > {}; while :; do sleep 1; done' & echo $$ > {}; \
         while [ ! -s {0} ]; do sleep 0.05; done; echo 127.0.0.1:5432; wait",
        file("child"),
        file("parent"),
    )
}

fn pids(directory: &Path) -> [String; 2] {
    ["parent", "child"].map(|name| std::fs::read_to_string(directory.join(name)).expect("a file"))
}

#[tokio::test]
async fn dropping_the_tunnels_ends_all_of_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let tunnels = script(&with_child(directory.path()), &[]);
    tunnels.to(&place()).await.expect("a way");
    let pids = pids(directory.path());
    assert!(pids.iter().all(|pid| is_running(pid)));
    drop(tunnels);
    assert!(!pids.iter().any(|pid| is_running(pid)), "{pids:?}");
}

#[tokio::test]
async fn a_panic_ends_all_of_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = with_child(directory.path());
    let task = tokio::spawn(async move {
        let tunnels = script(&text, &[]);
        tunnels.to(&place()).await.expect("a way");
        assert!(tunnels.to(&place()).await.is_err(), "this panics");
    });
    task.await.expect_err("it has panicked");
    let pids = pids(directory.path());
    until("all of it has ended", || !pids.iter().any(|pid| is_running(pid)));
}

const DIRECTORY: &str = "MIGRATE_INFRA_TUNNEL_TEST";

/// Not a test of its own: the process that the next test kills.
#[tokio::test]
async fn holds_a_tunnel_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let tunnels = script(&with_child(Path::new(&directory)), &[]);
    tunnels.to(&place()).await.expect("a way");
    std::fs::write(Path::new(&directory).join("ready"), "").expect("a file");
    std::thread::sleep(std::time::Duration::from_mins(1));
}

#[test]
fn a_process_that_is_killed_leaves_nothing() {
    for signal in ["-9", "-INT", "-TERM"] {
        let directory = tempfile::tempdir().expect("a directory");
        // Who runs the tests in the background ignores Ctrl-C, and so would the process.
        let mut process = Command::new("env")
            .args(["--default-signal=INT,TERM".as_ref(), std::env::current_exe().expect("this program").as_os_str()])
            .args(["--exact", "lifetime::holds_a_tunnel_until_it_is_killed"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        until("it has a way", || directory.path().join("ready").exists());
        let pids = pids(directory.path());
        assert!(pids.iter().all(|pid| is_running(pid)));
        let id = process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
        let status = process.wait().expect("it has ended");
        assert!(status.signal().is_some(), "{signal}: {status}");
        until("all of it has ended", || !pids.iter().any(|pid| is_running(pid)));
    }
}
