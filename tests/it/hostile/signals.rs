//! Signals, also those of a session that ends.

use std::process::{Command, Stdio};

use crate::harness::terminal::closing_terminal;
use crate::harness::workspace::{Workspace, wait_for_progress};

/// A signal during a command, and its exit code.
struct Signalled {
    signals: &'static [&'static str],
    exits: i32,
}

const SITUATIONS: &[Signalled] = &[
    Signalled { signals: &["INT"], exits: 130 },
    Signalled { signals: &["TERM"], exits: 130 },
    Signalled { signals: &["HUP"], exits: 130 },
    Signalled { signals: &["QUIT"], exits: 130 },
    // A shell and the kernel can both send it.
    Signalled { signals: &["HUP", "HUP"], exits: 130 },
    // The window is closed, and then the machine is shut down.
    Signalled { signals: &["HUP", "WINCH", "CONT"], exits: 130 },
    Signalled { signals: &["WINCH", "CONT", "URG"], exits: 0 },
];

#[test]
fn signals_stop_a_run_and_the_same_command_resumes_it() {
    for situation in SITUATIONS {
        let workspace = Workspace::new();
        let up = workspace.command("up --env source --sandbox --sandbox-timing fast -y");
        // The tests may run under `nohup`, which the program would obey.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP,QUIT,INT,TERM").arg(up.get_program()).args(up.get_args());
        command.current_dir(workspace.path()).env_clear().stdin(Stdio::null());
        command.envs(up.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut child = wait_for_progress(&mut command);
        for signal in situation.signals {
            // The run may have ended already.
            let mut kill = Command::new("kill");
            kill.args([format!("-{signal}"), child.id().to_string()]).stderr(Stdio::null());
            kill.status().expect("kill runs");
        }
        assert_eq!(child.wait().expect("it ends").code(), Some(situation.exits), "{:?}", situation.signals);
        let again = workspace.run("up --env source --sandbox --sandbox-timing instant -y");
        assert!(again.status.success(), "{:?}: {}", situation.signals, workspace.format_output(&again, "up"));
    }
}

/// The kernel sends SIGHUP, and what is written to the terminal fails.
#[test]
fn a_run_whose_terminal_is_closed_stops_and_is_resumed() {
    let workspace = Workspace::new();
    let up = workspace.command("up --env source --sandbox --sandbox-timing fast -y");
    let output = closing_terminal("source/network/vpc", &up).output().expect("it runs");
    assert_eq!(output.status.code(), Some(130), "{}", workspace.format_output(&output, "up"));
    let again = workspace.run("up --env source --sandbox --sandbox-timing instant -y");
    assert!(again.status.success(), "{}", workspace.format_output(&again, "up"));
}
