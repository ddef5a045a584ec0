//! Each command has a schema for what `--output json` writes, and what it really writes follows it.

use std::collections::BTreeSet;

use clap::{Command, CommandFactory};
use migrate_infra::cli::Cli;
use serde_json::Value;

use super::{check_output, read};
use crate::architecture::layers::files;
use crate::harness::workspace::Workspace;

/// What a command writes with `--output json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Events, one on each line.
    Events,
    /// One value of this schema, and events before and after it.
    Value(&'static str),
    /// Text for people or for other programs, whatever the option says.
    Text,
}
use Form::{Events, Text};

/// Every command.
const FORMS: &[(&str, Form)] = &[
    ("init", Text),
    ("config check", Text),
    ("config show", Form::Value("config/schema.json")),
    ("config schema", Text),
    ("config resources", Text),
    ("plan", Form::Value("plan")),
    ("cost", Form::Value("cost")),
    ("up", Events),
    ("drift", Form::Value("drift")),
    ("rollback", Events),
    ("status", Form::Value("status")),
    ("outputs", Form::Value("outputs")),
    ("graph", Form::Value("graph")),
    ("replication check", Form::Value("replication-check")),
    ("replication start", Events),
    ("replication stop", Events),
    ("replication status", Form::Value("replication-status")),
    ("replication validate", Form::Value("replication-validate")),
    ("compare", Form::Value("compare")),
    ("traffic show", Form::Value("traffic-show")),
    ("traffic shift", Events),
    ("traffic rollback", Events),
    ("traffic fence", Events),
    ("traffic unfence", Events),
    ("traffic emergency", Events),
    ("cutover", Form::Value("cutover-dry-run")),
    ("cutover finish", Events),
    ("watch", Events),
    ("rehearse", Form::Value("rehearse")),
    ("runbook", Text),
    ("down", Events),
    ("orphans", Form::Value("orphans")),
    ("adopt", Form::Value("adopt")),
    ("forget", Events),
    ("unlock", Form::Value("unlock")),
    ("state rebuild", Events),
    ("completions", Text),
    ("man", Text),
    ("doctor", Form::Value("doctor")),
    ("policy", Form::Value("policy")),
    ("preflight", Form::Value("preflight")),
    ("runs list", Form::Value("runs-list")),
    ("runs show", Form::Value("runs-show")),
    ("timeline", Form::Value("timeline")),
    ("serve", Form::Value("serve")),
];

/// Commands that write the state, or a list of it, whatever the option says: docs/state-format.md.
const OF_THE_STATE: [&str; 3] = ["state list", "state show", "state migrate"];

/// Commands whose results need two PostgreSQL servers. The tests of these commands check them.
const WITH_DATABASES: [&str; 4] = ["compare", "replication check", "rehearse", "cutover finish"];

/// What is run in one sandbox, one after the other, and whether it writes a result.
const RUNS: &[(&str, bool)] = &[
    ("config show", true),
    ("cost", true),
    ("plan --sandbox", true),
    ("plan --sandbox --offline --calls", true),
    ("policy up down", true),
    ("preflight --sandbox", true),
    ("up --sandbox -y -v", false),
    ("runs list --sandbox", true),
    ("runs show --sandbox", true),
    ("timeline --sandbox", true),
    ("status --sandbox", true),
    ("outputs --sandbox", true),
    ("drift --sandbox", true),
    ("graph --sandbox --plan --format json", true),
    ("orphans --sandbox", true),
    ("unlock --sandbox", true),
    // It is refused: the data of the database would be lost. The plan is shown all the same.
    ("plan --sandbox --set database.name=other --set tags.New=tag", true),
    ("doctor --sandbox --out report.zip", true),
    ("adopt source/network/vpc vpc-0123456789abcdef0 --dry-run --sandbox", false),
    ("forget source/monitoring/* --sandbox -y", false),
    ("adopt source/monitoring/dashboard payment-migration-source-dev-001 --dry-run --sandbox", true),
    ("orphans --sandbox", true),
    ("state rebuild --sandbox -y", false),
    ("traffic show --sandbox", true),
    ("replication start --sandbox -y", false),
    ("replication status --sandbox", true),
    ("replication validate --sandbox --wait", true),
    ("cutover --dry-run --sandbox", true),
    ("traffic fence target --sandbox -y", false),
    ("traffic unfence target --sandbox -y --force", false),
    ("traffic shift --to 10 --sandbox -y", false),
    ("traffic emergency --sandbox -y", false),
    ("traffic emergency --release --sandbox -y", false),
    ("traffic rollback --sandbox -y", false),
    ("cutover --sandbox -y", false),
    ("timeline --sandbox", true),
    ("status --sandbox", true),
    ("traffic show --sandbox", true),
    ("replication stop --sandbox -y", false),
    ("rollback --sandbox -y", false),
    ("down --sandbox -y", false),
];

/// Adds the commands that do something, by their whole names.
fn leaves(command: &Command, name: &str, all: &mut BTreeSet<String>) {
    let inner: Vec<&Command> =
        command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help").collect();
    if inner.is_empty() || !command.is_subcommand_required_set() {
        all.insert(name.to_owned());
    }
    for inner in inner {
        leaves(inner, format!("{name} {}", inner.get_name()).trim_start(), all);
    }
}

fn form(command: &str) -> Option<Form> {
    FORMS.iter().find(|(name, _)| *name == command).map(|(_, form)| *form)
}

#[test]
fn each_command_says_what_it_writes_as_json() {
    let mut all = BTreeSet::new();
    leaves(&Cli::command(), "", &mut all);
    let known = FORMS.iter().map(|(name, _)| *name).chain(OF_THE_STATE);
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    let new: Vec<_> = all.difference(&known).collect();
    assert!(new.is_empty(), "add these commands to FORMS, with a schema in docs/schemas: {new:?}");
    let gone: Vec<_> = known.difference(&all).collect();
    assert!(gone.is_empty(), "there are no such commands: {gone:?}");
}

#[test]
fn each_schema_is_strict_and_used() {
    let used = FORMS.iter().filter_map(|(_, form)| match form {
        Form::Value(schema) => Some(*schema),
        Events | Text => None,
    });
    let used: BTreeSet<&str> = used.chain(["events", "notification"]).collect();
    for file in files("docs/schemas", &["json"]) {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(used.contains(name.as_str()), "no command writes what docs/schemas/{name}.json describes");
        strict(&read(&name), &name);
    }
}

/// Asserts that every object of a schema says what is allowed in it.
fn strict(schema: &Value, at: &str) {
    match schema {
        Value::Object(parts) => {
            if parts.get("type").is_some_and(|one| one == "object") {
                assert!(parts.contains_key("additionalProperties"), "{at} allows everything");
                assert_ne!(parts["additionalProperties"], true, "{at} allows everything");
            }
            parts.iter().for_each(|(key, inner)| strict(inner, &format!("{at}/{key}")));
        }
        Value::Array(items) => items.iter().for_each(|inner| strict(inner, at)),
        _ => {}
    }
}

#[test]
fn what_commands_write_follows_their_schemas() {
    let workspace = Workspace::new();
    let mut covered = BTreeSet::new();
    for &(arguments, has_result) in RUNS {
        let output = workspace.run(&format!("{arguments} --output json"));
        let shown = workspace.format_output(&output, arguments);
        let words: Vec<&str> = arguments.split_whitespace().take_while(|word| !word.starts_with("--")).collect();
        let name =
            (1..=words.len().min(2)).rev().map(|count| words[..count].join(" ")).find(|name| form(name).is_some());
        let name = name.expect("a command");
        let schema = match form(&name) {
            Some(Form::Value(schema)) => Some(schema),
            Some(Events) => None,
            Some(Text) | None => panic!("`{name}` writes no JSON"),
        };
        // Those that have nothing to report.
        assert!(!output.stdout.is_empty() || ["forget", "rollback"].contains(&name.as_str()), "{shown}");
        let results = check_output(schema, &String::from_utf8(output.stdout).expect("UTF-8"));
        assert_eq!(results, usize::from(has_result), "{shown}");
        covered.insert(name);
    }
    let writing = FORMS.iter().filter(|(_, form)| *form != Text).map(|(name, _)| *name);
    // `watch` and `serve` do not end by themselves. `watch` writes the events of a cutover, and `cli::serve` checks
    // what `serve` writes.
    let elsewhere = |name: &&str| WITH_DATABASES.contains(name) || ["watch", "serve"].contains(name);
    let left: Vec<&str> = writing.filter(|name| !covered.contains(*name) && !elsewhere(name)).collect();
    assert!(left.is_empty(), "no run of {left:?}");
}
