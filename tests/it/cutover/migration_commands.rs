//! A whole migration with the real program, as a user sees it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::backend::Backend;
use crate::harness::terminal::closing_terminal;
use crate::harness::workspace::{Workspace, signal as send_signal};

/// The services have just started: requests from before that have failed.
const STARTED: &str = "--set gates.error-rate.enabled=false";

/// A shift of traffic to a source whose writes are stopped is refused, and the next cutover and a rollback remember the
/// stop.
#[test]
fn traffic_to_a_source_with_stopped_writes_is_reported() {
    let workspace = Workspace::new();
    let log = workspace.path().join("hooks");
    let script = workspace.path().join("hook.sh");
    std::fs::write(&script, format!("echo $1 >> {}\n", log.display())).expect("a file");
    let hook = |name: &str| format!("--set cutover.{name}_command=[\"sh\",\"{}\",\"{name}\"]", script.display());
    let sets = format!(
        "{} {} {STARTED} --set cutover.strategy=read-only --set cutover.steps=[100] --set cutover.bake_seconds=60",
        hook("quiesce"),
        hook("release")
    );
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, &format!("{arguments} {sets}"));
    let transcript = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox {sets}"));
    let hooks = || std::fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    run("up -y");
    run("replication start -y");
    run("replication validate --wait");
    run("cutover -y");
    let refused = transcript("traffic shift --to 50 -y");
    assert!(
        refused.contains("[exit 3]")
            && refused.contains("whose writes are stopped")
            && refused.contains("traffic rollback"),
        "{refused}"
    );
    run("cutover -y");
    let back = run("traffic rollback -y");
    assert!(back.contains("replication has one direction"), "{back}");
    assert_eq!(hooks(), ["quiesce", "release"]);
    let zone = transcript("traffic show");
    let zone = zone.split_whitespace().find(|word| word.starts_with('Z')).expect("the zone");
    let unread = transcript(&format!("traffic rollback --zone-id {zone} -y"));
    assert!(unread.contains("[exit 0]") && unread.contains("run the release command manually"), "{unread}");
}

#[test]
fn a_whole_migration_by_commands() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    let up = run("up -y");
    assert!(up.contains("migrate-infra replication start"), "{up}");
    let none = workspace.transcript("cutover --sandbox -y");
    assert!(none.contains("task is `ready`"), "nothing replicates yet: {none}");
    // If the source has just started, its first requests have failed, and no traffic is sent there: the cutover holds.
    let holds = none.contains("[exit 9]") && none.contains("the source is not healthy, so no traffic is sent to it");
    assert!(holds || none.contains("[exit 8]"), "{none}");
    let aborted = workspace.transcript("cutover --abort --sandbox -y");
    let expected = if holds { "[exit 8]" } else { "no cutover in progress" };
    assert!(aborted.contains(expected), "{aborted}");
    let early = workspace.transcript("replication start --phase indexes -y --sandbox");
    assert!(early.contains("[exit 3]") && early.contains("`schema` is not done"), "{early}");
    run("replication start --phase schema -y");
    let loaded = run("replication start --phase load -y");
    assert!(loaded.contains("it was started") && loaded.contains("full load 100 %"), "{loaded}");
    assert!(loaded.contains("the phase `indexes` is next"), "{loaded}");
    let status = run("replication status");
    assert!(status.contains("public.payments") && status.contains("lag: source"), "{status}");
    assert!(status.contains("phases: schema done, load done, indexes to do, changes to do"), "{status}");
    assert!(run("status").contains("the start of target/replication/task is not complete"));
    let pending = workspace.transcript("replication validate --sandbox");
    assert!(
        pending.contains("[exit 1]") && pending.contains("it is not proven that all data has arrived"),
        "{pending}"
    );
    let started = run("replication start -y");
    assert!(started.contains("done before: schema, load") && started.contains("it was resumed"), "{started}");
    assert!(run("replication start -y").contains("it was already running"));
    let validated = run("replication validate --wait");
    assert!(
        validated.contains("public.payments: Validated") && validated.contains("no comparison by this tool"),
        "{validated}"
    );
    let dry = run("cutover --dry-run");
    assert!(dry.contains("replication-lag") && dry.contains("steps: 10, 20"), "{dry}");
    let ready = run("runbook");
    for phase in [
        "full load 100 %)",
        "DMS found 3 of 3 tables to be the same)",
        "source: 2 healthy, 0 unhealthy; target: 2 healthy, 0 unhealthy)",
    ] {
        assert!(
            ready.lines().any(|line| line.starts_with("- [x] done (") && line.ends_with(phase)),
            "{phase}: {ready}"
        );
    }
    assert!(!run("runbook --offline").contains("full load 100 %"));
    let quick = format!("--set cutover.step_percent=50 --set cutover.bake_seconds=60 {STARTED}");
    let hooks = r#"--set cutover.quiesce_command=["true"] --set cutover.release_command=["true"]"#;
    let nothing = workspace.transcript("cutover --approve -y --sandbox");
    assert!(nothing.contains("[exit 3]") && nothing.contains("no cutover in progress"), "{nothing}");
    let again = workspace.transcript("replication start --reload -y --sandbox");
    assert!(again.contains("[exit 3]") && again.contains("the task runs, so it cannot be reloaded"), "{again}");
    let held = workspace.transcript(&format!("cutover -y --sandbox --pause-at 50 {quick} {hooks}"));
    assert!(held.contains("[exit 9]") && held.contains("cutover --approve"), "{held}");
    assert!(run("status").contains("the cutover is held at 50 %"));
    // The target is in use: it keeps its tables and receives changes, and the cutover continues only after an approval.
    for (command, why) in [
        ("start --reload", "50 % of the traffic goes to the target"),
        ("stop", "which would no longer receive changes"),
    ] {
        let refused = workspace.transcript(&format!("replication {command} -y --sandbox"));
        assert!(refused.contains("[exit 3]") && refused.contains(why), "{refused}");
    }
    let still = workspace.transcript(&format!("cutover -y --sandbox {quick} {hooks}"));
    assert!(still.contains("[exit 9]") && still.contains("cutover --approve"), "{still}");
    let done = run(&format!("cutover --approve -y {quick} {hooks}"));
    assert!(done.contains("done: the database of the target is the primary, and all traffic goes there"), "{done}");
    // The refused cutover has a report, too. The names show which is the last.
    let records = std::fs::read_dir(workspace.state().join("cutovers"))
        .expect("records")
        .map(|file| file.expect("a file").path());
    let page = records.filter(|path| path.extension().is_some_and(|ending| ending == "md")).max().expect("a page");
    let runbook = run("runbook");
    assert!(
        runbook.contains("all traffic goes to the target") && runbook.contains("payment-migration/dev-001"),
        "{runbook}"
    );
    assert!(run("traffic show").contains("100 % of the traffic"));
    // Traffic alone does not go back, and the replication does not write into the primary.
    for (command, why) in [
        ("traffic rollback", "cutover --rollback"),
        ("traffic shift --to 50", "cutover --rollback"),
        ("traffic unfence source", "two databases would get writes"),
        ("replication start", "the replication would overwrite it"),
    ] {
        let refused = workspace.transcript(&format!("{command} -y --sandbox"));
        assert!(refused.contains("[exit 3]") && refused.contains(why), "{command}: {refused}");
    }
    let back = run(&format!("cutover --rollback -y {hooks}"));
    assert!(back.contains("done: the database of the source is the primary"), "{back}");
    // Another task carries the changes now. A new load would write the same tables.
    let resumed = run("replication start -y");
    assert!(resumed.contains("target/replication/forward-task: it was already running"), "{resumed}");
    let reload = workspace.transcript("replication start --reload -y --sandbox");
    assert!(reload.contains("[exit 3]") && reload.contains("cutover finish"), "{reload}");
    run("replication validate --wait");
    assert!(run("runbook").contains("- [ ] done (0 % of the traffic goes to the target)"));
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("| release | 0 |"), "{page}");
    assert!(page.contains(": rolled back") && page.contains("Traffic to the target now: 0 %"), "{page}");
    // The lag grows at 40 %.
    let script = "[[events]]\ntraffic_percent = 40\nenvironment = \"target\"\nlag_seconds = 300\n";
    std::fs::write(workspace.path().join("lag.toml"), script).expect("a file");
    let back = workspace.transcript("cutover -y --sandbox --sandbox-script lag.toml --record records");
    assert!(
        back.contains("[exit 8]")
            && back.contains("replication-lag")
            && back.contains("all traffic goes to the source"),
        "{back}"
    );
    let json =
        std::fs::read_dir(workspace.path().join("records")).expect("records").map(|file| file.expect("a file").path());
    let json = json.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "json")).expect("a record");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(json).expect("a record")).expect("it is JSON");
    assert!(
        record["result"].to_string().contains("rolled_back")
            && record["changes"].as_array().is_some_and(|changes| changes.len() == 5),
        "{record}"
    );
    assert!(run("traffic show").contains("0 % of the traffic"));
    assert!(run("replication stop -y").contains("stopped"));
    let stale = workspace.transcript("replication validate --sandbox");
    assert!(stale.contains("[exit 1]") && stale.contains("does not replicate changes"), "{stale}");
    run("down -y");
}

/// A cutover that waits for an operator receives the requests of another process. A request without a running cutover
/// has no effect.
#[test]
fn a_waiting_cutover_receives_requests_of_other_commands() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up -y");
    run("replication start -y");
    run("replication validate --wait");
    for (request, ends) in [("--abort", 8), ("--approve", 0)] {
        let arguments = format!(
            "cutover -y --wait --sandbox --set cutover.pause_at=[50] --set cutover.step_percent=50 \
             --set cutover.bake_seconds=60 {STARTED}"
        );
        let mut child = workspace
            .command(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("approve, roll back or abort")), "it ended before it asked");
        let reading = std::thread::spawn(move || lines.count());
        let asked = workspace.transcript(&format!("cutover {request} --sandbox"));
        assert!(asked.contains("[exit 0]") && asked.contains("requested the running cutover to"), "{asked}");
        assert_eq!(child.wait().expect("it ends").code(), Some(ends), "{request}");
        reading.join().expect("it was read");
    }
    run("down -y");
}

/// Creates a stack in which a cutover can start.
fn ready_for_a_cutover() -> Workspace {
    let workspace = Workspace::new();
    for arguments in ["up -y", "replication start -y", "replication validate --wait"] {
        Backend::Sandbox.succeed(&workspace, arguments);
    }
    workspace
}

/// Waits for an approval at half of the traffic.
const PAUSING: &str = "--set cutover.pause_at=[50] --set cutover.step_percent=50 --set cutover.bake_seconds=60";

/// Starts a cutover, whatever signals the tests were started with (an option of `env`, which the program replaces).
/// Returns it and the further lines of its standard error once it waits at half of the traffic.
fn waiting_cutover(workspace: &Workspace) -> (Child, impl Iterator<Item = String> + Send + use<>) {
    let cutover = workspace.command(&format!("cutover -y --wait --sandbox {PAUSING} {STARTED}"));
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", "--default-signal=QUIT"]).arg(cutover.get_program());
    command.args(cutover.get_args()).current_dir(workspace.path()).env_clear();
    command.envs(cutover.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("approve, roll back or abort")), "it ended before it asked");
    (child, lines)
}

#[test]
fn a_closed_session_left_the_traffic_split() {
    let workspace = ready_for_a_cutover();
    for signal in ["HUP", "QUIT", "TERM"] {
        let (mut child, lines) = waiting_cutover(&workspace);
        // Nobody reads what it writes any more.
        drop(lines);
        send_signal(&child, signal);
        assert_eq!(child.wait().expect("it ends").code(), Some(8), "SIG{signal}");
        let shown = workspace.transcript("traffic show --sandbox");
        assert!(shown.contains("\n0 % of the traffic goes to the target"), "SIG{signal}: {shown}");
    }
}

/// The dashboard could neither draw nor read keys any more.
#[test]
fn a_closed_terminal_returns_the_traffic() {
    let workspace = ready_for_a_cutover();
    let cutover = workspace.command(&format!("cutover -y --wait --sandbox {PAUSING} {STARTED}"));
    let output = closing_terminal("50 %", &cutover).output().expect("it runs");
    assert_eq!(output.status.code(), Some(8), "{}", workspace.format_output(&output, "cutover"));
    let shown = workspace.transcript("traffic show --sandbox");
    assert!(shown.contains("\n0 % of the traffic goes to the target"), "{shown}");
}

#[test]
fn a_file_in_the_directory_of_the_state_approved_a_step() {
    let workspace = ready_for_a_cutover();
    let (mut child, mut lines) = waiting_cutover(&workspace);
    let dropped = workspace.state().join("cutover.request.1-dropped");
    let request = "{\"id\":\"1\",\"request\":\"approve\",\"who\":\"mallory\",\"run\":\"unknown\",\"to\":null}";
    std::fs::write(&dropped, request).expect("a file");
    std::fs::set_permissions(&dropped, std::fs::Permissions::from_mode(0o666)).expect("a mode");
    assert!(lines.any(|line| line.contains("is not obeyed: other users can write it")), "nothing was said");
    let reading = std::thread::spawn(move || lines.count());
    let asked = workspace.transcript("cutover --abort --sandbox");
    assert!(asked.contains("[exit 0]"), "{asked}");
    assert_eq!(child.wait().expect("it ends").code(), Some(8));
    reading.join().expect("it was read");
}
