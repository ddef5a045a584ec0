//! Resources that AWS cannot change in place are replaced: the new one is created first where AWS accepts both, and the
//! same command corrects every kill in between.

use migrate_infra::address::Address;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{Action, Plan, ReplaceOrder};
use migrate_infra::sandbox::Faults;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{AFTER, BEFORE, Fixture, RunKind};
use crate::harness::stacks::{PAIRED, graph, source};

fn planned(fixture: &Fixture, graph: &Graph) -> Plan {
    fixture.plan(graph, &fixture.state())
}

fn replaced(plan: &Plan, wanted: ReplaceOrder) -> Vec<&str> {
    let of = |action: &Action| matches!(action, Action::Replace { order, .. } if *order == wanted);
    plan.steps.iter().filter(|step| of(&step.action)).map(|step| step.address.as_str()).collect()
}

/// Returns each resource without the part of its id that AWS generates.
fn kinds(fixture: &Fixture) -> Vec<String> {
    let mut kinds: Vec<String> = fixture.stable_inventory().iter().map(|id| id.chars().take(12).collect()).collect();
    kinds.sort();
    kinds
}

async fn settled(fixture: &mut Fixture, graph: &Graph, what: &str) {
    fixture.advance_a_day();
    assert!(!planned(fixture, graph).changes_something(), "{what}: a second plan is not empty");
    let quiet = fixture.up(graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.calls.mutations(), 0, "{what}: {:?}", quiet.calls.by_call());
    let state = fixture.state();
    assert!(
        state.resources.keys().all(|address| address.retired_from().is_none()),
        "{what}: a retired resource is left"
    );
    let needs = state.resources.values().flat_map(|entry| &entry.needs);
    assert!(needs.clone().all(|need| need.on.retired_from().is_none()), "{what}: a dependency no longer exists");
}

/// Applies `before`, then `after`: without a kill, killed at many points, and with a fault in many calls.
async fn replaces(before: &Graph, after: &Graph, pattern: &str, step: u64) -> Plan {
    let mut initial = Fixture::default();
    initial.up(before).await.must_succeed();
    initial.advance_a_day();
    initial.replaced = pattern.to_owned();
    let plan = planned(&initial, after);
    let mut fixture = initial.fork();
    fixture.up(after).await.must_succeed();
    fixture.replaced.clear();
    settled(&mut fixture, after, "unharmed").await;
    let count = fixture.stable_inventory().len();
    let mut matrix = Matrix::stepping(1, step);
    while let Some((point, crash_points)) = matrix.arm() {
        let Some(mut fixture) = initial.killed(after, RunKind::Up, crash_points).await else { continue };
        // The same command resumes. It can have replaced everything already.
        fixture.run(after, RunKind::Up, CrashPoints::default()).await.must_succeed();
        fixture.replaced.clear();
        settled(&mut fixture, after, &format!("killed at {point}")).await;
        assert_eq!(fixture.stable_inventory().len(), count, "killed at {point}: {:#?}", fixture.world.inventory());
        fixture.down().await.must_succeed();
        fixture.advance_a_day();
        assert_eq!(fixture.world.inventory(), Vec::<String>::new(), "killed at {point}, then down");
    }
    // A call fails before its effect, or its answer is lost: the same run finds out and continues.
    let mut matrix = Matrix::stepping(1, step);
    while let Some(at) = matrix.next_point() {
        let turn = usize::try_from(at).expect("a small number");
        let mut fixture = initial.fork();
        let faults = Faults::at_call(
            at,
            if turn % 2 == 0 { BEFORE[turn % BEFORE.len()].clone() } else { AFTER[turn % AFTER.len()].clone() },
        );
        let ran = fixture.run_with_faults(after, RunKind::Up, faults.clone()).await;
        ran.must_succeed();
        if !faults.was_injected() {
            matrix.ended(ran.calls.mutations());
            continue;
        }
        fixture.replaced.clear();
        settled(&mut fixture, after, &format!("fault in call {at}")).await;
        assert_eq!(fixture.stable_inventory().len(), count, "fault in call {at}: {:#?}", fixture.world.inventory());
    }
    plan
}

/// Every change in place.
#[tokio::test(start_paused = true)]
async fn changes_in_place_survive_being_killed() {
    let plan = replaces(&source(&[]), &source(crate::engine::rollback::CHANGES), "", 5).await;
    assert!(
        replaced(&plan, ReplaceOrder::CreateFirst).is_empty() && replaced(&plan, ReplaceOrder::DeleteFirst).is_empty()
    );
    assert!(plan.totals()["update"] > 20);
}

#[tokio::test(start_paused = true)]
async fn a_health_check_is_replaced_for_another_interval() {
    let both = |sets: &[&str]| graph(PAIRED, sets);
    let (before, after) = (both(&[]), both(&["routing.health_check_interval_seconds=10"]));
    let plan = replaces(&before, &after, "", 13).await;
    assert_eq!(
        replaced(&plan, ReplaceOrder::CreateFirst),
        ["routing/dns/source-health-check", "routing/dns/target-health-check"]
    );
    assert_eq!(replaced(&plan, ReplaceOrder::DeleteFirst), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn another_port_of_a_target_group_replaces_the_service() {
    let plan = replaces(&source(&[]), &source(&["service.port=9090"]), "", 11).await;
    assert!(replaced(&plan, ReplaceOrder::DeleteFirst).contains(&"source/service/target-group"));
    assert!(replaced(&plan, ReplaceOrder::DeleteFirst).contains(&"source/service/service"));
}

/// The listener, for which the service only waits, is deleted, and the target group, on which the listener depends, is
/// replaced.
#[tokio::test(start_paused = true)]
async fn a_listener_removed_with_a_port_change_is_no_cycle() {
    let certificate = "service.certificate_arn=arn:aws:acm:us-east-1:111122223333:certificate/1";
    let plan = replaces(&source(&[certificate]), &source(&["service.port=9090"]), "", 29).await;
    assert!(
        plan.steps
            .iter()
            .any(|step| step.address.as_str() == "source/service/listener-https" && step.action == Action::Delete)
    );
    assert!(replaced(&plan, ReplaceOrder::DeleteFirst).contains(&"source/service/service"));
}

#[tokio::test(start_paused = true)]
async fn a_policy_deleted_with_the_replacement_of_its_role_is_no_cycle() {
    let graph = source(&[]);
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    fixture.advance_a_day();
    fixture.replaced = "source/service/task-role".to_owned();
    let policy = |address: &Address| address.as_str() == "source/service/task-policy";
    let waits = graph
        .nodes()
        .values()
        .filter(|node| node.needs.iter().any(|need| policy(&need.on)))
        .map(|node| node.address.clone());
    let mut without = graph.clone();
    for user in waits.collect::<Vec<_>>() {
        without = without.altered(&user, |spec| {
            for items in
                spec.as_object_mut().expect("a specification").values_mut().filter_map(serde_json::Value::as_array_mut)
            {
                items.retain(|item| !item.to_string().contains("source/service/task-policy"));
            }
        });
    }
    let without = without.part(|address| !policy(address), |_| None).expect("nothing needs the policy");
    fixture.up(&without).await.must_succeed();
    fixture.replaced.clear();
    settled(&mut fixture, &without, "without its policy").await;
}

/// The answer to a creation was lost, and the configuration changed before the next `up`.
#[tokio::test(start_paused = true)]
async fn a_possibly_created_resource_is_not_mistaken_for_its_replacement() {
    let (before, after) = (source(&[]), source(&["environments.source.vpc_cidr=10.7.0.0/16"]));
    let mut whole = Fixture::default();
    whole.up(&after).await.must_succeed();
    whole.advance_a_day();
    let count = whole.stable_inventory().len();
    let mut matrix = Matrix::stepping(1, 9);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = Fixture::default();
        fixture.run(&before, RunKind::Up, crash_points.clone()).await;
        if !crash_points.is_dead() {
            continue;
        }
        fixture.up(&after).await.must_succeed();
        settled(&mut fixture, &after, &format!("killed at {point}")).await;
        assert_eq!(fixture.stable_inventory().len(), count, "killed at {point}: {:#?}", fixture.world.inventory());
    }
}

/// The hint after a failure repeats `--replace`: a resource that was replaced already is not replaced again.
#[tokio::test(start_paused = true)]
async fn an_unfinished_up_does_not_replace_twice() {
    let graph = source(&[]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    initial.advance_a_day();
    initial.replaced = "source/database-source/*".to_owned();
    let instance = Address::new("source/database-source/instance");
    let mut fulfilled = 0;
    let mut matrix = Matrix::complete(1, 5);
    while let Some((point, crash_points)) = matrix.arm() {
        let Some(mut fixture) = initial.killed(&graph, RunKind::Up, crash_points).await else { continue };
        let state = fixture.state();
        if !state.undo.replaced.contains(&instance) || state.get(&instance).is_none() {
            continue;
        }
        fulfilled += 1;
        let plan = planned(&fixture, &graph);
        let step = plan.steps.iter().find(|step| step.address == instance).expect("it has a step");
        assert!(!matches!(step.action, Action::Replace { .. }), "killed at {point}: {}", step.reason);
        fixture.up(&graph).await.must_succeed();
        // After a successful run it can be replaced again.
        let plan = planned(&fixture, &graph);
        assert!(replaced(&plan, ReplaceOrder::DeleteFirst).contains(&instance.as_str()));
    }
    assert!(fulfilled > 2, "{fulfilled}");
}

/// A leftover of an earlier run depends on a resource that the configuration no longer contains.
#[tokio::test(start_paused = true)]
async fn a_leftover_is_deleted_before_its_dependencies() {
    use migrate_infra::resources::ec2::{Subnet, Vpc, ZoneOffers};
    let vpc = |cidr: &str| Vpc { cidr: cidr.into(), remove_guardduty: true };
    let subnet = |vpc| Subnet {
        vpc,
        cidr: "10.0.1.0/24".into(),
        zone: 0,
        zone_id: None,
        offers: ZoneOffers::default(),
        public_addresses: false,
        remove_guardduty: true,
    };
    let mut before = crate::harness::sandbox_run::GraphBuilder::new();
    let first = before.add("source/network/first", vpc("10.0.0.0/16"));
    before.add("source/network/subnet", subnet(first.id()));
    let mut after = crate::harness::sandbox_run::GraphBuilder::new();
    let second = after.add("source/network/second", vpc("10.0.0.0/16"));
    after.add("source/network/subnet", subnet(second.id()));
    let (before, after) = (before.finish(), after.finish());
    let mut initial = Fixture::default();
    initial.up(&before).await.must_succeed();
    let mut left = 0;
    let mut matrix = Matrix::complete(1, 1);
    while let Some((point, crash_points)) = matrix.arm() {
        let Some(mut fixture) = initial.killed(&after, RunKind::Up, crash_points).await else { continue };
        let old = fixture.state().resources.keys().find(|address| address.retired_from().is_some()).cloned();
        if let Some(old) = old.filter(|_| fixture.state().get(&Address::new("source/network/first")).is_some()) {
            left += 1;
            let plan = planned(&fixture, &after);
            let first =
                plan.steps.iter().find(|step| step.address.as_str() == "source/network/first").expect("it is to go");
            assert!(first.needs.iter().any(|need| need.on == old), "killed at {point}");
        }
        fixture.up(&after).await.must_succeed();
        settled(&mut fixture, &after, &format!("killed at {point}")).await;
    }
    assert!(left > 0);
}

/// The ownership tags of a VPC and its entry in the state were removed: a new one is created, and the resources in the
/// old one are not deleted without a plan.
#[tokio::test(start_paused = true)]
async fn a_replacement_discovered_during_a_run_is_planned_first() {
    let graph = source(&[]);
    let mut fixture = Fixture::default();
    fixture.up(&graph).await.must_succeed();
    let bucket = fixture.attrs("source/network/private-1");
    let vpc = Address::new("source/network/vpc");
    fixture = crate::engine::import::with_a_stranger(&fixture, &vpc).await;
    let ran = fixture.up(&graph).await;
    let failures: Vec<_> =
        ran.report().failures.iter().map(|failure| migrate_infra::resource::describe(&failure.error)).collect();
    assert!(
        failures
            .iter()
            .any(|failure| failure.contains("requires a replacement") && failure.contains("the next `up` plans it")),
        "{failures:?}"
    );
    assert_eq!(fixture.attrs("source/network/private-1"), bucket, "nothing was deleted");
    assert!(replaced(&planned(&fixture, &graph), ReplaceOrder::CreateFirst).contains(&"source/network/private-1"));
}

#[tokio::test(start_paused = true)]
async fn another_address_range_replaces_the_environment() {
    let plan = replaces(&source(&[]), &source(&["environments.source.vpc_cidr=10.7.0.0/16"]), "", 43).await;
    assert!(replaced(&plan, ReplaceOrder::CreateFirst).contains(&"source/network/vpc"));
    assert!(replaced(&plan, ReplaceOrder::DeleteFirst).contains(&"source/database-source/instance"));
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_replaced_for_another_name() {
    let both = |sets: &[&str]| graph(PAIRED, sets);
    let plan = replaces(&both(&[]), &both(&["routing.zone_name=renamed.internal"]), "", 17).await;
    assert_eq!(
        replaced(&plan, ReplaceOrder::CreateFirst),
        ["routing/dns/source-record", "routing/dns/target-record", "routing/dns/zone"]
    );
}

/// Every resource of an environment is replaced on request.
#[tokio::test(start_paused = true)]
async fn everything_can_be_replaced_one_by_one() {
    let graph = source(&[]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    initial.advance_a_day();
    let before = kinds(&initial);
    for address in graph.nodes().keys() {
        // Nothing has drifted, so only replaced resources are read again.
        let drift = Some(migrate_infra::plan::DriftReport::new());
        let mut fixture = Fixture { replaced: address.as_str().to_owned(), drift, ..initial.fork() };
        let plan = planned(&fixture, &graph);
        let asked = plan.steps.iter().find(|step| step.address == *address).expect("it has a step");
        assert!(matches!(asked.action, Action::Replace { .. }), "{address}");
        let ran = fixture.up(&graph).await;
        assert!(ran.report().failures.is_empty(), "{address}: {:?}", ran.report().failures);
        fixture.replaced.clear();
        settled(&mut fixture, &graph, address.as_str()).await;
        assert_eq!(kinds(&fixture), before, "{address}");
    }
}

/// A replacement failed before the creation of the new resource, and the configuration was reverted: the original is
/// restored.
#[tokio::test(start_paused = true)]
async fn reverting_the_configuration_restores_what_was_being_replaced() {
    let (before, after) = (source(&[]), source(&["environments.source.vpc_cidr=10.7.0.0/16"]));
    let mut fixture = Fixture::default();
    fixture.up(&before).await.must_succeed();
    fixture.advance_a_day();
    let all = fixture.world.inventory();
    let vpc = Address::new("source/network/vpc");
    let id = fixture.attrs(vpc.as_str());
    let initial = fixture.fork();
    for point in 1.. {
        fixture = initial.fork();
        fixture.run(&after, RunKind::Up, CrashPoints::crashing_at(point)).await;
        let state = fixture.state();
        if state.get(&vpc.retired(0)).is_some() && state.get(&vpc).is_none() {
            break;
        }
    }
    fixture.up(&before).await.must_succeed();
    assert_eq!((fixture.attrs(vpc.as_str()), fixture.world.inventory()), (id, all));
    settled(&mut fixture, &before, "taken back").await;
}

/// A replacement that was killed at any point is undone: the original is restored, unless it was deleted already.
#[tokio::test(start_paused = true)]
async fn a_rollback_restores_what_was_being_replaced() {
    let both = |sets: &[&str]| graph(PAIRED, sets);
    let (before, after) = (both(&[]), both(&["routing.health_check_interval_seconds=10"]));
    let mut initial = Fixture::default();
    initial.up(&before).await.must_succeed();
    initial.advance_a_day();
    let count = initial.stable_inventory().len();
    let (mut given_back, mut points) = (0, 0);
    let mut matrix = Matrix::complete(1, 7);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture.run(&after, RunKind::Up, crash_points.clone()).await;
        let state = fixture.state();
        if !crash_points.is_dead() {
            continue;
        }
        if state.undo.is_empty() {
            continue;
        }
        points += 1;
        fixture.run(&Graph::default(), RunKind::Rollback, CrashPoints::default()).await.must_succeed();
        fixture.advance_a_day();
        assert_eq!(fixture.stable_inventory().len(), count, "killed at {point}");
        given_back += usize::from(!planned(&fixture, &before).changes_something());
        fixture.up(&before).await.must_succeed();
        settled(&mut fixture, &before, &format!("killed at {point}")).await;
        assert_eq!(fixture.stable_inventory().len(), count, "killed at {point}");
    }
    assert!(points > 3 && given_back > 1, "{points} {given_back}");
}
