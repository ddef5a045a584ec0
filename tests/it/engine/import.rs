//! Existing resources are imported into the state: compared and tagged, without other changes. The same command
//! corrects every kill in between.

use migrate_infra::address::Address;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::plan::Action;
use migrate_infra::resource::spec_from_observed;
use serde_json::{Value, json};

use crate::harness::backend::Backend;
use crate::harness::matrix::{self, Cases, Matrix};
use crate::harness::registry::{kind, kinds};
use crate::harness::sandbox_run::{Fixture, RunKind};
use crate::harness::stacks::{PAIRED, every_kind, graph, source};
use crate::harness::workspace::{Workspace, edit_world};
use crate::kinds::every_input::{To, examples, look, values};

/// Removes all tags of this tool from the resource of an address, as if it were not managed.
fn unmark(value: &mut Value, address: &str) {
    match value {
        Value::Object(fields) if fields.get("migrate-infra:address").and_then(Value::as_str) == Some(address) => {
            fields.clear();
        }
        Value::Object(fields) => fields.values_mut().for_each(|inner| unmark(inner, address)),
        Value::Array(items) => items.iter_mut().for_each(|inner| unmark(inner, address)),
        _ => {}
    }
}

/// Returns a fixture in which a resource exists without ownership tags and without an entry in the state.
pub async fn with_a_stranger(initial: &Fixture, address: &Address) -> Fixture {
    let entry = initial.state().get(address).cloned().expect("it exists");
    let id = kind(&entry.kind).expect("it is registered").id(entry.attrs.as_ref().expect("it is known"));
    let mut fixture = Fixture { adopted: Some((address.clone(), id)), ..initial.fork() };
    fixture.run(&Graph::default(), RunKind::Forget, CrashPoints::default()).await.must_succeed();
    let mut world = serde_json::to_value(&fixture.world).expect("the world is data");
    unmark(&mut world, address.as_str());
    fixture.world = serde_json::from_value(world).expect("it is the world");
    fixture
}

const ADOPTED: [&str; 13] = [
    "source/network/vpc",
    "source/network/public-1",
    "source/network/nat-address-1",
    "source/security/alb",
    "source/security/alb-http",
    "source/database-source/instance",
    "source/database-source/secret",
    "source/database-source/rotation-role",
    "source/database-source/rotation-function",
    "source/storage-source/bucket",
    "source/service/load-balancer",
    "source/service/logs",
    "source/monitoring/db-cpu-source",
];

#[tokio::test(start_paused = true)]
async fn an_import_survives_a_kill_at_every_point() {
    let graph = source(&[]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    initial.advance_a_day();
    let expected = initial.world.inventory();
    for address in ADOPTED.map(Address::new) {
        let before = initial.state().attrs(&address).cloned().expect("it is known");
        let fixture = with_a_stranger(&initial, &address).await;
        let mut matrix = Matrix::new();
        while let Some((point, crash_points)) = matrix.arm() {
            let mut fixture = fixture.fork();
            let ran = fixture.run(&graph, RunKind::Adopt, crash_points.clone()).await;
            if crash_points.is_dead() {
                fixture.run(&graph, RunKind::Adopt, CrashPoints::default()).await.must_succeed();
            } else {
                ran.must_succeed();
            }
            let kind = graph.get(&address).expect("it is part of the graph").kind;
            assert_eq!(
                kind.id(fixture.state().attrs(&address).expect("it is known")),
                kind.id(&before),
                "{address} killed at {point}"
            );
            assert_eq!(fixture.world.inventory(), expected, "{address} killed at {point}");
            if address.as_str() == "source/database-source/instance" {
                // The import sets its master password to that of the secret.
                assert_eq!(fixture.up(&graph).await.must_succeed().calls.mutations(), 2);
            }
            let quiet = fixture.up(&graph).await;
            assert_eq!(
                quiet.must_succeed().calls.mutations(),
                0,
                "{address} killed at {point}: {:?}",
                quiet.calls.by_call()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn forget_is_atomic() {
    let graph = source(&[]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    let address = Address::new("source/network/vpc");
    initial.adopted = Some((address.clone(), String::new()));
    let mut matrix = Matrix::new();
    while let Some((_, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture.run(&graph, RunKind::Forget, crash_points).await;
        fixture.run(&graph, RunKind::Forget, CrashPoints::default()).await.must_succeed();
        assert!(
            fixture.state().get(&address).is_none()
                && fixture.state().resources.len() + 1 == initial.state().resources.len()
        );
        assert_eq!(fixture.world.inventory(), initial.world.inventory());
        fixture.up(&graph).await.must_succeed();
        assert_eq!(fixture.world.inventory(), initial.world.inventory(), "it is found again");
    }
    assert!(matrix.points() > 1);
}

#[test]
fn the_adopt_command() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y");
    let known = workspace.transcript("adopt source/service/logs /ecs/payment-service-source-dev-001 --sandbox -y");
    assert!(known.contains("[exit 3]") && known.contains("the state already contains"), "{known}");
    run("forget source/service/logs -y");
    edit_world(&workspace, |world| unmark(world, "source/service/logs"));
    // A log group without an owner blocks `up`, which reports what to do.
    let transcript = workspace.transcript("up --env source --sandbox -y");
    assert!(
        transcript.contains("[exit 3]")
            && transcript.contains("adopt source/service/logs /ecs/payment-service-source-dev-001"),
        "{transcript}"
    );
    let dry = run(
        "adopt source/service/logs /ecs/payment-service-source-dev-001 --dry-run --set service.log_retention_days=30",
    );
    assert!(dry.contains("retention_days: 7 -> 30"), "{dry}");
    let transcript =
        run("adopt source/service/logs /ecs/payment-service-source-dev-001 -y --set service.log_retention_days=30");
    assert!(transcript.contains("is in the state as"), "{transcript}");
    let plan = run("plan --offline --env source --set service.log_retention_days=30");
    assert!(plan.contains("~ source/service/logs") && plan.contains("retention_days: 7 -> 30"), "{plan}");
    assert!(run("up --env source -y").contains("nothing to do"));
    let other = workspace.transcript("adopt source/service/logs /ecs/other --sandbox -y --suffix dev-002");
    assert!(other.contains("[exit 3]"), "{other}");
    let unknown = workspace.transcript("adopt source/service/log /ecs/other --sandbox -y");
    assert!(unknown.contains("[exit 2]") && unknown.contains("did you mean"), "{unknown}");
}

/// Immutable inputs that AWS does not describe, and why.
const NOT_SHOWN: [(&str, &str, &str); 3] = [
    ("ec2.vpc_peering_connection", "peer_account", "there is none within an account"),
    ("ec2.vpc_peering_dns", "side", "a peering has one such option for each side: it is what is looked for"),
    (
        "secretsmanager.secret_replica",
        "kms_key",
        "without a key of one's own, AWS names none; `a_different_encryption_key_is_reported`",
    ),
];

/// Another value of the same form.
fn elsewhere(value: &Value) -> Value {
    match value {
        Value::Bool(is) => (!is).into(),
        Value::Number(number) => (number.as_i64().expect("a whole number") + 1).into(),
        Value::String(word) => match word.as_str() {
            "ingress" => "egress".into(),
            "source" => "target".into(),
            "http" => "https".into(),
            _ => "elsewhere".into(),
        },
        Value::Object(_) => json!({ "cidr": "203.0.113.0/24" }),
        other => panic!("{other} is no input"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_elsewhere_is_not_imported() {
    let graph = every_kind();
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    initial.advance_a_day();
    let (mut refused, mut wrong) = (0, Vec::new());
    let examples = examples(&graph);
    for kind in kinds() {
        let address = &examples[kind.name()];
        let state = initial.state();
        let entry = state.get(address).expect("it exists");
        let attrs = entry.attrs.as_ref().expect("it is known");
        for input in kind.schema().immutable {
            let shown = spec_from_observed::observed_immutable(kind, attrs, input);
            let is_excused = NOT_SHOWN.iter().any(|(of, not_shown, _)| (of, not_shown) == (&kind.name(), input));
            if shown.is_none() != is_excused {
                wrong.push(format!("{} `{input}`: AWS shows {shown:?}", kind.name()));
            }
            let Some(shown) = shown else { continue };
            let other = graph.altered(address, |spec| spec[*input] = elsewhere(&shown));
            match adopted_again(&initial, &other, address, "it").await {
                Ok(_) => wrong.push(format!("{address}: it is adopted with another {input}")),
                // A resource that is identified by its name is not found.
                Err(why) if kind.attrs_from_id("").is_some() && !why.contains(&format!("`{input}`")) => {
                    wrong.push(format!("{address} {input}: {why}"));
                }
                Err(_) => refused += 1,
            }
        }
    }
    println!("{refused} things that stand elsewhere were not adopted");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(refused > 60, "{refused}");
}

/// Returns the id of the rule with these ownership tags.
fn rule_of(workspace: &Workspace, address: &str, change: impl Fn(&mut Value)) -> String {
    let mut id = String::new();
    edit_world(workspace, |world| {
        let rules = world["regions"]["us-east-1"]["ec2"]["security_group_rules"].as_object_mut().expect("rules");
        let rule = rules.values_mut().find(|rule| rule["tags"]["migrate-infra:address"] == address).expect("the rule");
        change(rule);
        rule["rule_id"].as_str().expect("an id").clone_into(&mut id);
    });
    id
}

#[test]
fn a_rule_open_to_everybody_is_not_imported_as_the_configured_one() {
    const ADDRESS: &str = "source/security/db-from-ecs";
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y");
    run(&format!("forget {ADDRESS} -y"));
    let id = rule_of(&workspace, ADDRESS, |rule| {
        (rule["from_port"], rule["to_port"]) = (0.into(), 65535.into());
        rule["peer"] = json!({ "cidr": "0.0.0.0/0" });
    });
    let transcript = workspace.transcript(&format!("adopt {ADDRESS} {id} --sandbox -y"));
    for part in ["[exit 3]", "`from_port` is 0 and not 5432", "`to_port` is 65535", "`peer`", "nothing was changed"] {
        assert!(transcript.contains(part), "{part}: {transcript}");
    }
    // A rule of another group, in the other direction.
    let other =
        rule_of(&workspace, "source/security/dms-to-db", |rule| rule["tags"].as_object_mut().expect("tags").clear());
    let transcript = workspace.transcript(&format!("adopt {ADDRESS} {other} --sandbox -y"));
    assert!(
        transcript.contains("[exit 3]") && transcript.contains("`group`") && transcript.contains("`direction`"),
        "{transcript}"
    );
    // A rule that this stack has at another address.
    let at = rule_of(&workspace, "source/security/db-from-dms", |_| {});
    let transcript = workspace.transcript(&format!("adopt {ADDRESS} {at} --sandbox -y"));
    assert!(
        transcript.contains("[exit 3]")
            && transcript.contains("this stack has it at source/security/db-from-dms")
            && transcript.contains("[[moved]]"),
        "{transcript}"
    );
}

#[test]
fn a_resource_found_by_up_is_recorded_as_it_exists() {
    const PORT: &str = "--set service.port=9090";
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y");
    for address in ["source/security/ecs-from-alb", "source/service/target-group"] {
        run(&format!("forget {address} -y"));
    }
    let transcript = workspace.transcript(&format!("up --env source --sandbox -y {PORT}"));
    assert!(
        transcript.contains("[exit 1]")
            && transcript.contains("was found, and requires a replacement that was not planned"),
        "{transcript}"
    );
    let plan = run(&format!("plan --env source {PORT}"));
    assert!(
        plan.contains("± source/service/target-group") && plan.contains("± source/security/ecs-from-alb"),
        "{plan}"
    );
    run(&format!("up --env source -y {PORT}"));
    assert!(run(&format!("plan --env source {PORT}")).contains("there is nothing to do"));
    edit_world(&workspace, |world| {
        let here = &world["regions"]["us-east-1"];
        let groups = here["elbv2"]["target_groups"].as_object().expect("target groups");
        assert!(groups.values().all(|group| group["port"] == 9090), "{groups:?}");
        let rules = here["ec2"]["security_group_rules"].as_object().expect("rules");
        assert!(rules.values().all(|rule| rule["from_port"] != 8080), "{rules:?}");
    });
    run(&format!("forget source/network/vpc -y {PORT}"));
    let set = format!("{PORT} --set environments.source.vpc_cidr=10.7.0.0/16 --target source/network/vpc");
    let transcript = workspace.transcript(&format!("up --sandbox -y {set}"));
    assert!(
        transcript.contains("[exit 1]") && transcript.contains("`cidr` is \"10.0.0.0/16\" and not \"10.7.0.0/16\""),
        "{transcript}"
    );
    let plan = workspace.transcript(&format!("plan --sandbox {set}"));
    assert!(plan.contains("± source/network/vpc"), "{plan}");
    // After a revert, it equals what was found.
    run(&format!("up --env source -y {PORT}"));
    assert!(run(&format!("drift {PORT}")).contains("no drift"));
}

#[test]
fn a_rebuilt_state_contains_what_exists() {
    const PORT: &str = "--set service.port=9090";
    for command in ["state rebuild", "orphans --adopt"] {
        let workspace = Workspace::new();
        let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
        run("up --env source -y");
        std::fs::remove_dir_all(workspace.state()).expect("the state");
        run(&format!("{command} -y {PORT}"));
        let plan = run(&format!("plan --env source {PORT}"));
        assert!(
            plan.contains("± source/service/target-group") && plan.contains("± source/security/ecs-from-alb"),
            "{command}: {plan}"
        );
        run(&format!("up --env source -y {PORT}"));
        assert!(run(&format!("plan --env source {PORT}")).contains("there is nothing to do"), "{command}");
    }
}

#[test]
fn an_import_resumes_only_with_the_same_resource() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y");
    // Its creation was begun, and the answer was lost.
    let path = workspace.state().join("state.json");
    let mut state: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("the state")).expect("it is JSON");
    let entry = &mut state["resources"]["source/service/logs"];
    entry["status"] = "creating".into();
    entry["open"] = serde_json::json!({ "op": "create", "calls": ["logs:CreateLogGroup"] });
    entry.as_object_mut().expect("an entry").remove("attrs");
    std::fs::write(&path, state.to_string()).expect("the state");
    let transcript = workspace.transcript("adopt source/service/logs /ecs/payment-service-source-dev-001 --sandbox -y");
    assert!(transcript.contains("[exit 3]") && transcript.contains("its outcome is unknown"), "{transcript}");
    run("up --env source -y");
    let mut state: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("the state")).expect("it is JSON");
    let entry = &mut state["resources"]["source/service/logs"];
    entry["status"] = "updating".into();
    entry["open"] = serde_json::json!({ "op": "update", "calls": [] });
    std::fs::write(&path, state.to_string()).expect("the state");
    let transcript = workspace.transcript("adopt source/service/logs /ecs/other --sandbox -y");
    assert!(
        transcript.contains("[exit 3]")
            && transcript
                .contains("the state already contains source/service/logs, as `/ecs/payment-service-source-dev-001`"),
        "{transcript}"
    );
    run("adopt source/service/logs /ecs/payment-service-source-dev-001 -y");
}

#[test]
fn a_difference_in_an_immutable_field_prevents_an_import() {
    let workspace = Workspace::new();
    Backend::Sandbox.succeed(&workspace, "up --env source -y");
    Backend::Sandbox.succeed(&workspace, "forget source/network/vpc -y");
    let mut id = String::new();
    edit_world(&workspace, |world| {
        id = world["regions"]["us-east-1"]["ec2"]["vpcs"]
            .as_object()
            .and_then(|vpcs| vpcs.keys().next().cloned())
            .expect("a VPC");
        unmark(world, "source/network/vpc");
    });
    let transcript = workspace.transcript(&format!(
        "adopt source/network/vpc {id} --sandbox -y --set environments.source.vpc_cidr=10.9.0.0/16"
    ));
    assert!(
        transcript.contains("[exit 3]") && transcript.contains("`cidr`") && transcript.contains("nothing was changed"),
        "{transcript}"
    );
}

/// Forgets a resource and imports it again, with a graph that specifies it.
async fn adopted_again(initial: &Fixture, graph: &Graph, address: &Address, what: &str) -> Result<Fixture, String> {
    let entry = initial.state().get(address).cloned().expect("it exists");
    let id = kind(&entry.kind).expect("it is registered").id(entry.attrs.as_ref().expect("it is known"));
    let mut fixture = Fixture { adopted: Some((address.clone(), id)), ..initial.fork() };
    fixture.run(&Graph::default(), RunKind::Forget, CrashPoints::default()).await.must_succeed();
    let ran = fixture.run(graph, RunKind::Adopt, CrashPoints::default()).await;
    let failures: Vec<_> =
        ran.report().failures.iter().map(|failure| migrate_infra::resource::describe(&failure.error)).collect();
    fixture.advance_a_day();
    if failures.is_empty() { Ok(fixture) } else { Err(format!("{what} is not adopted: {failures:?}")) }
}

/// A plan shows what the next `up` does, `up` does it, and then nothing remains to do.
async fn is_put_right(
    fixture: &mut Fixture,
    graph: &Graph,
    address: &Address,
    what: &str,
    differs: bool,
) -> Result<(), String> {
    fixture.drift = Some(look(fixture).await.drift);
    let plan = fixture.plan(graph, &fixture.state());
    let step = plan.steps.iter().find(|step| step.address == *address).expect("it has a step");
    if matches!(step.action, Action::Update { .. }) != differs {
        return Err(format!("{what}: {:?} is planned", step.action));
    }
    fixture.up(graph).await.must_succeed();
    fixture.advance_a_day();
    let findings = look(fixture).await.drift;
    if !findings.is_empty() {
        return Err(format!("{what}: afterwards there is {findings:?}"));
    }
    fixture.drift = Some(findings);
    if fixture.plan(graph, &fixture.state()).changes_something() {
        Err(format!("{what}: a second plan is not empty"))
    } else {
        Ok(())
    }
}

/// Inputs that identify a resource, or that are tags, which the import sets.
const IDENTIFIES: [(&str, &str); 5] = [
    ("elbv2.listener", "port"),
    ("route53.alarm_health_check", "name"),
    ("route53.calculated_health_check", "name"),
    ("route53.health_check", "name"),
    ("s3.bucket_replication", "rule_id"),
];

#[tokio::test(start_paused = true)]
async fn the_next_plan_reads_an_import_with_a_difference() {
    let graph = graph(PAIRED, &[]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    initial.advance_a_day();
    let (mut adopted, mut wrong, mut cases) = (0, Vec::new(), Cases::default());
    for (name, address) in examples(&graph) {
        let schema = kind(name).expect("it is registered").schema();
        for (input, to) in values(name) {
            let To::Value(value) = to else { continue };
            let deletion =
                kind(name).is_some_and(|kind| kind.deletion_inputs().contains(&input) && name != "elbv2.load_balancer");
            if schema.immutable.contains(&input)
                || schema.create_only.contains(&input)
                || deletion
                || ["apply_immediately", "desired_count"].contains(&input)
                || IDENTIFIES.contains(&(name, input))
                || !cases.tries(name)
            {
                continue;
            }
            let what = format!("{name} `{input}` of {address}");
            let wanted = graph.altered(&address, |spec| spec[input] = value.clone());
            let differs = initial.state().get(&address).expect("it exists").spec.get(input) != Some(&value);
            let ended = match adopted_again(&initial, &wanted, &address, &what).await {
                Ok(mut fixture) => is_put_right(&mut fixture, &wanted, &address, &what, differs).await,
                Err(why) => Err(why),
            };
            wrong.extend(ended.err());
            adopted += 1;
        }
    }
    println!("{adopted} things were adopted with a difference");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(adopted > 60 || (adopted > 15 && !matrix::is_complete()), "{adopted}");
}

#[tokio::test(start_paused = true)]
async fn an_import_without_differences_needs_no_change() {
    let graph = graph(PAIRED, &[]);
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    fixture.advance_a_day();
    for address in graph.nodes().keys() {
        fixture =
            adopted_again(&fixture, &graph, address, address.as_str()).await.unwrap_or_else(|why| panic!("{why}"));
    }
    let findings = look(&fixture).await.drift;
    assert!(findings.is_empty(), "{findings:?}");
    assert!(!fixture.plan(&graph, &fixture.state()).changes_something());
}

#[test]
fn an_imported_alarm_shows_its_metric() {
    const LIMIT: &str = "--set monitoring.database_cpu_percent=60.0";
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y");
    run("forget source/monitoring/db-cpu-source -y");
    run("forget source/storage-source/bucket -y");
    edit_world(&workspace, |world| unmark(world, "source/storage-source/bucket"));
    let alarm = "adopt source/monitoring/db-cpu-source payment-db-cpu-source-source-dev-001";
    let dry = run(&format!("{alarm} --dry-run {LIMIT}"));
    assert!(dry.contains("threshold: 80.0 -> 60.0") && !dry.contains("metric"), "{dry}");
    run(&format!("{alarm} -y {LIMIT}"));
    run(&format!(
        "adopt source/storage-source/bucket payment-logs-source-source-dev-001-111122223333-us-east-1 -y {LIMIT}"
    ));
    assert!(run(&format!("drift {LIMIT}")).contains("no drift"));
    let plan = run(&format!("plan --env source {LIMIT}"));
    assert!(plan.contains("~ source/monitoring/db-cpu-source") && plan.contains("1 to change"), "{plan}");
    run(&format!("up --env source -y {LIMIT}"));
    assert!(run(&format!("plan --env source {LIMIT}")).contains("there is nothing to do"));
}
