//! What somebody deletes or changes by hand, one thing at a time over the whole stack: `drift` names it, `up` puts it right, and a second
//! `drift` is clean.

use std::collections::BTreeSet;
use std::sync::Arc;

use migrate_infra::address::Address;
use migrate_infra::aws::{Cancel, Cloud, Endpoint, Meter};
use migrate_infra::clock::Clock;
use migrate_infra::engine::{Context, Outcome, down};
use migrate_infra::events::Events;
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{Action, Finding, plan_delete};
use migrate_infra::resource::kind;
use migrate_infra::sandbox::{Sandbox, World};
use migrate_infra::state::{Journal, MemoryStore};

use crate::adopting::edit_world;
use crate::calls::Calls;
use crate::cli::Place;
use crate::fields::{To, examples, look, look_at, values};
use crate::lab::{Lab, STACK};
use crate::lane::Lane;
use crate::stacks::{PAIRED, TWO_REGIONS, graph, source};

/// The world after somebody has deleted one thing, if AWS lets them.
async fn without(lab: &Lab, address: &Address) -> Option<World> {
    let mut state = lab.state();
    // Whoever deletes by hand does not ask who needs it; AWS does.
    state.resources.values_mut().for_each(|entry| entry.needs.clear());
    let plan = plan_delete(&state, &BTreeSet::from([address.clone()]), "by hand").expect("nobody is asked");
    let clock = Clock::real();
    let sandbox = Sandbox::new(lab.world.clone(), clock, None, Fuse::default());
    let cloud = Cloud::connect(Endpoint::Plugged(sandbox.plug()), &"us-east-1".into(), clock).await.expect("the sandbox answers");
    let (journal, writer) = Journal::start(state, Box::new(MemoryStore::default()));
    let context = Context {
        cloud: Arc::new(cloud),
        journal: journal.clone(),
        events: Events::nowhere(),
        cancel: Cancel::default(),
        meter: Arc::new(Meter::default()),
        stack: STACK.into(),
        parallelism: 1,
    };
    let report = down(&context, plan).await.expect("the journal is in memory");
    let called = context.meter.mutations() > 0;
    drop(context);
    writer.finish(journal).await.expect("the journal is in memory");
    let world = sandbox.snapshot();
    (report.outcome == Outcome::Done && called).then_some(world)
}

/// Drift is named, `up` puts it right with calls that the kinds declare, and then there is none.
async fn is_repaired(lab: &mut Lab, graph: &Graph, address: &Address, what: &str) {
    lab.rest();
    let survey = look(lab).await;
    assert!(survey.findings.contains_key(address), "{what}: drift names {:?}", survey.findings.keys());
    lab.findings = Some(survey.findings);
    let plan = lab.plan(graph, &lab.state());
    let step = plan.steps.iter().find(|step| step.address == *address).expect("it has a step");
    assert!(step.action != Action::Nothing, "{what}: nothing is planned");
    let calls = Calls::listening(lab);
    lab.up(graph).await.must_succeed();
    let about = kind(&step.kind).expect("it is registered").about();
    let declared = about.creates.iter().chain(about.changes).chain(about.deletes).copied().collect::<BTreeSet<_>>();
    let undeclared: Vec<_> = calls.of(address).difference(&declared).copied().collect();
    assert!(undeclared.is_empty(), "{what}: {} called {undeclared:?}, which it does not declare", step.kind);
    (lab.listener, lab.findings) = (None, None);
    lab.rest();
    let survey = look(lab).await;
    assert!(survey.findings.is_empty(), "{what}: a second drift is not clean: {:?}", survey.findings);
    assert!(!lab.plan(graph, &lab.state()).changes_something(), "{what}: a second plan is not empty");
    assert_eq!(lab.up(graph).await.must_succeed().meter.mutations(), 0, "{what}: a second up changes something");
}

async fn stack() -> (Graph, Lab) {
    let graph = graph(PAIRED, &[]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    ground.rest();
    assert!(look(&ground).await.findings.is_empty(), "there is no drift to begin with");
    (graph, ground)
}

#[tokio::test(start_paused = true)]
async fn whatever_is_deleted_by_hand_is_named_and_made_again() {
    let (graph, ground) = stack().await;
    let (mut deleted, mut kinds) = (0, BTreeSet::new());
    for (address, node) in graph.nodes() {
        let Some(world) = without(&ground, address).await else { continue };
        let mut lab = Lab { world, ..ground.fork() };
        is_repaired(&mut lab, &graph, address, &format!("{address} deleted by hand")).await;
        deleted += 1;
        kinds.insert(node.kind);
    }
    println!("{deleted} things of {} kinds were deleted by hand, one at a time", kinds.len());
    // AWS lets nobody delete what others hold on to.
    assert!(deleted > 70 && kinds.len() > 24, "{deleted} {kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_is_changed_by_hand_is_named_and_changed_back() {
    let (graph, ground) = stack().await;
    let mut changed = 0;
    for (name, address) in examples(&graph) {
        let about = kind(name).expect("it is registered").about();
        for (input, to) in values(name) {
            let To::Value(value) = to else { continue };
            let silent = about.at_creation.contains(&input)
                || kind(name).is_some_and(|kind| kind.deletion_inputs().contains(&input) && name != "elbv2.load_balancer");
            if about.immutable.contains(&input) || silent || input == "apply_immediately" {
                continue;
            }
            let what = format!("{name} `{input}` of {address} changed by hand");
            let mut by_hand = ground.fork();
            by_hand.up(&graph.altered(&address, |spec| spec[input] = value.clone())).await.must_succeed();
            by_hand.rest();
            let mut lab = Lab { world: by_hand.world, ..ground.fork() };
            let findings = look(&lab).await.findings;
            match findings.get(&address) {
                // AWS can not take back what has grown, and says so.
                Some(Finding::Stuck { what, .. }) if what.contains("can not shrink") => continue,
                // How many tasks there are is for the autoscaler to say.
                None if input == "desired_count" => continue,
                // A major version is content with each of its minor versions.
                None if input == "engine_version" => continue,
                _ => {}
            }
            is_repaired(&mut lab, &graph, &address, &what).await;
            changed += 1;
        }
    }
    println!("{changed} inputs were changed by hand, one at a time");
    assert!(changed > 50, "{changed}");
}

/// What is not specified is left to AWS: that it is another one is no drift. [`another_key_than_the_configured_one_went_unseen`] has the rest.
const LEFT_TO_AWS: &[&str] = &["kms_key"];

/// Whoever makes a thing anew by hand, with the same name and tags, is seen as well.
#[tokio::test(start_paused = true)]
async fn what_can_not_be_changed_in_place_was_changed_by_hand_unseen() {
    let graph = graph(PAIRED, &[TWO_REGIONS]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    ground.rest();
    let mut named = 0;
    for (name, address) in examples(&graph) {
        let about = kind(name).expect("it is registered").about();
        for (input, to) in values(name) {
            let To::Value(value) = to else { continue };
            let unchanged = ground.state().get(&address).expect("it is there").spec.get(input) == Some(&value);
            if !about.immutable.contains(&input) || unchanged || LEFT_TO_AWS.contains(&input) {
                continue;
            }
            let mut by_hand = ground.fork();
            by_hand.up(&graph.altered(&address, |spec| spec[input] = value.clone())).await.must_succeed();
            by_hand.rest();
            let lab = Lab { world: by_hand.world, ..ground.fork() };
            let findings = look_at(&lab, |one| *one == address).await.0.findings;
            let finding = findings.get(&address);
            assert!(finding.is_some_and(Finding::is_drift), "{name} `{input}` of {address} changed by hand: {finding:?}");
            named += 1;
        }
    }
    println!("{named} inputs that can not be changed were changed by hand, one at a time");
    assert!(named > 30, "{named}");
}

/// It has its name and its tags, and was made anew with another port.
#[tokio::test(start_paused = true)]
async fn what_was_made_anew_by_hand_was_taken_for_what_it_was() {
    let graph = source(&[]);
    let mut lab = Lab::default();
    lab.up(&graph).await.must_succeed();
    lab.rest();
    lab.world.region("us-east-1").elbv2.target_groups.values_mut().for_each(|group| group.port = 9999);
    let address = Address::new("source/service/target-group");
    let findings = look(&lab).await.findings;
    assert!(matches!(findings.get(&address), Some(Finding::Another { changes }) if changes[0].field == "port"), "{findings:?}");
    lab.findings = Some(findings);
    let plan = lab.plan(&graph, &lab.state());
    let step = plan.steps.iter().find(|step| step.address == address).expect("it has a step");
    assert!(matches!(step.action, Action::Replace { .. }) && step.puts_right.is_some(), "{:?}", step.action);
    is_repaired(&mut lab, &graph, &address, "a target group with another port").await;
    assert!(lab.world.region("us-east-1").elbv2.target_groups.values().all(|group| group.port == 8080));
}

#[test]
fn another_key_than_the_configured_one_went_unseen() {
    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let place = Place::new();
    let set = format!("--set encryption.kms_key_arn={KEY}");
    Lane::Sandbox.succeed(&place, &format!("up --env source -y {set}"));
    edit_world(&place, |world| {
        let databases = world["regions"]["us-east-1"]["rds"]["instances"].as_object_mut().expect("the instances");
        databases.values_mut().for_each(|one| one["kms_key_id"] = KEY.replace("1234abcd", "abcd1234").into());
    });
    let drift = place.told(&format!("drift --sandbox {set}"));
    assert!(drift.contains("[exit 4]") && drift.contains("± source/database-source/instance") && drift.contains("kms_key"), "{drift}");
    // It holds data: nothing but a word of its own replaces it.
    let up = place.told(&format!("up --env source --sandbox -y {set}"));
    assert!(up.contains("[exit 3]") && up.contains("--replace"), "{up}");
}

/// Settings that are the same for everybody, or belong to another thing.
#[test]
fn what_no_input_stands_for_was_changed_by_hand_unseen() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up -y");
    let each = |world: &mut serde_json::Value, path: &str, change: &dyn Fn(&mut serde_json::Value)| {
        world.pointer_mut(path).and_then(serde_json::Value::as_object_mut).expect(path).values_mut().for_each(change);
    };
    let put_right = |what: &[&str]| {
        let drift = place.told("drift --sandbox");
        assert!(drift.contains("[exit 4]") && what.iter().all(|what| drift.contains(what)), "{what:?}: {drift}");
        run("up -y");
        assert!(run("drift").contains("no drift"));
    };
    // A disabled check counts as healthy for ever, whatever the emergency switch says.
    edit_world(&place, |world| each(world, "/route53/health_checks", &|check| check["config"]["disabled"] = true.into()));
    put_right(&["routing/dns/target-switch", "disabled: false -> true"]);
    edit_world(&place, |world| each(world, "/route53/health_checks", &|check| check["config"]["inverted"] = true.into()));
    put_right(&["inverted: false -> true"]);
    edit_world(&place, |world| each(world, "/regions/us-east-1/lambda/functions", &|function| function["architecture"] = "x86_64".into()));
    put_right(&["architecture"]);
    // Somebody has let another service in, and DMS out. The role is everybody's: what they have added stays.
    let theirs = serde_json::json!({ "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" });
    edit_world(&place, |world| world["iam"]["roles"]["dms-vpc-role"]["assume_role_policy"]["Statement"] = serde_json::json!([theirs]));
    put_right(&["trusts_dms: true -> false"]);
    edit_world(&place, |world| {
        let statements = world["iam"]["roles"]["dms-vpc-role"]["assume_role_policy"]["Statement"].as_array().expect("a list");
        assert!(statements.len() == 2 && statements.contains(&theirs), "{statements:?}");
    });
    // RDS moves no database to other subnets of its VPC.
    edit_world(&place, |world| {
        let rds = &mut world["regions"]["us-east-1"]["rds"];
        let mut group = rds["subnet_groups"].as_object().expect("the groups").values().next().expect("a group").clone();
        group["name"] = "elsewhere".into();
        rds["subnet_groups"]["elsewhere"] = group;
        rds["instances"].as_object_mut().expect("the instances").values_mut().for_each(|one| one["subnet_group"] = "elsewhere".into());
    });
    let drift = place.told("drift --sandbox");
    assert!(drift.contains("[exit 4]") && drift.contains("subnet_group") && drift.contains("elsewhere"), "{drift}");
}

#[tokio::test(start_paused = true)]
async fn tags_that_somebody_changes_are_named_and_set_again() {
    let (graph, ground) = stack().await;
    let mut lab = ground.fork();
    for vpc in lab.world.region("us-east-1").ec2.vpcs.values_mut() {
        vpc.tags.insert("CostCenter".into(), "nobody".into());
        vpc.tags.insert("Somebody".into(), "else's".into());
    }
    let findings = look(&lab).await.findings;
    let vpc = Address::new("source/network/vpc");
    let Some(Finding::Differs { changes, call, .. }) = findings.get(&vpc) else { panic!("{findings:?}") };
    assert_eq!((changes[0].field.as_str(), call.as_str()), ("tags.CostCenter", "ec2:CreateTags"));
    is_repaired(&mut lab, &graph, &vpc, "tags changed by hand").await;
    let tags = &lab.world.region("us-east-1").ec2.vpcs.values().next().expect("a VPC").tags;
    assert_eq!(tags.get("Somebody").map(String::as_str), Some("else's"), "tags of others stay");
}

/// The program: its exit codes, what it says, and that what may be so is left alone.
#[test]
fn drift_as_a_user_sees_it() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    assert!(run("drift").contains("nothing of this stack exists"));
    run("up --env source -y");
    let clean = run("drift");
    assert!(clean.contains("no drift: 68 resources are as they were left"), "{clean}");
    let by_hand = |place: &Place| {
        edit_world(place, |world| {
            let balancers = world["regions"]["us-east-1"]["elbv2"]["load_balancers"].as_object_mut().expect("load balancers");
            balancers.values_mut().for_each(|one| one["attributes"]["idle_timeout.timeout_seconds"] = "17".into());
            let alarms = world["regions"]["us-east-1"]["cloudwatch"]["alarms"].as_object_mut().expect("alarms");
            alarms.clear();
        });
    };
    by_hand(&place);
    let told = place.told("drift --sandbox");
    assert!(told.contains("[exit 4]") && told.contains("- source/monitoring/db-cpu-source  it is gone from AWS"), "{told}");
    assert!(told.contains("settings.idle_timeout_seconds: 60 -> 17") && told.contains("up --sandbox` puts them right"), "{told}");
    let json = place.told("drift --sandbox --output json");
    assert!(json.contains("\"found\":\"gone\"") && json.contains("\"field\":\"settings.idle_timeout_seconds\""), "{json}");
    let plan = place.told("plan --sandbox --env source --exit-code");
    assert!(plan.contains("[exit 4]") && plan.contains("`settings.idle_timeout_seconds` changed outside of this tool"), "{plan}");
    assert!(run("plan --offline --env source").contains("there is nothing to do"), "the state alone knows nothing of it");
    let up = run("up --env source -y");
    assert!(up.contains("3 resources created or changed"), "{up}");
    assert!(run("drift").contains("no drift"));
    // What may be so is named, and `up` leaves it alone.
    by_hand(&place);
    place.edit("ignore = []", "ignore = [{ address = \"*/load-balancer\", field = \"settings.*\", reason = \"tuned by hand\" }]");
    let told = place.told("drift --sandbox");
    assert!(told.contains("ignored: source/service/load-balancer `settings.idle_timeout_seconds` (tuned by hand)"), "{told}");
    run("up --env source -y");
    let told = run("drift");
    assert!(told.contains("no drift") && told.contains("ignored: source/service/load-balancer"), "{told}");
}

const IGNORED: &str = "ignore = [{ address = \"*/service/load-balancer\", field = \"settings.idle_timeout_seconds\", reason = \"tuned by hand\" }]";

/// Changes the idle time-out of every load balancer by hand.
fn idle(place: &Place, seconds: &str) {
    edit_world(place, |world| {
        let balancers = world["regions"]["us-east-1"]["elbv2"]["load_balancers"].as_object_mut().expect("load balancers");
        balancers.values_mut().for_each(|one| one["attributes"]["idle_timeout.timeout_seconds"] = seconds.into());
    });
}

/// The idle time-outs that the world has.
fn idles(place: &Place) -> Vec<String> {
    let mut found = Vec::new();
    edit_world(place, |world| {
        let balancers = world["regions"]["us-east-1"]["elbv2"]["load_balancers"].as_object().expect("load balancers");
        found.extend(balancers.values().map(|one| one["attributes"]["idle_timeout.timeout_seconds"].as_str().expect("a text").to_owned()));
    });
    found
}

#[test]
fn what_others_may_change_was_put_back_by_an_unrelated_change() {
    const TAG: &str = "--set tags.Z=\"1\"";
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y");
    place.edit("ignore = []", IGNORED);
    idle(&place, "120");
    let plan = run(&format!("plan {TAG} --target source/service/load-balancer"));
    assert!(plan.contains("settings.idle_timeout_seconds: it stays as others have made it"), "{plan}");
    run(&format!("up -y {TAG} --target source/service/load-balancer"));
    assert_eq!(idles(&place), ["120"]);
    // It is still known to be another than this tool has left, and no drift.
    let drift = run(&format!("drift {TAG}"));
    assert!(drift.contains("no drift") && drift.contains("ignored: source/service/load-balancer"), "{drift}");
    assert!(run(&format!("plan {TAG} --target source/service/load-balancer")).contains("there is nothing to do"));
    // Another setting of the same thing that is drift is put right by itself.
    edit_world(&place, |world| {
        let balancers = world["regions"]["us-east-1"]["elbv2"]["load_balancers"].as_object_mut().expect("load balancers");
        balancers.values_mut().for_each(|one| one["attributes"]["routing.http.drop_invalid_header_fields.enabled"] = "false".into());
    });
    let up = run(&format!("up -y {TAG} --target source/service/load-balancer"));
    assert!(up.contains("1 resources created or changed"), "{up}");
    assert_eq!(idles(&place), ["120"]);
    // What the configuration itself changes is changed.
    place.edit("\nignore = [{ ", "\nignore = [{ address = \"source/network/vpc\", field = \"tags.Z\", reason = \"theirs\" }, { ");
    run(&format!("up -y {TAG} --target source/network/vpc"));
    edit_world(&place, |world| {
        let vpcs = world["regions"]["us-east-1"]["ec2"]["vpcs"].as_object_mut().expect("VPCs");
        vpcs.values_mut().for_each(|vpc| vpc["tags"]["Z"] = "2".into());
    });
    let both = run(&format!("up -y {TAG} --set tags.Y=\"1\" --target source/network/vpc"));
    assert!(both.contains("1 resources created or changed"), "{both}");
    let drift = run(&format!("drift {TAG} --set tags.Y=\"1\" --target source/network/vpc"));
    assert!(drift.contains("ignored: source/network/vpc `tags.Z`"), "{drift}");
}

#[test]
fn a_field_to_be_ignored_that_drift_does_not_know_was_taken_silently() {
    let place = Place::new();
    Lane::Sandbox.succeed(&place, "up --env source -y");
    let entry = |address: &str, field: &str| format!("ignore = [{{ address = \"{address}\", field = \"{field}\", reason = \"tuned\" }}]");
    let alarm = entry("*/monitoring/db-cpu-source", "threshold");
    place.edit("ignore = []", &alarm);
    for command in ["plan", "drift", "up -y"] {
        let told = place.told(&format!("{command} --sandbox"));
        assert!(told.contains("[exit 2]") && told.contains("`drift` calls it `settings.threshold`"), "{told}");
    }
    place.edit(&alarm, &entry("*/monitoring/db-cpu-sauce", "settings.threshold"));
    let told = place.told("plan --sandbox");
    assert!(told.contains("[exit 2]") && told.contains("no resource is called `*/monitoring/db-cpu-sauce`"), "{told}");
    place.edit(&entry("*/monitoring/db-cpu-sauce", "settings.threshold"), &entry("*/monitoring/*", "settings.thr*"));
    assert!(Lane::Sandbox.succeed(&place, "drift").contains("no drift"));
}

#[test]
fn what_up_put_right_could_not_be_told_from_a_change_of_the_configuration() {
    let place = Place::new();
    Lane::Sandbox.succeed(&place, "up --env source -y");
    let by_hand = || {
        edit_world(&place, |world| {
            let alarms = world["regions"]["us-east-1"]["cloudwatch"]["alarms"].as_object_mut().expect("alarms");
            let cpu =
                alarms.values_mut().find(|alarm| alarm["name"].as_str().is_some_and(|name| name.starts_with("payment-db-cpu"))).expect("the alarm");
            cpu["threshold"] = serde_json::json!(99.0);
        });
    };
    by_hand();
    let told = place.told("up --env source --sandbox -y --set database.backup_retention_days=14");
    assert!(told.contains("put right: `settings.threshold` changed outside of this tool"), "{told}");
    assert_eq!(told.matches("put right").count(), 2, "{told}");
    assert!(told.contains("1 of them was changed outside of this tool and is put right"), "{told}");
    by_hand();
    let told = place.told("up --env source --sandbox -y --set database.backup_retention_days=14 --output json");
    assert!(told.contains(r#""put_right":{"changed":["settings.threshold"]}"#) && told.contains(r#""put_right":1"#), "{told}");
}

#[test]
fn what_up_can_not_put_right_was_said_to_be_put_right_by_it() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y");
    let database = |change: &dyn Fn(&mut serde_json::Value)| {
        edit_world(&place, |world| {
            world["regions"]["us-east-1"]["rds"]["instances"].as_object_mut().expect("instances").values_mut().for_each(change);
        });
    };
    // Somebody has taken away the mark of the stack.
    database(&|one| drop(one["tags"].as_object_mut().expect("tags").remove("migrate-infra:stack")));
    let drift = place.told("drift --sandbox");
    assert!(drift.contains("[exit 4]") && drift.contains("can not put 1 of them right") && !drift.contains("puts them right"), "{drift}");
    for command in ["plan --env source", "up --env source -y"] {
        let told = place.told(&format!("{command} --sandbox"));
        assert!(told.contains("[exit 3]") && told.contains("nothing was changed") && !told.contains("to go on with"), "{told}");
        assert!(told.contains("source/database-source/instance is not as it was left, and `up` can not put that right"), "{told}");
    }
    // The way out, as it is printed.
    let commands: Vec<&str> =
        drift.split('`').filter_map(|part| part.strip_prefix("migrate-infra ")).filter(|part| !part.starts_with("up")).collect();
    assert_eq!(commands.len(), 2, "{drift}");
    for command in commands {
        let told = place.told(&format!("{command} -y"));
        assert!(told.contains("[exit 0]"), "{told}");
    }
    run("up --env source -y");
    assert!(run("drift").contains("no drift"));
    // AWS takes back no growth, and no version.
    for (field, value, why) in [("allocated_storage", 300.into(), "can not shrink"), ("engine_version", "17.4".into(), "can not take it back to 16")]
    {
        let value: serde_json::Value = value;
        let mut before = serde_json::Value::Null;
        edit_world(&place, |world| before = world["regions"]["us-east-1"]["rds"]["instances"].clone());
        database(&|one| one["settings"][field] = value.clone());
        let drift = place.told("drift --sandbox");
        assert!(drift.contains("[exit 4]") && drift.contains("can not put 1 of them right") && drift.contains(why), "{drift}");
        let plan = place.told("plan --env source --sandbox");
        assert!(plan.contains("[exit 3]") && plan.contains("1 that `up` can not put right"), "{plan}");
        if field == "allocated_storage" {
            // What the message says is the way out.
            run("plan --env source --set database.allocated_storage_gb=300");
        }
        edit_world(&place, |world| world["regions"]["us-east-1"]["rds"]["instances"] = before.clone());
    }
}

#[test]
fn targets_outside_of_the_chosen_environments_were_always_as_they_were_left() {
    let place = Place::new();
    Lane::Sandbox.succeed(&place, "up --env source --env target -y");
    let told = place.told("drift --sandbox --env source --target target/*");
    assert!(told.contains("[exit 2]") && told.contains("`--target target/*` matches nothing"), "{told}");
}

/// Whatever EC2 can filter by tags is asked for once in each region, however many there are.
#[tokio::test(start_paused = true)]
async fn one_listing_in_the_place_of_many_looks() {
    let graph = graph(PAIRED, &[crate::stacks::TWO_REGIONS]);
    let mut lab = Lab::default();
    lab.up(&graph).await.must_succeed();
    lab.rest();
    let (survey, calls) = crate::fields::count(&lab).await;
    assert!(survey.findings.is_empty());
    for what in
        ["Vpcs", "Subnets", "InternetGateways", "Addresses", "NatGateways", "RouteTables", "VpcEndpoints", "SecurityGroups", "SecurityGroupRules"]
    {
        assert_eq!(calls.get(format!("ec2:Describe{what}").as_str()), Some(&2), "{what}: {calls:?}");
    }
    let all: u64 = calls.values().sum();
    println!("{} resources are looked at with {all} calls", survey.looked_at);
    assert!(all < survey.looked_at as u64 + 20, "{all} calls for {} resources", survey.looked_at);
}

/// Settings that no configuration has, because they are the same for everybody.
#[test]
fn what_this_tool_sets_the_same_for_all_was_changed_unseen() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    let told = |arguments: &str| place.told(&format!("{arguments} --sandbox"));
    let set = |service: &'static str, field: &'static str, value: bool| {
        edit_world(&place, |world| {
            for instance in world["regions"]["us-east-1"][service]["instances"].as_object_mut().expect("the instances").values_mut() {
                instance[field] = value.into();
            }
        });
    };
    run("up -y");
    for (field, value) in [("publicly_accessible", true), ("auto_minor_version_upgrade", true), ("copy_tags_to_snapshot", false)] {
        set("rds", field, value);
        let drift = told("drift");
        assert!(drift.contains("[exit 4]") && drift.contains(&format!("{field}: {} -> {value}", !value)), "{drift}");
        run("up -y");
        assert!(run("drift").contains("no drift"));
    }
    set("dms", "auto_minor_version_upgrade", true);
    assert!(told("drift").contains("auto_minor_version_upgrade: false -> true"));
    run("up -y");
    assert!(run("drift").contains("no drift"));
    // DMS can not take this one back.
    set("dms", "publicly_accessible", true);
    let drift = told("drift");
    assert!(drift.contains("[exit 4]") && drift.contains("is publicly accessible, which DMS can not change"), "{drift}");
    let up = told("up -y");
    assert!(up.contains("[exit 3]") && up.contains("makes a new one"), "{up}");
    run("up -y --replace */replication/instance");
    assert!(run("drift").contains("no drift"));
}

#[test]
fn drift_of_a_vpc_did_not_say_what_differs() {
    let place = Place::new();
    Lane::Sandbox.succeed(&place, "up --env source -y --target source/network/vpc");
    edit_world(&place, |world| {
        for vpc in world["regions"]["us-east-1"]["ec2"]["vpcs"].as_object_mut().expect("VPCs").values_mut() {
            vpc["dns_hostnames"] = false.into();
        }
    });
    let drift = place.told("drift --sandbox");
    assert!(drift.contains("[exit 4]") && drift.contains("dns_hostnames: true -> false"), "{drift}");
    Lane::Sandbox.succeed(&place, "up --env source -y --target source/network/vpc");
    assert!(Lane::Sandbox.succeed(&place, "drift").contains("no drift"));
}
