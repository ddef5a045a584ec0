//! `rollback` undoes what a failed or killed `up` did, and nothing else.

use migrate_infra::address::Address;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::world::route53::Record;

use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, RunKind};
use crate::harness::stacks::{PAIRED, links, source};
use crate::harness::workspace::Workspace;

/// Overrides with which a later `up` changes, creates and deletes resources.
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

async fn roll_back(fixture: &mut Fixture) {
    fixture.run(&Graph::default(), RunKind::Rollback, CrashPoints::default()).await.must_succeed();
    fixture.advance_a_day();
}

#[tokio::test(start_paused = true)]
async fn a_rollback_of_a_killed_first_up_leaves_nothing() {
    let graph = source(&[]);
    let mut matrix = Matrix::stepping(5, 37);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = Fixture::default();
        fixture.run(&graph, RunKind::Up, crash_points.clone()).await;
        // A run that was killed after its success has nothing to undo.
        if !crash_points.is_dead()
            || fixture.state().undo.is_empty() && fixture.state().last_run.is_some_and(|run| run.outcome.is_some())
        {
            continue;
        }
        roll_back(&mut fixture).await;
        assert_eq!(fixture.world.inventory(), Vec::<String>::new(), "killed at point {point}");
        assert!(fixture.state().resources.is_empty() && fixture.state().undo.is_empty());
    }
    assert!(matrix.points() > 15, "only {} points", matrix.points());
}

#[tokio::test(start_paused = true)]
async fn a_rollback_of_killed_changes_restores_the_previous_settings() {
    let (before, after) = (source(&[]), source(CHANGES));
    let mut initial = Fixture::default();
    initial.up(&before).await.must_succeed();
    assert!(initial.state().undo.is_empty(), "an up that ended well leaves nothing to undo");
    let before_it = initial.stable_inventory();
    let mut matrix = Matrix::stepping(3, 29);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture.run(&after, RunKind::Up, crash_points.clone()).await;
        // A run that was killed after its success has nothing to undo.
        if !crash_points.is_dead()
            || fixture.state().undo.is_empty() && fixture.state().last_run.is_some_and(|run| run.outcome.is_some())
        {
            continue;
        }
        roll_back(&mut fixture).await;
        assert_eq!(fixture.stable_inventory(), before_it, "killed at point {point}");
        settles(&mut fixture, &before, point).await;
    }
    assert!(matrix.points() > 8, "only {} points", matrix.points());
}

/// An `up` with the previous configuration finds everything as configured. Only a task definition has a new revision
/// with the content of the old one: a service that still uses the old one is updated.
async fn settles(fixture: &mut Fixture, before: &Graph, point: u64) {
    let first = fixture.up(before).await;
    let calls = first.must_succeed().calls.by_call();
    let changing: Vec<_> = calls
        .keys()
        .filter(|call| migrate_infra::aws::is_mutating(call.split_once(':').expect("service:Operation").1))
        .collect();
    assert!(changing.is_empty() || changing == [&"ecs:UpdateService"], "killed at point {point}: {changing:?}");
    assert_eq!(fixture.up(before).await.must_succeed().calls.mutations(), 0, "killed at point {point}");
}

/// The same command completes a rollback that is killed twice.
#[tokio::test(start_paused = true)]
async fn a_killed_rollback_resumes() {
    let (before, after) = (source(&[]), source(CHANGES));
    let mut initial = Fixture::default();
    initial.up(&before).await.must_succeed();
    let before_it = initial.stable_inventory();
    // Killed near its end, so that much must be undone.
    initial.run(&after, RunKind::Up, CrashPoints::crashing_at(330)).await;
    assert!(!initial.state().undo.is_empty());
    let mut matrix = Matrix::stepping(2, 23);
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture.run(&Graph::default(), RunKind::Rollback, crash_points.clone()).await;
        if !crash_points.is_dead() {
            continue;
        }
        fixture.run(&Graph::default(), RunKind::Rollback, CrashPoints::crashing_at(point + 4)).await;
        roll_back(&mut fixture).await;
        assert_eq!(fixture.stable_inventory(), before_it, "killed at point {point}");
        settles(&mut fixture, &before, point).await;
    }
}

/// Several failed runs in a row are undone together.
#[tokio::test(start_paused = true)]
async fn a_rollback_returns_to_the_last_successful_up() {
    let graph = source(&[]);
    let mut fixture = Fixture::default();
    for point in [60, 60, 60] {
        fixture.run(&graph, RunKind::Up, CrashPoints::crashing_at(point)).await;
    }
    assert!(fixture.state().undo.created.len() > 3);
    roll_back(&mut fixture).await;
    assert_eq!(fixture.world.inventory(), Vec::<String>::new());
}

/// The state was lost, and `up` finds everything by its tags and is killed: the found resources existed before, and
/// stay.
#[tokio::test(start_paused = true)]
async fn a_rollback_keeps_what_an_up_only_found() {
    let graph = source(&[]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    let before_it = initial.stable_inventory();
    for point in [40, 160, 280] {
        let mut fixture = Fixture { world: initial.world.clone(), ..Fixture::default() };
        fixture.run(&graph, RunKind::Up, CrashPoints::crashing_at(point)).await;
        // The next run finds the rest, and is killed, too.
        fixture.run(&graph, RunKind::Up, CrashPoints::crashing_at(point)).await;
        roll_back(&mut fixture).await;
        assert_eq!(fixture.stable_inventory(), before_it, "killed at point {point}");
    }
}

/// A resource was deleted manually, and the `up` that recreated it failed: it existed before, so it stays.
#[tokio::test(start_paused = true)]
async fn a_rollback_keeps_what_was_recreated_after_a_manual_deletion() {
    let graph = source(&[]);
    let mut initial = Fixture::default();
    initial.up(&graph).await.must_succeed();
    let count = initial.stable_inventory().len();
    let ec2 = &mut initial.world.region("us-east-1").ec2;
    ec2.nat_gateways.clear();
    ec2.interfaces.retain(|_, interface| !interface.description.contains("NAT"));
    ec2.addresses.values_mut().for_each(|address| address.nat_gateway_id = None);
    for point in [30, 36, 42, 48] {
        let mut fixture = initial.fork();
        fixture.run(&graph, RunKind::Up, CrashPoints::crashing_at(point)).await;
        roll_back(&mut fixture).await;
        fixture.up(&graph).await.must_succeed();
        assert_eq!(fixture.stable_inventory().len(), count, "killed at point {point}");
    }
}

/// The `up` of the source failed, then the one of the target succeeded: the source can still be rolled back.
#[test]
fn an_up_of_another_environment_keeps_the_undo_log() {
    let workspace = Workspace::new();
    // Self-contained environments do not depend on each other.
    let up = |environment: &str| format!("up --env {environment} --sandbox -y --config self-contained.toml");
    std::fs::copy("config/self-contained.toml", workspace.path().join("self-contained.toml"))
        .expect("the configuration");
    let mut child = workspace
        .command(&format!("{} --sandbox-timing fast", up("source")))
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it runs");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let output = workspace.run(&up("target"));
    assert!(output.status.success(), "{}", workspace.format_output(&output, "up"));
    let transcript = workspace.transcript("rollback --sandbox -y --config self-contained.toml");
    assert!(transcript.contains("[exit 0]") && transcript.contains("as they were before"), "{transcript}");
    let status = workspace.transcript("status --sandbox --config self-contained.toml");
    assert!(!status.contains("source/network/vpc") && status.contains("target/network/vpc"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_is_reported_and_can_be_skipped() {
    let (mut fixture, graph) = links(PAIRED, &[], &["dns"]).await;
    let bare = fixture.world.inventory();
    // Killed after the creation of the zone; then a foreign record is added to it.
    fixture.run(&graph, RunKind::Up, CrashPoints::crashing_at(30)).await;
    let zone = fixture.world.route53.zones.values_mut().next().expect("the zone exists");
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
    let ran = fixture.run(&Graph::default(), RunKind::Rollback, CrashPoints::default()).await;
    let failed: Vec<&str> = ran.report().failures.iter().map(|failure| failure.address.as_str()).collect();
    assert_eq!(failed, ["routing/dns/zone"]);
    fixture.skipped = vec![Address::new("routing/dns/zone")];
    fixture.run(&Graph::default(), RunKind::Rollback, CrashPoints::default()).await.must_succeed();
    let left: Vec<String> = fixture.world.inventory().into_iter().filter(|id| !bare.contains(id)).collect();
    assert!(left.iter().all(|id| id.contains("hosted zone") || id.contains("www.")), "{left:?}");
    assert!(fixture.state().undo.is_empty());
    assert!(fixture.state().get(&Address::new("routing/dns/zone")).is_some(), "what was skipped is still known");
}

/// Another stack has the same names: resources with a name fail, those without are created, and all of them are deleted
/// again.
#[test]
fn up_with_rollback_on_failure_restores_the_world() {
    let workspace = Workspace::new();
    let succeed = |arguments: &str| {
        let output = workspace.run(arguments);
        assert!(output.status.success(), "{}", workspace.format_output(&output, arguments));
    };
    succeed("up --env source --sandbox -y");
    let before = crate::harness::backend::Backend::Sandbox.inventory(&workspace, &["us-east-1"]);
    let transcript = workspace
        .transcript("up --env source --sandbox -y --rollback-on-failure --skip-preflight --set stack.name=other");
    assert!(
        transcript.contains("[exit 1]") && transcript.contains("everything that it did was undone"),
        "{transcript}"
    );
    assert_eq!(crate::harness::backend::Backend::Sandbox.inventory(&workspace, &["us-east-1"]), before);
    assert!(
        workspace.transcript("status --sandbox --set stack.name=other").contains("nothing of `other/dev-001` exists")
    );
    succeed("up --env source --sandbox -y");
}

#[test]
fn rollback_of_a_killed_program() {
    let workspace = Workspace::new();
    crate::harness::workspace::kill_while_running(&workspace);
    assert!(workspace.transcript("status --sandbox").contains("`rollback` to undo"));
    let transcript = workspace.transcript("rollback --sandbox -y");
    assert!(transcript.contains("[exit 0]") && transcript.contains("as they were before"), "{transcript}");
    assert!(workspace.transcript("status --sandbox").contains("nothing of"));
    assert!(workspace.transcript("rollback --sandbox -y").contains("nothing to undo"));
}

#[test]
fn skipping_an_address_that_is_not_undone_is_an_error() {
    let workspace = Workspace::new();
    let transcript = workspace.transcript("rollback --sandbox -y --skip source/network/vpc");
    assert!(
        transcript.contains("[exit 2]") && transcript.contains("is not among the resources to roll back"),
        "{transcript}"
    );
}
