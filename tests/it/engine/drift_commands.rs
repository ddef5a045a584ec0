//! Drift with the real program: what `drift` reports, what `up` corrects, and what both ignore.

use crate::harness::backend::Backend;
use crate::harness::workspace::{Workspace, edit_world};

#[test]
fn a_different_encryption_key_is_reported() {
    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let workspace = Workspace::new();
    let set = format!("--set encryption.kms_key_arn={KEY}");
    Backend::Sandbox.succeed(&workspace, &format!("up --env source -y {set}"));
    edit_world(&workspace, |world| {
        let databases = world["regions"]["us-east-1"]["rds"]["instances"].as_object_mut().expect("the instances");
        databases.values_mut().for_each(|one| one["kms_key_id"] = KEY.replace("1234abcd", "abcd1234").into());
    });
    let drift = workspace.transcript(&format!("drift --sandbox {set}"));
    assert!(
        drift.contains("[exit 4]") && drift.contains("± source/database-source/instance") && drift.contains("kms_key"),
        "{drift}"
    );
    // It contains data: only an explicit option replaces it.
    let up = workspace.transcript(&format!("up --env source --sandbox -y {set}"));
    assert!(up.contains("[exit 3]") && up.contains("--replace"), "{up}");
}

/// Settings that are the same for all configurations, or that belong to another resource.
#[test]
fn a_manual_change_without_an_input_is_reported() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up -y");
    let each = |world: &mut serde_json::Value, path: &str, change: &dyn Fn(&mut serde_json::Value)| {
        world.pointer_mut(path).and_then(serde_json::Value::as_object_mut).expect(path).values_mut().for_each(change);
    };
    let put_right = |what: &[&str]| {
        let drift = workspace.transcript("drift --sandbox");
        assert!(drift.contains("[exit 4]") && what.iter().all(|what| drift.contains(what)), "{what:?}: {drift}");
        run("up -y");
        assert!(run("drift").contains("no drift"));
    };
    // A disabled check counts as healthy forever, whatever the state of the emergency switch.
    edit_world(&workspace, |world| {
        each(world, "/route53/health_checks", &|check| check["config"]["disabled"] = true.into());
    });
    put_right(&["routing/dns/target-switch", "disabled: false -> true"]);
    edit_world(&workspace, |world| {
        each(world, "/route53/health_checks", &|check| check["config"]["inverted"] = true.into());
    });
    put_right(&["inverted: false -> true"]);
    edit_world(&workspace, |world| {
        each(world, "/regions/us-east-1/lambda/functions", &|function| function["architecture"] = "x86_64".into());
    });
    put_right(&["architecture"]);
    // The trust policy was changed manually: another service was added, and DMS removed. The role is shared, so the
    // addition stays.
    let theirs = serde_json::json!({ "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" },
        "Action": "sts:AssumeRole" });
    edit_world(&workspace, |world| {
        world["iam"]["roles"]["dms-vpc-role"]["assume_role_policy"]["Statement"] = serde_json::json!([theirs]);
    });
    put_right(&["trusts_dms: true -> false"]);
    edit_world(&workspace, |world| {
        let statements =
            world["iam"]["roles"]["dms-vpc-role"]["assume_role_policy"]["Statement"].as_array().expect("a list");
        assert!(statements.len() == 2 && statements.contains(&theirs), "{statements:?}");
    });
    // RDS moves no database to other subnets of its VPC.
    edit_world(&workspace, |world| {
        let rds = &mut world["regions"]["us-east-1"]["rds"];
        let mut group = rds["subnet_groups"].as_object().expect("the groups").values().next().expect("a group").clone();
        group["name"] = "elsewhere".into();
        rds["subnet_groups"]["elsewhere"] = group;
        rds["instances"]
            .as_object_mut()
            .expect("the instances")
            .values_mut()
            .for_each(|one| one["subnet_group"] = "elsewhere".into());
    });
    let drift = workspace.transcript("drift --sandbox");
    assert!(drift.contains("[exit 4]") && drift.contains("subnet_group") && drift.contains("elsewhere"), "{drift}");
}

/// The exit codes, the output, and that ignored fields are left alone.
#[test]
fn the_drift_command() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    assert!(run("drift").contains("nothing of this stack exists"));
    run("up --env source -y");
    let clean = run("drift");
    assert!(clean.contains("no drift: 69 resources are as last applied"), "{clean}");
    let by_hand = |workspace: &Workspace| {
        edit_world(workspace, |world| {
            let balancers =
                world["regions"]["us-east-1"]["elbv2"]["load_balancers"].as_object_mut().expect("load balancers");
            balancers.values_mut().for_each(|one| one["attributes"]["idle_timeout.timeout_seconds"] = "17".into());
            let alarms = world["regions"]["us-east-1"]["cloudwatch"]["alarms"].as_object_mut().expect("alarms");
            alarms.clear();
        });
    };
    by_hand(&workspace);
    let transcript = workspace.transcript("drift --sandbox");
    assert!(
        transcript.contains("[exit 4]")
            && transcript.contains("- source/monitoring/db-cpu-source  it no longer exists in AWS"),
        "{transcript}"
    );
    assert!(
        transcript.contains("settings.idle_timeout_seconds: 60 -> 17")
            && transcript.contains("up --sandbox` corrects this"),
        "{transcript}"
    );
    let json = workspace.transcript("drift --sandbox --output json");
    assert!(
        json.contains("\"found\":\"gone\"") && json.contains("\"field\":\"settings.idle_timeout_seconds\""),
        "{json}"
    );
    let plan = workspace.transcript("plan --sandbox --env source --exit-code");
    assert!(
        plan.contains("[exit 4]") && plan.contains("`settings.idle_timeout_seconds` changed outside of this tool"),
        "{plan}"
    );
    assert!(
        run("plan --offline --env source").contains("there is nothing to do"),
        "the state alone knows nothing of it"
    );
    let up = run("up --env source -y");
    assert!(up.contains("3 resources created or changed"), "{up}");
    assert!(run("drift").contains("no drift"));
    // Ignored drift is reported, and `up` leaves it alone.
    by_hand(&workspace);
    workspace.edit(
        "ignore = []",
        "ignore = [{ address = \"*/load-balancer\", field = \"settings.*\", reason = \"tuned by hand\" }]",
    );
    let transcript = workspace.transcript("drift --sandbox");
    assert!(
        transcript.contains("ignored: source/service/load-balancer `settings.idle_timeout_seconds` (tuned by hand)"),
        "{transcript}"
    );
    run("up --env source -y");
    let transcript = run("drift");
    assert!(
        transcript.contains("no drift") && transcript.contains("ignored: source/service/load-balancer"),
        "{transcript}"
    );
}

const IGNORED: &str = "ignore = [{ address = \"*/service/load-balancer\", field = \"settings.idle_timeout_seconds\", \
    reason = \"tuned by hand\" }]";

/// Changes the idle timeout of every load balancer manually.
fn idle(workspace: &Workspace, seconds: &str) {
    edit_world(workspace, |world| {
        let balancers =
            world["regions"]["us-east-1"]["elbv2"]["load_balancers"].as_object_mut().expect("load balancers");
        balancers.values_mut().for_each(|one| one["attributes"]["idle_timeout.timeout_seconds"] = seconds.into());
    });
}

/// Returns the idle timeouts in the world.
fn idles(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    edit_world(workspace, |world| {
        let balancers = world["regions"]["us-east-1"]["elbv2"]["load_balancers"].as_object().expect("load balancers");
        found.extend(
            balancers
                .values()
                .map(|one| one["attributes"]["idle_timeout.timeout_seconds"].as_str().expect("a text").to_owned()),
        );
    });
    found
}

#[test]
fn an_unrelated_change_keeps_ignored_fields() {
    const TAG: &str = "--set tags.Z=\"1\"";
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y");
    workspace.edit("ignore = []", IGNORED);
    idle(&workspace, "120");
    let plan = run(&format!("plan {TAG} --target source/service/load-balancer"));
    assert!(plan.contains("settings.idle_timeout_seconds: keeps its current value"), "{plan}");
    run(&format!("up -y {TAG} --target source/service/load-balancer"));
    assert_eq!(idles(&workspace), ["120"]);
    // It is known to differ from the last applied value, and is no drift.
    let drift = run(&format!("drift {TAG}"));
    assert!(drift.contains("no drift") && drift.contains("ignored: source/service/load-balancer"), "{drift}");
    assert!(run(&format!("plan {TAG} --target source/service/load-balancer")).contains("there is nothing to do"));
    // Another setting of the same resource that has drifted is corrected alone.
    edit_world(&workspace, |world| {
        let balancers =
            world["regions"]["us-east-1"]["elbv2"]["load_balancers"].as_object_mut().expect("load balancers");
        balancers
            .values_mut()
            .for_each(|one| one["attributes"]["routing.http.drop_invalid_header_fields.enabled"] = "false".into());
    });
    let up = run(&format!("up -y {TAG} --target source/service/load-balancer"));
    assert!(up.contains("1 resources created or changed"), "{up}");
    assert_eq!(idles(&workspace), ["120"]);
    // A change of the configuration itself is applied.
    workspace.edit(
        "\nignore = [{ ",
        "\nignore = [{ address = \"source/network/vpc\", field = \"tags.Z\", reason = \"theirs\" }, { ",
    );
    run(&format!("up -y {TAG} --target source/network/vpc"));
    edit_world(&workspace, |world| {
        let vpcs = world["regions"]["us-east-1"]["ec2"]["vpcs"].as_object_mut().expect("VPCs");
        vpcs.values_mut().for_each(|vpc| vpc["tags"]["Z"] = "2".into());
    });
    let both = run(&format!("up -y {TAG} --set tags.Y=\"1\" --target source/network/vpc"));
    assert!(both.contains("1 resources created or changed"), "{both}");
    let drift = run(&format!("drift {TAG} --set tags.Y=\"1\" --target source/network/vpc"));
    assert!(drift.contains("ignored: source/network/vpc `tags.Z`"), "{drift}");
}

#[test]
fn an_ignored_field_that_drift_does_not_know_is_refused() {
    let workspace = Workspace::new();
    Backend::Sandbox.succeed(&workspace, "up --env source -y");
    let entry = |address: &str, field: &str| {
        format!("ignore = [{{ address = \"{address}\", field = \"{field}\", reason = \"tuned\" }}]")
    };
    let alarm = entry("*/monitoring/db-cpu-source", "threshold");
    workspace.edit("ignore = []", &alarm);
    for command in ["plan", "drift", "up -y"] {
        let transcript = workspace.transcript(&format!("{command} --sandbox"));
        assert!(
            transcript.contains("[exit 2]") && transcript.contains("`drift` calls it `settings.threshold`"),
            "{transcript}"
        );
    }
    workspace.edit(&alarm, &entry("*/monitoring/db-cpu-sauce", "settings.threshold"));
    let transcript = workspace.transcript("plan --sandbox");
    assert!(
        transcript.contains("[exit 2]") && transcript.contains("no resource is called `*/monitoring/db-cpu-sauce`"),
        "{transcript}"
    );
    workspace
        .edit(&entry("*/monitoring/db-cpu-sauce", "settings.threshold"), &entry("*/monitoring/*", "settings.thr*"));
    assert!(Backend::Sandbox.succeed(&workspace, "drift").contains("no drift"));
}

#[test]
fn corrections_are_distinguished_from_changes_of_the_configuration() {
    let workspace = Workspace::new();
    Backend::Sandbox.succeed(&workspace, "up --env source -y");
    let by_hand = || {
        edit_world(&workspace, |world| {
            let alarms = world["regions"]["us-east-1"]["cloudwatch"]["alarms"].as_object_mut().expect("alarms");
            let cpu = alarms
                .values_mut()
                .find(|alarm| alarm["name"].as_str().is_some_and(|name| name.starts_with("payment-db-cpu")))
                .expect("the alarm");
            cpu["threshold"] = serde_json::json!(99.0);
        });
    };
    by_hand();
    let transcript = workspace.transcript("up --env source --sandbox -y --set database.backup_retention_days=14");
    assert!(transcript.contains("corrected: `settings.threshold` changed outside of this tool"), "{transcript}");
    assert_eq!(transcript.matches("corrected").count(), 2, "{transcript}");
    assert!(transcript.contains("1 of them had drifted and was corrected"), "{transcript}");
    by_hand();
    let transcript =
        workspace.transcript("up --env source --sandbox -y --set database.backup_retention_days=14 --output json");
    assert!(
        transcript.contains(r#""put_right":{"changed":["settings.threshold"]}"#)
            && transcript.contains(r#""put_right":1"#),
        "{transcript}"
    );
}

#[test]
fn drift_that_up_cannot_correct_is_not_announced_as_correctable() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y");
    let database = |change: &dyn Fn(&mut serde_json::Value)| {
        edit_world(&workspace, |world| {
            world["regions"]["us-east-1"]["rds"]["instances"]
                .as_object_mut()
                .expect("instances")
                .values_mut()
                .for_each(change);
        });
    };
    // The ownership tag of the stack was removed manually.
    database(&|one| drop(one["tags"].as_object_mut().expect("tags").remove("migrate-infra:stack")));
    let drift = workspace.transcript("drift --sandbox");
    assert!(
        drift.contains("[exit 4]")
            && drift.contains("manual action is required for 1 of them")
            && !drift.contains("corrects this"),
        "{drift}"
    );
    for command in ["plan --env source", "up --env source -y"] {
        let transcript = workspace.transcript(&format!("{command} --sandbox"));
        assert!(
            transcript.contains("[exit 3]")
                && transcript.contains("nothing was changed")
                && !transcript.contains("to resume"),
            "{transcript}"
        );
        assert!(
            transcript.contains(
                "source/database-source/instance differs from what was last applied, and `up` cannot correct that"
            ),
            "{transcript}"
        );
    }
    // The printed hint works.
    let commands: Vec<&str> = drift
        .split('`')
        .filter_map(|part| part.strip_prefix("migrate-infra "))
        .filter(|part| !part.starts_with("up"))
        .collect();
    assert_eq!(commands.len(), 2, "{drift}");
    for command in commands {
        let transcript = workspace.transcript(&format!("{command} -y"));
        assert!(transcript.contains("[exit 0]"), "{transcript}");
    }
    run("up --env source -y");
    assert!(run("drift").contains("no drift"));
    // AWS shrinks no storage and downgrades no version.
    for (field, value, why) in [
        ("allocated_storage", 300.into(), "cannot shrink"),
        ("engine_version", "17.4".into(), "cannot downgrade it to 16"),
    ] {
        let value: serde_json::Value = value;
        let mut before = serde_json::Value::Null;
        edit_world(&workspace, |world| before = world["regions"]["us-east-1"]["rds"]["instances"].clone());
        database(&|one| one["settings"][field] = value.clone());
        let drift = workspace.transcript("drift --sandbox");
        assert!(
            drift.contains("[exit 4]")
                && drift.contains("manual action is required for 1 of them")
                && drift.contains(why),
            "{drift}"
        );
        let plan = workspace.transcript("plan --env source --sandbox");
        assert!(plan.contains("[exit 3]") && plan.contains("1 requiring manual action"), "{plan}");
        if field == "allocated_storage" {
            // The printed hint works.
            run("plan --env source --set database.allocated_storage_gb=300");
        }
        edit_world(&workspace, |world| world["regions"]["us-east-1"]["rds"]["instances"] = before.clone());
    }
}

#[test]
fn targets_outside_of_the_selected_environments_are_refused() {
    let workspace = Workspace::new();
    Backend::Sandbox.succeed(&workspace, "up --env source --env target -y");
    let transcript = workspace.transcript("drift --sandbox --env source --target target/*");
    assert!(
        transcript.contains("[exit 2]") && transcript.contains("`--target target/*` matches nothing"),
        "{transcript}"
    );
}

/// Settings that no configuration contains, because they are the same for all.
#[test]
fn a_manual_change_of_a_fixed_setting_is_reported() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    let transcript = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox"));
    let set = |service: &'static str, field: &'static str, value: bool| {
        edit_world(&workspace, |world| {
            for instance in
                world["regions"]["us-east-1"][service]["instances"].as_object_mut().expect("the instances").values_mut()
            {
                instance[field] = value.into();
            }
        });
    };
    run("up -y");
    for (field, value) in
        [("publicly_accessible", true), ("auto_minor_version_upgrade", true), ("copy_tags_to_snapshot", false)]
    {
        set("rds", field, value);
        let drift = transcript("drift");
        assert!(drift.contains("[exit 4]") && drift.contains(&format!("{field}: {} -> {value}", !value)), "{drift}");
        run("up -y");
        assert!(run("drift").contains("no drift"));
    }
    set("dms", "auto_minor_version_upgrade", true);
    assert!(transcript("drift").contains("auto_minor_version_upgrade: false -> true"));
    run("up -y");
    assert!(run("drift").contains("no drift"));
    // DMS cannot revert this one.
    set("dms", "publicly_accessible", true);
    let drift = transcript("drift");
    assert!(drift.contains("[exit 4]") && drift.contains("is publicly accessible, which DMS cannot change"), "{drift}");
    let up = transcript("up -y");
    assert!(up.contains("[exit 3]") && up.contains("replaces it"), "{up}");
    run("up -y --replace */replication/instance");
    assert!(run("drift").contains("no drift"));
}

#[test]
fn drift_of_a_vpc_reports_what_differs() {
    let workspace = Workspace::new();
    Backend::Sandbox.succeed(&workspace, "up --env source -y --target source/network/vpc");
    edit_world(&workspace, |world| {
        for vpc in world["regions"]["us-east-1"]["ec2"]["vpcs"].as_object_mut().expect("VPCs").values_mut() {
            vpc["dns_hostnames"] = false.into();
        }
    });
    let drift = workspace.transcript("drift --sandbox");
    assert!(drift.contains("[exit 4]") && drift.contains("dns_hostnames: true -> false"), "{drift}");
    Backend::Sandbox.succeed(&workspace, "up --env source -y --target source/network/vpc");
    assert!(Backend::Sandbox.succeed(&workspace, "drift").contains("no drift"));
}
