//! Single scenarios of the state machine of the cutover, each as `docs/cutover.md` describes it.

use migrate_infra::config::{OnFailure, Side};
use migrate_infra::migration::TrafficSplit;
use migrate_infra::migration::cutover::{
    Command, Condition, CutoverPlan, Input, Outcome, Phase, Progress, Question, Quiesce, ShiftEffect, SwitchUse,
};
use migrate_infra::migration::gate::Verdict;

use crate::cutover::state_machine_driver::{Driver, Fate, INTERVAL, evaluated, evaluated_of, schedule, split};

fn passes(driver: &mut Driver, times: usize) {
    for _ in 0..times {
        driver.now += INTERVAL;
        driver.answer();
        driver.send(evaluated(Verdict::Pass));
    }
}

/// Passes gates until the traffic has arrived.
fn until_live(driver: &mut Driver, percent: u8) {
    for _ in 0..100 {
        if driver.progress.live == split(percent) {
            return;
        }
        passes(driver, 1);
    }
    panic!("{percent} % was not reached: {:?}", driver.progress);
}

#[test]
fn a_gate_that_fails_half_way_returns_all_traffic_at_once() {
    let steps: Vec<TrafficSplit> = (1..=10).map(|step| split(step * 10)).collect();
    let mut driver = Driver::start(CutoverPlan { steps: steps.into(), bake_seconds: 300, ..schedule() });
    until_live(&mut driver, 40);
    driver.now += INTERVAL;
    driver.send(evaluated(Verdict::Fail));
    let reason = "gate `lag`: fail: as scripted".to_owned();
    let (condition, switch) = (Condition::SourceHealthy, SwitchUse::Leave);
    assert_eq!(driver.commands, [Command::RollBack { reason: reason.clone(), attempt: 1, condition, switch }]);
    driver.answer();
    assert_eq!(driver.dns, TrafficSplit::SOURCE);
    assert_eq!(driver.outcome(), Some(&Outcome::RolledBack { why: reason }));
}

#[test]
fn a_step_is_observed_for_its_whole_duration_before_the_next() {
    let mut driver = Driver::start(CutoverPlan { bake_seconds: 10 * INTERVAL, quiesce: true, ..schedule() });
    until_live(&mut driver, 50);
    let since = driver.now;
    until_live(&mut driver, 100);
    assert!(driver.now - since >= 10 * INTERVAL);
    let since = driver.now;
    assert_eq!(driver.settle(), Outcome::Completed);
    assert!(driver.now - since >= 10 * INTERVAL, "the last step is watched, too");
}

#[test]
fn without_data_nothing_is_shifted_and_an_operator_is_asked() {
    let mut driver = Driver::start(schedule());
    driver.answer();
    for verdict in [Verdict::NoData, Verdict::Error] {
        driver.send(evaluated(verdict));
        assert_eq!((driver.progress.phase.clone(), driver.outcome()), (Phase::Checking, None));
        driver.now += INTERVAL;
    }
    driver.send(evaluated(Verdict::NoData));
    assert!(matches!(&driver.asked, Some(Question::Decide { why }) if why.contains("no \
            data") && why.contains("60 s")));
}

/// Metrics of a new split arrive only some minutes after the shift. That is not a gate without data.
#[test]
fn the_time_without_data_begins_when_data_can_exist() {
    let mut driver = Driver::start(CutoverPlan { data_delay_seconds: 180, bake_seconds: 600, ..schedule() });
    until_live(&mut driver, 50);
    let shifted = driver.now;
    while driver.now < shifted + 180 + 60 {
        assert!(matches!(driver.progress.phase, Phase::Baking { .. }), "after {} s", driver.now - shifted);
        driver.now += INTERVAL;
        driver.send(evaluated(Verdict::NoData));
    }
    assert!(matches!(&driver.asked, Some(Question::Decide { why }) if why.contains("60 s")), "{:?}", driver.asked);
}

/// The source is not healthy: sending it all traffic would make an outage of a part one of everything.
#[test]
fn an_unhealthy_source_holds_the_cutover_in_every_configuration() {
    for on_failure in [OnFailure::Rollback, OnFailure::Hold] {
        for unhealthy in [vec![Side::Source], vec![Side::Source, Side::Target]] {
            let mut driver = Driver::start(CutoverPlan { on_failure, ..schedule() });
            until_live(&mut driver, 50);
            driver.send(evaluated_of(Verdict::Fail, &unhealthy));
            let Some(Question::Decide { why }) = &driver.asked else { panic!("{:?}", driver.progress) };
            assert!(why.contains("the source is not healthy, so no traffic is sent to it"), "{why}");
            assert!(matches!(driver.settle(), Outcome::Held { .. }));
            assert_eq!(driver.dns, split(50));
        }
    }
}

/// The target failed, and the source is not healthy at the moment of the rollback.
#[test]
fn a_rollback_to_an_unhealthy_source_is_not_sent() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.source_is_healthy = false;
    driver.send(evaluated_of(Verdict::Fail, &[Side::Target]));
    driver.answer();
    driver.answer();
    let Some(Question::Decide { why }) = driver.asked.clone() else { panic!("{:?}", driver.progress) };
    assert!(why.contains("gate `lag`") && why.contains("no target is healthy"), "{why}");
    assert_eq!(driver.dns, split(50));
    // It is healthy again, and an operator continues: the gates are watched from the beginning.
    driver.source_is_healthy = true;
    driver.send(Input::Continued);
    assert_eq!(driver.settle(), Outcome::Completed);
}

#[test]
fn an_abort_sends_no_traffic_to_an_unhealthy_source() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.source_is_healthy = false;
    driver.send(Input::AbortRequested("Ctrl-C".into()));
    driver.answer();
    driver.answer();
    let Some(Outcome::Aborted { why, rolled_back: false }) = driver.outcome() else { panic!("{:?}", driver.progress) };
    assert!(why.contains("Ctrl-C") && why.contains("not healthy"), "{why}");
    assert_eq!(driver.dns, split(50));
}

/// An operator can always send the traffic to the source, also while an automatic rollback waits.
#[test]
fn the_request_of_an_operator_makes_a_rollback_unconditional() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.source_is_healthy = false;
    driver.send(evaluated(Verdict::Fail));
    driver.send(Input::RollbackRequested("anna".into()));
    assert!(matches!(&driver.commands[..], [Command::RollBack { condition: Condition::None, .. }]));
    driver.answer();
    assert_eq!(driver.dns, TrafficSplit::SOURCE);
    assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { why }) if why.contains("lag")));
}

#[test]
fn a_cutover_that_cannot_be_monitored_rolls_back_to_a_healthy_source_only() {
    for (is_healthy, end) in [(true, TrafficSplit::SOURCE), (false, split(50))] {
        let mut driver = Driver::start(schedule());
        until_live(&mut driver, 50);
        driver.source_is_healthy = is_healthy;
        driver.send(Input::Unmonitored("the lock was lost".into()));
        driver.settle();
        assert_eq!(driver.dns, end);
    }
}

#[test]
fn a_gate_without_an_evaluation_does_not_pass() {
    let mut driver = Driver::start(schedule());
    driver.answer();
    driver.send(Input::Judged(Vec::new()));
    assert_eq!(driver.progress.phase, Phase::Checking);
    driver.now += INTERVAL;
    driver.send(evaluated(Verdict::NotJudged));
    assert_eq!(driver.progress.phase, Phase::Checking, "a gate that is not judged is not one that passes");
    driver.send(evaluated(Verdict::Pass));
    assert_eq!(driver.progress.phase, Phase::Shifting);
}

#[test]
fn gates_are_evaluated_again_after_an_approval() {
    let mut driver = Driver::start(CutoverPlan { pause_at: vec![split(50)], ..schedule() });
    until_live(&mut driver, 50);
    passes(&mut driver, 5);
    assert_eq!(driver.asked, Some(Question::Approve { at: split(50) }));
    driver.send(Input::Approved("anna".into()));
    assert_eq!((driver.commands.clone(), driver.dns), (vec![Command::Judge], split(50)));
    driver.send(evaluated(Verdict::NoData));
    assert_eq!(driver.dns, split(50));
    driver.send(evaluated(Verdict::Pass));
    assert!(driver.commands.contains(&Command::Shift { to: TrafficSplit::TARGET }));
    assert_eq!(driver.settle(), Outcome::Completed);
    assert_eq!(driver.progress.approvals.len(), 1);
}

#[test]
fn a_gate_that_fails_during_an_approval_counts() {
    let mut driver = Driver::start(CutoverPlan { pause_at: vec![split(50)], ..schedule() });
    until_live(&mut driver, 50);
    passes(&mut driver, 3);
    driver.send(evaluated(Verdict::Fail));
    driver.answer();
    assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { .. })));
}

#[test]
fn without_an_operator_it_ends_and_the_same_command_resumes() {
    let mut driver = Driver::start(CutoverPlan { pause_at: vec![split(50)], ..schedule() });
    until_live(&mut driver, 50);
    passes(&mut driver, 3);
    driver.send(Input::NoOperator);
    assert_eq!(
        (driver.outcome(), driver.dns),
        (Some(&Outcome::Held { why: "an operator must approve at 50 %".into() }), split(50))
    );
    driver.send(Input::Restarted);
    driver.send(Input::Approved("anna".into()));
    assert_eq!(driver.settle(), Outcome::Completed);
}

#[test]
fn writes_are_stopped_and_the_lag_is_zero_before_the_last_step_only() {
    let mut driver = Driver::start(CutoverPlan { quiesce: true, lag_zero_seconds: Some(600), ..schedule() });
    until_live(&mut driver, 50);
    assert!(!driver.events.contains(&Input::QuiesceDone) && !driver.events.contains(&Input::LagZero));
    assert_eq!(driver.settle(), Outcome::Completed);
    let at = |input: &Input| driver.events.iter().position(|one| one == input).unwrap();
    let last = at(&Input::ShiftDone(TrafficSplit::TARGET));
    assert!(at(&Input::QuiesceDone) < at(&Input::LagZero) && at(&Input::LagZero) < last);
    assert_eq!(driver.events.iter().filter(|one| **one == Input::QuiesceDone).count(), 1);
}

#[test]
fn a_command_that_fails_or_a_lag_that_stays_is_a_failure_and_the_source_is_released() {
    for failing in [Input::QuiesceFailed("exit code 3".into()), Input::LagTimeout] {
        let mut driver = Driver::start(CutoverPlan { quiesce: true, lag_zero_seconds: Some(600), ..schedule() });
        until_live(&mut driver, 50);
        while driver.progress.phase != Phase::Quiescing {
            passes(&mut driver, 1);
        }
        if failing == Input::LagTimeout {
            driver.answer();
            driver.send(evaluated(Verdict::Pass));
            assert!(matches!(driver.progress.phase, Phase::Draining { .. }));
        }
        driver.send(failing);
        assert!(matches!(driver.commands[..], [Command::RollBack { .. }]), "{:?}", driver.commands);
        driver.answer();
        assert!(driver.events.contains(&Input::Released));
        assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { .. })));
    }
}

/// Writes are stopped, and traffic has just returned because a gate failed.
fn releasing() -> Driver {
    let mut driver = Driver::start(CutoverPlan { quiesce: true, ..schedule() });
    until_live(&mut driver, 50);
    while driver.progress.phase != Phase::Quiescing {
        passes(&mut driver, 1);
    }
    driver.send(evaluated(Verdict::Fail));
    driver.dns = TrafficSplit::SOURCE;
    driver.send(Input::RollbackDone);
    assert!(matches!(driver.commands[..], [Command::Release { attempt: 1 }]), "{:?}", driver.commands);
    driver
}

#[test]
fn a_failed_release_does_not_report_a_wrong_location_of_traffic() {
    let mut driver = releasing();
    for _ in 0..3 {
        assert_eq!(driver.progress.live, TrafficSplit::SOURCE);
        driver.send(Input::ReleaseFailed("exit code 1".into()));
    }
    let Some(Outcome::NotReleased { why, error }) = driver.outcome().cloned() else { panic!("{:?}", driver.progress) };
    assert!(why.contains("lag") && error == "exit code 1");
    // The same command runs it again.
    driver.send(Input::Restarted);
    driver.answer();
    assert_eq!(driver.outcome(), Some(&Outcome::RolledBack { why }));
}

#[test]
fn a_release_that_was_killed_is_run_again() {
    let mut driver = releasing();
    driver.kill(Fate::Lost);
    assert!(
        driver.commands.contains(&Command::Observe),
        "somebody may have shifted traffic meanwhile: {:?}",
        driver.commands
    );
    driver.send(Input::AbortRequested("Ctrl-C".into()));
    driver.send(evaluated(Verdict::Fail));
    driver.answer();
    assert!(driver.events.contains(&Input::Released));
    assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { .. })));
}

/// The release command failed, and an operator has shifted traffic since.
#[test]
fn a_retried_release_reports_the_real_location_of_traffic() {
    for (on_failure, back) in [(OnFailure::Rollback, true), (OnFailure::Hold, false)] {
        let mut driver = releasing();
        driver.schedule.on_failure = on_failure;
        for _ in 0..3 {
            driver.send(Input::ReleaseFailed("exit code 1".into()));
        }
        driver.dns = split(50);
        driver.send(Input::Restarted);
        driver.answer();
        driver.answer();
        assert_eq!(
            (driver.dns == TrafficSplit::SOURCE, matches!(driver.outcome(), Some(Outcome::RolledBack { .. }))),
            (back, back)
        );
        assert_eq!(driver.quiesced, !back);
    }
}

#[test]
fn a_release_runs_even_if_the_weights_cannot_be_read() {
    let mut driver = releasing();
    driver.kill(Fate::Lost);
    for _ in 0..3 {
        driver.send(Input::ObserveFailed("Route 53 does not answer".into()));
        driver.now += INTERVAL;
    }
    assert!(driver.commands.contains(&Command::Release { attempt: 1 }), "{:?}", driver.commands);
}

/// A complete cutover leaves writes to the source stopped. The next one knows that.
#[test]
fn a_cutover_after_another_remembers_that_writes_are_stopped() {
    let mut first = Driver::start(CutoverPlan { quiesce: true, ..schedule() });
    assert_eq!(first.settle(), Outcome::Completed);
    assert!(first.quiesced);
    let mut second = first.next();
    assert_eq!(second.settle(), Outcome::Completed);
    second.send(Input::RollbackRequested("anna".into()));
    second.answer();
    assert_eq!((second.dns, second.quiesced), (TrafficSplit::SOURCE, false));
    // Also when an operator has shifted some of the traffic in between.
    first.dns = split(50);
    let mut third = first.next();
    passes(&mut third, 1);
    third.send(evaluated(Verdict::Fail));
    third.answer();
    assert_eq!((third.dns, third.quiesced), (TrafficSplit::SOURCE, false));
}

/// Held before the last step, after the quiesce command.
fn held_after_the_command(schedule: CutoverPlan) -> Driver {
    let mut driver = Driver::start(schedule);
    while driver.progress.phase != Phase::Quiescing {
        passes(&mut driver, 1);
    }
    driver.answer();
    assert_eq!(driver.progress.quiesce, Quiesce::Done);
    driver.send(evaluated(Verdict::Fail));
    driver.send(Input::NoOperator);
    driver
}

/// It was held after the quiesce command, and an operator has shifted traffic back before it resumed.
#[test]
fn a_cutover_resumed_after_the_command_observes_the_step_and_does_not_run_it_again() {
    let steps: Vec<TrafficSplit> = (1..=10).map(|step| split(step * 10)).collect();
    let schedule = CutoverPlan {
        steps: steps.into(),
        bake_seconds: 4 * INTERVAL,
        quiesce: true,
        on_failure: OnFailure::Hold,
        ..schedule()
    };
    let mut driver = held_after_the_command(schedule);
    driver.dns = split(10);
    driver.send(Input::Restarted);
    for next in [20, 30, 90] {
        let since = driver.now;
        until_live(&mut driver, next);
        assert!(
            driver.now - since >= 4 * INTERVAL,
            "the step before {next} % was watched for {} s",
            driver.now - since
        );
    }
    assert_eq!(driver.settle(), Outcome::Completed);
    assert_eq!(driver.events.iter().filter(|one| **one == Input::QuiesceDone).count(), 2);
}

/// A cutover resumes where it was held: while writes are stopped, nothing is observed for long, and the command runs
/// again.
#[test]
fn a_cutover_resumed_after_writes_stopped_does_not_observe_the_step_again() {
    let schedule =
        CutoverPlan { bake_seconds: 100 * INTERVAL, quiesce: true, on_failure: OnFailure::Hold, ..schedule() };
    let mut driver = held_after_the_command(schedule);
    driver.send(Input::Restarted);
    let since = driver.now;
    while driver.progress.live != TrafficSplit::TARGET {
        passes(&mut driver, 1);
    }
    assert!(driver.now - since < 10 * INTERVAL, "{}", driver.now - since);
    assert_eq!(driver.events.iter().filter(|one| **one == Input::QuiesceDone).count(), 2);
}

#[test]
fn weights_that_an_operator_restored_during_a_shift_are_kept() {
    for (on_failure, back) in [(OnFailure::Rollback, true), (OnFailure::Hold, false)] {
        let mut driver = Driver::start(CutoverPlan { on_failure, ..schedule() });
        passes(&mut driver, 1);
        assert_eq!(driver.progress.phase, Phase::Shifting);
        driver.pending.clear();
        driver.dns = TrafficSplit::SOURCE;
        driver.send(Input::ShiftFailed(
            ShiftEffect::Overridden(TrafficSplit::SOURCE),
            "somebody else has changed them".into(),
        ));
        let shifts = driver.commands.iter().any(|command| matches!(command, Command::Shift { .. }));
        assert!(
            !shifts && !matches!(driver.progress.phase, Phase::Checking | Phase::Observing { .. }),
            "{:?}",
            driver.progress
        );
        driver.answer();
        assert_eq!(matches!(driver.outcome(), Some(Outcome::RolledBack { why }) if why.contains("externally")), back);
        assert!(back || matches!(driver.settle(), Outcome::Held { .. }));
    }
}

#[test]
fn a_held_cutover_can_be_aborted() {
    for (on_abort, rolled_back) in [(OnFailure::Rollback, true), (OnFailure::Hold, false)] {
        let mut driver = Driver::start(CutoverPlan { pause_at: vec![split(50)], on_abort, ..schedule() });
        until_live(&mut driver, 50);
        passes(&mut driver, 3);
        driver.send(Input::NoOperator);
        assert!(matches!(driver.outcome(), Some(Outcome::Held { .. })));
        driver.send(Input::AbortRequested("anna".into()));
        driver.answer();
        assert_eq!(driver.outcome(), Some(&Outcome::Aborted { why: "anna".into(), rolled_back }));
        assert_eq!(driver.dns, if rolled_back { TrafficSplit::SOURCE } else { split(50) });
    }
}

#[test]
fn a_pause_without_an_operator_ends_with_the_next_command() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.send(Input::Paused);
    driver.send(Input::NoOperator);
    assert_eq!(driver.outcome(), Some(&Outcome::Held { why: "an operator paused it".into() }));
    driver.send(Input::Restarted);
    assert!(!driver.progress.paused);
    assert_eq!(driver.settle(), Outcome::Completed);
}

#[test]
fn a_lag_of_zero_is_required_again_after_a_restart() {
    let steps = vec![TrafficSplit::TARGET].into();
    let mut driver =
        Driver::start(CutoverPlan { steps, lag_zero_seconds: Some(600), on_abort: OnFailure::Hold, ..schedule() });
    passes(&mut driver, 1);
    driver.answer();
    assert!(driver.progress.drained);
    driver.send(Input::AbortRequested("anna".into()));
    driver.send(Input::Restarted);
    assert!(!driver.progress.drained);
}

#[test]
fn only_the_waiting_step_can_be_approved() {
    let schedule = CutoverPlan { pause_at: vec![split(50)], ..schedule() };
    let mut driver = Driver::start(schedule.clone());
    assert_eq!(driver.progress.awaits_approval_at(&schedule), None);
    until_live(&mut driver, 50);
    passes(&mut driver, 3);
    assert_eq!(driver.progress.awaits_approval_at(&schedule), Some(split(50)));
    driver.send(Input::NoOperator);
    assert_eq!(driver.progress.awaits_approval_at(&schedule), Some(split(50)), "also after it has ended there");
    driver.send(Input::Restarted);
    driver.send(Input::Approved("anna".into()));
    assert_eq!(driver.progress.awaits_approval_at(&schedule), None);
}

#[test]
fn the_wait_for_a_lag_of_zero_ends_without_a_measurement() {
    let mut driver = Driver::start(CutoverPlan {
        steps: vec![TrafficSplit::TARGET].into(),
        lag_zero_seconds: Some(INTERVAL),
        ..schedule()
    });
    driver.answer();
    driver.send(evaluated(Verdict::Pass));
    driver.now += INTERVAL;
    driver.send(evaluated(Verdict::Pass));
    assert!(
        matches!(&driver.progress.phase, Phase::RollingBack { why, .. } if why.contains("lag")),
        "{:?}",
        driver.progress
    );
}

#[test]
fn weights_changed_by_another_writer_are_a_failure() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.dns = split(37);
    driver.send(Input::Observed(driver.dns));
    assert!(
        matches!(&driver.commands[..], [Command::RollBack { reason, .. }] if reason.contains("37 \
            %") && reason.contains("50 %")),
        "{:?}",
        driver.commands
    );
}

#[test]
fn weights_changed_between_two_reads_are_a_failure() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.dns = split(37);
    driver.kill(Fate::Lost);
    driver.answer();
    assert!(
        matches!(&driver.commands[..], [Command::RollBack { reason, .. }] if reason.contains("37 \
            %") && reason.contains("50 %")),
        "{:?}",
        driver.commands
    );
}

#[test]
fn an_operator_who_resumes_accepts_the_current_weights() {
    let mut driver = Driver::start(CutoverPlan { on_failure: OnFailure::Hold, ..schedule() });
    until_live(&mut driver, 50);
    driver.send(evaluated(Verdict::Fail));
    driver.dns = split(20);
    driver.send(Input::Continued);
    driver.answer();
    assert_eq!(
        (driver.progress.live, &driver.progress.phase),
        (split(20), &Phase::Baking { until: driver.now + INTERVAL })
    );
    assert_eq!(driver.settle(), Outcome::Completed);
}

#[test]
fn a_lag_of_zero_is_required_again_after_a_gate_without_data() {
    let mut driver = Driver::start(CutoverPlan {
        steps: vec![TrafficSplit::TARGET].into(),
        lag_zero_seconds: Some(600),
        ..schedule()
    });
    passes(&mut driver, 1);
    driver.answer();
    driver.send(evaluated(Verdict::NoData));
    driver.send(evaluated(Verdict::Pass));
    assert!(matches!(driver.progress.phase, Phase::Draining { .. }), "{:?}", driver.progress);
    driver.answer();
    driver.send(evaluated(Verdict::Pass));
    assert_eq!(driver.progress.phase, Phase::Shifting);
}

#[test]
fn a_lag_of_zero_is_required_again_when_the_last_shift_was_lost() {
    let mut driver = Driver::start(CutoverPlan {
        steps: vec![TrafficSplit::TARGET].into(),
        lag_zero_seconds: Some(600),
        ..schedule()
    });
    while driver.progress.phase != Phase::Shifting {
        passes(&mut driver, 1);
    }
    assert!(driver.shift_unknown(Fate::Lost));
    driver.answer();
    driver.send(evaluated(Verdict::Pass));
    assert!(matches!(driver.progress.phase, Phase::Draining { .. }), "{:?}", driver.progress);
}

#[test]
fn a_shift_that_ends_during_a_rollback_request_is_recorded() {
    let mut driver = Driver::start(schedule());
    passes(&mut driver, 1);
    driver.send(evaluated(Verdict::Fail));
    driver.send(Input::ShiftDone(split(50)));
    assert_eq!((driver.progress.live, driver.progress.intended), (split(50), split(50)));
    driver.send(Input::RollbackDone);
    assert_eq!((driver.progress.live, driver.progress.intended), (TrafficSplit::SOURCE, TrafficSplit::SOURCE));
}

#[test]
fn a_shift_that_is_refused_is_a_failure() {
    let mut driver = Driver::start(CutoverPlan { on_failure: OnFailure::Hold, ..schedule() });
    driver.answer();
    driver.send(evaluated(Verdict::Pass));
    driver.send(Input::ShiftFailed(ShiftEffect::None, "no target is healthy".into()));
    assert!(matches!(&driver.asked, Some(Question::Decide { why }) if why.contains("no target is healthy")));
    assert_eq!(driver.progress.intended, TrafficSplit::SOURCE, "it is not on its way any more");
    assert!(matches!(driver.settle(), Outcome::Held { .. }));
}

#[test]
fn a_rollback_is_tried_until_it_succeeds() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.send(evaluated(Verdict::Fail));
    for failed in 1..30 {
        assert!(driver.rollback_fails());
        let [Command::RollBack { attempt, switch, .. }] = &driver.commands[..] else { panic!("{:?}", driver.commands) };
        assert_eq!((*attempt, *switch), (failed + 1, SwitchUse::IfUnavailable));
        assert!(matches!(driver.progress.phase, Phase::RollingBack { .. }), "it is recorded as rolling back");
        if failed % 10 == 0 {
            driver.kill(Fate::Lost);
            assert!(matches!(driver.commands[..], [Command::RollBack { attempt: 1, .. }]), "{:?}", driver.commands);
            assert!(driver.rollback_fails());
            break;
        }
    }
    driver.answer();
    assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { why }) if why.contains("lag")));
    assert_eq!(driver.dns, TrafficSplit::SOURCE);
}

/// The control plane of Route 53 does not answer: the emergency switch is used once, and the weights are still set.
#[test]
fn the_emergency_switch_is_used_once_and_remembered() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.send(evaluated(Verdict::Fail));
    assert!(driver.rollback_fails());
    driver.send(Input::TargetTakenOut("no answer".into()));
    assert!(driver.progress.taken_out);
    let [Command::RollBack { attempt: 3, switch, .. }] = &driver.commands[..] else { panic!("{:?}", driver.commands) };
    assert_eq!(*switch, SwitchUse::Leave);
    driver.answer();
    assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { .. })) && driver.progress.taken_out);
}

/// Earlier versions gave up after three attempts.
#[test]
fn a_rollback_that_an_earlier_version_gave_up_is_resumed() {
    let stuck = Outcome::RollbackStuck { why: "lag".into(), error: "no answer".into() };
    for (input, condition) in
        [(Input::Restarted, Condition::SourceHealthy), (Input::RollbackRequested("anna".into()), Condition::None)]
    {
        let mut driver = Driver::start(schedule());
        until_live(&mut driver, 50);
        driver.pending.clear();
        driver.progress = Progress { phase: Phase::Done(stuck.clone()), ..driver.progress };
        driver.send(input);
        let [Command::RollBack { condition: found, .. }] = &driver.commands[..] else {
            panic!("{:?}", driver.commands)
        };
        assert_eq!(*found, condition);
        driver.answer();
        assert_eq!(driver.outcome(), Some(&Outcome::RolledBack { why: "lag".into() }));
        assert_eq!(driver.dns, TrafficSplit::SOURCE);
    }
}

#[test]
fn a_requested_rollback_works_from_any_state() {
    for passed in 0..12 {
        let mut driver = Driver::start(CutoverPlan { quiesce: true, lag_zero_seconds: Some(600), ..schedule() });
        passes(&mut driver, passed);
        driver.send(Input::RollbackRequested("anna".into()));
        driver.answer();
        assert_eq!(
            (driver.outcome(), driver.dns),
            (Some(&Outcome::RolledBack { why: "anna".into() }), TrafficSplit::SOURCE),
            "after {passed}"
        );
    }
}

#[test]
fn a_shift_that_arrives_after_a_rollback_is_reverted() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.send(evaluated(Verdict::Fail));
    driver.answer();
    driver.dns = TrafficSplit::TARGET;
    driver.send(Input::ShiftDone(TrafficSplit::TARGET));
    driver.answer();
    assert_eq!(driver.dns, TrafficSplit::SOURCE);
}
