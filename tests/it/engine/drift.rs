//! Manual deletions and changes, one resource at a time over the whole stack: `drift` reports them, `up` corrects them,
//! and a second `drift` finds nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use migrate_infra::address::Address;
use migrate_infra::aws::{CallCounter, Cancel, Cloud, Endpoint};
use migrate_infra::clock::Clock;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::{Context, Outcome, down};
use migrate_infra::events::Events;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{Action, Drift, plan_delete};
use migrate_infra::resources::KINDS;
use migrate_infra::sandbox::{Sandbox, World};
use migrate_infra::state::{Journal, MemoryStore};

use crate::harness::matrix::{self, Cases};
use crate::harness::registry::kind;
use crate::harness::sandbox_run::{Fixture, STACK};
use crate::harness::stacks::{PAIRED, TWO_REGIONS, graph, source};
use crate::kinds::declared_operations::Calls;
use crate::kinds::every_input::{To, examples, look, look_at, values};

/// Returns the world after a manual deletion of one resource, if AWS permits it.
pub(super) async fn without(fixture: &Fixture, address: &Address) -> Option<World> {
    let mut state = fixture.state();
    // A manual deletion does not respect dependents, but AWS does.
    state.resources.values_mut().for_each(|entry| entry.needs.clear());
    let plan = plan_delete(KINDS, &state, &BTreeSet::from([address.clone()]), "by hand").expect("nobody is asked");
    let clock = Clock::real();
    let sandbox = Sandbox::new(fixture.world.clone(), clock, None, CrashPoints::default());
    let cloud = Cloud::connect(Endpoint::InProcess(sandbox.in_process()), &"us-east-1".into(), clock)
        .await
        .expect("the sandbox answers");
    let (journal, writer) = Journal::start(state, Box::new(MemoryStore::default()));
    let context = Context {
        kinds: KINDS,
        cloud: Arc::new(cloud),
        journal: journal.clone(),
        events: Events::nowhere(),
        cancel: Cancel::default(),
        calls: Arc::new(CallCounter::default()),
        stack: STACK.into(),
        parallelism: 1,
        named: Arc::default(),
    };
    let report = down(&context, plan).await.expect("the journal is in memory");
    let called = context.calls.mutations() > 0;
    drop(context);
    writer.finish(journal).await.expect("the journal is in memory");
    let world = sandbox.snapshot();
    (report.outcome == Outcome::Done && called).then_some(world)
}

/// Drift is reported, `up` corrects it with calls that the kinds declare, and then there is none.
async fn is_repaired(fixture: &mut Fixture, graph: &Graph, address: &Address, what: &str) {
    fixture.advance_a_day();
    let refresh = look(fixture).await;
    assert!(refresh.drift.contains_key(address), "{what}: drift names {:?}", refresh.drift.keys());
    fixture.drift = Some(refresh.drift);
    let plan = fixture.plan(graph, &fixture.state());
    let step = plan.steps.iter().find(|step| step.address == *address).expect("it has a step");
    assert!(step.action != Action::NoOp, "{what}: nothing is planned");
    let calls = Calls::listening(fixture);
    fixture.up(graph).await.must_succeed();
    let schema = kind(&step.kind).expect("it is registered").schema();
    let declared = schema.creates.iter().chain(schema.changes).chain(schema.deletes).copied().collect::<BTreeSet<_>>();
    let undeclared: Vec<_> = calls.of(address).difference(&declared).copied().collect();
    assert!(undeclared.is_empty(), "{what}: {} called {undeclared:?}, which it does not declare", step.kind);
    (fixture.listener, fixture.drift) = (None, None);
    fixture.advance_a_day();
    let refresh = look(fixture).await;
    assert!(refresh.drift.is_empty(), "{what}: a second drift is not clean: {:?}", refresh.drift);
    assert!(!fixture.plan(graph, &fixture.state()).changes_something(), "{what}: a second plan is not empty");
    assert_eq!(fixture.up(graph).await.must_succeed().calls.mutations(), 0, "{what}: a second up changes something");
}

async fn stack() -> (Graph, Fixture) {
    let graph = graph(PAIRED, &[]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    initial.advance_a_day();
    assert!(look(&initial).await.drift.is_empty(), "there is no drift to begin with");
    (graph, initial)
}

#[tokio::test(start_paused = true)]
async fn every_manual_deletion_is_reported_and_corrected() {
    let (graph, initial) = stack().await;
    let (mut deleted, mut kinds) = (0, BTreeSet::new());
    for (number, (address, node)) in graph.nodes().iter().enumerate() {
        // The first resource of each kind is always tried, the others as the points of a crash matrix.
        if kinds.contains(node.kind.get().name()) && !matrix::tries_case(number) {
            continue;
        }
        let Some(world) = without(&initial, address).await else { continue };
        let mut fixture = Fixture { world, ..initial.fork() };
        is_repaired(&mut fixture, &graph, address, &format!("{address} deleted manually")).await;
        deleted += 1;
        kinds.insert(node.kind.get().name());
    }
    println!("{deleted} resources of {} kinds were deleted manually, one at a time", kinds.len());
    // AWS refuses to delete what other resources reference.
    assert!(kinds.len() > 24 && (deleted > 70 || !matrix::is_complete()), "{deleted} {kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn every_manual_change_is_reported_and_corrected() {
    let (graph, initial) = stack().await;
    let (mut changed, mut cases) = (0, Cases::default());
    for (name, address) in examples(&graph) {
        let schema = kind(name).expect("it is registered").schema();
        for (input, to) in values(name) {
            let To::Value(value) = to else { continue };
            let silent = schema.create_only.contains(&input)
                || kind(name)
                    .is_some_and(|kind| kind.deletion_inputs().contains(&input) && name != "elbv2.load_balancer");
            if schema.immutable.contains(&input) || silent || input == "apply_immediately" || !cases.tries(name) {
                continue;
            }
            let what = format!("{name} `{input}` of {address} changed manually");
            let mut by_hand = initial.fork();
            by_hand.up(&graph.altered(&address, |spec| spec[input] = value.clone())).await.must_succeed();
            by_hand.advance_a_day();
            let mut fixture = Fixture { world: by_hand.world, ..initial.fork() };
            let findings = look(&fixture).await.drift;
            match findings.get(&address) {
                // AWS cannot shrink storage, and reports that.
                Some(Drift::Manual { what, .. }) if what.contains("cannot shrink") => continue,
                // The autoscaler decides the number of tasks.
                None if input == "desired_count" => continue,
                // A configured major version accepts each of its minor versions.
                None if input == "engine_version" => continue,
                _ => {}
            }
            is_repaired(&mut fixture, &graph, &address, &what).await;
            changed += 1;
        }
    }
    println!("{changed} inputs were changed manually, one at a time");
    assert!(changed > 50 || (changed > 15 && !matrix::is_complete()), "{changed}");
}

/// AWS decides fields without a configured value: another value is no drift.
/// [`a_different_encryption_key_is_reported`] covers the rest.
const LEFT_TO_AWS: &[&str] = &["kms_key"];

/// A manual replacement with the same name and tags is detected, too.
#[tokio::test(start_paused = true)]
async fn a_manual_change_of_an_immutable_field_is_reported() {
    let graph = graph(PAIRED, &[TWO_REGIONS]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    initial.advance_a_day();
    let (mut named, mut cases) = (0, Cases::default());
    for (name, address) in examples(&graph) {
        let schema = kind(name).expect("it is registered").schema();
        for (input, to) in values(name) {
            let To::Value(value) = to else { continue };
            let unchanged = initial.state().get(&address).expect("it exists").spec.get(input) == Some(&value);
            let applies = schema.immutable.contains(&input) && !unchanged && !LEFT_TO_AWS.contains(&input);
            if !applies || !cases.tries(name) {
                continue;
            }
            let mut by_hand = initial.fork();
            by_hand.up(&graph.altered(&address, |spec| spec[input] = value.clone())).await.must_succeed();
            by_hand.advance_a_day();
            let fixture = Fixture { world: by_hand.world, ..initial.fork() };
            let findings = look_at(&fixture, |one| *one == address).await.0.drift;
            let finding = findings.get(&address);
            assert!(
                finding.is_some_and(Drift::is_drift),
                "{name} `{input}` of {address} changed manually: {finding:?}"
            );
            named += 1;
        }
    }
    println!("{named} inputs that cannot be changed were changed manually, one at a time");
    assert!(named > 30 || (named > 15 && !matrix::is_complete()), "{named}");
}

/// It has the same name and tags, and was recreated with another port.
#[tokio::test(start_paused = true)]
async fn a_resource_recreated_manually_is_not_mistaken_for_the_original() {
    let graph = source(&[]);
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    fixture.advance_a_day();
    fixture.world.region("us-east-1").elbv2.target_groups.values_mut().for_each(|group| group.port = 9999);
    let address = Address::new("source/service/target-group");
    let findings = look(&fixture).await.drift;
    assert!(
        matches!(findings.get(&address), Some(Drift::RequiresReplacement { changes }) if changes[0].field == "port"),
        "{findings:?}"
    );
    fixture.drift = Some(findings);
    let plan = fixture.plan(&graph, &fixture.state());
    let step = plan.steps.iter().find(|step| step.address == address).expect("it has a step");
    assert!(matches!(step.action, Action::Replace { .. }) && step.corrects.is_some(), "{:?}", step.action);
    is_repaired(&mut fixture, &graph, &address, "a target group with another port").await;
    assert!(fixture.world.region("us-east-1").elbv2.target_groups.values().all(|group| group.port == 8080));
}

#[tokio::test(start_paused = true)]
async fn tags_changed_manually_are_reported_and_restored() {
    let (graph, initial) = stack().await;
    let mut fixture = initial.fork();
    for vpc in fixture.world.region("us-east-1").ec2.vpcs.values_mut() {
        vpc.tags.insert("CostCenter".into(), "nobody".into());
        vpc.tags.insert("Somebody".into(), "else's".into());
    }
    let findings = look(&fixture).await.drift;
    let vpc = Address::new("source/network/vpc");
    let Some(Drift::Differs { changes, call, .. }) = findings.get(&vpc) else { panic!("{findings:?}") };
    assert_eq!((changes[0].field.as_str(), call.as_str()), ("tags.CostCenter", "ec2:CreateTags"));
    is_repaired(&mut fixture, &graph, &vpc, "tags changed manually").await;
    let tags = &fixture.world.region("us-east-1").ec2.vpcs.values().next().expect("a VPC").tags;
    assert_eq!(tags.get("Somebody").map(String::as_str), Some("else's"), "tags of others stay");
}

/// One call per region lists each type of resource that EC2 can filter by tags, whatever their number.
#[tokio::test(start_paused = true)]
async fn one_list_call_replaces_many_reads() {
    let graph = graph(PAIRED, &[crate::harness::stacks::TWO_REGIONS]);
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    fixture.advance_a_day();
    let (refresh, calls) = crate::kinds::every_input::count(&fixture).await;
    assert!(refresh.drift.is_empty());
    for what in [
        "Vpcs",
        "Subnets",
        "InternetGateways",
        "Addresses",
        "NatGateways",
        "RouteTables",
        "VpcEndpoints",
        "SecurityGroups",
        "SecurityGroupRules",
    ] {
        assert_eq!(calls.get(format!("ec2:Describe{what}").as_str()), Some(&2), "{what}: {calls:?}");
    }
    let all: u64 = calls.values().sum();
    println!("{} resources are looked at with {all} calls", refresh.resources);
    assert!(all < refresh.resources as u64 + 37, "{all} calls for {} resources", refresh.resources);
}
