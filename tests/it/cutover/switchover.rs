//! The switchover in the sandbox, whose databases are empty: fences, services, replications and weights.

use std::time::Duration;

use migrate_infra::config::{Config, Side};
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::migration::cutover::Hooks;
use migrate_infra::migration::serving::database_side;
use migrate_infra::migration::switchover::{
    AwsOperations, Carrier, Databases, Readiness, SwitchoverRecord, SwitchoverSettings, drive, open_target, primary,
};
use migrate_infra::migration::topology::Topology;
use migrate_infra::migration::{TrafficSplit, fence, rotation, shift};
use migrate_infra::resources::dms::task_status::read_existing;
use migrate_infra::resources::elbv2::fence_position::FencePosition;
use migrate_infra::sandbox::Faults;
use migrate_infra::switchover::machine::Outcome;
use migrate_infra::switchover::{Direction, Row, abort_signal};
use migrate_infra::workflow::finish::{FinishRequest, finish};

use crate::cutover::load::{LOAD, after_minutes};
use crate::cutover::traffic::weights;
use crate::cutover::whole_cutover::{replicating, scripted};
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, config};

fn operations<'a>(context: &'a Context, config: &Config) -> AwsOperations<'a> {
    let topology = context.journal.read(Topology::of);
    AwsOperations {
        context,
        location: "us-east-1".into(),
        record_name: topology.record_name.clone().expect("there is routing"),
        databases: Databases::Empty,
        hooks: Hooks::default(),
        settings: SwitchoverSettings::of(config),
        last: None,
        topology,
    }
}

/// All traffic goes to the target, whose service uses the source database.
pub async fn with_traffic_on_the_target() -> Fixture {
    let mut fixture = replicating().await;
    let (done, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context: Context| {
            let operations = operations(&context, &config(PAIRED, &[]));
            open_target(&operations, Readiness::Required).await.expect("the target is ready");
            let (location, name) = (&operations.location, &operations.record_name);
            shift::shift(&context, location, name, TrafficSplit::TARGET, "test").await.expect("it is shifted");
        })
        .await;
    done.expect("it was not killed");
    fixture
}

/// Begins or resumes a switchover, and what follows it. `None`: it was killed.
async fn switch_over(
    fixture: &mut Fixture,
    crash_points: CrashPoints,
    sets: &[&str],
    direction: Direction,
) -> Option<Outcome> {
    let config = config(PAIRED, sets);
    let act = async |context: Context| {
        let saved = context.journal.read(SwitchoverRecord::of).expect("it can be read");
        let operations = operations(&context, &config);
        let has_ended = |saved: &&SwitchoverRecord| {
            saved.progress.direction == direction && saved.progress.outcome() == Some(Outcome::Completed)
        };
        let mut record = match saved.as_ref().filter(has_ended) {
            // It was killed after its end.
            Some(ended) => ended.clone(),
            None => {
                let under_way = saved.clone().filter(SwitchoverRecord::is_under_way);
                let record = under_way.unwrap_or_else(|| SwitchoverRecord::new(direction, saved.as_ref()));
                let (_aborter, abort) = abort_signal();
                if !record.has_begun() {
                    operations.await_capacity(direction).await.inspect_err(|error| println!("{error}")).ok()?;
                }
                drive(&operations, &operations.settings, record, abort).await.ok()?
            }
        };
        if record.is_unsettled() {
            operations.settle(&mut record).await.ok()?;
            operations.end_settling(&mut record).await.ok()?;
        }
        record.progress.outcome()
    };
    fixture.with_context(crash_points, Faults::default(), act).await.0.flatten()
}

/// What clients and databases see.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    primary: Side,
    /// The positions of the fences, the source first.
    fences: [FencePosition; 2],
    /// The side whose database the service of the target uses.
    target_uses: Side,
    /// Whether the replication, the fallback to the source, and the fallback to the target run.
    replicates: [bool; 3],
    weights: (i64, i64),
}

async fn look(fixture: &mut Fixture) -> Seen {
    let weights = weights(fixture);
    let act = async |context: Context| {
        let topology = context.journal.read(Topology::of);
        let read_context = context.read_context();
        let mut fences = Vec::new();
        for side in [Side::Source, Side::Target] {
            let service = topology.service(side).expect("a service");
            fences.push(fence::position(&read_context, service).await.expect("an answer").expect("a fence"));
        }
        let target = topology.service(Side::Target).expect("a service");
        let target_uses = database_side(&read_context, target).await.expect("an answer").expect("a rule");
        let replication = &topology.loads[0];
        let cx = read_context.reader(&replication.address, &replication.location);
        let mut replicates = Vec::new();
        let fallback = |side| &replication.fallback_to(side).expect("a fallback").task;
        for task in [&replication.task, fallback(Side::Source), fallback(Side::Target)] {
            let status = read_existing(&cx, task).await.expect("an answer").status;
            replicates.push(["starting", "running"].contains(&status.as_str()));
        }
        let primary = context.journal.read(primary).expect("it can be read");
        (primary, fences, target_uses, replicates)
    };
    let (seen, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
    let (primary, fences, target_uses, replicates) = seen.expect("it was not killed");
    let fences = fences.try_into().expect("two fences");
    Seen { primary, fences, target_uses, replicates: replicates.try_into().expect("three tasks"), weights }
}

const OPEN: FencePosition = FencePosition::Open;
const CLOSED: FencePosition = FencePosition::Closed;

/// Clients use the target, and both services the source database.
fn before() -> Seen {
    Seen {
        primary: Side::Source,
        fences: [OPEN, OPEN],
        target_uses: Side::Source,
        replicates: [true, false, false],
        weights: (0, 100),
    }
}

/// The target database is the primary, and the source is closed.
fn moved() -> Seen {
    Seen {
        primary: Side::Target,
        fences: [CLOSED, OPEN],
        target_uses: Side::Target,
        replicates: [false, true, false],
        weights: (0, 100),
    }
}

/// The source database is the primary again, and the target is closed.
fn moved_back() -> Seen {
    Seen {
        primary: Side::Source,
        fences: [OPEN, CLOSED],
        target_uses: Side::Target,
        replicates: [false, false, true],
        weights: (100, 0),
    }
}

/// Gives the records of the routing what follows from the primary, as a cutover does after a switchover.
pub async fn with_exchanged_records(fixture: &mut Fixture) {
    let wanted = migrate_infra::workflow::graph(&config(PAIRED, &[]), &fixture.state()).expect("a graph");
    fixture.up(&wanted).await.must_succeed();
}

#[tokio::test(start_paused = true)]
async fn the_data_moves_there_and_back() {
    let mut fixture = with_traffic_on_the_target().await;
    assert_eq!(look(&mut fixture).await, before());
    let there = switch_over(&mut fixture, CrashPoints::default(), &[], Direction::FORWARD).await;
    assert_eq!(there, Some(Outcome::Completed));
    assert_eq!(look(&mut fixture).await, moved());
    let back = Direction::FORWARD.reversed();
    assert_eq!(switch_over(&mut fixture, CrashPoints::default(), &[], back).await, Some(Outcome::Completed));
    assert_eq!(look(&mut fixture).await, moved_back());
}

/// Finishes the migration. `None`: it was killed.
async fn end(fixture: &mut Fixture, crash_points: CrashPoints) -> Option<()> {
    let act = async |context: Context| {
        let operations = operations(&context, &config(PAIRED, &[]));
        finish(&operations, &FinishRequest::default()).await.ok().map(drop)
    };
    fixture.with_context(crash_points, Faults::default(), act).await.0.flatten()
}

fn saved(fixture: &Fixture) -> SwitchoverRecord {
    SwitchoverRecord::of(&fixture.state()).expect("it can be read").expect("a record")
}

/// Moves the data to a side.
pub async fn moved_to(fixture: &mut Fixture, side: Side) {
    let outcome = switch_over(fixture, CrashPoints::default(), &[], Direction::to_side(side)).await;
    assert_eq!(outcome, Some(Outcome::Completed));
    assert!(!saved(fixture).is_unsettled());
}

#[tokio::test(start_paused = true)]
async fn the_data_moves_there_and_back_and_there_again_without_a_load() {
    let mut fixture = with_traffic_on_the_target().await;
    moved_to(&mut fixture, Side::Target).await;
    moved_to(&mut fixture, Side::Source).await;
    assert_eq!(look(&mut fixture).await, moved_back());
    assert_eq!(saved(&fixture).carrier_to_target(), Carrier::Fallback);
    let (carrier, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context: Context| {
            let topology = context.journal.read(Topology::of);
            [topology.replications[0].address.clone(), topology.loads[0].address.clone()]
        })
        .await;
    let [carrier, load] = carrier.expect("it was not killed");
    assert_eq!((carrier.as_str(), load.as_str()), ("target/replication/forward-task", "target/replication/task"));

    let mut again = fixture.fork();
    moved_to(&mut again, Side::Target).await;
    assert_eq!(look(&mut again).await, moved());
    assert_eq!(saved(&again).carrier, Carrier::Fallback);

    // A switchover that is undone leads back to the fallback that carried the changes, and not to the first load.
    let script = "[[events]]\nat_seconds = 0\ntable_errors = [\"public.payments\"]\n";
    scripted(&mut fixture, script);
    let outcome = switch_over(&mut fixture, CrashPoints::default(), &[], Direction::FORWARD).await;
    assert_eq!(outcome, Some(Outcome::Undone));
    assert_eq!(look(&mut fixture).await, moved_back());
    assert_eq!(saved(&fixture).carrier_to_target(), Carrier::Fallback);
}

/// The nodes of a load balancer get a new rule one after the other.
#[tokio::test(start_paused = true)]
async fn the_nodes_of_a_load_balancer_have_five_seconds_to_follow_a_fence() {
    let mut fixture = with_traffic_on_the_target().await;
    moved_to(&mut fixture, Side::Target).await;
    let progress = saved(&fixture).progress;
    for row in [Row::Fence, Row::Reconnect] {
        let took = progress.duration(row).expect("it is done");
        assert!(took >= Duration::from_secs(5), "{row:?}: {took:?}");
    }
}

/// Kills a switchover at each point, and completes or undoes it.
async fn kill_everywhere(initial: &Fixture, direction: Direction, completed: fn() -> Seen, undone: fn() -> Seen) {
    for on_resume in ["cutover.on_resume=\"continue\"", "cutover.on_resume=\"rollback\""] {
        let mut matrix = Matrix::new();
        while let Some((point, crash_points)) = matrix.arm() {
            let mut fixture = initial.fork();
            let outcome = match switch_over(&mut fixture, crash_points.clone(), &[], direction).await {
                Some(outcome) => Some(outcome),
                None => switch_over(&mut fixture, CrashPoints::default(), &[on_resume], direction).await,
            };
            let expected = match outcome {
                Some(Outcome::Completed) => completed(),
                Some(Outcome::Undone) => undone(),
                None => panic!("killed at {point}: it has no end"),
            };
            assert_eq!(look(&mut fixture).await, expected, "killed at {point}, {on_resume}");
            assert!(fixture.state().migration.operations.is_empty(), "killed at {point}, {on_resume}");
        }
        assert!(matrix.points() > 20, "{}", matrix.points());
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_switchover_is_completed_or_undone() {
    kill_everywhere(&with_traffic_on_the_target().await, Direction::FORWARD, moved, before).await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_way_back_is_completed_or_undone() {
    let mut initial = with_traffic_on_the_target().await;
    moved_to(&mut initial, Side::Target).await;
    with_exchanged_records(&mut initial).await;
    kill_everywhere(&initial, Direction::to_side(Side::Source), moved_back, moved).await;
}

/// Does what `replication start` does with the rotation of the secrets (ADR 3).
async fn hold_rotation(fixture: &mut Fixture) {
    let hold = async |context: Context| {
        let replications = context.journal.read(Topology::of).loads;
        rotation::hold(&context, &replications).await
    };
    let (held, _) = fixture.with_context(CrashPoints::default(), Faults::default(), hold).await;
    held.expect("it was not killed").expect("it is held");
}

fn is_rotation_held(fixture: &Fixture) -> bool {
    let mut secrets = fixture.world.regions.values().flat_map(|region| region.secretsmanager.secrets.values());
    secrets.any(|secret| secret.tags.contains_key("migrate-infra:hold-rotation"))
}

#[tokio::test(start_paused = true)]
async fn a_killed_finish_is_repeated_and_up_removes_what_only_the_migration_needed() {
    let mut initial = with_traffic_on_the_target().await;
    moved_to(&mut initial, Side::Target).await;
    hold_rotation(&mut initial).await;
    assert!(is_rotation_held(&initial));
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        if end(&mut fixture, crash_points.clone()).await.is_none() {
            end(&mut fixture, CrashPoints::default()).await.unwrap_or_else(|| panic!("killed at {point}"));
        }
        let expected = Seen { replicates: [false; 3], ..moved() };
        assert_eq!(look(&mut fixture).await, expected, "killed at {point}");
        assert!(fixture.state().migration.operations.is_empty(), "killed at {point}");
        assert!(!is_rotation_held(&fixture), "killed at {point}");
    }
    end(&mut initial, CrashPoints::default()).await.expect("it is finished");
    assert!(saved(&initial).is_finished());
    let wanted = migrate_infra::workflow::graph(&config(PAIRED, &[]), &initial.state()).expect("a graph");
    initial.up(&wanted).await.must_succeed();
    let state = initial.state();
    let left: Vec<_> = state
        .resources
        .keys()
        .filter(|address| ["replication", "link", "link-service"].contains(&address.part()))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let mut records = initial.world.route53.zones.values().flat_map(|zone| &zone.records);
    let target = records.find(|record| record.set_identifier.as_deref() == Some("target")).expect("a record");
    assert_eq!(target.health_check_id, None, "health does not route");
    let again = initial.up(&wanted).await;
    assert_eq!(again.must_succeed().calls.mutations(), 0, "{:?}", again.calls.by_call());
    assert_eq!(weights(&initial), (0, 100));
}

/// Eight tasks serve. Those that use the database of the target get no requests before the switchover.
#[tokio::test(start_paused = true)]
async fn the_new_side_gets_as_many_tasks_as_serve() {
    let mut fixture = with_traffic_on_the_target().await;
    scripted(&mut fixture, LOAD);
    assert_eq!(after_minutes(&mut fixture, 20).await, [2, 2, 8]);
    moved_to(&mut fixture, Side::Target).await;
    assert_eq!(after_minutes(&mut fixture, 0).await, [2, 8, 8]);
    assert_eq!(look(&mut fixture).await, moved());
    moved_to(&mut fixture, Side::Source).await;
    assert_eq!(look(&mut fixture).await, moved_back());
    assert_eq!(after_minutes(&mut fixture, 0).await, [8, 8, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_fails_is_undone() {
    for (effects, row) in [
        ("table_errors = [\"public.payments\"]", "check"),
        ("calls_fail = { \"dms:StopReplicationTask\" = \"AccessDeniedFault\" }\nfor_seconds = 600", "fallback"),
    ] {
        let mut fixture = with_traffic_on_the_target().await;
        scripted(&mut fixture, &format!("[[events]]\nat_seconds = 0\n{effects}\n"));
        let outcome = switch_over(&mut fixture, CrashPoints::default(), &[], Direction::FORWARD).await;
        assert_eq!(outcome, Some(Outcome::Undone), "{row}");
        assert_eq!(look(&mut fixture).await, before(), "{row}");
        let record = SwitchoverRecord::of(&fixture.state()).expect("it can be read").expect("a record");
        assert!(record.progress.reasons.iter().any(|reason| !reason.why.is_empty()), "{row}");
    }
}
