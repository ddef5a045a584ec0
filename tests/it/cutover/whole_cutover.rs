//! Whole cutovers on the sandbox: to the end, back when a gate fails, and with an operator who intervenes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use migrate_infra::config::Config;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::events::{Event, Events};
use migrate_infra::migration::cutover::{
    CutoverPlan, CutoverReport as Report, Driver, Hooks, Initiator, Input, Operator, Outcome, PersistedCutover, Phase,
    Progress,
};
use migrate_infra::migration::gate::Verdict;
use migrate_infra::migration::shift::{SendMode, roll_back_without_state};
use migrate_infra::migration::topology::Topology;
use migrate_infra::migration::{TrafficSplit, replication};
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::script::Script;
use migrate_infra::stack::EmergencySwitch;
use migrate_infra::state::{Journal, JournalError, MemoryStore};
use tokio::sync::mpsc;

use crate::cutover::traffic::{routed, split, weights};
use crate::harness::limited_store::LimitedStore;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::{PAIRED, config};

/// The first start of a replication: into a target that is not in use.
pub const START: replication::StartOptions =
    replication::StartOptions { reload: false, allow_full_load: true, follow_load: true };

/// Returns both environments with a running replication.
pub async fn replicating() -> Fixture {
    let mut fixture = routed().await;
    replicate_in(&mut fixture).await;
    fixture
}

pub async fn replicate_in(fixture: &mut Fixture) {
    let (done, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context: Context| {
            let topology = context.journal.read(Topology::of);
            replication::start(&context, &topology.replications[0], START).await
        })
        .await;
    let started = done.expect("it was not killed").expect("it starts");
    assert_eq!((started.task.status.as_str(), started.task.full_load_percent), ("running", 100));
}

/// No switchover follows the steps.
pub const STEPS_ALONE: &str = "cutover.strategy=read-only";

/// A cutover in few steps.
pub fn quick(sets: &[&str]) -> Config {
    config(PAIRED, &[&[STEPS_ALONE, "cutover.steps=[40,100]", "cutover.bake_seconds=60"], sets].concat())
}

/// Runs or resumes a cutover; an operator answers with `asked`.
pub async fn cut_over(context: Context, config: &Config, asked: Vec<Input>) -> Outcome {
    let (inputs, answers) = mpsc::unbounded_channel();
    for input in asked {
        inputs.send(input).expect("it listens");
    }
    listening(context, config, answers).await.expect("it can be written down")
}

/// Does the same for an operator who sends requests in between.
async fn listening(
    context: Context,
    config: &Config,
    answers: mpsc::UnboundedReceiver<Input>,
) -> Result<Outcome, JournalError> {
    driven(context, config, (None, None), answers).await
}

/// Does the same with an approval, and with a first request of the operator.
pub async fn driven(
    context: Context,
    config: &Config,
    (approved, wanted): (Option<(TrafficSplit, String)>, Option<Input>),
    answers: mpsc::UnboundedReceiver<Input>,
) -> Result<Outcome, JournalError> {
    let schedule = CutoverPlan::of(config).expect("there is routing");
    let state = context.journal.read(Clone::clone);
    let before = PersistedCutover::of(&state).expect("it can be read");
    let first = match (&before, wanted) {
        (Some(saved), Some(wanted)) => saved.request_input(wanted),
        _ => PersistedCutover::start_input(before.as_ref()),
    };
    let begun = || {
        let who = Initiator { user: "me".into(), host: "here".into() };
        let id = "cutover-1".try_into().expect("a name");
        let report = Report::new(id, "test", who, "2026-01-01T00:00:00Z", schedule.clone());
        PersistedCutover {
            began: context.cloud.unix_now(),
            progress: Progress::after(before.as_ref().map(|before| &before.progress)),
            report,
        }
    };
    let mut saved = before.clone().filter(|_| first != Input::Started).unwrap_or_else(begun);
    let topology = Topology::of(&state);
    let directory = tempfile::tempdir().expect("a directory");
    let drive = Driver {
        context,
        location: "us-east-1".into(),
        record_name: topology.record_name.clone().expect("there is routing"),
        plan: schedule,
        gates: config.gates.clone(),
        switch: EmergencySwitch::of(config),
        topology,
        hooks: Hooks { timeout: Duration::from_secs(10), ..Hooks::of(&config.cutover, directory.path()) },
        operator: Operator::Absent,
        approved,
    };
    drive.run(&mut saved, first, answers).await
}

pub async fn run(fixture: &mut Fixture, config: &Config) -> Outcome {
    let (done, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| {
            cut_over(context, config, Vec::new()).await
        })
        .await;
    done.expect("it was not killed")
}

pub fn scripted(fixture: &mut Fixture, script: &str) {
    fixture.world.load_script(Script::parse(script, "script.toml").expect("it is right"));
}

pub fn saved(fixture: &Fixture) -> PersistedCutover {
    PersistedCutover::of(&fixture.state()).expect("it can be read").expect("a cutover")
}

#[tokio::test(start_paused = true)]
pub async fn all_traffic_is_shifted_when_the_gates_hold() {
    let mut fixture = replicating().await;
    assert_eq!(run(&mut fixture, &quick(&[])).await, Outcome::Completed);
    assert_eq!(weights(&fixture), (0, 100));
    let saved = saved(&fixture);
    let changes: Vec<_> =
        saved.report.changes.iter().map(|change| (change.from.percent(), change.to.percent())).collect();
    assert_eq!(changes, [(0, 40), (40, 100)]);
    assert!(saved.report.to_markdown().contains("completed"));
}

/// The report was written to any place of the disk.
#[tokio::test(start_paused = true)]
async fn the_id_of_a_cutover_in_a_state_was_a_path() {
    let mut fixture = replicating().await;
    assert_eq!(run(&mut fixture, &quick(&[])).await, Outcome::Completed);
    let mut state = fixture.state();
    for id in ["/etc/cron.d/report", "../../report", ".."] {
        let cutover = state.migration.cutover.as_mut().expect("a cutover");
        cutover["report"]["id"] = id.into();
        let refused = PersistedCutover::of(&state).expect_err("it is a path");
        assert!(refused.to_string().contains("cannot be the name of a file"), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lag_that_grows_half_way_returns_all_traffic() {
    let mut fixture = replicating().await;
    let script = "[[events]]\ntraffic_percent = 40\nenvironment = \"target\"\nlag_seconds = 300\n";
    scripted(&mut fixture, script);
    let config = quick(&["cutover.bake_seconds=600"]);
    let outcome = run(&mut fixture, &config).await;
    let Outcome::RolledBack { why } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("replication-lag") && why.contains("300"), "{why}");
    assert_eq!(weights(&fixture), (100, 0));
    let report = saved(&fixture).report;
    let at = |text: &str| text.parse::<jiff::Timestamp>().expect("a time").as_second();
    let failed = report
        .verdicts
        .iter()
        .find(|one| one.gate == "replication-lag" && one.verdict == Verdict::Fail)
        .expect("it has failed");
    let back = report.changes.last().expect("a change");
    let (seconds, interval) = (at(&back.at) - at(&failed.at), i64::from(config.cutover.gate_interval_seconds));
    assert!(
        back.to == TrafficSplit::SOURCE && (0..=2 * interval).contains(&seconds),
        "{seconds} s with an interval of {interval} s, all of it seen to be live"
    );
    let page = report.to_markdown();
    assert!(page.contains("rolled back") && page.contains("replication-lag"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn no_data_is_never_a_pass() {
    let mut fixture = replicating().await;
    scripted(&mut fixture, "[[events]]\nat_seconds = 0\nmetrics_missing = [\"AWS/DMS:*\"]\n");
    // The data from before is too old.
    fixture.advance_a_day();
    let outcome = run(&mut fixture, &quick(&[])).await;
    assert!(matches!(&outcome, Outcome::Held { why } if why.contains("replication-lag")), "{outcome:?}");
    assert_eq!(weights(&fixture), (100, 0));
    assert!(saved(&fixture).report.changes.is_empty(), "no step was taken");
}

#[tokio::test(start_paused = true)]
async fn without_an_operator_the_cutover_ends_and_resumes_later() {
    let mut fixture = replicating().await;
    let config = quick(&["cutover.pause_at=[40]"]);
    let outcome = run(&mut fixture, &config).await;
    assert!(matches!(&outcome, Outcome::Held { why } if why.contains("approve")), "{outcome:?}");
    assert_eq!(weights(&fixture), (60, 40));
    let (done, _) = fixture
        .with_context(CrashPoints::default(), Faults::default(), async |context| {
            cut_over(context, &config, vec![Input::Approved("me".into())]).await
        })
        .await;
    assert_eq!(done, Some(Outcome::Completed));
    assert_eq!(saved(&fixture).report.approvals.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn commands_are_run_around_the_last_step() {
    let mut fixture = replicating().await;
    let sets = ["cutover.quiesce_command=[\"true\"]", "cutover.release_command=[\"true\"]"];
    assert_eq!(run(&mut fixture, &quick(&sets)).await, Outcome::Completed);
    let hooks: Vec<_> = saved(&fixture).report.hooks.iter().map(|hook| (hook.name.clone(), hook.exit_code)).collect();
    assert_eq!(hooks, [("quiesce".to_owned(), Some(0))]);
    let mut fixture = replicating().await;
    let sets = ["cutover.quiesce_command=[\"false\"]", "cutover.release_command=[\"true\"]"];
    let outcome = run(&mut fixture, &quick(&sets)).await;
    assert!(matches!(&outcome, Outcome::RolledBack { why } if why.contains("quiesce")), "{outcome:?}");
    let hooks: Vec<_> = saved(&fixture).report.hooks.iter().map(|hook| (hook.name.clone(), hook.exit_code)).collect();
    assert_eq!(
        (hooks, weights(&fixture)),
        (vec![("quiesce".to_owned(), Some(1)), ("release".to_owned(), Some(0))], (100, 0))
    );
}

/// An operator returns all traffic during the first step: the cutover does not shift it again.
#[tokio::test(start_paused = true)]
async fn a_manual_rollback_during_a_step_is_not_reverted() {
    let mut fixture = replicating().await;
    let config = quick(&[]);
    let both = async |context: Context| {
        let workspace = context.journal.read(|state| Topology::of(state).record_name).expect("there is routing");
        let by_hand = async {
            let is_sent = || {
                context.journal.read(|state| state.migration.shift.as_ref().is_some_and(|open| open.change.is_some()))
            };
            while !is_sent() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            roll_back_without_state(&context.read_context(), &"us-east-1".into(), &workspace, SendMode::IfChanged)
                .await
                .expect("it succeeds")
        };
        tokio::join!(cut_over(context.clone(), &config, Vec::new()), by_hand).0
    };
    let (outcome, calls) = fixture.with_context(CrashPoints::default(), Faults::default(), both).await;
    let outcome = outcome.expect("it was not killed");
    assert!(matches!(&outcome, Outcome::RolledBack { why } if why.contains("externally")), "{outcome:?}");
    assert_eq!(
        (weights(&fixture), calls.by_call().get("route53:ChangeResourceRecordSets")),
        ((100, 0), Some(&2)),
        "one there, and one back by hand"
    );
}

/// An operator rolls back while the quiesce command runs: the weights are set before the command ends, and the source
/// is released after it.
#[tokio::test(start_paused = true)]
async fn traffic_returns_while_the_quiesce_command_still_runs() {
    let mut fixture = replicating().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&seen);
    fixture.listener = Some(Events::to(move |event| match event {
        Event::Call { call: "route53:ChangeResourceRecordSets", .. } => to.lock().unwrap().push("shifted"),
        Event::HookEnded { name, .. } => to.lock().unwrap().push(name),
        _ => {}
    }));
    let config = quick(&["cutover.quiesce_command=[\"sleep\", \"2\"]", "cutover.release_command=[\"true\"]"]);
    let act = async |context: Context| {
        let (inputs, answers) = mpsc::unbounded_channel();
        let journal = context.journal.clone();
        // A thread, because the paused time does not pass while a command runs.
        std::thread::spawn(move || {
            let quiesces = || {
                let saved = journal.read(PersistedCutover::of).expect("it can be read");
                saved.is_some_and(|saved| saved.progress.phase == Phase::Quiescing)
            };
            while !inputs.is_closed() && !quiesces() {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(200));
            let _ = inputs.send(Input::RollbackRequested("anna".into()));
        });
        listening(context, &config, answers).await.expect("it can be written down")
    };
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
    assert_eq!((done, weights(&fixture)), (Some(Outcome::RolledBack { why: "anna".into() }), (100, 0)));
    assert_eq!(*seen.lock().unwrap(), ["shifted", "shifted", "quiesce", "release"]);
}

/// The journal can no longer be written while the target receives part of the traffic: the traffic still goes where
/// `on_failure` directs it.
#[tokio::test(start_paused = true)]
async fn traffic_returns_when_the_state_cannot_be_written() {
    for (on_failure, end) in [("rollback", (100, 0)), ("hold", (60, 40))] {
        let mut fixture = replicating().await;
        scripted(&mut fixture, "[[events]]\ntraffic_percent = 40\nenvironment = \"target\"\nlag_seconds = 300\n");
        let config = quick(&[&format!("cutover.on_failure=\"{on_failure}\""), "cutover.bake_seconds=600"]);
        let act = async |context: Context| {
            let store = LimitedStore::new(MemoryStore::default(), usize::MAX);
            let room = store.room();
            let (journal, _writer) = Journal::start(context.journal.read(Clone::clone), Box::new(store));
            let context = Context { journal: journal.clone(), ..context };
            let breaking = async {
                while journal.read(|state| state.migration.live) != Some(40) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                room.store(0, Ordering::SeqCst);
            };
            let (_inputs, answers) = mpsc::unbounded_channel();
            tokio::join!(listening(context, &config, answers), breaking).0
        };
        let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
        let done = done.expect("it was not killed");
        assert_eq!(weights(&fixture), end, "{done:?}");
        assert_eq!(matches!(done, Ok(Outcome::RolledBack { .. })), on_failure == "rollback", "{done:?}");
        assert_eq!(done.is_err(), on_failure == "hold", "{done:?}");
    }
}

/// The lock is lost while the target receives part of the traffic.
#[tokio::test(start_paused = true)]
async fn traffic_returns_when_the_lock_is_lost() {
    for (on_failure, end) in [("rollback", (100, 0)), ("hold", (60, 40))] {
        let mut fixture = replicating().await;
        let config = quick(&[&format!("cutover.on_failure=\"{on_failure}\""), "cutover.bake_seconds=600"]);
        let act = async |context: Context| {
            let (journal, cancel) = (context.journal.clone(), context.cancel.clone());
            let losing = async {
                while journal.read(|state| state.migration.live) != Some(40) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                cancel.cancel();
            };
            tokio::join!(cut_over(context, &config, Vec::new()), losing).0
        };
        let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
        let done = done.expect("it was not killed");
        assert_eq!(weights(&fixture), end, "{done:?}");
        assert_eq!(matches!(done, Outcome::RolledBack { .. }), on_failure == "rollback", "{done:?}");
    }
}

/// A name that is given with the command approves the waiting step, and no other; an earlier question does not consume
/// it.
#[tokio::test(start_paused = true)]
async fn an_approval_applies_to_the_waiting_step_only() {
    let mut fixture = replicating().await;
    let config = config(PAIRED, &["cutover.steps=[20,40,100]", "cutover.bake_seconds=60", "cutover.pause_at=[20,40]"]);
    assert!(matches!(run(&mut fixture, &config).await, Outcome::Held { .. }));
    assert_eq!(weights(&fixture), (80, 20));
    let act = async |context: Context| {
        driven(context, &config, (Some((split(20), "anna".into())), None), mpsc::unbounded_channel().1).await
    };
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
    assert!(matches!(done, Some(Ok(Outcome::Held { .. }))), "{done:?}");
    assert_eq!((weights(&fixture), saved(&fixture).report.approvals.len()), ((60, 40), 1));
}

#[tokio::test(start_paused = true)]
pub async fn a_running_replication_is_stopped_and_resumed() {
    let mut fixture = replicating().await;
    let stop = async |context: Context| {
        let topology = context.journal.read(Topology::of);
        replication::stop(&context, &topology.replications[0]).await.expect("it stops")
    };
    let (stopped, _) = fixture.with_context(CrashPoints::default(), Faults::default(), stop).await;
    assert_eq!(stopped, Some(true));
    replicate_in(&mut fixture).await;
}
