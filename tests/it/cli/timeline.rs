//! Stored runs: `runs`, `timeline`, and the estimates that they teach.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::workspace::Workspace;

/// Returns the directories of the stored runs, oldest first.
fn stored(workspace: &Workspace) -> Vec<PathBuf> {
    let mut runs: Vec<PathBuf> = fs::read_dir(workspace.state().join("runs"))
        .map(|entries| entries.map(|entry| entry.expect("an entry").path()).collect())
        .unwrap_or_default();
    runs.sort();
    runs
}

fn json(workspace: &Workspace, arguments: &str) -> Value {
    let output = workspace.run(&format!("{arguments} --output json"));
    assert!(output.status.success(), "{}", workspace.format_output(&output, arguments));
    serde_json::from_slice(&output.stdout).expect("one JSON value")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn a_run_is_stored_and_shown() {
    let workspace = Workspace::new();
    let none = workspace.transcript("timeline --sandbox");
    assert!(none.contains("[exit 2]") && none.contains("no run of `payment-migration/dev-001` is stored"), "{none}");
    assert!(workspace.transcript("runs list --sandbox").contains("no run of"));

    assert!(workspace.run("up --env source --sandbox -y").status.success());
    assert!(workspace.run("plan --env source --sandbox").status.success(), "it changes nothing, so it is not stored");
    let [run] = stored(&workspace).try_into().expect("one run");
    assert_eq!([mode(&run), mode(&run.join("run.json")), mode(&run.join("events.jsonl"))], [0o700, 0o600, 0o600]);
    let id = run.file_name().expect("a name").to_str().expect("text");

    let list = json(&workspace, "runs list --sandbox");
    assert_eq!((&list[0]["id"], &list[0]["command"]), (&id.into(), &"up".into()), "{list}");
    let show = json(&workspace, "runs show --sandbox");
    assert_eq!(
        (&show["outcome"], &show["exit_code"], &show["environments"][0]),
        (&"done".into(), &0.into(), &"source".into())
    );
    let text = workspace.transcript(&format!("runs show {id} --sandbox"));
    for part in ["command       up", "outcome       done", "exit code     0", "expected      "] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let timeline = json(&workspace, "timeline --sandbox");
    let steps = timeline["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), show["plan"]["steps"].as_array().expect("steps").len());
    let database =
        steps.iter().find(|step| step["address"] == "source/database-source/instance").expect("the database");
    assert!(database["waits"].as_array().is_some_and(|waits| !waits.is_empty()), "{database}");
    let seconds = |value: &Value| value.as_f64().expect("seconds");
    assert!(seconds(&database["start"]) <= seconds(&database["created"]), "{database}");
    assert!(seconds(&database["finish"]) - seconds(&database["created"]) > 60.0, "AWS seconds: {database}");
    assert!(timeline["critical_path"].as_array().is_some_and(|path| path.len() > 2));
    assert!(timeline["calls"].as_array().expect("calls").iter().any(|of| of["service"] == "rds"));
    assert_eq!(timeline["errors"], Value::Array(Vec::new()));

    let chart = workspace.transcript(&format!("timeline {id} --sandbox"));
    for part in
        ["[exit 0]", "* source/database-source/instance", "▒", "the longest chain:", "the page is .migrate-infra"]
    {
        assert!(chart.contains(part), "{part}: {chart}");
    }
    let page = read(&run.join("timeline.html"));
    assert!(page.contains("<section id=\"chart\"") && page.contains("<section id=\"graph\""), "{page}");
    assert_eq!(mode(&run.join("timeline.html")), 0o600);
    assert!(workspace.run("timeline --sandbox --html page.html").status.success());
    assert_eq!(read(&workspace.path().join("page.html")), page);

    for wrong in ["../run", "run-1", ".."] {
        let refused = workspace.transcript(&format!("timeline {wrong} --sandbox"));
        assert!(refused.contains("[exit 2]") && refused.contains("is stored"), "{refused}");
    }
}

#[test]
fn a_failed_run_is_stored_with_its_error() {
    let workspace = Workspace::new();
    let script = "[[events]]\nat_seconds = 0\ncalls_fail = { \"rds:CreateDBInstance\" = \"InvalidParameterValue\" }\n";
    fs::write(workspace.path().join("faults.toml"), script).expect("a script");
    let up = workspace.run("up --env source --sandbox -y --sandbox-script faults.toml");
    let shown = workspace.format_output(&up, "up");
    assert_eq!(up.status.code(), Some(1), "{shown}");
    let timeline = json(&workspace, "timeline --sandbox");
    assert_eq!((&timeline["run"]["outcome"], &timeline["run"]["exit_code"]), (&"failed".into(), &1.into()));
    assert!(timeline["run"]["error"].as_str().is_some_and(|error| !error.is_empty()), "{timeline}");
    let errors = timeline["errors"].as_array().expect("errors");
    assert!(errors.iter().any(|error| error["address"] == "source/database-source/instance"), "{errors:?}");
    assert!(errors.iter().any(|error| error["text"].as_str().is_some_and(|text| text.contains("depends on"))));
}

/// Returns the secret values of the sandbox.
fn secrets(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_secret = ["secret_string", "string", "password", "value", "master_user_password"];
                if let (true, Some(text)) = (is_secret.contains(&name.as_str()), value.as_str()) {
                    found.push(text.to_owned());
                }
                secrets(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| secrets(value, found)),
        _ => {}
    }
}

#[test]
fn a_stored_run_has_no_secret() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    assert!(workspace.run("timeline --sandbox").status.success());
    let world: Value =
        serde_json::from_str(&read(&workspace.path().join(".migrate-infra/sandbox/world.json"))).expect("a world");
    let mut found = Vec::new();
    secrets(&world["regions"], &mut found);
    let passwords: Vec<String> = found
        .iter()
        .filter_map(|text| serde_json::from_str::<Value>(text).ok()?.get("password")?.as_str().map(str::to_owned))
        .collect();
    assert!(!passwords.is_empty(), "the sandbox has a password");
    for run in stored(&workspace) {
        for file in ["run.json", "events.jsonl", "timeline.html"] {
            let text = read(&run.join(file));
            assert!(!text.contains("SecretString") && !text.to_lowercase().contains("password\":"), "{file}");
            assert!(passwords.iter().all(|password| !text.contains(password.as_str())), "{file}");
        }
    }
}

#[test]
fn a_run_that_cannot_be_stored_succeeds_with_one_warning() {
    let workspace = Workspace::new();
    fs::create_dir_all(workspace.state()).expect("the directory of the state");
    fs::write(workspace.state().join("runs"), "a file").expect("a file");
    let up = workspace.transcript("up --env source --sandbox -y");
    assert!(up.contains("[exit 0]"), "{up}");
    assert_eq!(up.matches("the record of this run is incomplete").count(), 1, "{up}");
}

#[test]
fn stored_runs_change_the_estimates() {
    let workspace = Workspace::new();
    let expected = |workspace: &Workspace| {
        let plan = json(workspace, "plan --env source --sandbox");
        let range = plan["expected_range_seconds"].as_array().map(|range| [range[0].as_u64(), range[1].as_u64()]);
        (plan["expected_seconds"].as_u64().expect("seconds"), range)
    };
    let (typical, range) = expected(&workspace);
    let [Some(least), Some(most)] = range.expect("a database takes between 5 and 15 minutes") else {
        panic!("{range:?}")
    };
    assert!(least < typical && typical < most, "{least} {typical} {most}");
    let text = workspace.transcript("plan --env source --sandbox");
    assert!(text.contains(" min); the longest chain is"), "{text}");

    assert!(workspace.run("up --env source --sandbox -y").status.success());
    assert!(workspace.run("plan --env source --sandbox --out plan.json").status.success());
    assert!(workspace.run("down --sandbox -y").status.success());
    let [up, _down] = stored(&workspace).try_into().expect("two runs");
    // As if it had taken ten times as long.
    let events = read(&up.join("events.jsonl"));
    let slow: Vec<String> = events
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("an event");
            line["at_seconds"] = (line["at_seconds"].as_f64().expect("a time") * 10.0).into();
            line.to_string()
        })
        .collect();
    fs::write(up.join("events.jsonl"), slow.join("\n")).expect("the events");
    let (measured, _) = expected(&workspace);
    assert!(measured > typical * 5, "{measured} instead of {typical}");

    // A plan stays the same plan when the estimates change.
    assert!(workspace.run("plan --env source --sandbox --out plan.json").status.success());
    fs::write(up.join("events.jsonl"), events).expect("the events");
    let executed = workspace.transcript("up plan.json --sandbox -y");
    assert!(executed.contains("[exit 0]"), "{executed}");
}

#[test]
fn stored_runs_are_completed() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    let mut command = workspace.command("--");
    command.env("MIGRATE_INFRA_COMPLETE", "fish").args(["migrate-infra", "timeline", "run-"]);
    let output = command.output().expect("it runs");
    let [run] = stored(&workspace).try_into().expect("one run");
    let id = run.file_name().expect("a name").to_str().expect("text");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), id);
}
