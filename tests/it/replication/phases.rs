//! The start of a replication in its phases, on the sandbox, whose databases are empty: schema and indexes have nothing
//! to do, and the task stops after its load and is resumed.

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use migrate_infra::aws;
use migrate_infra::clock::Clock;
use migrate_infra::config::Config;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::events::{Event, Events};
use migrate_infra::migration::compare::Endpoint;
use migrate_infra::migration::phase::{Phase, StartRecord};
use migrate_infra::migration::replication::{self, StartOptions};
use migrate_infra::migration::topology::{Database, Topology};
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::dms::{Task, TaskState};
use migrate_infra::stack::{LobSettings, MeasuredSource};
use migrate_infra::state::Record;
use migrate_infra::workflow::replication_start::{Procedure, StartError, StartRequest, Started};
use migrate_infra::workflow::{DatabaseLocator, EndpointSource, Workspace, graph as graph_of_state};

use crate::cutover::traffic::routed;
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{AFTER, BEFORE, Fixture};
use crate::harness::stacks::{PAIRED, config};

/// The session has a cloud already.
struct Unused;

impl EndpointSource for Unused {
    fn open(&self) -> Result<(aws::Endpoint, Clock), Box<dyn std::error::Error + Send + Sync>> {
        Err("the session has a cloud".into())
    }
}

/// Whether databases have data, which nobody can reach.
struct Locator {
    have_data: bool,
}

#[async_trait]
impl DatabaseLocator for Locator {
    fn have_data(&self) -> bool {
        self.have_data
    }

    async fn locate(&self, _: &Database, _: Endpoint) -> Result<Endpoint, String> {
        Err("there is no way to the database".to_owned())
    }
}

fn workspace(config: Config, have_data: bool) -> Workspace {
    Workspace {
        config,
        state_root: std::env::temp_dir().join("no-state-of-a-test"),
        sandbox: true,
        is_aws: false,
        parallelism: 32,
        endpoint: Box::new(Unused),
        databases: Box::new(Locator { have_data }),
        need: aws::Need::Everything,
        stack_account: OnceLock::new(),
        stack_in_state: OnceLock::new(),
        warn: |_| {},
    }
}

const FIRST: StartOptions = StartOptions { reload: false, allow_full_load: true, follow_load: true };
const RELOAD: StartOptions = StartOptions { reload: true, ..FIRST };

type Ended = Result<Started, StartError>;

/// What a test starts.
struct Run<'a> {
    sets: &'a [&'a str],
    have_data: bool,
    options: StartOptions,
    only: Option<Phase>,
}

const ALL: Run<'_> = Run { sets: &[], have_data: false, options: FIRST, only: None };

impl Run<'_> {
    /// Starts the replication. `None`: it was killed.
    async fn killed_or_done(&self, fixture: &mut Fixture, crash_points: CrashPoints, faults: Faults) -> Option<Ended> {
        let workspace = workspace(config(PAIRED, self.sets), self.have_data);
        let request = StartRequest { options: self.options, only: self.only, urls: None };
        let act = async |context: Context| {
            let replication = context.journal.read(Topology::of).replications.remove(0);
            Procedure::new(&workspace, &context, &request).start(&replication).await
        };
        fixture.with_context(crash_points, faults, act).await.0
    }

    async fn start(&self, fixture: &mut Fixture) -> Ended {
        let ended = self.killed_or_done(fixture, CrashPoints::default(), Faults::default()).await;
        ended.expect("it was not killed")
    }
}

fn task(fixture: &Fixture) -> &Task {
    let mut tasks = fixture.world.regions.values().flat_map(|region| region.dms.tasks.values());
    tasks.find(|task| !task.identifier.contains("reverse") && task.migration_type != "cdc").expect("a task")
}

fn record(fixture: &Fixture) -> Option<StartRecord> {
    let state = fixture.state();
    let address = Topology::of(&state).replications[0].address.clone();
    StartRecord::of(&state, &address).expect("it can be read")
}

/// Checks that the task replicates changes, that every phase is done, and how often the rows were loaded.
fn must_replicate(fixture: &Fixture, is_reloaded: bool, what: &str) {
    let task = task(fixture);
    assert_eq!(task.state, TaskState::Running, "{what}");
    let run = task.progress.runs.last().expect("a run");
    assert!(run.cdc_from.is_some() && run.to.is_none(), "{what}: {run:?}");
    assert!(task.progress.loads.iter().all(|load| load.reloaded == is_reloaded), "{what}: {:?}", task.progress.loads);
    let record = record(fixture).expect("a record");
    assert!(Phase::ALL.iter().all(|phase| record.is_done(*phase)), "{what}: {record:?}");
    assert!(fixture.state().migration.operations.is_empty(), "{what}");
}

#[tokio::test(start_paused = true)]
async fn the_phases_follow_each_other_and_are_told() {
    let mut fixture = routed().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    fixture.listener = Some(Events::to(move |event| {
        if let Event::ReplicationPhase { phase, state, .. } = event {
            heard.lock().expect("nobody panicked").push(format!("{phase} {state}"));
        }
    }));
    let started = ALL.start(&mut fixture).await.expect("it starts");
    assert_eq!((started.before.as_slice(), started.done.as_slice(), started.next), (&[][..], &Phase::ALL[..], None));
    must_replicate(&fixture, false, "all");
    // The task ran twice: it stopped after the load, before the indexes.
    assert_eq!(task(&fixture).progress.runs.len(), 2);
    let expected: Vec<String> =
        Phase::ALL.iter().flat_map(|phase| ["begun", "done"].map(|state| format!("{phase} {state}"))).collect();
    assert_eq!(*told.lock().expect("nobody panicked"), expected);
    // A repetition says what is done, and does nothing.
    let again = ALL.start(&mut fixture).await.expect("it runs");
    assert_eq!((again.before.as_slice(), again.done.as_slice(), again.started_as), (&Phase::ALL[..], &[][..], None));
    assert_eq!(task(&fixture).progress.runs.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_phase_runs_alone_and_in_order() {
    let mut fixture = routed().await;
    let only = |phase| Run { only: Some(phase), ..ALL };
    let refused = only(Phase::Indexes).start(&mut fixture).await.expect_err("nothing is loaded");
    assert!(matches!(refused, StartError::OutOfOrder { phase: Phase::Indexes, missing: Phase::Schema }), "{refused}");
    for (phase, next, state) in [
        (Phase::Schema, Some(Phase::Load), TaskState::Ready),
        (Phase::Load, Some(Phase::Indexes), TaskState::Stopped),
        (Phase::Indexes, Some(Phase::Changes), TaskState::Stopped),
        (Phase::Changes, None, TaskState::Running),
    ] {
        let started = only(phase).start(&mut fixture).await.expect("it is next");
        assert_eq!((started.done.as_slice(), started.next), (&[phase][..], next));
        assert_eq!(task(&fixture).state, state, "{phase}");
    }
    must_replicate(&fixture, false, "one by one");
    let again = only(Phase::Load).start(&mut fixture).await.expect("it is done");
    assert!(again.done.is_empty() && again.before.contains(&Phase::Load));
    let reloaded = Run { options: RELOAD, ..ALL }.start(&mut fixture).await;
    assert!(reloaded.is_err_and(|error| error.to_string().contains("cannot be reloaded")), "it runs");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_killed_goes_on_in_its_phase() {
    let initial = routed().await;
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        let killed = ALL.killed_or_done(&mut fixture, crash_points.clone(), Faults::default()).await;
        if killed.is_none() {
            ALL.start(&mut fixture).await.unwrap_or_else(|error| panic!("killed at {point}: {error:?}"));
        }
        must_replicate(&fixture, false, &format!("killed at {point}"));
    }
    assert!(matrix.points() > 20, "{}", matrix.points());
}

/// A replication that is stopped, with everything done.
async fn stopped() -> Fixture {
    let mut fixture = routed().await;
    ALL.start(&mut fixture).await.expect("it starts");
    let stop = async |context: Context| {
        let replication = context.journal.read(Topology::of).replications.remove(0);
        replication::stop(&context, &replication).await.expect("it stops")
    };
    fixture.with_context(CrashPoints::default(), Faults::default(), stop).await.0.expect("it was not killed");
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_is_killed_loads_once() {
    let initial = stopped().await;
    let reload = Run { options: RELOAD, ..ALL };
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        let killed = reload.killed_or_done(&mut fixture, crash_points.clone(), Faults::default()).await;
        // Before its first record, nothing says that a reload was requested: it is requested again. From then on, the
        // command without `--reload` completes it.
        let begun = record(&fixture).is_some_and(|record| record.reload);
        if killed.is_none() {
            let again = if begun { &ALL } else { &reload };
            again.start(&mut fixture).await.unwrap_or_else(|error| panic!("killed at {point}: {error:?}"));
        }
        must_replicate(&fixture, true, &format!("killed at {point}"));
        let task = task(&fixture);
        let loads = task.progress.runs.iter().filter(|run| run.to == run.cdc_from && run.to.is_some()).count();
        assert_eq!(loads, 2, "killed at {point}: the first load, and one more: {:?}", task.progress.runs);
    }
    assert!(matrix.points() > 10, "{}", matrix.points());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_does_not_change_the_outcome() {
    let initial = routed().await;
    for fault in BEFORE.iter().chain(&AFTER) {
        let mut matrix = Matrix::new();
        while let Some(nth) = matrix.next_point() {
            let faults = Faults::at_call(nth, fault.clone());
            let mut fixture = initial.fork();
            let done = ALL.killed_or_done(&mut fixture, CrashPoints::default(), faults.clone()).await;
            if !faults.was_injected() {
                matrix.ended(nth);
                continue;
            }
            if !done.expect("it was not killed").is_ok_and(|started| started.next.is_none()) {
                ALL.start(&mut fixture).await.unwrap_or_else(|error| panic!("{fault:?} at {nth}: {error:?}"));
            }
            must_replicate(&fixture, false, &format!("{fault:?} at {nth}"));
        }
    }
}

/// What was measured is recorded before it is applied, so a kill in between is healed by the next start, and `up` and
/// the start agree.
#[tokio::test(start_paused = true)]
async fn measured_settings_reach_the_task_after_a_kill_and_are_no_difference_for_up() {
    let measured = MeasuredSource {
        lobs: LobSettings::Limited { kilobytes: 512 },
        batch_apply: true,
        requires_lobs: true,
        excluded_tables: vec![("public".into(), "payment_events".into())],
        computed_columns: vec![("public".into(), "payments".into(), "total".into())],
    };
    let mut initial = routed().await;
    let write = async |context: Context| {
        let replication = context.journal.read(Topology::of).replications.remove(0);
        let mut record = StartRecord::new(true, false);
        record.begin(Phase::Schema, 0);
        record.measured = Some(measured.clone());
        context
            .journal
            .write(vec![record.record(&replication.address).expect("it is JSON")])
            .await
            .expect("it is written");
    };
    initial.with_context(CrashPoints::default(), Faults::default(), write).await.0.expect("it was not killed");
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        if ALL.killed_or_done(&mut fixture, crash_points.clone(), Faults::default()).await.is_none() {
            ALL.start(&mut fixture).await.unwrap_or_else(|error| panic!("killed at {point}: {error:?}"));
        }
        must_replicate(&fixture, false, &format!("killed at {point}"));
        let task = task(&fixture);
        let setting = |path: &str| task.settings.pointer(path).cloned().unwrap_or_default();
        assert_eq!(setting("/TargetMetadata/LobMaxSize"), 512, "killed at {point}");
        assert_eq!(setting("/TargetMetadata/BatchApplyEnabled"), true, "killed at {point}");
        assert_eq!(setting("/ErrorBehavior/ApplyErrorInsertPolicy"), "STOP_TASK", "killed at {point}");
        let mappings = task.table_mappings.to_string();
        assert!(mappings.contains("payment[_]events") && mappings.contains("remove-column"), "{mappings}");
        let loaded: Vec<&str> = task.progress.loads.iter().map(|load| load.table.name.as_str()).collect();
        assert!(!loaded.is_empty() && !loaded.contains(&"payment_events"), "{loaded:?}");
        // `up` plans with the same settings.
        let graph = graph_of_state(&config(PAIRED, &[]), &fixture.state()).expect("a graph");
        let done = fixture.up(&graph).await;
        assert_eq!(done.must_succeed().report().changed, 0, "killed at {point}");
        // The end of the migration leaves nothing.
        let end = fixture.state().migration.end();
        assert!(end.iter().any(|record| matches!(record, Record::Replication { saved: None, .. })), "{end:?}");
    }
    assert!(matrix.points() > 20, "{}", matrix.points());
}

#[tokio::test(start_paused = true)]
async fn a_replication_of_an_earlier_version_goes_on() {
    // It has run, and nothing is recorded of its phases.
    let mut fixture = routed().await;
    let before = async |context: Context| {
        let replication = context.journal.read(Topology::of).replications.remove(0);
        replication::start(&context, &replication, FIRST).await.expect("it starts");
        replication::stop(&context, &replication).await.expect("it stops");
    };
    fixture.with_context(CrashPoints::default(), Faults::default(), before).await.0.expect("it was not killed");
    let started = ALL.start(&mut fixture).await.expect("it goes on");
    assert_eq!((started.before.len(), started.done.len(), started.next), (0, 0, None));
    assert_eq!((task(&fixture).state, record(&fixture)), (TaskState::Running, None));
}

#[tokio::test(start_paused = true)]
async fn without_access_the_phases_that_need_it_are_named() {
    let mut fixture = routed().await;
    let refused = Run { have_data: true, ..ALL }.start(&mut fixture).await.expect_err("there is no access");
    assert!(matches!(&refused, StartError::NoAccess { phase: Phase::Schema, .. }), "{refused}");
    assert_eq!(task(&fixture).state, TaskState::Ready, "nothing was started");
    let text = refused.to_string();
    assert!(text.contains("`schema` and `indexes`"), "{text}");
    // A target that has its schema needs none: the task does not stop after its load.
    let existing = Run { have_data: true, sets: &["replication.schema=existing"], ..ALL };
    let mut fixture = routed().await;
    let started = existing.start(&mut fixture).await.expect("it starts");
    assert_eq!(started.done, [Phase::Schema, Phase::Load, Phase::Changes]);
    assert_eq!((task(&fixture).state, task(&fixture).progress.runs.len()), (TaskState::Running, 1));
}
