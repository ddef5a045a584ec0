//! What exists already is taken into the state: compared, tagged, and nothing else; and whatever dies in between is made good.

use migrate_infra::address::Address;
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::plan::Action;
use migrate_infra::resource::{kind, kinds, told};
use serde_json::{Value, json};

use crate::cli::Place;
use crate::fields::{To, examples, look, values};
use crate::lab::{Lab, Way};
use crate::lane::Lane;
use crate::stacks::{PAIRED, TWO_REGIONS, graph, source};

/// Takes the marks of an address, and all that this tool tags, from a thing: as if somebody else had made it.
fn unmark(value: &mut Value, address: &str) {
    match value {
        Value::Object(fields) if fields.get("migrate-infra:address").and_then(Value::as_str) == Some(address) => fields.clear(),
        Value::Object(fields) => fields.values_mut().for_each(|inner| unmark(inner, address)),
        Value::Array(items) => items.iter_mut().for_each(|inner| unmark(inner, address)),
        _ => {}
    }
}

/// A laboratory in which a thing exists that nobody has marked and the state does not know.
pub async fn with_a_stranger(ground: &Lab, address: &Address) -> Lab {
    let entry = ground.state().get(address).cloned().expect("it is there");
    let id = kind(&entry.kind).expect("it is registered").id(entry.attrs.as_ref().expect("it is known"));
    let mut lab = Lab { adopted: Some((address.clone(), id)), ..ground.fork() };
    lab.run(&Graph::default(), Way::Forget, Fuse::default()).await.must_succeed();
    let mut world = serde_json::to_value(&lab.world).expect("the world is data");
    unmark(&mut world, address.as_str());
    lab.world = serde_json::from_value(world).expect("it is the world");
    lab
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
async fn what_exists_is_adopted_whatever_dies_in_between() {
    let graph = source(&[]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    ground.rest();
    let things = ground.world.inventory();
    let mut points = 0;
    for address in ADOPTED.map(Address::new) {
        let before = ground.state().attrs(&address).cloned().expect("it is known");
        let lab = with_a_stranger(&ground, &address).await;
        for point in 1.. {
            let mut lab = lab.fork();
            let fuse = Fuse::blowing_at(point);
            let ran = lab.run(&graph, Way::Adopt, fuse.clone()).await;
            if fuse.is_dead() {
                points += 1;
                lab.run(&graph, Way::Adopt, Fuse::default()).await.must_succeed();
            } else {
                ran.must_succeed();
            }
            let kind = kind(graph.get(&address).expect("it is part of the graph").kind).expect("it is registered");
            assert_eq!(kind.id(lab.state().attrs(&address).expect("it is known")), kind.id(&before), "{address} killed at {point}");
            assert_eq!(lab.world.inventory(), things, "{address} killed at {point}");
            if address.as_str() == "source/database-source/instance" {
                // Its master password becomes that of the secret.
                assert_eq!(lab.up(&graph).await.must_succeed().meter.mutations(), 2);
            }
            let quiet = lab.up(&graph).await;
            assert_eq!(quiet.must_succeed().meter.mutations(), 0, "{address} killed at {point}: {:?}", quiet.meter.by_call());
            if !fuse.is_dead() {
                break;
            }
        }
    }
    crate::points::killed_at(points);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_forgotten_whole_or_not_at_all() {
    let graph = source(&[]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    let address = Address::new("source/network/vpc");
    ground.adopted = Some((address.clone(), String::new()));
    for point in 1.. {
        let mut lab = ground.fork();
        let fuse = Fuse::blowing_at(point);
        lab.run(&graph, Way::Forget, fuse.clone()).await;
        lab.run(&graph, Way::Forget, Fuse::default()).await.must_succeed();
        assert!(lab.state().get(&address).is_none() && lab.state().resources.len() + 1 == ground.state().resources.len());
        assert_eq!(lab.world.inventory(), ground.world.inventory());
        lab.up(&graph).await.must_succeed();
        assert_eq!(lab.world.inventory(), ground.world.inventory(), "it is found again");
        if !fuse.is_dead() {
            assert!(point > 2);
            crate::points::killed_at(point - 1);
            break;
        }
    }
}

/// Edits the sandbox's world as it is kept between commands.
pub fn edit_world(place: &Place, edit: impl FnOnce(&mut Value)) {
    let path = place.path().join(".migrate-infra/sandbox/world.json");
    let mut world: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("the world")).expect("it is JSON");
    edit(&mut world);
    std::fs::write(&path, serde_json::to_string(&world).expect("it is JSON")).expect("the world");
}

#[test]
fn adopt_as_a_user_sees_it() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y");
    let known = place.told("adopt source/service/logs /ecs/payment-service-source-dev-001 --sandbox -y");
    assert!(known.contains("[exit 3]") && known.contains("is known already"), "{known}");
    run("forget source/service/logs -y");
    edit_world(&place, |world| unmark(world, "source/service/logs"));
    // Nobody's log group is in the way of `up`, which says how to go on.
    let told = place.told("up --env source --sandbox -y");
    assert!(told.contains("[exit 1]") && told.contains("adopt source/service/logs /ecs/payment-service-source-dev-001"), "{told}");
    let dry = run("adopt source/service/logs /ecs/payment-service-source-dev-001 --dry-run --set service.log_retention_days=30");
    assert!(dry.contains("retention_days: 7 -> 30"), "{dry}");
    let told = run("adopt source/service/logs /ecs/payment-service-source-dev-001 -y --set service.log_retention_days=30");
    assert!(told.contains("is taken into the state"), "{told}");
    let plan = run("plan --offline --env source --set service.log_retention_days=30");
    assert!(plan.contains("~ source/service/logs") && plan.contains("retention_days: 7 -> 30"), "{plan}");
    assert!(run("up --env source -y").contains("nothing to do"));
    let other = place.told("adopt source/service/logs /ecs/other --sandbox -y --suffix dev-002");
    assert!(other.contains("[exit 3]"), "{other}");
    let unknown = place.told("adopt source/service/log /ecs/other --sandbox -y");
    assert!(unknown.contains("[exit 2]") && unknown.contains("did you mean"), "{unknown}");
}

/// Immutable inputs that AWS does not show, and why.
const NOT_SHOWN: [(&str, &str, &str); 2] = [
    ("ec2.vpc_peering_dns", "side", "a peering has one such option for each side: it is what is looked for"),
    ("secretsmanager.secret_replica", "kms_key", "without a key of one's own, AWS names none; `another_key_than_the_configured_one_went_unseen`"),
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
async fn what_stands_elsewhere_is_not_adopted() {
    let graph = graph(PAIRED, &[TWO_REGIONS]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    ground.rest();
    let (mut refused, mut wrong) = (0, Vec::new());
    let examples = examples(&graph);
    for kind in kinds() {
        let address = &examples[kind.name()];
        let state = ground.state();
        let entry = state.get(address).expect("it is there");
        let attrs = entry.attrs.as_ref().expect("it is known");
        for input in kind.about().immutable {
            let shown = told::shown(*kind, attrs, input);
            let is_excused = NOT_SHOWN.iter().any(|(of, not_shown, _)| (of, not_shown) == (&kind.name(), input));
            if shown.is_none() != is_excused {
                wrong.push(format!("{} `{input}`: AWS shows {shown:?}", kind.name()));
            }
            let Some(shown) = shown else { continue };
            let other = graph.altered(address, |spec| spec[*input] = elsewhere(&shown));
            match adopted_again(&ground, &other, address, "it").await {
                Ok(_) => wrong.push(format!("{address}: it is adopted with another {input}")),
                // What is found by its name is not found at all.
                Err(why) if kind.known_by("").is_some() && !why.contains(&format!("`{input}`")) => wrong.push(format!("{address} {input}: {why}")),
                Err(_) => refused += 1,
            }
        }
    }
    println!("{refused} things that stand elsewhere were not adopted");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(refused > 60, "{refused}");
}

/// The id of the rule that has these marks.
fn rule_of(place: &Place, address: &str, change: impl Fn(&mut Value)) -> String {
    let mut id = String::new();
    edit_world(place, |world| {
        let rules = world["regions"]["us-east-1"]["ec2"]["security_group_rules"].as_object_mut().expect("rules");
        let rule = rules.values_mut().find(|rule| rule["tags"]["migrate-infra:address"] == address).expect("the rule");
        change(rule);
        rule["rule_id"].as_str().expect("an id").clone_into(&mut id);
    });
    id
}

#[test]
fn a_rule_that_lets_everybody_in_was_adopted_as_the_one_that_is_specified() {
    const ADDRESS: &str = "source/security/db-from-ecs";
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y");
    run(&format!("forget {ADDRESS} -y"));
    let id = rule_of(&place, ADDRESS, |rule| {
        (rule["from_port"], rule["to_port"]) = (0.into(), 65535.into());
        rule["peer"] = json!({ "cidr": "0.0.0.0/0" });
    });
    let told = place.told(&format!("adopt {ADDRESS} {id} --sandbox -y"));
    for part in ["[exit 3]", "`from_port` is 0 and not 5432", "`to_port` is 65535", "`peer`", "nothing was changed"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // A rule of another group, the other way.
    let other = rule_of(&place, "source/security/dms-to-db", |rule| rule["tags"].as_object_mut().expect("tags").clear());
    let told = place.told(&format!("adopt {ADDRESS} {other} --sandbox -y"));
    assert!(told.contains("[exit 3]") && told.contains("`group`") && told.contains("`direction`"), "{told}");
    // One that this stack has at another address.
    let at = rule_of(&place, "source/security/db-from-dms", |_| {});
    let told = place.told(&format!("adopt {ADDRESS} {at} --sandbox -y"));
    assert!(told.contains("[exit 3]") && told.contains("this stack has it at source/security/db-from-dms") && told.contains("[[moved]]"), "{told}");
}

#[test]
fn what_up_found_was_taken_for_what_is_configured() {
    const PORT: &str = "--set service.port=9090";
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y");
    for address in ["source/security/ecs-from-alb", "source/service/target-group"] {
        run(&format!("forget {address} -y"));
    }
    let told = place.told(&format!("up --env source --sandbox -y {PORT}"));
    assert!(told.contains("[exit 1]") && told.contains("was found, and has to be replaced, which was not planned"), "{told}");
    let plan = run(&format!("plan --env source {PORT}"));
    assert!(plan.contains("± source/service/target-group") && plan.contains("± source/security/ecs-from-alb"), "{plan}");
    run(&format!("up --env source -y {PORT}"));
    assert!(run(&format!("plan --env source {PORT}")).contains("there is nothing to do"));
    edit_world(&place, |world| {
        let here = &world["regions"]["us-east-1"];
        let groups = here["elbv2"]["target_groups"].as_object().expect("target groups");
        assert!(groups.values().all(|group| group["port"] == 9090), "{groups:?}");
        let rules = here["ec2"]["security_group_rules"].as_object().expect("rules");
        assert!(rules.values().all(|rule| rule["from_port"] != 8080), "{rules:?}");
    });
    run(&format!("forget source/network/vpc -y {PORT}"));
    let set = format!("{PORT} --set environments.source.vpc_cidr=10.7.0.0/16 --target source/network/vpc");
    let told = place.told(&format!("up --sandbox -y {set}"));
    assert!(told.contains("[exit 1]") && told.contains("`cidr` is \"10.0.0.0/16\" and not \"10.7.0.0/16\""), "{told}");
    let plan = place.told(&format!("plan --sandbox {set}"));
    assert!(plan.contains("± source/network/vpc"), "{plan}");
    // Taken back, it is what was found.
    run(&format!("up --env source -y {PORT}"));
    assert!(run(&format!("drift {PORT}")).contains("no drift"));
}

#[test]
fn what_a_rebuild_found_was_taken_for_what_is_configured() {
    const PORT: &str = "--set service.port=9090";
    for command in ["state rebuild", "orphans --adopt"] {
        let place = Place::new();
        let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
        run("up --env source -y");
        std::fs::remove_dir_all(place.state()).expect("the state");
        run(&format!("{command} -y {PORT}"));
        let plan = run(&format!("plan --env source {PORT}"));
        assert!(plan.contains("± source/service/target-group") && plan.contains("± source/security/ecs-from-alb"), "{command}: {plan}");
        run(&format!("up --env source -y {PORT}"));
        assert!(run(&format!("plan --env source {PORT}")).contains("there is nothing to do"), "{command}");
    }
}

#[test]
fn an_adoption_goes_on_only_with_the_thing_that_it_was_begun_with() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y");
    // Its creation was begun and never answered.
    let path = place.state().join("state.json");
    let mut state: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("the state")).expect("it is JSON");
    let entry = &mut state["resources"]["source/service/logs"];
    entry["status"] = "creating".into();
    entry["open"] = serde_json::json!({ "op": "create", "calls": ["logs:CreateLogGroup"] });
    entry.as_object_mut().expect("an entry").remove("attrs");
    std::fs::write(&path, state.to_string()).expect("the state");
    let told = place.told("adopt source/service/logs /ecs/payment-service-source-dev-001 --sandbox -y");
    assert!(told.contains("[exit 3]") && told.contains("what became of it is not known"), "{told}");
    run("up --env source -y");
    let mut state: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("the state")).expect("it is JSON");
    let entry = &mut state["resources"]["source/service/logs"];
    entry["status"] = "updating".into();
    entry["open"] = serde_json::json!({ "op": "update", "calls": [] });
    std::fs::write(&path, state.to_string()).expect("the state");
    let told = place.told("adopt source/service/logs /ecs/other --sandbox -y");
    assert!(told.contains("[exit 3]") && told.contains("is known already, as `/ecs/payment-service-source-dev-001`"), "{told}");
    run("adopt source/service/logs /ecs/payment-service-source-dev-001 -y");
}

#[test]
fn what_differs_in_what_can_not_be_changed_is_not_adopted() {
    let place = Place::new();
    Lane::Sandbox.succeed(&place, "up --env source -y");
    Lane::Sandbox.succeed(&place, "forget source/network/vpc -y");
    let mut id = String::new();
    edit_world(&place, |world| {
        id = world["regions"]["us-east-1"]["ec2"]["vpcs"].as_object().and_then(|vpcs| vpcs.keys().next().cloned()).expect("a VPC");
        unmark(world, "source/network/vpc");
    });
    let told = place.told(&format!("adopt source/network/vpc {id} --sandbox -y --set environments.source.vpc_cidr=10.9.0.0/16"));
    assert!(told.contains("[exit 3]") && told.contains("`cidr`") && told.contains("nothing was changed"), "{told}");
}

/// Forgets a thing and adopts it again, with a graph that specifies it as it may be.
async fn adopted_again(ground: &Lab, graph: &Graph, address: &Address, what: &str) -> Result<Lab, String> {
    let entry = ground.state().get(address).cloned().expect("it is there");
    let id = kind(&entry.kind).expect("it is registered").id(entry.attrs.as_ref().expect("it is known"));
    let mut lab = Lab { adopted: Some((address.clone(), id)), ..ground.fork() };
    lab.run(&Graph::default(), Way::Forget, Fuse::default()).await.must_succeed();
    let ran = lab.run(graph, Way::Adopt, Fuse::default()).await;
    let failures: Vec<_> = ran.report().failures.iter().map(|failure| migrate_infra::resource::describe(&failure.error)).collect();
    lab.rest();
    if failures.is_empty() { Ok(lab) } else { Err(format!("{what} is not adopted: {failures:?}")) }
}

/// What the next `up` would do is shown by a plan, `up` does it, and then there is nothing to do.
async fn is_put_right(lab: &mut Lab, graph: &Graph, address: &Address, what: &str, differs: bool) -> Result<(), String> {
    lab.findings = Some(look(lab).await.findings);
    let plan = lab.plan(graph, &lab.state());
    let step = plan.steps.iter().find(|step| step.address == *address).expect("it has a step");
    if matches!(step.action, Action::Update { .. }) != differs {
        return Err(format!("{what}: {:?} is planned", step.action));
    }
    lab.up(graph).await.must_succeed();
    lab.rest();
    let findings = look(lab).await.findings;
    if !findings.is_empty() {
        return Err(format!("{what}: afterwards there is {findings:?}"));
    }
    lab.findings = Some(findings);
    if lab.plan(graph, &lab.state()).changes_something() { Err(format!("{what}: a second plan is not empty")) } else { Ok(()) }
}

/// Inputs by which a thing is found, or which are tags, and those are given with the adoption.
const IDENTIFIES: [(&str, &str); 5] = [
    ("elbv2.listener", "port"),
    ("route53.alarm_health_check", "name"),
    ("route53.calculated_health_check", "name"),
    ("route53.health_check", "name"),
    ("s3.bucket_replication", "rule_id"),
];

#[tokio::test(start_paused = true)]
async fn what_was_adopted_with_a_difference_could_not_be_read_by_the_next_plan() {
    let graph = graph(PAIRED, &[]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    ground.rest();
    let (mut adopted, mut wrong) = (0, Vec::new());
    for (name, address) in examples(&graph) {
        let about = kind(name).expect("it is registered").about();
        for (input, to) in values(name) {
            let To::Value(value) = to else { continue };
            let deletion = kind(name).is_some_and(|kind| kind.deletion_inputs().contains(&input) && name != "elbv2.load_balancer");
            if about.immutable.contains(&input)
                || about.at_creation.contains(&input)
                || deletion
                || ["apply_immediately", "desired_count"].contains(&input)
                || IDENTIFIES.contains(&(name, input))
            {
                continue;
            }
            let what = format!("{name} `{input}` of {address}");
            let wanted = graph.altered(&address, |spec| spec[input] = value.clone());
            let differs = ground.state().get(&address).expect("it is there").spec.get(input) != Some(&value);
            let ended = match adopted_again(&ground, &wanted, &address, &what).await {
                Ok(mut lab) => is_put_right(&mut lab, &wanted, &address, &what, differs).await,
                Err(why) => Err(why),
            };
            wrong.extend(ended.err());
            adopted += 1;
        }
    }
    println!("{adopted} things were adopted with a difference");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(adopted > 60, "{adopted}");
}

#[tokio::test(start_paused = true)]
async fn whatever_was_adopted_as_it_is_specified_has_nothing_to_be_changed() {
    let graph = graph(PAIRED, &[]);
    let mut lab = Lab::default();
    lab.up(&graph).await.must_succeed();
    lab.rest();
    for address in graph.nodes().keys() {
        lab = adopted_again(&lab, &graph, address, address.as_str()).await.unwrap_or_else(|why| panic!("{why}"));
    }
    let findings = look(&lab).await.findings;
    assert!(findings.is_empty(), "{findings:?}");
    assert!(!lab.plan(&graph, &lab.state()).changes_something());
}

#[test]
fn an_adopted_alarm_was_shown_to_have_a_name_for_a_metric() {
    const LIMIT: &str = "--set monitoring.database_cpu_percent=60.0";
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y");
    run("forget source/monitoring/db-cpu-source -y");
    run("forget source/storage-source/bucket -y");
    edit_world(&place, |world| unmark(world, "source/storage-source/bucket"));
    let alarm = "adopt source/monitoring/db-cpu-source payment-db-cpu-source-source-dev-001";
    let dry = run(&format!("{alarm} --dry-run {LIMIT}"));
    assert!(dry.contains("threshold: 80.0 -> 60.0") && !dry.contains("metric"), "{dry}");
    run(&format!("{alarm} -y {LIMIT}"));
    run(&format!("adopt source/storage-source/bucket payment-logs-source-source-dev-001-111122223333-us-east-1 -y {LIMIT}"));
    assert!(run(&format!("drift {LIMIT}")).contains("no drift"));
    let plan = run(&format!("plan --env source {LIMIT}"));
    assert!(plan.contains("~ source/monitoring/db-cpu-source") && plan.contains("1 to change"), "{plan}");
    run(&format!("up --env source -y {LIMIT}"));
    assert!(run(&format!("plan --env source {LIMIT}")).contains("there is nothing to do"));
}
