//! Plans that are shown, saved and applied, as a user sees them.

use serde_json::Value;

use crate::harness::backend::Backend;
use crate::harness::workspace::Workspace;

pub fn run(workspace: &Workspace, arguments: &str) -> String {
    Backend::Sandbox.succeed(workspace, arguments)
}

pub fn transcript(workspace: &Workspace, arguments: &str) -> String {
    workspace.transcript(&format!("{arguments} --sandbox"))
}

/// One change of each type: in place, with a restart, by replacement.
const CHANGES: &str = "--set database.backup_retention_days=14 --set service.port=9090 --set \
    database.parameters={max_connections=\"200\"}";

#[test]
fn a_saved_plan_is_applied_exactly_or_not_at_all() {
    let workspace = Workspace::new();
    let saved = transcript(&workspace, "plan --env source --out plan.json");
    assert!(saved.contains("`migrate-infra up plan.json --sandbox` executes exactly this plan"), "{saved}");
    run(&workspace, "up plan.json -y");
    assert!(run(&workspace, "plan --env source").contains("there is nothing to do"));
    // It has been applied, so the state has changed.
    let again = transcript(&workspace, "up plan.json -y");
    assert!(
        again.contains("[exit 3]")
            && again.contains("the state has changed since")
            && again.contains("plan --env source"),
        "{again}"
    );
    run(&workspace, "plan --env source --out plan.json --set database.backup_retention_days=14");
    let other = transcript(&workspace, "up plan.json -y");
    assert!(other.contains("[exit 3]") && other.contains("the configuration has changed since"), "{other}");
    let up = run(&workspace, "up plan.json -y --set database.backup_retention_days=14");
    assert!(up.contains("1 resources created or changed"), "{up}");
    let both = transcript(&workspace, "up plan.json --env source -y");
    assert!(both.contains("[exit 2]") && both.contains("cannot be used with"), "{both}");
    std::fs::write(workspace.path().join("plan.json"), "{}").expect("a file");
    let bad = transcript(&workspace, "up plan.json -y");
    assert!(bad.contains("[exit 2]") && bad.contains("plan.json is not a saved plan"), "{bad}");
    assert!(transcript(&workspace, "up nowhere.json -y").contains("[exit 2]"));
}

/// Changes the database manually.
pub fn database(workspace: &Workspace, change: impl Fn(&mut Value)) {
    crate::harness::workspace::edit_world(workspace, |world| {
        let databases = world["regions"]["us-east-1"]["rds"]["instances"].as_object_mut().expect("the instances");
        databases.values_mut().for_each(change);
    });
}

#[test]
fn a_saved_plan_is_refused_after_a_manual_change() {
    const DAYS: &str = "--set database.backup_retention_days=14";
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    run(&workspace, &format!("plan --env source {DAYS} --out plan.json"));
    database(&workspace, |one| one["deletion_protection"] = true.into());
    let transcript = transcript(&workspace, &format!("up plan.json -y {DAYS}"));
    assert!(transcript.contains("[exit 3]") && transcript.contains("what exists has changed since"), "{transcript}");
    assert!(
        transcript.contains("source/database-source/instance: `deletion_protection` changed")
            && transcript.contains("nothing was changed"),
        "{transcript}"
    );
    // A new plan shows the change, and is applied.
    let plan = run(&workspace, &format!("plan --env source {DAYS} --out plan.json"));
    assert!(
        plan.contains("deletion_protection: false -> true")
            && plan.contains("`deletion_protection` changed outside of this tool"),
        "{plan}"
    );
    run(&workspace, &format!("up plan.json -y {DAYS}"));
    assert!(run(&workspace, &format!("plan --env source {DAYS}")).contains("there is nothing to do"));
}

#[test]
fn an_offline_plan_does_no_more_than_it_shows() {
    const DAYS: &str = "--set database.backup_retention_days=14";
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    run(&workspace, &format!("plan --offline --env source {DAYS} --out plan.json"));
    crate::harness::workspace::edit_world(&workspace, |world| {
        world["regions"]["us-east-1"]["cloudwatch"]["alarms"].as_object_mut().expect("alarms").clear();
    });
    let refused = transcript(&workspace, &format!("up plan.json -y {DAYS}"));
    assert!(
        refused.contains("[exit 3]") && refused.contains("source/monitoring/db-cpu-source: it no longer exists in AWS"),
        "{refused}"
    );
    run(&workspace, "up --env source -y");
    run(&workspace, &format!("plan --offline --env source {DAYS} --out plan.json"));
    let up = run(&workspace, &format!("up plan.json -y {DAYS}"));
    assert!(up.contains("done: 1 resources created or changed"), "{up}");
}

#[test]
fn an_edited_saved_plan_is_refused() {
    const DAYS: &str = "--set database.backup_retention_days=14";
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    run(&workspace, &format!("plan --env source {DAYS} --out plan.json"));
    let path = workspace.path().join("plan.json");
    let whole = std::fs::read_to_string(&path).expect("the plan");
    std::fs::write(&path, whole.replace("\"new\": 14", "\"new\": 21")).expect("a file");
    assert_ne!(whole, std::fs::read_to_string(&path).expect("the plan"), "{whole}");
    let refused = transcript(&workspace, &format!("up plan.json -y {DAYS}"));
    assert!(
        refused.contains("[exit 3]") && refused.contains("it was edited") && refused.contains("nothing was changed"),
        "{refused}"
    );
    std::fs::write(&path, whole).expect("a file");
    assert!(run(&workspace, &format!("up plan.json -y {DAYS}")).contains("done: 1 resources created or changed"));
}

#[test]
fn the_command_that_a_saved_plan_names_is_accepted() {
    let workspace = Workspace::new();
    let transcript =
        workspace.transcript("plan --env source --sandbox --set database.backup_retention_days=14 --out plan.json");
    let command =
        transcript.split('`').find_map(|part| part.strip_prefix("migrate-infra up plan.json")).expect("the command");
    let up = workspace.transcript(&format!("up plan.json {} -y", command.replace('\'', "")));
    assert!(up.contains("[exit 0]"), "{up}");
}

#[test]
fn the_same_plan_is_the_same_bytes() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    let plans: Vec<String> =
        (0..3).map(|_| run(&workspace, &format!("plan --output json {CHANGES} --out plan.json"))).collect();
    assert!(plans.windows(2).all(|two| two[0] == two[1]));
    let file = std::fs::read_to_string(workspace.path().join("plan.json")).expect("the plan");
    run(&workspace, &format!("plan --output json {CHANGES} --out again.json"));
    assert_eq!(file, std::fs::read_to_string(workspace.path().join("again.json")).expect("the plan"));
    let plan: Value = serde_json::from_str(&plans[0]).expect("it is JSON");
    assert!(
        plan["totals"]["replace"].as_u64().is_some_and(|count| count > 0) && plan["totals"].get("delete").is_none(),
        "{}",
        plan["totals"]
    );
    let step = |address: &str| {
        plan["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .find(|step| step["address"] == address)
            .cloned()
            .expect("a step")
    };
    assert_eq!(
        (&step("source/service/target-group")["action"], &step("source/service/target-group")["order"]),
        (&"replace".into(), &"old_first".into())
    );
    assert_eq!(step("source/database-source/instance")["changes"][0]["field"], "backup_retention_days");
    assert_eq!(step("source/service/target-group~old")["action"], "delete");
}

#[test]
fn a_plan_in_all_its_forms() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    // Ids differ from run to run.
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("[0-9a-f]{16,17}", "[ID]");
    settings.add_filter("/[0-9a-f]{8}…", "/[ID]…");
    // What the `up` took is what the plan expects.
    settings.add_filter("expected duration [^;.(]+([(][^)]*[)])?", "expected duration [TIME]");
    settings.add_filter("read [0-9]+ resources with [0-9]+ calls", "read [N] resources");
    let _bound = settings.bind_to_scope();
    insta::assert_snapshot!(run(&workspace, &format!("plan --env source {CHANGES}")));
    insta::assert_snapshot!(run(
        &workspace,
        &format!("plan --env source {CHANGES} --calls --target source/service/target-group")
    ));
    insta::assert_snapshot!(run(&workspace, &format!("plan --env source {CHANGES} --markdown")));
    insta::assert_snapshot!(run(
        &workspace,
        "plan --env source --offline --set tags.CostCenter=elsewhere --target source/network/*"
    ));
}

#[test]
fn options_of_the_sandbox_are_accepted_before_and_after_the_command() {
    let workspace = Workspace::new();
    let planned = workspace.transcript("--sandbox plan --env source --sandbox-timing instant");
    assert!(planned.contains("[exit 0]"), "{planned}");
    let planned = workspace.transcript("--sandbox-timing instant plan --env source --sandbox");
    assert!(planned.contains("[exit 0]"), "{planned}");
    let refused = workspace.transcript("plan --sandbox-timing instant");
    assert!(refused.contains("[exit 2]") && refused.contains("add `--sandbox`"), "{refused}");
}
