//! `rollback`: what a failed or killed `up` did is undone, and nothing else.

use migrate_infra::address::Address;
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::world::route53::Record;

use crate::cli::Place;
use crate::lab::{Lab, Way};
use crate::stacks::{PAIRED, links, source};

/// Whatever a later `up` changes in place, makes, or deletes because it is gone from the configuration.
pub const CHANGES: &[&str] = &[
    "tags.CostCenter=elsewhere",
    "database.backup_retention_days=14",
    "database.allowed_cidrs=[\"10.8.0.0/24\"]",
    "service.cpu=1024",
    "service.memory=2048",
    "service.deregistration_delay_seconds=15",
    "service.log_retention_days=30",
    "monitoring.database_cpu_percent=70",
];

async fn roll_back(lab: &mut Lab) {
    lab.run(&Graph::default(), Way::Rollback, Fuse::default()).await.must_succeed();
    lab.rest();
}

#[tokio::test(start_paused = true)]
async fn a_first_up_that_was_killed_anywhere_leaves_nothing() {
    let graph = source(&[]);
    let mut points = 0;
    for point in (5..).step_by(37) {
        let mut lab = Lab::default();
        let fuse = Fuse::blowing_at(point);
        lab.run(&graph, Way::Up, fuse.clone()).await;
        // Killed after it had ended well, it has nothing to be undone.
        if !fuse.is_dead() || lab.state().undo.is_empty() && lab.state().last_run.is_some_and(|run| run.outcome.is_some()) {
            break;
        }
        points += 1;
        roll_back(&mut lab).await;
        assert_eq!(lab.world.inventory(), Vec::<String>::new(), "killed at point {point}");
        assert!(lab.state().resources.is_empty() && lab.state().undo.is_empty());
    }
    assert!(points > 15, "only {points} points");
    crate::points::killed_at(points);
}

#[tokio::test(start_paused = true)]
async fn changes_that_were_killed_anywhere_become_what_was_before() {
    let (before, after) = (source(&[]), source(CHANGES));
    let mut ground = Lab::default();
    ground.up(&before).await.must_succeed();
    assert!(ground.state().undo.is_empty(), "an up that ended well leaves nothing to undo");
    let before_it = ground.things();
    let mut points = 0;
    for point in (3..).step_by(29) {
        let mut lab = ground.fork();
        let fuse = Fuse::blowing_at(point);
        lab.run(&after, Way::Up, fuse.clone()).await;
        // Killed after it had ended well, it has nothing to be undone.
        if !fuse.is_dead() || lab.state().undo.is_empty() && lab.state().last_run.is_some_and(|run| run.outcome.is_some()) {
            break;
        }
        points += 1;
        roll_back(&mut lab).await;
        assert_eq!(lab.things(), before_it, "killed at point {point}");
        settles(&mut lab, &before, point).await;
    }
    assert!(points > 8, "only {points} points");
    crate::points::killed_at(points);
}

/// An `up` with the configuration from before finds everything as it should be. Only a task definition has a new revision, which says
/// what the old one said: a service that had not moved yet moves to it.
async fn settles(lab: &mut Lab, before: &Graph, point: u64) {
    let first = lab.up(before).await;
    let calls = first.must_succeed().meter.by_call();
    let changing: Vec<_> = calls.keys().filter(|call| migrate_infra::aws::is_mutating(call.split_once(':').expect("service:Operation").1)).collect();
    assert!(changing.is_empty() || changing == [&"ecs:UpdateService"], "killed at point {point}: {changing:?}");
    assert_eq!(lab.up(before).await.must_succeed().meter.mutations(), 0, "killed at point {point}");
}

/// A rollback that is killed, and killed again, is finished by the same command.
#[tokio::test(start_paused = true)]
async fn a_rollback_that_was_killed_goes_on() {
    let (before, after) = (source(&[]), source(CHANGES));
    let mut ground = Lab::default();
    ground.up(&before).await.must_succeed();
    let before_it = ground.things();
    // Killed near its end, so that there is much to undo.
    ground.run(&after, Way::Up, Fuse::blowing_at(330)).await;
    assert!(!ground.state().undo.is_empty());
    for point in (2..).step_by(23) {
        let mut lab = ground.fork();
        let fuse = Fuse::blowing_at(point);
        lab.run(&Graph::default(), Way::Rollback, fuse.clone()).await;
        if !fuse.is_dead() {
            break;
        }
        lab.run(&Graph::default(), Way::Rollback, Fuse::blowing_at(point + 4)).await;
        roll_back(&mut lab).await;
        assert_eq!(lab.things(), before_it, "killed at point {point}");
        settles(&mut lab, &before, point).await;
    }
}

/// Several runs that failed one after the other are undone together.
#[tokio::test(start_paused = true)]
async fn it_goes_back_to_where_up_last_ended_well() {
    let graph = source(&[]);
    let mut lab = Lab::default();
    for point in [60, 60, 60] {
        lab.run(&graph, Way::Up, Fuse::blowing_at(point)).await;
    }
    assert!(lab.state().undo.created.len() > 3);
    roll_back(&mut lab).await;
    assert_eq!(lab.world.inventory(), Vec::<String>::new());
}

/// The state was lost, `up` finds everything by its tags and dies: what it found was there before, and stays.
#[tokio::test(start_paused = true)]
async fn a_rollback_deleted_what_an_up_had_only_found() {
    let graph = source(&[]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    let before_it = ground.things();
    for point in [40, 160, 280] {
        let mut lab = Lab { world: ground.world.clone(), ..Lab::default() };
        lab.run(&graph, Way::Up, Fuse::blowing_at(point)).await;
        // The run after that finds the rest, and dies, too.
        lab.run(&graph, Way::Up, Fuse::blowing_at(point)).await;
        roll_back(&mut lab).await;
        assert_eq!(lab.things(), before_it, "killed at point {point}");
    }
}

/// Something was deleted by hand, and the `up` that made it again failed: it was there before, so it stays.
#[tokio::test(start_paused = true)]
async fn what_was_gone_and_was_made_again_stays() {
    let graph = source(&[]);
    let mut ground = Lab::default();
    ground.up(&graph).await.must_succeed();
    let count = ground.things().len();
    let ec2 = &mut ground.world.region("us-east-1").ec2;
    ec2.nat_gateways.clear();
    ec2.interfaces.retain(|_, interface| !interface.description.contains("NAT"));
    ec2.addresses.values_mut().for_each(|address| address.held_by = None);
    for point in [30, 36, 42, 48] {
        let mut lab = ground.fork();
        lab.run(&graph, Way::Up, Fuse::blowing_at(point)).await;
        roll_back(&mut lab).await;
        lab.up(&graph).await.must_succeed();
        assert_eq!(lab.things().len(), count, "killed at point {point}");
    }
}

/// The source failed, then the target went well: the source can still be rolled back.
#[test]
fn an_up_of_another_environment_does_not_end_what_can_be_undone() {
    let place = Place::new();
    // Self-contained environments need nothing of each other.
    let up = |environment: &str| format!("up --env {environment} --sandbox -y --config self-contained.toml");
    std::fs::copy("config/self-contained.toml", place.path().join("self-contained.toml")).expect("the configuration");
    let mut child = place.command(&format!("{} --sandbox-timing fast", up("source"))).stderr(std::process::Stdio::null()).spawn().expect("it runs");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let output = place.run(&up("target"));
    assert!(output.status.success(), "{}", place.tell(&output, "up"));
    let told = place.told("rollback --sandbox -y --config self-contained.toml");
    assert!(told.contains("[exit 0]") && told.contains("as they were before"), "{told}");
    let status = place.told("status --sandbox --config self-contained.toml");
    assert!(!status.contains("source/network/vpc") && status.contains("target/network/vpc"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_undone_is_named_and_can_be_skipped() {
    let (mut lab, graph) = links(PAIRED, &[], &["dns"]).await;
    let bare = lab.world.inventory();
    // Killed when the zone is there, and somebody puts a record into it.
    lab.run(&graph, Way::Up, Fuse::blowing_at(30)).await;
    let zone = lab.world.route53.zones.values_mut().next().expect("the zone is there");
    zone.records.push(Record {
        name: "www.payment-migration.internal.".into(),
        kind: "A".into(),
        set_identifier: None,
        weight: None,
        ttl: Some(60),
        values: vec!["192.0.2.1".into()],
        alias: None,
        health_check_id: None,
    });
    let ran = lab.run(&Graph::default(), Way::Rollback, Fuse::default()).await;
    let failed: Vec<&str> = ran.report().failures.iter().map(|failure| failure.address.as_str()).collect();
    assert_eq!(failed, ["routing/dns/zone"]);
    lab.skipped = vec![Address::new("routing/dns/zone")];
    lab.run(&Graph::default(), Way::Rollback, Fuse::default()).await.must_succeed();
    let left: Vec<String> = lab.world.inventory().into_iter().filter(|id| !bare.contains(id)).collect();
    assert!(left.iter().all(|id| id.contains("hosted zone") || id.contains("www.")), "{left:?}");
    assert!(lab.state().undo.is_empty());
    assert!(lab.state().get(&Address::new("routing/dns/zone")).is_some(), "what was skipped is still known");
}

/// Another stack has the same names: what has a name fails, what has none is made, and all of it goes again.
#[test]
fn up_with_rollback_on_failure_leaves_the_world_as_it_was() {
    let place = Place::new();
    let succeed = |arguments: &str| {
        let output = place.run(arguments);
        assert!(output.status.success(), "{}", place.tell(&output, arguments));
    };
    succeed("up --env source --sandbox -y");
    let before = crate::lane::Lane::Sandbox.inventory(&place, &["us-east-1"]);
    let told = place.told("up --env source --sandbox -y --rollback-on-failure --set stack.name=other");
    assert!(told.contains("[exit 1]") && told.contains("all that it did was undone"), "{told}");
    assert_eq!(crate::lane::Lane::Sandbox.inventory(&place, &["us-east-1"]), before);
    assert!(place.told("status --sandbox --set stack.name=other").contains("nothing of `other/dev-001` exists"));
    succeed("up --env source --sandbox -y");
}

#[test]
fn rollback_of_a_killed_program() {
    let place = Place::new();
    crate::interrupt::killed_under_way(&place);
    assert!(place.told("status --sandbox").contains("`rollback` to undo"));
    let told = place.told("rollback --sandbox -y");
    assert!(told.contains("[exit 0]") && told.contains("as they were before"), "{told}");
    assert!(place.told("status --sandbox").contains("nothing of"));
    assert!(place.told("rollback --sandbox -y").contains("nothing to undo"));
}

#[test]
fn skipping_what_is_not_to_be_undone_is_a_mistake() {
    let place = Place::new();
    let told = place.told("rollback --sandbox -y --skip source/network/vpc");
    assert!(told.contains("[exit 2]") && told.contains("not among what would be undone"), "{told}");
}
