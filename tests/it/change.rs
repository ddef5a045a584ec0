//! Plans that are shown, saved and carried out, as a user sees them.

use serde_json::Value;

use crate::cli::Place;
use crate::lane::Lane;

fn run(place: &Place, arguments: &str) -> String {
    Lane::Sandbox.succeed(place, arguments)
}

fn told(place: &Place, arguments: &str) -> String {
    place.told(&format!("{arguments} --sandbox"))
}

/// One change of each sort: in place, with a restart, anew.
const CHANGES: &str = "--set database.backup_retention_days=14 --set service.port=9090 --set database.parameters={max_connections=\"200\"}";

#[test]
fn a_saved_plan_is_carried_out_exactly_or_not_at_all() {
    let place = Place::new();
    let saved = told(&place, "plan --env source --out plan.json");
    assert!(saved.contains("`migrate-infra up plan.json --sandbox` carries out exactly that"), "{saved}");
    run(&place, "up plan.json -y");
    assert!(run(&place, "plan --env source").contains("there is nothing to do"));
    // It has been carried out, so the state has moved on.
    let again = told(&place, "up plan.json -y");
    assert!(again.contains("[exit 3]") && again.contains("the state has moved on since") && again.contains("plan --env source"), "{again}");
    run(&place, "plan --env source --out plan.json --set database.backup_retention_days=14");
    let other = told(&place, "up plan.json -y");
    assert!(other.contains("[exit 3]") && other.contains("the configuration has changed since"), "{other}");
    let up = run(&place, "up plan.json -y --set database.backup_retention_days=14");
    assert!(up.contains("1 resources created or changed"), "{up}");
    let both = told(&place, "up plan.json --env source -y");
    assert!(both.contains("[exit 2]") && both.contains("cannot be used with"), "{both}");
    std::fs::write(place.path().join("plan.json"), "{}").expect("a file");
    let bad = told(&place, "up plan.json -y");
    assert!(bad.contains("[exit 2]") && bad.contains("plan.json is not a saved plan"), "{bad}");
    assert!(told(&place, "up nowhere.json -y").contains("[exit 2]"));
}

/// Changes the database by hand.
fn database(place: &Place, change: impl Fn(&mut Value)) {
    crate::adopting::edit_world(place, |world| {
        let databases = world["regions"]["us-east-1"]["rds"]["instances"].as_object_mut().expect("the instances");
        databases.values_mut().for_each(change);
    });
}

#[test]
fn a_saved_plan_turned_off_what_was_turned_on_by_hand_since() {
    const DAYS: &str = "--set database.backup_retention_days=14";
    let place = Place::new();
    run(&place, "up --env source -y");
    run(&place, &format!("plan --env source {DAYS} --out plan.json"));
    database(&place, |one| one["deletion_protection"] = true.into());
    let told = told(&place, &format!("up plan.json -y {DAYS}"));
    assert!(told.contains("[exit 3]") && told.contains("what exists has changed since"), "{told}");
    assert!(told.contains("source/database-source/instance: `deletion_protection` changed") && told.contains("nothing was changed"), "{told}");
    // A plan of now shows it, and is carried out.
    let plan = run(&place, &format!("plan --env source {DAYS} --out plan.json"));
    assert!(plan.contains("deletion_protection: false -> true") && plan.contains("`deletion_protection` changed outside of this tool"), "{plan}");
    run(&place, &format!("up plan.json -y {DAYS}"));
    assert!(run(&place, &format!("plan --env source {DAYS}")).contains("there is nothing to do"));
}

#[test]
fn a_plan_made_offline_did_more_than_it_said() {
    const DAYS: &str = "--set database.backup_retention_days=14";
    let place = Place::new();
    run(&place, "up --env source -y");
    run(&place, &format!("plan --offline --env source {DAYS} --out plan.json"));
    crate::adopting::edit_world(&place, |world| {
        world["regions"]["us-east-1"]["cloudwatch"]["alarms"].as_object_mut().expect("alarms").clear();
    });
    let refused = told(&place, &format!("up plan.json -y {DAYS}"));
    assert!(refused.contains("[exit 3]") && refused.contains("source/monitoring/db-cpu-source: it is gone from AWS"), "{refused}");
    run(&place, "up --env source -y");
    run(&place, &format!("plan --offline --env source {DAYS} --out plan.json"));
    let up = run(&place, &format!("up plan.json -y {DAYS}"));
    assert!(up.contains("done: 1 resources created or changed"), "{up}");
}

#[test]
fn a_saved_plan_that_was_edited_showed_what_was_not_carried_out() {
    const DAYS: &str = "--set database.backup_retention_days=14";
    let place = Place::new();
    run(&place, "up --env source -y");
    run(&place, &format!("plan --env source {DAYS} --out plan.json"));
    let path = place.path().join("plan.json");
    let whole = std::fs::read_to_string(&path).expect("the plan");
    std::fs::write(&path, whole.replace("\"new\": 14", "\"new\": 21")).expect("a file");
    assert_ne!(whole, std::fs::read_to_string(&path).expect("the plan"), "{whole}");
    let refused = told(&place, &format!("up plan.json -y {DAYS}"));
    assert!(refused.contains("[exit 3]") && refused.contains("it was edited") && refused.contains("nothing was changed"), "{refused}");
    std::fs::write(&path, whole).expect("a file");
    assert!(run(&place, &format!("up plan.json -y {DAYS}")).contains("done: 1 resources created or changed"));
}

#[test]
fn the_command_that_a_saved_plan_names_was_refused() {
    let place = Place::new();
    let told = place.told("plan --env source --sandbox --set database.backup_retention_days=14 --out plan.json");
    let command = told.split('`').find_map(|part| part.strip_prefix("migrate-infra up plan.json")).expect("the command");
    let up = place.told(&format!("up plan.json {} -y", command.replace('\'', "")));
    assert!(up.contains("[exit 0]"), "{up}");
}

#[test]
fn the_same_plan_is_the_same_bytes() {
    let place = Place::new();
    run(&place, "up --env source -y");
    let plans: Vec<String> = (0..3).map(|_| run(&place, &format!("plan --output json {CHANGES} --out plan.json"))).collect();
    assert!(plans.windows(2).all(|two| two[0] == two[1]));
    let file = std::fs::read_to_string(place.path().join("plan.json")).expect("the plan");
    run(&place, &format!("plan --output json {CHANGES} --out again.json"));
    assert_eq!(file, std::fs::read_to_string(place.path().join("again.json")).expect("the plan"));
    let plan: Value = serde_json::from_str(&plans[0]).expect("it is JSON");
    assert!(plan["totals"]["replace"].as_u64().is_some_and(|count| count > 0) && plan["totals"].get("delete").is_none(), "{}", plan["totals"]);
    let step = |address: &str| plan["steps"].as_array().expect("steps").iter().find(|step| step["address"] == address).cloned().expect("a step");
    assert_eq!(
        (&step("source/service/target-group")["action"], &step("source/service/target-group")["order"]),
        (&"replace".into(), &"old_first".into())
    );
    assert_eq!(step("source/database-source/instance")["changes"][0]["field"], "backup_retention_days");
    assert_eq!(step("source/service/target-group~old")["action"], "delete");
}

#[test]
fn a_plan_in_all_its_forms() {
    let place = Place::new();
    run(&place, "up --env source -y");
    // Ids are others in each run.
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("[0-9a-f]{16,17}", "[ID]");
    settings.add_filter("looked at [0-9]+ resources with [0-9]+ calls", "looked at [N] resources");
    let _bound = settings.bind_to_scope();
    insta::assert_snapshot!(run(&place, &format!("plan --env source {CHANGES}")));
    insta::assert_snapshot!(run(&place, &format!("plan --env source {CHANGES} --calls --target source/service/target-group")));
    insta::assert_snapshot!(run(&place, &format!("plan --env source {CHANGES} --markdown")));
    insta::assert_snapshot!(run(&place, "plan --env source --offline --set tags.CostCenter=elsewhere --target source/network/*"));
}

#[test]
fn what_holds_data_is_replaced_only_when_told_by_address() {
    let place = Place::new();
    run(&place, "up --env source -y");
    let refused = told(&place, "up --env source -y --set database.username=other");
    assert!(refused.contains("[exit 3]") && refused.contains("source/database-source/instance holds data"), "{refused}");
    assert!(refused.contains("--replace 'source/database-source/instance'") && refused.contains("nothing was changed"), "{refused}");
    let replaced = run(&place, "up --env source -y --set database.username=other --replace source/database-source/instance");
    assert!(replaced.contains("resources created or changed"), "{replaced}");
    assert!(run(&place, "plan --env source --set database.username=other").contains("there is nothing to do"));
    // One that holds no data, and that nothing forces.
    let plan = run(&place, "plan --env source --set database.username=other --replace source/monitoring/dashboard");
    assert!(plan.contains("± source/monitoring/dashboard") && plan.contains("it was asked for"), "{plan}");
    run(&place, "up --env source -y --set database.username=other --replace source/monitoring/dashboard");
    let unknown = told(&place, "up --env source -y --replace source/monitoring/dashbord");
    assert!(unknown.contains("[exit 2]") && unknown.contains("did you mean"), "{unknown}");
    place.edit("protect = false", "protect = true");
    let protected = told(&place, "up --env source -y --set database.username=other --replace source/monitoring/dashboard");
    assert!(protected.contains("[exit 3]") && protected.contains("protect"), "{protected}");
}

/// What was deleted by hand is made anew, whatever it would take to change it: there is no data to be asked for.
#[test]
fn up_without_asking_refused_what_plan_allows() {
    let place = Place::new();
    run(&place, "up --env source -y");
    crate::adopting::edit_world(&place, |world| {
        world["regions"]["us-east-1"]["rds"]["instances"].as_object_mut().expect("the instances").clear();
    });
    let plan = run(&place, "plan --env source --set database.username=other");
    assert!(plan.contains("+ source/database-source/instance") && plan.contains("it is gone from AWS"), "{plan}");
    let up = run(&place, "up --env source -y --set database.username=other");
    assert!(up.contains("resources created or changed"), "{up}");
}

#[test]
fn what_another_environment_uses_is_not_replaced_without_it() {
    let place = Place::new();
    run(&place, "up -y");
    let refused = told(&place, "up --env source -y --set environments.source.vpc_cidr=10.7.0.0/16 --replace source/*");
    assert!(refused.contains("[exit 3]") && refused.contains("target/link/peering uses source/network/vpc"), "{refused}");
    assert!(refused.contains("--env target --env source"), "{refused}");
    // A target that has nothing to do with it is none of that.
    let bucket = "up --env source -y --set environments.source.vpc_cidr=10.7.0.0/16 --target source/storage-source/bucket";
    assert!(!told(&place, bucket).contains("uses source/network/vpc"));
}

/// Calls the VPC as an earlier version would have called it, in the state and in AWS.
fn as_it_was_called(place: &Place) {
    for file in [place.state().join("state.json"), place.path().join(".migrate-infra/sandbox/world.json")] {
        let text = std::fs::read_to_string(&file).expect("a file");
        assert!(text.contains("\"source/network/vpc\""));
        std::fs::write(&file, text.replace("\"source/network/vpc\"", "\"source/net/vpc\"")).expect("a file");
    }
}

const MOVED: &str = "[[moved]]\nfrom = \"source/net/vpc\"\nto = \"source/network/vpc\"\n\n[stack]";

#[test]
fn a_renaming_was_seen_by_up_alone() {
    let place = Place::new();
    run(&place, "up --env source -y");
    let subnet: Value = serde_json::from_str(&run(&place, "state show source/network/public-1")).expect("it is JSON");
    let subnet = subnet["attrs"]["subnet_id"].as_str().expect("its id").to_owned();
    as_it_was_called(&place);
    place.edit("[stack]", MOVED);
    // What is protected under its new address is not deleted under its old one.
    let file = place.path().join("config/migration.toml");
    let whole = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, format!("{whole}\n[resources.\"source/network/vpc\"]\nprotect = true\n")).expect("the configuration");
    let refused = told(&place, "down -y");
    assert!(refused.contains("[exit 3]") && refused.contains("source/network/vpc is protected"), "{refused}");
    std::fs::write(&file, whole).expect("the configuration");
    let plan = run(&place, "plan --target source/network/vpc");
    assert!(plan.contains("looked at 1 resources"), "{plan}");
    let down = told(&place, "down --target source/network/vpc");
    assert!(down.contains("there is no terminal to ask on"), "{down}");
    run(&place, "forget source/network/public-1 -y");
    run(&place, &format!("adopt source/network/public-1 {subnet} -y"));
    assert!(run(&place, "state list").contains("source/network/vpc\t"));
}

#[test]
fn an_address_that_was_renamed_keeps_what_it_is() {
    let place = Place::new();
    run(&place, "up --env source -y");
    let before = Lane::Sandbox.inventory(&place, &["us-east-1"]);
    as_it_was_called(&place);
    let lost = told(&place, "plan --env source");
    assert!(lost.contains("- source/net/vpc") && lost.contains("+ source/network/vpc"), "{lost}");
    place.edit("[stack]", MOVED);
    let plan = run(&place, "plan --env source");
    assert!(plan.contains("there is nothing to do"), "{plan}");
    let up = run(&place, "up --env source -y");
    assert!(up.contains("nothing to do"), "{up}");
    assert_eq!(Lane::Sandbox.inventory(&place, &["us-east-1"]), before);
    // What has the tags of its old address is no orphan, and is found again by them when it was forgotten or the state is lost.
    assert!(told(&place, "orphans --exit-code").contains("[exit 0]"));
    assert!(run(&place, "forget source/network/vpc -y").contains("`up` would make another one"));
    assert!(run(&place, "state rebuild -y").contains("1 resources were found"));
    assert!(run(&place, "up --env source -y").contains("nothing to do"));
    std::fs::remove_dir_all(place.state()).expect("the state");
    run(&place, "state rebuild -y");
    assert!(run(&place, "up --env source -y").contains("nothing to do"));
    assert_eq!(Lane::Sandbox.inventory(&place, &["us-east-1"]), before);
    // The state knows it by its new name from here on, and the entry is no longer needed.
    place.edit("[[moved]]\nfrom = \"source/net/vpc\"\nto = \"source/network/vpc\"\n", "");
    assert!(run(&place, "plan --env source").contains("there is nothing to do"));
    assert!(run(&place, "drift").contains("no drift"));
    let refused = told(&place, "forget source/network/vpc -y");
    assert!(refused.contains("[exit 3]") && refused.contains("[[moved]]"), "{refused}");
    place.edit("[stack]", "[[moved]]\nfrom = \"source/net/vpc\"\nto = \"source/network/vcp\"\n\n[stack]");
    let unknown = told(&place, "plan");
    assert!(unknown.contains("[exit 2]") && unknown.contains("did you mean `source/network/vpc`"), "{unknown}");
    place.edit("vcp", "vpc");
    run(&place, "down -y");
    assert!(run(&place, "status").contains("nothing of"));
}

#[test]
fn data_that_the_configuration_no_longer_has_was_deleted_unasked() {
    let place = Place::new();
    let own = "[environments.source]\nregion = \"us-east-1\"\nvpc_cidr = \"10.0.0.0/16\"\ndatabases = [\"source\"]\n";
    std::fs::write(place.path().join("own.toml"), own).expect("a file");
    run(&place, "up -y --config own.toml");
    let without = "--config own.toml --set environments.source.databases=[]";
    let planned = told(&place, &format!("plan --out plan.json {without}"));
    let names = "--delete 'source/database-source/instance' --delete 'source/database-source/logs-postgresql'";
    for part in ["- source/database-source/instance", "[exit 3]", "resources hold data, and would be deleted", "migrate-infra plan", names] {
        assert!(planned.contains(part), "{part}: {planned}");
    }
    assert!(!place.path().join("plan.json").exists());
    let up = told(&place, &format!("up -y {without}"));
    for part in ["[exit 3]", "nothing was changed", "migrate-infra forget source/database-source/instance", names] {
        assert!(up.contains(part), "{part}: {up}");
    }
    assert!(run(&place, "plan --config own.toml").contains("there is nothing to do"));
    let consent = format!("--delete source/database-source/* {without}");
    let planned = told(&place, &format!("plan --out plan.json {consent}"));
    assert!(planned.contains("the plan is in plan.json"), "{planned}");
    run(&place, &format!("up plan.json -y {without}"));
    // The same command again: what it names is gone, and that is no mistake.
    assert!(run(&place, &format!("up -y {consent}")).contains("nothing to do"));
    run(&place, "down -y --config own.toml");
}

#[test]
fn another_major_version_was_planned_as_deleting_the_database() {
    let place = Place::new();
    run(&place, "up --env source -y");
    for (version, why) in [("17", "is a migration of its own"), ("15", "can not take it back to 15")] {
        for command in ["plan", "up -y"] {
            let refused = told(&place, &format!("{command} --env source --set database.engine_version={version}"));
            for part in ["[exit 3]", "source/database-source/instance can not be changed as it is configured", why] {
                assert!(refused.contains(part), "{part}: {refused}");
            }
            assert!(refused.contains("set `database.engine_version` to 16") && refused.contains("nothing was changed"), "{refused}");
            assert!(refused.contains("without the data") && refused.contains("--replace 'source/database-source/instance'"), "{refused}");
        }
    }
    assert!(run(&place, "plan --env source").contains("there is nothing to do"));
    // A new one, without the data, if that is what is wanted.
    run(&place, "up --env source -y --set database.engine_version=17 --replace source/database-source/instance");
    assert!(run(&place, "plan --env source --set database.engine_version=17").contains("there is nothing to do"));
}

#[test]
fn storage_that_can_not_shrink_took_the_services_down() {
    let place = Place::new();
    run(&place, "up -y");
    for (set, address) in
        [("database.allocated_storage_gb=50", "source/database-source/instance"), ("replication.allocated_storage_gb=20", "instance")]
    {
        for command in ["plan --out plan.json", "up -y"] {
            let refused = told(&place, &format!("{command} --set {set} --set service.port=9090"));
            assert!(refused.contains("[exit 3]") && refused.contains(address) && refused.contains("can not shrink it"), "{refused}");
        }
    }
    assert!(!place.path().join("plan.json").exists());
    assert!(run(&place, "plan").contains("there is nothing to do"));
}

/// Lets others change a field of the databases, in a configuration of its own.
fn ignoring(place: &Place, field: &str) {
    let all = include_str!("../../config/migration.toml");
    let entry = format!("ignore = [{{ address = \"*/database-*/instance\", field = \"{field}\", reason = \"by the DBA\" }}]");
    let other = all.replace("\nignore = []\n", &format!("\n{entry}\n"));
    assert_ne!(all, other);
    std::fs::write(place.path().join("ignoring.toml"), other).expect("a file");
}

/// RDS has raised the storage by itself, and something else of the database is changed.
#[test]
fn a_plan_passed_that_the_look_had_shown_to_be_impossible() {
    const DAYS: &str = "--env source --set database.backup_retention_days=14";
    let place = Place::new();
    run(&place, "up --env source -y");
    database(&place, |one| one["settings"]["allocated_storage"] = 300.into());
    for set in ["", "--set tags.Team=\"pay\"", "--set database.allocated_storage_gb=200"] {
        let refused = told(&place, &format!("plan {DAYS} {set}"));
        assert!(refused.contains("[exit 3]") && refused.contains("has 300 GiB") && refused.contains("300 or more"), "{refused}");
    }
    let more = run(&place, "plan --env source --set database.allocated_storage_gb=400");
    assert!(more.contains("allocated_storage_gb: 300 -> 400"), "it goes from what AWS shows: {more}");
    let same = run(&place, "plan --env source --set database.allocated_storage_gb=300");
    assert!(same.contains("there is nothing to do"), "{same}");
    ignoring(&place, "allocated_storage_gb");
    let drift = run(&place, "drift --config ignoring.toml");
    assert!(drift.contains("ignored: source/database-source/instance `allocated_storage_gb`") && drift.contains("no drift"), "{drift}");
    let up = run(&place, &format!("up -y {DAYS} --config ignoring.toml"));
    assert!(up.contains("done: 1 resources created or changed"), "{up}");
    let settings = settings(&place);
    assert_eq!((&settings["allocated_storage"], &settings["backup_retention"]), (&300.into(), &14.into()));
}

/// Somebody has upgraded the database: what the message says leads somewhere.
#[test]
fn the_way_out_of_another_version_ended_in_a_new_database() {
    let place = Place::new();
    run(&place, "up --env source -y");
    database(&place, |one| one["settings"]["engine_version"] = "17.4".into());
    let drift = told(&place, "drift");
    assert!(drift.contains("17.4") && drift.contains("list its `engine_version` in `drift.ignore`"), "{drift}");
    ignoring(&place, "engine_version");
    assert!(run(&place, "drift --config ignoring.toml").contains("no drift"));
    run(&place, "up -y --env source --config ignoring.toml --set database.backup_retention_days=14");
    assert_eq!(settings(&place)["engine_version"], "17.4");
}

/// What the source database is set to.
fn settings(place: &Place) -> Value {
    let mut found = Value::Null;
    crate::adopting::edit_world(place, |world| {
        found = world["regions"]["us-east-1"]["rds"]["instances"]["payment-db-source-source-dev-001"]["settings"].clone();
    });
    found
}

/// A step that failed or was killed goes on, or a database is busy: what others may change stays.
#[test]
fn what_may_be_changed_was_put_back_by_a_step_that_went_on() {
    let place = Place::new();
    run(&place, "up --env source -y");
    ignoring(&place, "backup_retention_days");
    database(&place, |one| one["settings"]["backup_retention"] = 21.into());
    let script = "[[events]]\nat_seconds = 0\ncalls_fail = { \"rds:ModifyDBInstance\" = \"InvalidParameterValue\" }\n";
    std::fs::write(place.path().join("fails.toml"), script).expect("a file");
    std::fs::write(place.path().join("works.toml"), "").expect("a file");
    let class = "--env source --config ignoring.toml --set database.instance_class=db.r5.xlarge";
    let failed = told(&place, &format!("up -y {class} --sandbox-script fails.toml"));
    assert!(failed.contains("[exit 1]"), "{failed}");
    let plan = run(&place, &format!("plan {class}"));
    for part in ["its change was begun and not finished", "\"db.r5.large\" -> \"db.r5.xlarge\"", "backup_retention_days: it stays", "6 min"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    run(&place, &format!("up -y {class} --sandbox-script works.toml"));
    assert_eq!((&settings(&place)["class"], &settings(&place)["backup_retention"]), (&"db.r5.xlarge".into(), &21.into()));
    database(&place, |one| one["phases"] = serde_json::json!([{ "status": "backing-up", "until": 99_999_999_999_999_u64 }]));
    let busy = run(&place, "drift --config ignoring.toml");
    assert!(busy.contains("ignored: source/database-source/instance `backup_retention_days`") && busy.contains("no drift"), "{busy}");
}

/// A change of the database that RDS does not take, and what else is changed.
fn failing(place: &Place, change: &str) -> String {
    let script = "[[events]]\nat_seconds = 0\ncalls_fail = { \"rds:ModifyDBInstance\" = \"InvalidParameterValue\" }\n";
    std::fs::write(place.path().join("fails.toml"), script).expect("a file");
    std::fs::write(place.path().join("works.toml"), "").expect("a file");
    told(place, &format!("up --env source -y --set database.backup_retention_days=14 {change} --sandbox-script fails.toml"))
}

#[test]
fn a_service_went_before_what_the_new_one_waits_for_was_done() {
    let place = Place::new();
    run(&place, "up --env source -y");
    let failed = failing(&place, "--set service.port=9090");
    assert!(failed.contains("[exit 1]") && failed.contains("source/service/service~old"), "{failed}");
    let things = Lane::Sandbox.inventory(&place, &["us-east-1"]);
    assert!(things.iter().any(|thing| thing.contains("service/") && thing.contains("payment-service")), "{things:#?}");
    let back = told(&place, "rollback -y --sandbox-script works.toml");
    assert!(back.contains("[exit 0]"), "{back}");
}

#[test]
fn a_rollback_that_could_not_give_something_back_ended_well() {
    let place = Place::new();
    run(&place, "up --env source -y --set database.allowed_cidrs=[\"10.8.0.0/24\"]");
    let failed = failing(&place, "");
    assert!(failed.contains("[exit 1]"), "{failed}");
    let back = told(&place, "rollback -y --sandbox-script works.toml");
    for part in ["[exit 5]", "one resource is not as it was, and can not be given back", "it was deleted by the `up`", "makes again"] {
        assert!(back.contains(part), "{part}: {back}");
    }
    assert!(run(&place, "rollback -y").contains("nothing to undo"));
}

#[test]
fn totals_of_a_plan_were_not_those_of_the_run() {
    let place = Place::new();
    run(&place, "up -y");
    let number = |text: &str, before: &str| -> usize {
        let end = text.find(before).unwrap_or_else(|| panic!("{text}"));
        text[..end].rsplit(' ').next().expect("a word").parse().expect("a number")
    };
    let tags = "--set tags.CostCenter=elsewhere";
    let planned = number(&run(&place, &format!("plan {tags}")), " to change");
    let done = number(&run(&place, &format!("up -y {tags}")), " resources created or changed");
    assert_eq!(planned, done);
    // What only says how something is deleted is taken down, and no more.
    let later = format!("{tags} --set database.final_snapshot=true");
    assert!(run(&place, &format!("plan {later}")).contains("there is nothing to do"));
    assert!(run(&place, &format!("up -y {later}")).contains("nothing to do"));
    let entry: Value = serde_json::from_str(&run(&place, "state show source/database-source/instance")).expect("it is JSON");
    assert_eq!(entry["spec"]["final_snapshot"], "take");
    // A change in place does not take as long as to make it.
    let retention = run(&place, &format!("plan {later} --set database.backup_retention_days=14"));
    assert!(retention.contains("expected to take 1 min"), "{retention}");
    let window = run(&place, &format!("plan {later} --set database.apply_immediately=false --set database.instance_class=db.r5.xlarge"));
    assert!(window.contains("AWS makes it in the next maintenance window") && !window.contains("the database restarts"), "{window}");
}

#[test]
fn calls_were_listed_that_are_not_made() {
    let place = Place::new();
    run(&place, "up --env source -y");
    let retention = run(&place, "plan --env source --calls --set service.log_retention_days=14");
    assert!(retention.contains("calls logs:PutRetentionPolicy") && !retention.contains("KmsKey"), "{retention}");
    let range = "--env source --set database.allowed_cidrs=[\"192.168.0.0/16\"]";
    let rule = run(&place, &format!("plan --calls {range}"));
    assert!(rule.contains("calls ec2:AuthorizeSecurityGroupIngress") && !rule.contains("Egress"), "{rule}");
    let json: Value = serde_json::from_str(&run(&place, &format!("plan --calls --output json {range}"))).expect("it is JSON");
    let steps = json["steps"].as_array().expect("steps");
    let made = steps.iter().find(|step| step["action"] == "create").expect("a rule is made");
    assert_eq!(made["calls"][0], "ec2:AuthorizeSecurityGroupIngress");
    let json: Value = serde_json::from_str(&run(&place, &format!("plan --output json {range}"))).expect("it is JSON");
    assert!(json["steps"].as_array().expect("steps").iter().all(|step| step.get("calls").is_none()));
}

#[test]
fn what_was_deleted_was_told_as_changed() {
    let place = Place::new();
    run(&place, "up --env source -y --set database.allowed_cidrs=[\"10.8.0.0/24\"]");
    let up = run(&place, "up --env source -y");
    assert!(up.contains("done: 1 resources deleted in"), "{up}");
    // A replacement is one thing that is protected.
    place.edit("protect = false", "protect = true");
    let refused = told(&place, "up --env source -y --replace source/database-source/instance");
    assert!(refused.contains("source/database-source/instance is protected and would be deleted"), "{refused}");
}

#[test]
fn an_option_of_the_sandbox_was_taken_on_one_side_of_the_command_only() {
    let place = Place::new();
    let planned = place.told("--sandbox plan --env source --sandbox-timing instant");
    assert!(planned.contains("[exit 0]"), "{planned}");
    let planned = place.told("--sandbox-timing instant plan --env source --sandbox");
    assert!(planned.contains("[exit 0]"), "{planned}");
    let refused = place.told("plan --sandbox-timing instant");
    assert!(refused.contains("[exit 2]") && refused.contains("add `--sandbox`"), "{refused}");
}
