//! The emergency switch: the target is removed from the DNS answers without a call of Route 53.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::migration::emergency_switch::{Position, set_position, set_position_without_state};
use migrate_infra::sandbox::Faults;
use migrate_infra::stack::EmergencySwitch;
use migrate_infra::state::Lock;

use crate::cutover::traffic::{routed, shifted, split, weights};
use crate::harness::backend::Backend;
use crate::harness::emulator::Emulator;
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{AFTER, BEFORE, Fixture};
use crate::harness::stacks::{PAIRED, config};
use crate::harness::workspace::Workspace;

fn switch() -> EmergencySwitch {
    EmergencySwitch::of(&config(PAIRED, &[])).expect("there is a switch")
}

/// Returns both environments while the target receives all traffic.
async fn on_the_target() -> Fixture {
    let mut fixture = routed().await;
    let to_target = async |context: Context| shifted(context, split(100)).await;
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), to_target).await;
    done.expect("it was not killed").expect("it succeeds");
    fixture
}

async fn turned(context: Context, to: Position) -> bool {
    set_position(&context, &switch(), to).await.is_ok()
}

/// Returns the answers of the name servers, by set identifier.
pub fn answers(fixture: &Fixture) -> Vec<String> {
    let world = &fixture.world;
    let zone = world.route53.zones.values().next().expect("a zone");
    let name = &zone.records.iter().find(|record| record.set_identifier.is_some()).expect("a record").name;
    let found = world.dns_answers(&world.timeline(), zone, name, "A", world.now);
    found.iter().filter_map(|(record, _)| record.set_identifier.clone()).collect()
}

#[tokio::test(start_paused = true)]
pub async fn the_target_is_removed_and_restored_without_a_call_of_route_53() {
    let mut fixture = on_the_target().await;
    assert_eq!(answers(&fixture), ["target"]);
    for (to, led) in [(Position::Out, "source"), (Position::In, "target")] {
        let (done, calls) = fixture
            .with_context(CrashPoints::default(), Faults::default(), async |context| turned(context, to).await)
            .await;
        assert_eq!((done, answers(&fixture)), (Some(true), vec![led.to_owned()]));
        let sent = calls.by_call().get("cloudwatch:PutMetricData").copied();
        assert!(sent.is_some_and(|sent| sent >= if to == Position::In { 3 } else { 1 }), "{sent:?}");
        assert!(calls.by_call().keys().all(|call| !call.starts_with("route53:")), "{:?}", calls.by_call());
        assert_eq!(weights(&fixture), (0, 100), "the weights stay as they are");
        assert!(fixture.state().migration.operations.is_empty());
    }
    fixture.down().await.must_succeed();
    assert!(
        fixture.world.route53.health_checks.is_empty()
            && fixture.world.regions["us-east-1"].cloudwatch.alarms.is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_command_completes_a_switch_that_was_killed_or_had_no_answer() {
    let initial = on_the_target().await;
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture
            .with_context(crash_points.clone(), Faults::default(), async |context| turned(context, Position::Out).await)
            .await;
        if !crash_points.is_dead() {
            continue;
        }
        let (done, _) = fixture
            .with_context(CrashPoints::default(), Faults::default(), async |context| {
                turned(context, Position::Out).await
            })
            .await;
        assert_eq!((done, answers(&fixture)), (Some(true), vec!["source".to_owned()]), "killed at {point}");
        assert!(fixture.state().migration.operations.is_empty(), "killed at {point}");
    }
    assert!(matrix.points() > 3, "{}", matrix.points());
    for fault in BEFORE.iter().chain(&AFTER) {
        let mut fixture = initial.fork();
        let faults = Faults::at_call(1, fault.clone());
        let (done, _) = fixture
            .with_context(CrashPoints::default(), faults.clone(), async |context| turned(context, Position::Out).await)
            .await;
        assert!(faults.was_injected());
        assert_eq!((done, answers(&fixture)), (Some(true), vec!["source".to_owned()]), "{fault:?}");
    }
}

/// The values of a minute are aggregated, and the highest one counts.
#[tokio::test(start_paused = true)]
async fn a_target_that_is_restored_at_once_stays_in_the_answers() {
    let mut fixture = on_the_target().await;
    // The value is sent, and the command ends without waiting.
    let sent = async |context: Context| {
        let (out, clock) = (turned(context.clone(), Position::Out), context.cloud.clock());
        tokio::select! {
            done = out => done,
            () = clock.sleep(Duration::from_secs(1)) => true,
        }
    };
    fixture.with_context(CrashPoints::default(), Faults::default(), sent).await;
    let (done, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| turned(context, Position::In).await)
        .await;
    assert_eq!((done, answers(&fixture)), (Some(true), vec!["target".to_owned()]));
    for minute in 1..=6 {
        fixture
            .with_context(CrashPoints::default(), Faults::default(), async |context: Context| {
                context.cloud.clock().sleep(Duration::from_mins(1)).await;
            })
            .await;
        assert_eq!(answers(&fixture), ["target"], "after {minute} min");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_removed_twice_can_be_restored() {
    let mut fixture = on_the_target().await;
    for to in [Position::Out, Position::Out, Position::In] {
        let (done, _) = fixture
            .with_context(CrashPoints::default(), Faults::default(), async |context| turned(context, to).await)
            .await;
        assert_eq!(done, Some(true), "{to}");
    }
    assert_eq!(answers(&fixture), ["target"]);
}

#[tokio::test(start_paused = true)]
async fn the_emergency_switch_works_without_a_state() {
    let mut fixture = on_the_target().await;
    let before = fixture.store.text();
    let moved = async |context: Context| {
        set_position_without_state(&context.read_context(), &switch(), Position::Out).await.is_ok()
    };
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), moved).await;
    assert_eq!((done, answers(&fixture)), (Some(true), vec!["source".to_owned()]));
    assert!(
        !fixture.store.text()[before.len().min(fixture.store.text().len())..].contains("PutMetricData"),
        "nothing is written down"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_switch_is_reported() {
    let mut fixture = Fixture::default();
    let set = ["routing.emergency_switch=false"];
    fixture.up(&crate::harness::stacks::graph(PAIRED, &set)).await.must_succeed();
    assert_eq!(EmergencySwitch::of(&config(PAIRED, &set)), None);
    assert!(fixture.world.route53.health_checks.values().all(|check| check.config.children.is_empty()));
    let moved = async |context: Context| set_position(&context, &switch(), Position::Out).await;
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), moved).await;
    let error = done.expect("it was not killed").expect_err("there is no alarm");
    assert!(error.to_string().contains("the switch was never created"), "{error}");
}

#[test]
fn the_emergency_command() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up -y");
    run("traffic shift --to 100 -y");
    let dry = run("traffic emergency --dry-run");
    assert!(dry.contains("aws cloudwatch put-metric-data --region us-east-1") && dry.contains("--value 1"), "{dry}");
    assert!(!run("traffic show").contains("taken out"));
    let done = run("traffic emergency -y");
    assert!(done.contains("the target is taken out") && done.contains("traffic emergency --release"), "{done}");
    assert!(run("traffic show").contains("the target is taken out"));
    assert!(run("runbook").contains("traffic emergency"));
    let refused = workspace.transcript("traffic shift --to 50 -y --sandbox");
    assert!(refused.contains("[exit 3]") && refused.contains("traffic emergency --release"), "{refused}");
    run("traffic rollback -y");
    run("traffic emergency --release -y");
    assert!(!run("traffic show").contains("taken out"));
    let none = workspace.transcript("traffic emergency -y --sandbox --set routing.emergency_switch=false");
    assert!(none.contains("[exit 3]") && none.contains("emergency_switch = true"), "{none}");
    run("down -y");
}

/// Whoever holds the lock may hang.
#[test]
fn traffic_returns_while_another_run_holds_the_lock() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up -y");
    run("traffic shift --to 40 -y");
    let lock = Lock::take(&workspace.state(), "up").expect("it is free");
    for (command, end) in [("emergency", "the target is taken out"), ("rollback", "done: 0 % of the traffic")] {
        let done = workspace.transcript(&format!("traffic {command} -y --sandbox"));
        assert!(done.contains("[exit 0]") && done.contains(end), "{done}");
        assert!(done.contains("continues without recording anything"), "{done}");
    }
    drop(lock);
    assert!(run("traffic show").contains("taken out"));
}

/// Both the look at the state and its opening waited for a bucket that did not answer, a quarter of a minute each.
#[test]
fn a_state_that_does_not_answer_delays_an_emergency_only_once() {
    // The kernel accepts connections, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let workspace = Workspace::new();
    let mut command = Backend::Http(Emulator::account()).command(&workspace, "traffic emergency -y");
    command.env("MIGRATE_INFRA_STATE__BACKEND", "s3").env("MIGRATE_INFRA_STATE__BUCKET", "states");
    command.env("AWS_ENDPOINT_URL_S3", format!("http://{}", silent.local_addr().expect("an address")));
    let began = Instant::now();
    let output = command.output().expect("it runs");
    let transcript = workspace.format_output(&output, "traffic emergency -y");
    assert!(transcript.contains("the state could not be opened within 15 seconds"), "{transcript}");
    // It went on to the switch, which this account does not have: the emulator would not evaluate its alarm.
    assert!(transcript.contains("[exit 1]") && transcript.contains("the switch was never created"), "{transcript}");
    assert!(began.elapsed() < Duration::from_secs(29), "{:?}", began.elapsed());
}
