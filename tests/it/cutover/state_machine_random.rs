//! Long random cutovers. The driver checks the invariants with each event.

use migrate_infra::config::{OnFailure, OnResume, Side};
use migrate_infra::migration::TrafficSplit;
use migrate_infra::migration::cutover::{
    Command, CutoverPlan, Event, Input, Outcome, Phase, Progress, ShiftEffect, step,
};
use migrate_infra::migration::gate::{Required, Verdict};
use proptest::prelude::*;

use crate::cutover::state_machine_driver::{Driver, Fate, evaluated, evaluated_of, schedule, split};

#[derive(Clone, Debug)]
enum Turn {
    Answer,
    Judge(Verdict),
    Send(Input),
    Kill(Fate),
    ShiftUnknown(Fate),
    ShiftRefused,
    RollbackFails,
    RollbackRefused,
    SourceIsHealthy(bool),
    SourceFails,
    Unmonitored,
    ByHand(u8),
    Settle,
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        12 => Just(Verdict::Pass),
        1 => Just(Verdict::Fail),
        1 => Just(Verdict::NoData),
        1 => Just(Verdict::Error),
        1 => Just(Verdict::NotJudged),
    ]
}

fn text() -> String {
    "somebody".to_owned()
}

/// An input that an operator or the world can send at any time.
fn said() -> impl Strategy<Value = Input> {
    prop_oneof![
        1 => Just(Input::Approved(text())),
        1 => Just(Input::Paused),
        3 => Just(Input::Continued),
        1 => Just(Input::NoOperator),
        1 => Just(Input::Restarted),
        1 => Just(Input::AbortRequested(text())),
        1 => Just(Input::RollbackRequested(text())),
        1 => Just(Input::ObserveFailed(text())),
        1 => Just(Input::QuiesceFailed(text())),
        1 => Just(Input::LagTimeout),
        1 => Just(Input::ReleaseFailed(text())),
    ]
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![Just(Fate::Lost), Just(Fate::Done)]
}

fn turns() -> impl Strategy<Value = (u64, Turn)> {
    let turn = prop_oneof![
        10 => Just(Turn::Answer),
        20 => verdicts().prop_map(Turn::Judge),
        3 => said().prop_map(Turn::Send),
        2 => fates().prop_map(Turn::Kill),
        1 => fates().prop_map(Turn::ShiftUnknown),
        1 => Just(Turn::ShiftRefused),
        1 => Just(Turn::RollbackFails),
        1 => Just(Turn::RollbackRefused),
        1 => any::<bool>().prop_map(Turn::SourceIsHealthy),
        1 => Just(Turn::SourceFails),
        1 => Just(Turn::Unmonitored),
        1 => (0_u8..=100).prop_map(Turn::ByHand),
        1 => Just(Turn::Settle),
    ];
    (0_u64..90, turn)
}

prop_compose! {
    fn schedules()(
        steps in prop::collection::vec(1_u8..=100, 0..6),
        pauses in prop::collection::vec(0_usize..6, 0..3),
        bake_seconds in 0_u64..200,
        no_data_seconds in 0_u64..200,
        failures_in_a_row in 1_u32..3,
        quiesce: bool,
        lag_zero_seconds in prop::option::of(1_u64..300),
        data_delay_seconds in 0_u64..200,
        failure: bool, resume: bool, abort: bool,
    ) -> CutoverPlan {
        let otherwise = |back| if back { OnFailure::Rollback } else { OnFailure::Hold };
        let steps: migrate_infra::migration::cutover::Steps = steps.into_iter().map(split).collect::<Vec<_>>().into();
        let pause_at = pauses.into_iter().filter_map(|index| steps.as_slice().get(index).copied()).collect();
        let on_resume = if resume { OnResume::Rollback } else { OnResume::Continue };
        let mut schedule = CutoverPlan {
            steps, bake_seconds, no_data_seconds, pause_at, quiesce, lag_zero_seconds, data_delay_seconds,
            on_failure: otherwise(failure), on_resume, on_abort: otherwise(abort), ..schedule()
        };
        schedule.gates[0].failures_in_a_row = failures_in_a_row;
        schedule
    }
}

/// Every input, for every phase.
fn anything() -> impl Strategy<Value = Input> {
    let splits = || (0_u8..=100).prop_map(split);
    prop_oneof![
        1 => Just(Input::Started),
        1 => Just(Input::Resumed),
        1 => Just(Input::Restarted),
        1 => splits().prop_map(Input::Observed),
        1 => Just(Input::ObserveFailed(text())),
        8 => verdicts().prop_map(evaluated),
        4 => splits().prop_map(Input::ShiftDone),
        1 => Just(Input::ShiftFailed(ShiftEffect::None, text())),
        1 => Just(Input::ShiftFailed(ShiftEffect::Unknown, text())),
        1 => splits().prop_map(|split| Input::ShiftFailed(ShiftEffect::Overridden(split), text())),
        1 => Just(Input::Released),
        1 => Just(Input::ReleaseFailed(text())),
        1 => Just(Input::QuiesceDone),
        1 => Just(Input::QuiesceFailed(text())),
        1 => Just(Input::LagZero),
        1 => Just(Input::LagTimeout),
        1 => Just(Input::Approved(text())),
        1 => Just(Input::Paused),
        1 => Just(Input::Continued),
        1 => Just(Input::AbortRequested(text())),
        1 => Just(Input::RollbackRequested(text())),
        1 => Just(Input::NoOperator),
        1 => Just(Input::RollbackDone),
        1 => Just(Input::RollbackFailed(text())),
        1 => Just(Input::RollbackRefused(text())),
        1 => Just(Input::TargetTakenOut(text())),
        1 => Just(Input::Unmonitored(text())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cutover_always_ends_when_nothing_fails_any_more(schedule in schedules(),
        turns in prop::collection::vec(turns(), 0..80)) {
        let mut driver = Driver::start(schedule);
        for (seconds, turn) in turns {
            driver.now += seconds;
            let before = driver.dns;
            let by_hand = matches!(turn, Turn::ByHand(_));
            let settles = matches!(turn, Turn::Settle);
            match turn {
                Turn::Answer => driver.answer(),
                Turn::Judge(verdict) => driver.send(evaluated(verdict)),
                Turn::Send(input) => driver.send(input),
                Turn::Kill(fate) => driver.kill(fate),
                Turn::ShiftUnknown(fate) => drop(driver.shift_unknown(fate)),
                Turn::ShiftRefused => drop(driver.shift_refused()),
                Turn::RollbackFails => drop(driver.rollback_fails()),
                Turn::RollbackRefused => drop(driver.rollback_refused()),
                Turn::SourceIsHealthy(is_healthy) => driver.source_is_healthy = is_healthy,
                Turn::SourceFails => driver.send(evaluated_of(Verdict::Fail, &[Side::Source])),
                Turn::Unmonitored => driver.send(Input::Unmonitored(text())),
                Turn::ByHand(percent) if driver.outcome().is_none() => {
                    driver.dns = split(percent);
                    driver.send(Input::Observed(split(percent)));
                }
                Turn::ByHand(_) => {}
                Turn::Settle => drop(driver.settle()),
            }
            let steps = driver.schedule.steps.as_slice();
            let fits = driver.dns == before || driver.dns == TrafficSplit::SOURCE || steps.contains(&driver.dns);
            prop_assert!(by_hand || settles || fits, "{} to {}", before, driver.dns);
        }
        let outcome = driver.settle();
        let lives = match outcome {
            Outcome::Completed => driver.dns == TrafficSplit::TARGET,
            Outcome::RolledBack { .. } | Outcome::Aborted { rolled_back: true,
                .. } | Outcome::NotReleased { .. } => driver.dns == TrafficSplit::SOURCE,
            Outcome::Held { .. } | Outcome::Aborted { .. } => true,
            Outcome::RollbackStuck { .. } => false,
        };
        prop_assert!(lives, "{:?} with {}", outcome, driver.dns);
        // In every case an operator can return all traffic.
        driver.send(Input::RollbackRequested(text()));
        driver.answer();
        prop_assert_eq!(driver.dns, TrafficSplit::SOURCE);
    }

    #[test]
    fn whatever_comes_in_whichever_phase_has_an_answer(schedule in schedules(),
        inputs in prop::collection::vec((0_u64..90, anything()), 0..80)) {
        let mut progress = Progress::new();
        let mut now = 0_u64;
        for (seconds, input) in inputs {
            now += seconds;
            let event = Event { now, input };
            let (after, commands) = step(&schedule, &progress, &event);
            for command in &commands {
                if let Command::Shift { to } = command {
                    let Input::Judged(judgements) = &event.input else { panic!("shifted after {event:?}") };
                    prop_assert!(judgements.iter().all(|one| one.verdict == Verdict::Pass));
                    prop_assert!(
                        schedule.steps.next_after(progress.live) == Some(*to) && after.phase == Phase::Shifting
                    );
                }
            }
            let ends = commands.iter().any(|command| matches!(command, Command::Finish(_)));
            prop_assert!(!ends || after.outcome().is_some());
            // While the cutover continues, there is always a pending input.
            let silent = commands.is_empty() && after.phase != progress.phase && after.outcome().is_none();
            prop_assert!(!silent, "{:?} after {:?} in {:?}", after.phase, event, progress.phase);
            progress = after;
        }
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm(schedule in schedules(), inputs in prop::collection::vec((any::<u64>(),
        anything()), 0..40)) {
        let mut progress = Progress::new();
        for (now, input) in inputs {
            progress = step(&schedule, &progress, &Event { now, input }).0;
        }
    }
}

#[test]
fn without_gates_traffic_is_shifted_only_with_permission() {
    for (gates_required, phase) in [(Required::Yes, Phase::Checking), (Required::No, Phase::Shifting)] {
        let mut driver = Driver::start(CutoverPlan { gates: Vec::new(), gates_required, ..schedule() });
        driver.answer();
        let event = Event { now: 0, input: Input::Judged(Vec::new()) };
        assert_eq!(step(&driver.schedule, &driver.progress, &event).0.phase, phase);
    }
}
