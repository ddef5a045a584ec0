//! What AWS can not change in place is made anew: the new one first where AWS takes both, and whatever dies in between is made good.

use migrate_infra::address::Address;
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{Action, Order, Plan};
use migrate_infra::sandbox::Faults;

use crate::lab::{AFTER, BEFORE, Lab, Way};
use crate::stacks::{PAIRED, graph, source};

fn planned(lab: &Lab, graph: &Graph) -> Plan {
    lab.plan(graph, &lab.state())
}

fn replaced(plan: &Plan, wanted: Order) -> Vec<&str> {
    let of = |action: &Action| matches!(action, Action::Replace { order, .. } if *order == wanted);
    plan.steps.iter().filter(|step| of(&step.action)).map(|step| step.address.as_str()).collect()
}

/// Each thing without the part of it that AWS makes up.
fn kinds(lab: &Lab) -> Vec<String> {
    let mut kinds: Vec<String> = lab.things().iter().map(|id| id.chars().take(12).collect()).collect();
    kinds.sort();
    kinds
}

async fn settled(lab: &mut Lab, graph: &Graph, what: &str) {
    lab.rest();
    assert!(!planned(lab, graph).changes_something(), "{what}: a second plan is not empty");
    let quiet = lab.up(graph).await;
    quiet.must_succeed();
    assert_eq!(quiet.meter.mutations(), 0, "{what}: {:?}", quiet.meter.by_call());
    let state = lab.state();
    assert!(state.resources.keys().all(|address| address.made_way().is_none()), "{what}: something old is left");
    let needs = state.resources.values().flat_map(|entry| &entry.needs);
    assert!(needs.clone().all(|need| need.on.made_way().is_none()), "{what}: something needs what is gone");
}

/// Brings up `before`, then `after`; the whole, killed at many points, and taken back at many points.
async fn replaces(before: &Graph, after: &Graph, pattern: &str, step: usize) -> Plan {
    let mut ground = Lab::default();
    ground.up(before).await.must_succeed();
    ground.rest();
    ground.replaced = pattern.to_owned();
    let plan = planned(&ground, after);
    let mut lab = ground.fork();
    lab.up(after).await.must_succeed();
    lab.replaced.clear();
    settled(&mut lab, after, "unharmed").await;
    let count = lab.things().len();
    let mut points = 0;
    for point in (1..).step_by(step) {
        let Some(mut lab) = ground.killed(after, Way::Up, point).await else { break };
        points += 1;
        // The same command goes on. What it was to replace it may have replaced already.
        lab.run(after, Way::Up, Fuse::default()).await.must_succeed();
        lab.replaced.clear();
        settled(&mut lab, after, &format!("killed at {point}")).await;
        assert_eq!(lab.things().len(), count, "killed at {point}: {:#?}", lab.world.inventory());
        lab.down().await.must_succeed();
        lab.rest();
        assert_eq!(lab.world.inventory(), Vec::<String>::new(), "killed at {point}, then down");
    }
    crate::points::killed_at(points);
    // A call fails before its effect, or its answer is lost: the same run finds out, and goes on.
    for at in (1..).step_by(step) {
        let turn = usize::try_from(at).expect("a small number");
        let mut lab = ground.fork();
        let faults = Faults::aimed(at, if turn % 2 == 0 { BEFORE[turn % BEFORE.len()].clone() } else { AFTER[turn % AFTER.len()].clone() });
        lab.run_struck(after, Way::Up, faults.clone()).await.must_succeed();
        if !faults.has_struck() {
            break;
        }
        lab.replaced.clear();
        settled(&mut lab, after, &format!("call {at} struck")).await;
        assert_eq!(lab.things().len(), count, "call {at} struck: {:#?}", lab.world.inventory());
    }
    plan
}

/// Whatever is changed in place.
#[tokio::test(start_paused = true)]
async fn changes_in_place_survive_being_killed() {
    let plan = replaces(&source(&[]), &source(crate::rollback::CHANGES), "", 5).await;
    assert!(replaced(&plan, Order::NewFirst).is_empty() && replaced(&plan, Order::OldFirst).is_empty());
    assert!(plan.totals()["update"] > 20);
}

#[tokio::test(start_paused = true)]
async fn a_health_check_gets_another_interval() {
    let both = |sets: &[&str]| graph(PAIRED, sets);
    let (before, after) = (both(&[]), both(&["routing.health_check_interval_seconds=10"]));
    let plan = replaces(&before, &after, "", 13).await;
    assert_eq!(replaced(&plan, Order::NewFirst), ["routing/dns/source-health-check", "routing/dns/target-health-check"]);
    assert_eq!(replaced(&plan, Order::OldFirst), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn a_port_of_a_target_group_takes_the_service_with_it() {
    let plan = replaces(&source(&[]), &source(&["service.port=9090"]), "", 11).await;
    assert!(replaced(&plan, Order::OldFirst).contains(&"source/service/target-group"));
    assert!(replaced(&plan, Order::OldFirst).contains(&"source/service/service"));
}

/// The listener goes, which the service only waits for, and the target group makes way, which the listener holds on to.
#[tokio::test(start_paused = true)]
async fn taking_a_listener_out_while_the_port_changes_is_no_circle() {
    let certificate = "service.certificate_arn=arn:aws:acm:us-east-1:111122223333:certificate/1";
    let plan = replaces(&source(&[certificate]), &source(&["service.port=9090"]), "", 29).await;
    assert!(plan.steps.iter().any(|step| step.address.as_str() == "source/service/listener-https" && step.action == Action::Delete));
    assert!(replaced(&plan, Order::OldFirst).contains(&"source/service/service"));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_goes_while_its_role_is_replaced_is_no_circle() {
    let graph = source(&[]);
    let mut lab = Lab::default();
    lab.up(&graph).await.must_succeed();
    lab.rest();
    lab.replaced = "source/service/task-role".to_owned();
    let policy = |address: &Address| address.as_str() == "source/service/task-policy";
    let waits = graph.nodes().values().filter(|node| node.needs.iter().any(|need| policy(&need.on))).map(|node| node.address.clone());
    let mut without = graph.clone();
    for user in waits.collect::<Vec<_>>() {
        without = without.altered(&user, |spec| {
            for items in spec.as_object_mut().expect("a specification").values_mut().filter_map(serde_json::Value::as_array_mut) {
                items.retain(|item| !item.to_string().contains("source/service/task-policy"));
            }
        });
    }
    let without = without.part(|address| !policy(address), |_| None).expect("nothing needs the policy");
    lab.up(&without).await.must_succeed();
    lab.replaced.clear();
    settled(&mut lab, &without, "without its policy").await;
}

/// The answer to a creation was lost, and before the same `up` was run again the configuration was changed.
#[tokio::test(start_paused = true)]
async fn what_may_have_been_made_is_not_taken_for_what_replaces_it() {
    let (before, after) = (source(&[]), source(&["environments.source.vpc_cidr=10.7.0.0/16"]));
    let mut whole = Lab::default();
    whole.up(&after).await.must_succeed();
    whole.rest();
    let count = whole.things().len();
    let mut points = 0;
    for point in (1..).step_by(9) {
        let mut lab = Lab::default();
        let fuse = Fuse::blowing_at(point);
        lab.run(&before, Way::Up, fuse.clone()).await;
        if !fuse.is_dead() {
            break;
        }
        points += 1;
        lab.up(&after).await.must_succeed();
        settled(&mut lab, &after, &format!("killed at {point}")).await;
        assert_eq!(lab.things().len(), count, "killed at {point}: {:#?}", lab.world.inventory());
    }
    crate::points::killed_at(points);
}

/// The hint after a failure repeats `--replace`: what was replaced already is not replaced again.
#[tokio::test(start_paused = true)]
async fn what_an_unfinished_up_has_replaced_is_not_replaced_again() {
    let graph = source(&[]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    ground.rest();
    ground.replaced = "source/database-source/*".to_owned();
    let instance = Address::new("source/database-source/instance");
    let mut fulfilled = 0;
    for point in (1..).step_by(5) {
        let Some(mut lab) = ground.killed(&graph, Way::Up, point).await else { break };
        let state = lab.state();
        if !state.undo.replaced.contains(&instance) || state.get(&instance).is_none() {
            continue;
        }
        fulfilled += 1;
        let plan = planned(&lab, &graph);
        let step = plan.steps.iter().find(|step| step.address == instance).expect("it has a step");
        assert!(!matches!(step.action, Action::Replace { .. }), "killed at {point}: {}", step.reason);
        lab.up(&graph).await.must_succeed();
        // What ended well can be replaced again.
        let plan = planned(&lab, &graph);
        assert!(replaced(&plan, Order::OldFirst).contains(&instance.as_str()));
    }
    assert!(fulfilled > 2, "{fulfilled}");
}

/// What an earlier run left behind still stands on what the configuration no longer has.
#[tokio::test(start_paused = true)]
async fn what_was_left_behind_goes_before_what_it_stands_on() {
    use migrate_infra::resources::ec2::{Subnet, Vpc};
    let vpc = |cidr: &str| Vpc { cidr: cidr.into() };
    let subnet = |vpc| Subnet { vpc, cidr: "10.0.1.0/24".into(), zone: 0, public_addresses: false };
    let mut before = crate::lab::Sketch::new();
    let first = before.add("source/network/first", vpc("10.0.0.0/16"));
    before.add("source/network/subnet", subnet(first.id()));
    let mut after = crate::lab::Sketch::new();
    let second = after.add("source/network/second", vpc("10.0.0.0/16"));
    after.add("source/network/subnet", subnet(second.id()));
    let (before, after) = (before.finish(), after.finish());
    let mut ground = Lab::default();
    ground.up(&before).await.must_succeed();
    let mut left = 0;
    for point in 1.. {
        let Some(mut lab) = ground.killed(&after, Way::Up, point).await else { break };
        let old = lab.state().resources.keys().find(|address| address.made_way().is_some()).cloned();
        if let Some(old) = old.filter(|_| lab.state().get(&Address::new("source/network/first")).is_some()) {
            left += 1;
            let plan = planned(&lab, &after);
            let first = plan.steps.iter().find(|step| step.address.as_str() == "source/network/first").expect("it is to go");
            assert!(first.needs.iter().any(|need| need.on == old), "killed at {point}");
        }
        lab.up(&after).await.must_succeed();
        settled(&mut lab, &after, &format!("killed at {point}")).await;
    }
    assert!(left > 0);
}

/// Somebody took the marks from a VPC and its entry from the state: a new one is made, and what stands in the old one is not quietly
/// deleted without a plan.
#[tokio::test(start_paused = true)]
async fn what_turns_out_to_be_another_one_is_planned_before_it_is_replaced() {
    let graph = source(&[]);
    let mut lab = Lab::default();
    lab.up(&graph).await.must_succeed();
    let bucket = lab.attrs("source/network/private-1");
    let vpc = Address::new("source/network/vpc");
    lab = crate::adopting::with_a_stranger(&lab, &vpc).await;
    let ran = lab.up(&graph).await;
    let failures: Vec<_> = ran.report().failures.iter().map(|failure| migrate_infra::resource::describe(&failure.error)).collect();
    assert!(failures.iter().any(|failure| failure.contains("has to be replaced") && failure.contains("the next `up` plans it")), "{failures:?}");
    assert_eq!(lab.attrs("source/network/private-1"), bucket, "nothing was deleted");
    assert!(replaced(&planned(&lab, &graph), Order::NewFirst).contains(&"source/network/private-1"));
}

#[tokio::test(start_paused = true)]
async fn another_address_range_makes_the_environment_anew() {
    let plan = replaces(&source(&[]), &source(&["environments.source.vpc_cidr=10.7.0.0/16"]), "", 43).await;
    assert!(replaced(&plan, Order::NewFirst).contains(&"source/network/vpc"));
    assert!(replaced(&plan, Order::OldFirst).contains(&"source/database-source/instance"));
}

#[tokio::test(start_paused = true)]
async fn a_zone_gets_another_name() {
    let both = |sets: &[&str]| graph(PAIRED, sets);
    let plan = replaces(&both(&[]), &both(&["routing.zone_name=renamed.internal"]), "", 17).await;
    assert_eq!(replaced(&plan, Order::NewFirst), ["routing/dns/source-record", "routing/dns/target-record", "routing/dns/zone"]);
}

/// Every single resource of an environment is replaced, because somebody asked for it.
#[tokio::test(start_paused = true)]
async fn everything_can_be_replaced_one_by_one() {
    let graph = source(&[]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    ground.rest();
    let before = kinds(&ground);
    for address in graph.nodes().keys() {
        // Nothing has drifted, so what is not replaced is not looked at again.
        let findings = Some(migrate_infra::plan::Findings::new());
        let mut lab = Lab { replaced: address.as_str().to_owned(), findings, ..ground.fork() };
        let plan = planned(&lab, &graph);
        let asked = plan.steps.iter().find(|step| step.address == *address).expect("it has a step");
        assert!(matches!(asked.action, Action::Replace { .. }), "{address}");
        let ran = lab.up(&graph).await;
        assert!(ran.report().failures.is_empty(), "{address}: {:?}", ran.report().failures);
        lab.replaced.clear();
        settled(&mut lab, &graph, address.as_str()).await;
        assert_eq!(kinds(&lab), before, "{address}");
    }
}

/// It was to be replaced, the new one could not be made, and the configuration was taken back: the old one has its place again.
#[tokio::test(start_paused = true)]
async fn what_was_to_be_replaced_gets_its_place_back() {
    let (before, after) = (source(&[]), source(&["environments.source.vpc_cidr=10.7.0.0/16"]));
    let mut lab = Lab::default();
    lab.up(&before).await.must_succeed();
    lab.rest();
    let all = lab.world.inventory();
    let vpc = Address::new("source/network/vpc");
    let id = lab.attrs(vpc.as_str());
    let ground = lab.fork();
    for point in 1.. {
        lab = ground.fork();
        lab.run(&after, Way::Up, Fuse::blowing_at(point)).await;
        let state = lab.state();
        if state.get(&vpc.set_aside(0)).is_some() && state.get(&vpc).is_none() {
            break;
        }
    }
    lab.up(&before).await.must_succeed();
    assert_eq!((lab.attrs(vpc.as_str()), lab.world.inventory()), (id, all));
    settled(&mut lab, &before, "taken back").await;
}

/// A replacement that was killed anywhere is undone: what was there before is there again, unless it is gone already.
#[tokio::test(start_paused = true)]
async fn a_rollback_gives_back_what_was_to_make_way() {
    let both = |sets: &[&str]| graph(PAIRED, sets);
    let (before, after) = (both(&[]), both(&["routing.health_check_interval_seconds=10"]));
    let mut ground = Lab::default();
    ground.up(&before).await.must_succeed();
    ground.rest();
    let count = ground.things().len();
    let (mut given_back, mut points) = (0, 0);
    for point in (1..).step_by(7) {
        let mut lab = ground.fork();
        let fuse = Fuse::blowing_at(point);
        lab.run(&after, Way::Up, fuse.clone()).await;
        let state = lab.state();
        if !fuse.is_dead() {
            break;
        }
        if state.undo.is_empty() {
            continue;
        }
        points += 1;
        lab.run(&Graph::default(), Way::Rollback, Fuse::default()).await.must_succeed();
        lab.rest();
        assert_eq!(lab.things().len(), count, "killed at {point}");
        given_back += usize::from(!planned(&lab, &before).changes_something());
        lab.up(&before).await.must_succeed();
        settled(&mut lab, &before, &format!("killed at {point}")).await;
        assert_eq!(lab.things().len(), count, "killed at {point}");
    }
    assert!(points > 3 && given_back > 1, "{points} {given_back}");
    crate::points::killed_at(points);
}
