//! What the previous version wrote is still read: state directories, journals that end in the middle of a run, a
//! cutover that was interrupted, saved plans and configurations. `tests/it/fixtures/version-0.1.0` holds files that the
//! program of before the workspace of crates has written.

use std::fs;
use std::path::{Path, PathBuf};

use migrate_infra::sandbox::World;

use crate::harness::workspace::Workspace;

/// Its default was that DMS drops and creates the tables. A configuration that says so must also say that no schema is
/// transferred.
const INSTANT: &str = "--sandbox --sandbox-timing instant --set replication.schema=existing";
/// What the saved plan was made with.
const CHANGES: &str = "--set service.desired_count=3 --set database.backup_retention_days=9";

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/it/fixtures/version-0.1.0").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory of the fixture").flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

/// Its configurations say that there are no exceptions from the policies, and had no rule on HTTP.
fn except_plain_http(workspace: &Workspace) {
    let exception = |environment: &str| {
        format!(
            "{{ rule = \"plain-http\", address = \"{environment}/service/listener-http\", reason = \"as before\" }}"
        )
    };
    let exceptions = ["source", "target"].map(exception).join(", ");
    workspace.edit("exceptions = []", &format!("exceptions = [{exceptions}]"));
}

/// A directory as the previous version left it.
fn left_by_previous_version(name: &str) -> Workspace {
    let workspace = Workspace::with("tests/it/fixtures/version-0.1.0/config/migration.toml");
    except_plain_http(&workspace);
    copy(&fixture(name).join("sandbox"), &workspace.path().join(".migrate-infra/sandbox"));
    workspace
}

fn succeeds(workspace: &Workspace, arguments: &str) -> String {
    let output = workspace.run(arguments);
    let transcript = workspace.format_output(&output, arguments);
    assert!(output.status.success(), "{transcript}");
    transcript
}

fn inventory(workspace: &Workspace) -> Vec<String> {
    let text = fs::read_to_string(workspace.path().join(".migrate-infra/sandbox/world.json")).expect("the world");
    serde_json::from_str::<World>(&text).expect("a world").inventory()
}

#[test]
fn a_stack_gets_what_is_new_in_place_and_can_be_deleted() {
    let workspace = left_by_previous_version("complete");
    let plan = succeeds(&workspace, &format!("plan --env source {INSTANT}"));
    assert!(plan.contains("+ source/service/fence") && plan.contains("client_keep_alive_seconds"), "{plan}");
    // The conditions of three roles, and what the tasks may do.
    assert!(plan.contains("1 to create, 4 to change"), "{plan}");
    succeeds(&workspace, &format!("drift --env source {INSTANT}"));
    succeeds(&workspace, &format!("up --env source -y {INSTANT}"));
    succeeds(&workspace, &format!("plan --env source --exit-code {INSTANT}"));
    succeeds(&workspace, &format!("down -y {INSTANT}"));
    let left: Vec<String> = inventory(&workspace).into_iter().filter(|id| !id.contains("snapshot")).collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_journal_that_ends_in_the_middle_of_a_run_is_resumed() {
    let workspace = left_by_previous_version("interrupted");
    succeeds(&workspace, &format!("up --env source -y {INSTANT}"));
    succeeds(&workspace, &format!("plan --env source --exit-code {INSTANT}"));
}

#[test]
fn an_interrupted_cutover_is_shown_and_rolled_back() {
    let workspace = left_by_previous_version("cutover");
    let shown = succeeds(&workspace, &format!("traffic show {INSTANT}"));
    assert!(shown.contains('%'), "{shown}");
    succeeds(&workspace, &format!("traffic rollback -y {INSTANT}"));
    let shown = succeeds(&workspace, &format!("traffic show --output json {INSTANT}"));
    assert!(shown.contains("\"target\""), "{shown}");
}

#[test]
fn an_interrupted_cutover_continues() {
    let workspace = left_by_previous_version("cutover");
    succeeds(&workspace, &format!("cutover -y {INSTANT}"));
}

/// The records and the check of the previous version are changed in place, in the middle of a migration: the target
/// keeps its traffic.
#[test]
fn records_lose_their_health_checks_while_the_target_has_traffic() {
    let workspace = left_by_previous_version("cutover");
    let weights = || {
        let shown = succeeds(&workspace, &format!("traffic show --output json {INSTANT}"));
        let json = shown.lines().find(|line| line.starts_with('{')).expect("an object");
        serde_json::from_str::<serde_json::Value>(json).expect("it is JSON")["target_percent"].clone()
    };
    assert_eq!(weights(), 70);
    succeeds(&workspace, &format!("up --env routing -y {INSTANT}"));
    assert_eq!(weights(), 70);
    let world = fs::read_to_string(workspace.path().join(".migrate-infra/sandbox/world.json")).expect("the world");
    let world: World = serde_json::from_str(&world).expect("a world");
    let records: Vec<_> = world.route53.zones.values().flat_map(|zone| &zone.records).collect();
    let record = |set: &str| records.iter().find(|one| one.set_identifier.as_deref() == Some(set)).expect("a record");
    assert_eq!(record("source").health_check_id, None);
    let check = record("target").health_check_id.as_ref().expect("a health check");
    let config = &world.route53.health_checks[check].config;
    assert_eq!((config.health_threshold, config.children.len()), (1, 1), "it follows the switch");
}

/// `up` carries out a saved plan only if it would plan the same today. The plan of before does not have what is new.
#[test]
fn a_saved_plan_is_read_and_refused_once_the_stack_has_more_parts() {
    let workspace = left_by_previous_version("complete");
    fs::copy(fixture("complete/plan.json"), workspace.path().join("plan.json")).expect("the plan");
    let refused = workspace.transcript(&format!("up plan.json -y {INSTANT} {CHANGES}"));
    assert!(refused.contains("[exit 3]") && refused.contains("the saved plan is out of date"), "{refused}");
}

#[test]
fn a_saved_plan_is_carried_out() {
    let workspace = left_by_previous_version("complete");
    succeeds(&workspace, &format!("up --env source -y {INSTANT}"));
    succeeds(&workspace, &format!("plan --env source --out plan.json {INSTANT} {CHANGES}"));
    let done = succeeds(&workspace, &format!("up plan.json -y {INSTANT} {CHANGES}"));
    assert!(done.contains("2 resources"), "{done}");
    succeeds(&workspace, &format!("plan --env source --exit-code {INSTANT} {CHANGES}"));
}

#[test]
fn both_configurations_are_read() {
    for name in ["migration.toml", "self-contained.toml"] {
        let workspace = Workspace::with(&format!("tests/it/fixtures/version-0.1.0/config/{name}"));
        let refused = workspace.transcript("plan --offline --sandbox");
        assert!(refused.contains("[exit 2]") && refused.contains("set `schema = \"existing\"`"), "{refused}");
        let refused = workspace.transcript(&format!("plan --offline {INSTANT}"));
        assert!(refused.contains("[exit 3]") && refused.contains("plain-http"), "{refused}");
        except_plain_http(&workspace);
        succeeds(&workspace, &format!("plan --offline {INSTANT}"));
    }
}
