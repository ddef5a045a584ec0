//! Plans of a changed configuration: renamed addresses, changes that AWS cannot make, and how the plan reports them.

use serde_json::Value;

use crate::harness::backend::Backend;
use crate::harness::workspace::Workspace;
use crate::plan::saved_plans::{database, run, transcript};

#[test]
fn a_resource_with_data_is_replaced_only_by_exact_address() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    let refused = transcript(&workspace, "up --env source -y --set database.username=other");
    assert!(
        refused.contains("[exit 3]") && refused.contains("source/database-source/instance holds data"),
        "{refused}"
    );
    assert!(
        refused.contains("--replace source/database-source/instance") && refused.contains("nothing was changed"),
        "{refused}"
    );
    let replaced =
        run(&workspace, "up --env source -y --set database.username=other --replace source/database-source/instance");
    assert!(replaced.contains("resources created or changed"), "{replaced}");
    assert!(run(&workspace, "plan --env source --set database.username=other").contains("there is nothing to do"));
    // A resource without data, and without a required replacement.
    let plan = run(&workspace, "plan --env source --set database.username=other --replace source/monitoring/dashboard");
    assert!(plan.contains("± source/monitoring/dashboard") && plan.contains("its replacement was requested"), "{plan}");
    run(&workspace, "up --env source -y --set database.username=other --replace source/monitoring/dashboard");
    let unknown = transcript(&workspace, "up --env source -y --replace source/monitoring/dashbord");
    assert!(unknown.contains("[exit 2]") && unknown.contains("did you mean"), "{unknown}");
    workspace.edit("protect = false", "protect = true");
    let protected = transcript(
        &workspace,
        "up --env source -y --set database.username=other --replace source/monitoring/dashboard",
    );
    assert!(protected.contains("[exit 3]") && protected.contains("protect"), "{protected}");
}

/// A manually deleted resource is recreated without a question: it has no data to lose.
#[test]
fn up_without_confirmation_accepts_what_plan_allows() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    crate::harness::workspace::edit_world(&workspace, |world| {
        world["regions"]["us-east-1"]["rds"]["instances"].as_object_mut().expect("the instances").clear();
    });
    let plan = run(&workspace, "plan --env source --set database.username=other");
    assert!(
        plan.contains("+ source/database-source/instance") && plan.contains("it no longer exists in AWS"),
        "{plan}"
    );
    let up = run(&workspace, "up --env source -y --set database.username=other");
    assert!(up.contains("resources created or changed"), "{up}");
}

#[test]
fn a_resource_is_not_replaced_without_the_environment_that_uses_it() {
    let workspace = Workspace::new();
    run(&workspace, "up -y");
    let refused =
        transcript(&workspace, "up --env source -y --set environments.source.vpc_cidr=10.7.0.0/16 --replace source/*");
    assert!(
        refused.contains("[exit 3]") && refused.contains("target/link/peering uses source/network/vpc"),
        "{refused}"
    );
    assert!(refused.contains("--env target --env source"), "{refused}");
    // An unrelated target is not affected.
    let bucket =
        "up --env source -y --set environments.source.vpc_cidr=10.7.0.0/16 --target source/storage-source/bucket";
    assert!(!transcript(&workspace, bucket).contains("uses source/network/vpc"));
}

/// Renames the VPC in the state and in AWS, as if an earlier version had created it.
fn as_it_was_called(workspace: &Workspace) {
    for file in [workspace.state().join("state.json"), workspace.path().join(".migrate-infra/sandbox/world.json")] {
        let text = std::fs::read_to_string(&file).expect("a file");
        assert!(text.contains("\"source/network/vpc\""));
        std::fs::write(&file, text.replace("\"source/network/vpc\"", "\"source/net/vpc\"")).expect("a file");
    }
}

const MOVED: &str = "[[moved]]\nfrom = \"source/net/vpc\"\nto = \"source/network/vpc\"\n\n[stack]";

#[test]
fn every_command_applies_a_renamed_address() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    let subnet: Value =
        serde_json::from_str(&run(&workspace, "state show source/network/public-1")).expect("it is JSON");
    let subnet = subnet["attrs"]["subnet_id"].as_str().expect("its id").to_owned();
    as_it_was_called(&workspace);
    workspace.edit("[stack]", MOVED);
    // A resource that is protected under its new address is not deleted under its old one.
    let file = workspace.path().join("config/migration.toml");
    let whole = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, format!("{whole}\n[resources.\"source/network/vpc\"]\nprotect = true\n"))
        .expect("the configuration");
    let refused = transcript(&workspace, "down -y");
    assert!(refused.contains("[exit 3]") && refused.contains("source/network/vpc is protected"), "{refused}");
    std::fs::write(&file, whole).expect("the configuration");
    let plan = run(&workspace, "plan --target source/network/vpc");
    assert!(plan.contains("read 1 resources"), "{plan}");
    let down = transcript(&workspace, "down --target source/network/vpc");
    assert!(down.contains("cannot ask for confirmation without a terminal"), "{down}");
    run(&workspace, "forget source/network/public-1 -y");
    run(&workspace, &format!("adopt source/network/public-1 {subnet} -y"));
    assert!(run(&workspace, "state list").contains("source/network/vpc\t"));
}

#[test]
fn a_renamed_address_keeps_its_resource() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    let before = Backend::Sandbox.inventory(&workspace, &["us-east-1"]);
    as_it_was_called(&workspace);
    let lost = transcript(&workspace, "plan --env source");
    assert!(lost.contains("- source/net/vpc") && lost.contains("+ source/network/vpc"), "{lost}");
    workspace.edit("[stack]", MOVED);
    let plan = run(&workspace, "plan --env source");
    assert!(plan.contains("there is nothing to do"), "{plan}");
    let up = run(&workspace, "up --env source -y");
    assert!(up.contains("nothing to do"), "{up}");
    assert_eq!(Backend::Sandbox.inventory(&workspace, &["us-east-1"]), before);
    // A resource with the tags of its old address is no orphan, and is found again by them after `forget` or a loss of
    // the state.
    assert!(transcript(&workspace, "orphans --exit-code").contains("[exit 0]"));
    assert!(run(&workspace, "forget source/network/vpc -y").contains("`up` would create others"));
    assert!(run(&workspace, "state rebuild -y").contains("1 resources were found"));
    assert!(run(&workspace, "up --env source -y").contains("nothing to do"));
    std::fs::remove_dir_all(workspace.state()).expect("the state");
    run(&workspace, "state rebuild -y");
    assert!(run(&workspace, "up --env source -y").contains("nothing to do"));
    assert_eq!(Backend::Sandbox.inventory(&workspace, &["us-east-1"]), before);
    // The state now has the new address, and the entry is no longer needed.
    workspace.edit("[[moved]]\nfrom = \"source/net/vpc\"\nto = \"source/network/vpc\"\n", "");
    assert!(run(&workspace, "plan --env source").contains("there is nothing to do"));
    assert!(run(&workspace, "drift").contains("no drift"));
    let refused = transcript(&workspace, "forget source/network/vpc -y");
    assert!(refused.contains("[exit 3]") && refused.contains("[[moved]]"), "{refused}");
    workspace.edit("[stack]", "[[moved]]\nfrom = \"source/net/vpc\"\nto = \"source/network/vcp\"\n\n[stack]");
    let unknown = transcript(&workspace, "plan");
    assert!(unknown.contains("[exit 2]") && unknown.contains("did you mean `source/network/vpc`"), "{unknown}");
    workspace.edit("vcp", "vpc");
    run(&workspace, "down -y");
    assert!(run(&workspace, "status").contains("nothing of"));
}

#[test]
fn data_removed_from_the_configuration_is_deleted_only_on_request() {
    let workspace = Workspace::new();
    let own = "[environments.source]\nregion = \"us-east-1\"\nvpc_cidr = \"10.0.0.0/16\"\ndatabases = [\"source\"]\n\
               [policy]\nexceptions = [{ rule = \"plain-http\", address = \"source/service/listener-http\", \
               reason = \"a test\" }]\n";
    std::fs::write(workspace.path().join("own.toml"), own).expect("a file");
    run(&workspace, "up -y --config own.toml");
    let without = "--config own.toml --set environments.source.databases=[]";
    let planned = transcript(&workspace, &format!("plan --out plan.json {without}"));
    let names = "--delete source/database-source/instance --delete source/database-source/logs-postgresql";
    for part in [
        "- source/database-source/instance",
        "[exit 3]",
        "resources hold data and would be deleted",
        "migrate-infra plan",
        names,
    ] {
        assert!(planned.contains(part), "{part}: {planned}");
    }
    assert!(!workspace.path().join("plan.json").exists());
    let up = transcript(&workspace, &format!("up -y {without}"));
    for part in ["[exit 3]", "nothing was changed", "migrate-infra forget source/database-source/instance", names] {
        assert!(up.contains(part), "{part}: {up}");
    }
    assert!(run(&workspace, "plan --config own.toml").contains("there is nothing to do"));
    let consent = format!("--delete source/database-source/* {without}");
    let planned = transcript(&workspace, &format!("plan --out plan.json {consent}"));
    assert!(planned.contains("the plan is in plan.json"), "{planned}");
    run(&workspace, &format!("up plan.json -y {without}"));
    // The same command again: the address no longer exists, and that is no error.
    assert!(run(&workspace, &format!("up -y {consent}")).contains("nothing to do"));
    run(&workspace, "down -y --config own.toml");
}

#[test]
fn another_major_version_does_not_delete_the_database() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    for (version, why) in [("17", "requires a separate migration"), ("15", "cannot downgrade it to 15")] {
        for command in ["plan", "up -y"] {
            let refused =
                transcript(&workspace, &format!("{command} --env source --set database.engine_version={version}"));
            for part in ["[exit 3]", "source/database-source/instance cannot be changed as configured", why] {
                assert!(refused.contains(part), "{part}: {refused}");
            }
            assert!(
                refused.contains("set `database.engine_version` to 16") && refused.contains("nothing was changed"),
                "{refused}"
            );
            assert!(
                refused.contains("without the data") && refused.contains("--replace source/database-source/instance"),
                "{refused}"
            );
        }
    }
    assert!(run(&workspace, "plan --env source").contains("there is nothing to do"));
    // A new database, without the data, on request.
    run(&workspace, "up --env source -y --set database.engine_version=17 --replace source/database-source/instance");
    assert!(run(&workspace, "plan --env source --set database.engine_version=17").contains("there is nothing to do"));
}

#[test]
fn storage_that_cannot_shrink_does_not_delete_the_services() {
    let workspace = Workspace::new();
    run(&workspace, "up -y");
    for (set, address) in [
        ("database.allocated_storage_gb=50", "source/database-source/instance"),
        ("replication.allocated_storage_gb=20", "instance"),
    ] {
        for command in ["plan --out plan.json", "up -y"] {
            let refused = transcript(&workspace, &format!("{command} --set {set} --set service.port=9090"));
            assert!(
                refused.contains("[exit 3]") && refused.contains(address) && refused.contains("cannot shrink it"),
                "{refused}"
            );
        }
    }
    assert!(!workspace.path().join("plan.json").exists());
    assert!(run(&workspace, "plan").contains("there is nothing to do"));
}

/// Writes a configuration that ignores a field of the databases.
fn ignoring(workspace: &Workspace, field: &str) {
    let all = include_str!("../../../config/migration.toml");
    let entry =
        format!("ignore = [{{ address = \"*/database-*/instance\", field = \"{field}\", reason = \"by the DBA\" }}]");
    let other = all.replace("\nignore = []\n", &format!("\n{entry}\n"));
    assert_ne!(all, other);
    std::fs::write(workspace.path().join("ignoring.toml"), other).expect("a file");
}

/// RDS has increased the storage, and another field of the database changes.
#[test]
fn a_plan_that_the_refresh_shows_to_be_impossible_is_refused() {
    const DAYS: &str = "--env source --set database.backup_retention_days=14";
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    database(&workspace, |one| one["settings"]["allocated_storage"] = 300.into());
    for set in ["", "--set tags.Team=\"pay\"", "--set database.allocated_storage_gb=200"] {
        let refused = transcript(&workspace, &format!("plan {DAYS} {set}"));
        assert!(
            refused.contains("[exit 3]") && refused.contains("has 300 GiB") && refused.contains("300 or more"),
            "{refused}"
        );
    }
    let more = run(&workspace, "plan --env source --set database.allocated_storage_gb=400");
    assert!(more.contains("allocated_storage_gb: 300 -> 400"), "it goes from what AWS shows: {more}");
    let same = run(&workspace, "plan --env source --set database.allocated_storage_gb=300");
    assert!(same.contains("there is nothing to do"), "{same}");
    ignoring(&workspace, "allocated_storage_gb");
    let drift = run(&workspace, "drift --config ignoring.toml");
    assert!(
        drift.contains("ignored: source/database-source/instance `allocated_storage_gb`") && drift.contains("no drift"),
        "{drift}"
    );
    let up = run(&workspace, &format!("up -y {DAYS} --config ignoring.toml"));
    assert!(up.contains("done: 1 resources created or changed"), "{up}");
    let settings = settings(&workspace);
    assert_eq!((&settings["allocated_storage"], &settings["backup_retention"]), (&300.into(), &14.into()));
}

/// RDS makes 110 of 105, and the next plan would have been refused.
#[test]
fn storage_that_rds_rounds_up_blocked_the_next_plan() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    let refused = transcript(&workspace, "plan --env source --set database.allocated_storage_gb=105");
    assert!(refused.contains("[exit 3]") && refused.contains("to 110 or more, or to 100"), "{refused}");
    run(&workspace, "up --env source -y --set database.allocated_storage_gb=110");
    let again = run(&workspace, "plan --env source --set database.allocated_storage_gb=110");
    assert!(again.contains("there is nothing to do"), "{again}");
}

/// The database was upgraded manually: the hint works.
#[test]
fn the_hint_for_another_version_works() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    database(&workspace, |one| one["settings"]["engine_version"] = "17.4".into());
    let drift = transcript(&workspace, "drift");
    assert!(drift.contains("17.4") && drift.contains("list its `engine_version` in `drift.ignore`"), "{drift}");
    ignoring(&workspace, "engine_version");
    assert!(run(&workspace, "drift --config ignoring.toml").contains("no drift"));
    run(&workspace, "up -y --env source --config ignoring.toml --set database.backup_retention_days=14");
    assert_eq!(settings(&workspace)["engine_version"], "17.4");
}

/// Returns the settings of the source database.
pub fn settings(workspace: &Workspace) -> Value {
    let mut found = Value::Null;
    crate::harness::workspace::edit_world(workspace, |world| {
        found =
            world["regions"]["us-east-1"]["rds"]["instances"]["payment-db-source-source-dev-001"]["settings"].clone();
    });
    found
}

/// A failed or killed step resumes, or a database is busy: ignored fields stay.
#[test]
fn a_resumed_step_keeps_ignored_fields() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    ignoring(&workspace, "backup_retention_days");
    database(&workspace, |one| one["settings"]["backup_retention"] = 21.into());
    let script = "[[events]]\nat_seconds = 0\ncalls_fail = { \"rds:ModifyDBInstance\" = \"InvalidParameterValue\" }\n";
    std::fs::write(workspace.path().join("fails.toml"), script).expect("a file");
    std::fs::write(workspace.path().join("works.toml"), "").expect("a file");
    let class = "--env source --config ignoring.toml --set database.instance_class=db.r5.xlarge";
    let failed = transcript(&workspace, &format!("up -y {class} --sandbox-script fails.toml"));
    assert!(failed.contains("[exit 1]"), "{failed}");
    let plan = run(&workspace, &format!("plan {class}"));
    for part in [
        "its update was started, but not finished",
        "\"db.r5.large\" -> \"db.r5.xlarge\"",
        "backup_retention_days: keeps its current value",
        "6 min",
    ] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    run(&workspace, &format!("up -y {class} --sandbox-script works.toml"));
    assert_eq!(
        (&settings(&workspace)["class"], &settings(&workspace)["backup_retention"]),
        (&"db.r5.xlarge".into(), &21.into())
    );
    database(&workspace, |one| {
        one["phases"] = serde_json::json!([{ "status": "backing-up", "until": 99_999_999_999_999_u64 }]);
    });
    let busy = run(&workspace, "drift --config ignoring.toml");
    assert!(
        busy.contains("ignored: source/database-source/instance `backup_retention_days`") && busy.contains("no drift"),
        "{busy}"
    );
}

/// Runs a change of the database that RDS refuses, with other changes.
fn failing(workspace: &Workspace, change: &str) -> String {
    let script = "[[events]]\nat_seconds = 0\ncalls_fail = { \"rds:ModifyDBInstance\" = \"InvalidParameterValue\" }\n";
    std::fs::write(workspace.path().join("fails.toml"), script).expect("a file");
    std::fs::write(workspace.path().join("works.toml"), "").expect("a file");
    transcript(
        workspace,
        &format!("up --env source -y --set database.backup_retention_days=14 {change} --sandbox-script fails.toml"),
    )
}

#[test]
fn a_service_is_deleted_after_the_dependencies_of_its_replacement() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    let failed = failing(&workspace, "--set service.port=9090");
    assert!(failed.contains("[exit 1]") && failed.contains("source/service/service~old"), "{failed}");
    let inventory = Backend::Sandbox.inventory(&workspace, &["us-east-1"]);
    assert!(inventory.iter().any(|id| id.contains("service/") && id.contains("payment-service")), "{inventory:#?}");
    let back = transcript(&workspace, "rollback -y --sandbox-script works.toml");
    assert!(back.contains("[exit 0]"), "{back}");
}

#[test]
fn a_rollback_that_cannot_restore_something_fails() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y --set database.allowed_cidrs=[\"10.8.0.0/24\"]");
    let failed = failing(&workspace, "");
    assert!(failed.contains("[exit 1]"), "{failed}");
    let back = transcript(&workspace, "rollback -y --sandbox-script works.toml");
    for part in [
        "[exit 5]",
        "one resource is not as before, and cannot be restored",
        "`up` deleted it, and it cannot be restored",
        "recreates",
    ] {
        assert!(back.contains(part), "{part}: {back}");
    }
    assert!(run(&workspace, "rollback -y").contains("nothing to undo"));
}

#[test]
fn totals_of_a_plan_are_those_of_the_run() {
    let workspace = Workspace::new();
    run(&workspace, "up -y");
    let number = |text: &str, before: &str| -> usize {
        let end = text.find(before).unwrap_or_else(|| panic!("{text}"));
        text[..end].rsplit(' ').next().expect("a word").parse().expect("a number")
    };
    let tags = "--set tags.CostCenter=elsewhere";
    let planned = number(&run(&workspace, &format!("plan {tags}")), " to change");
    let done = number(&run(&workspace, &format!("up -y {tags}")), " resources created or changed");
    assert_eq!(planned, done);
    // A setting that only controls deletion is recorded, without a call.
    let later = format!("{tags} --set database.final_snapshot=true");
    assert!(run(&workspace, &format!("plan {later}")).contains("there is nothing to do"));
    assert!(run(&workspace, &format!("up -y {later}")).contains("nothing to do"));
    let entry: Value =
        serde_json::from_str(&run(&workspace, "state show source/database-source/instance")).expect("it is JSON");
    assert_eq!(entry["spec"]["final_snapshot"], "take");
    // A change in place takes less time than a creation.
    let retention = run(&workspace, &format!("plan {later} --set database.backup_retention_days=14"));
    assert!(retention.contains("expected duration 1 min"), "{retention}");
    let window = run(
        &workspace,
        &format!("plan {later} --set database.apply_immediately=false --set database.instance_class=db.r5.xlarge"),
    );
    assert!(
        window.contains("AWS applies it in the next maintenance window") && !window.contains("the database restarts"),
        "{window}"
    );
}

#[test]
fn only_calls_that_are_made_are_listed() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y");
    let retention = run(&workspace, "plan --env source --calls --set service.log_retention_days=14");
    assert!(retention.contains("calls logs:PutRetentionPolicy") && !retention.contains("KmsKey"), "{retention}");
    let range = "--env source --set database.allowed_cidrs=[\"192.168.0.0/16\"]";
    let rule = run(&workspace, &format!("plan --calls {range}"));
    assert!(rule.contains("calls ec2:AuthorizeSecurityGroupIngress") && !rule.contains("Egress"), "{rule}");
    let json: Value =
        serde_json::from_str(&run(&workspace, &format!("plan --calls --output json {range}"))).expect("it is JSON");
    let steps = json["steps"].as_array().expect("steps");
    let made = steps.iter().find(|step| step["action"] == "create").expect("a rule is created");
    assert_eq!(made["calls"][0], "ec2:AuthorizeSecurityGroupIngress");
    let json: Value =
        serde_json::from_str(&run(&workspace, &format!("plan --output json {range}"))).expect("it is JSON");
    assert!(json["steps"].as_array().expect("steps").iter().all(|step| step.get("calls").is_none()));
}

#[test]
fn deleted_resources_are_counted_as_deleted() {
    let workspace = Workspace::new();
    run(&workspace, "up --env source -y --set database.allowed_cidrs=[\"10.8.0.0/24\"]");
    let up = run(&workspace, "up --env source -y");
    assert!(up.contains("done: 1 resources deleted in"), "{up}");
    // A replacement of a protected resource is refused once.
    workspace.edit("protect = false", "protect = true");
    let refused = transcript(&workspace, "up --env source -y --replace source/database-source/instance");
    assert!(refused.contains("source/database-source/instance is protected and would be deleted"), "{refused}");
}
