//! Cutovers and replications that are killed at every point, or that lose the answer of every call.

use migrate_infra::config::Config;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::migration::cutover::{Input, Outcome, Quiesce};
use migrate_infra::migration::replication;
use migrate_infra::migration::topology::Topology;
use migrate_infra::sandbox::Faults;
use tokio::sync::mpsc;

use crate::cutover::traffic::{routed, weights};
use crate::cutover::whole_cutover::{
    START, STEPS_ALONE, cut_over, driven, quick, replicate_in, replicating, run, saved, scripted,
};
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{AFTER, BEFORE, Fixture};
use crate::harness::stacks::{PAIRED, config};

/// Every request of an operator after a kill, in every phase, ends the cutover.
async fn a_request_after_a_kill_ends(fixture: &Fixture, config: &Config, point: u64) {
    for wanted in [Input::RollbackRequested("anna".into()), Input::AbortRequested("anna".into())] {
        let mut fixture = fixture.fork();
        let is_over = saved(&fixture).progress.outcome().is_some_and(|outcome| !outcome.can_resume());
        if is_over {
            continue;
        }
        let asked = (None, Some(wanted.clone()));
        let act = async |context: Context| driven(context, config, asked, mpsc::unbounded_channel().1).await;
        let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
        assert_eq!(weights(&fixture), (100, 0), "killed at {point}, then {wanted:?}: {done:?}");
    }
}

/// After a kill at any point, the same command continues to the end, or rolls back if configured. In two halves, for
/// two processors.
#[tokio::test(start_paused = true)]
async fn a_killed_cutover_resumes_or_rolls_back_first_half() {
    killed_cutovers(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_cutover_resumes_or_rolls_back_second_half() {
    killed_cutovers(2).await;
}

async fn killed_cutovers(first: u64) {
    let initial = replicating().await;
    for (on_resume, end) in [("cutover.on_resume=\"continue\"", (0, 100)), ("cutover.on_resume=\"rollback\"", (100, 0))]
    {
        let config = quick(&[on_resume]);
        let mut matrix = Matrix::stepping(first, 2);
        while let Some((point, crash_points)) = matrix.arm() {
            let mut fixture = initial.fork();
            fixture
                .with_context(crash_points.clone(), Faults::default(), async |context| {
                    cut_over(context, &config, Vec::new()).await
                })
                .await;
            let (source, target) = weights(&fixture);
            assert_eq!(source + target, 100, "killed at {point}");
            if !crash_points.is_dead() {
                continue;
            }
            if point % 5 == 1 && fixture.state().migration.cutover.is_some() {
                a_request_after_a_kill_ends(&fixture, &config, point).await;
            }
            let begun = fixture.state().migration.cutover.is_some();
            let ended = begun && saved(&fixture).progress.outcome().is_some();
            let outcome = run(&mut fixture, &config).await;
            // A cutover that had not begun, or had ended, starts again without obstacles.
            let end = if begun && !ended { end } else { (0, 100) };
            assert_eq!(weights(&fixture), end, "killed at {point}: {outcome:?}");
            assert_eq!(fixture.state().migration.shift, None, "killed at {point}: a shift that nobody saw to be live");
        }
        assert!(matrix.points() > 5, "{}", matrix.points());
    }
}

/// After a kill at any point around the last step, with commands configured, the source accepts writes in the end when
/// it receives traffic.
#[tokio::test(start_paused = true)]
async fn a_cutover_killed_around_its_commands_releases_the_source() {
    let initial = replicating().await;
    let sets = [
        STEPS_ALONE,
        "cutover.steps=[100]",
        "cutover.bake_seconds=60",
        "cutover.quiesce_command=[\"true\"]",
        "cutover.release_command=[\"true\"]",
    ];
    let config = config(PAIRED, &sets);
    for fails in [false, true] {
        let mut matrix = Matrix::new();
        while let Some((point, crash_points)) = matrix.arm() {
            let mut fixture = initial.fork();
            if fails {
                scripted(
                    &mut fixture,
                    "[[events]]\ntraffic_percent = 100\nenvironment = \"target\"\nlag_seconds = 300\n",
                );
            }
            fixture
                .with_context(crash_points.clone(), Faults::default(), async |context| {
                    cut_over(context, &config, Vec::new()).await
                })
                .await;
            if !crash_points.is_dead() {
                continue;
            }
            let outcome = run(&mut fixture, &config).await;
            let end = if fails { (100, 0) } else { (0, 100) };
            assert_eq!(weights(&fixture), end, "killed at {point}: {outcome:?}");
            if !fails {
                let act = async |context: Context| {
                    driven(
                        context,
                        &config,
                        (None, Some(Input::RollbackRequested("anna".into()))),
                        mpsc::unbounded_channel().1,
                    )
                    .await
                };
                let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), act).await;
                assert!(matches!(done, Some(Ok(Outcome::RolledBack { .. }))), "killed at {point}: {done:?}");
            }
            let saved = saved(&fixture);
            assert_eq!((weights(&fixture), saved.progress.quiesce), ((100, 0), Quiesce::NotRun), "killed at {point}");
            // A cutover that starts again after the end fails before the commands: the lag still exists.
            let last = saved.report.hooks.last().map(|hook| hook.name.as_str());
            assert!(last == Some("release") || (fails && last.is_none()), "killed at {point}: {last:?}");
        }
        assert!(matrix.points() > 10, "{}", matrix.points());
    }
}

/// Every type of lost answer, at every mutating call of a start, a stop and a whole cutover.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_does_not_change_the_outcome() {
    let (initial, running) = (routed().await, replicating().await);
    let config = quick(&[]);
    for fault in BEFORE.iter().chain(&AFTER) {
        let mut matrix = Matrix::new();
        while let Some(nth) = matrix.next_point() {
            let faults = Faults::at_call(nth, fault.clone());
            let mut fixture = initial.fork();
            let start = async |context: Context| {
                let topology = context.journal.read(Topology::of);
                replication::start(&context, &topology.replications[0], START).await.is_ok()
            };
            let (started, calls) = fixture.with_context(CrashPoints::default(), faults.clone(), start).await;
            if !faults.was_injected() {
                matrix.ended(calls.mutations());
                continue;
            }
            if started != Some(true) {
                replicate_in(&mut fixture).await;
            }
            assert!(fixture.state().migration.operations.is_empty(), "{fault:?} at {nth}");
        }
        let mut matrix = Matrix::new();
        while let Some(nth) = matrix.next_point() {
            let faults = Faults::at_call(nth, fault.clone());
            let mut fixture = running.fork();
            let act = async |context: Context| cut_over(context, &config, Vec::new()).await;
            let (outcome, calls) = fixture.with_context(CrashPoints::default(), faults.clone(), act).await;
            assert_eq!((outcome, weights(&fixture)), (Some(Outcome::Completed), (0, 100)), "{fault:?} at {nth}");
            if !faults.was_injected() {
                matrix.ended(calls.mutations());
            }
        }
        assert!(matrix.points() > 0, "no call failed");
    }
}

/// A start and a stop of the replication, killed at any point.
#[tokio::test(start_paused = true)]
async fn a_killed_start_or_stop_of_a_replication_is_completed() {
    let initial = routed().await;
    let mut running = initial.fork();
    replicate_in(&mut running).await;
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture
            .with_context(crash_points.clone(), Faults::default(), async |context: Context| {
                let topology = context.journal.read(Topology::of);
                replication::start(&context, &topology.replications[0], START).await.is_ok()
            })
            .await;
        if !crash_points.is_dead() {
            continue;
        }
        replicate_in(&mut fixture).await;
        assert!(fixture.state().migration.operations.is_empty(), "killed at {point}");
    }
    let mut points = matrix.points();
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = running.fork();
        let stop = async |context: Context| {
            let topology = context.journal.read(Topology::of);
            replication::stop(&context, &topology.replications[0]).await.is_ok()
        };
        fixture.with_context(crash_points.clone(), Faults::default(), stop).await;
        if !crash_points.is_dead() {
            continue;
        }
        let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), stop).await;
        assert_eq!(done, Some(true), "killed at {point}");
        assert!(fixture.state().migration.operations.is_empty(), "killed at {point}");
        // The replication resumes from there.
        replicate_in(&mut fixture).await;
    }
    points += matrix.points();
    assert!(points > 10, "{points}");
}
