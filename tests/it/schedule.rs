//! The promises of `docs/cutover.md`: whatever happens in whichever order, a cutover ends as they say.

use std::collections::{HashSet, VecDeque};

use migrate_infra::config::{OnResume, Otherwise};
use migrate_infra::migration::Split;
use migrate_infra::migration::gate::Verdict;
use migrate_infra::migration::schedule::{Command, Effect, Input, Outcome, Phase, Progress, Question, Quiesce, Schedule};

use crate::schedule_driver::{Driver, Fate, INTERVAL, judged, schedule, split};

/// One thing that may happen next.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Pass,
    Fail,
    NoData,
    Error,
    KillBefore,
    KillAfter,
    Abort,
    Pause,
    Continue,
    ShiftLost,
    ShiftUnheard,
    RollbackFailed,
}

const TURNS: [Turn; 12] = [
    Turn::Pass,
    Turn::Fail,
    Turn::NoData,
    Turn::Error,
    Turn::KillBefore,
    Turn::KillAfter,
    Turn::Abort,
    Turn::Pause,
    Turn::Continue,
    Turn::ShiftLost,
    Turn::ShiftUnheard,
    Turn::RollbackFailed,
];

/// What was promised so far, as somebody keeps track of it who knows only what happened and the page of promises.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Promise {
    /// It goes on to the end.
    GoesOn,
    /// Traffic stays where it is until a person decides.
    Stays,
    /// Traffic stays where it is, and it ends.
    EndsHere,
    /// Traffic goes back to the source, because it was aborted or because of something else.
    GoesBack { aborted: bool },
    /// Traffic could not be brought back.
    Stuck,
    /// It has ended.
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Oracle {
    promise: Promise,
    paused: bool,
    /// Looks without data or answer since the last pass, and their age.
    blind: Option<u64>,
    fails: u32,
    lost_shifts: u32,
    failed_rollbacks: u32,
}

impl Oracle {
    fn new() -> Self {
        Self { promise: Promise::GoesOn, paused: false, blind: None, fails: 0, lost_shifts: 0, failed_rollbacks: 0 }
    }

    fn forget(&mut self) {
        (self.blind, self.fails, self.lost_shifts) = (None, 0, 0);
    }

    fn failure(&mut self, schedule: &Schedule) {
        if self.promise == Promise::GoesOn {
            self.promise = match schedule.on_failure {
                Otherwise::Rollback => Promise::GoesBack { aborted: false },
                Otherwise::Hold => Promise::Stays,
            };
        }
    }

    /// Takes in a turn. `asked`: a person was asked to decide; `under_way`: a shift was, or a roll-back.
    fn take(&mut self, turn: Turn, schedule: &Schedule, asked: bool, under_way: bool) {
        if let Some(age) = &mut self.blind {
            *age = (*age + INTERVAL).min(10 * INTERVAL);
        }
        match turn {
            Turn::Pass => {
                if self.lost_shifts >= 3 {
                    self.failure(schedule);
                }
                if matches!(self.promise, Promise::GoesBack { .. }) {
                    self.promise = Promise::Ended;
                }
                (self.blind, self.fails) = (None, 0);
            }
            Turn::Fail => {
                self.fails = (self.fails + 1).min(9);
                if self.fails >= schedule.gates[0].failures_in_a_row {
                    self.failure(schedule);
                }
            }
            Turn::NoData | Turn::Error => {
                if *self.blind.get_or_insert(0) >= schedule.no_data_seconds {
                    self.failure(schedule);
                }
            }
            Turn::KillBefore | Turn::KillAfter => {
                self.forget();
                self.failed_rollbacks = 0;
                let goes_back = matches!(self.promise, Promise::GoesOn | Promise::Stays | Promise::EndsHere);
                if schedule.on_resume == OnResume::Rollback && goes_back {
                    self.promise = Promise::GoesBack { aborted: false };
                }
            }
            Turn::Abort => {
                if let Promise::GoesOn | Promise::Stays = self.promise {
                    self.promise = match schedule.on_abort {
                        Otherwise::Rollback => Promise::GoesBack { aborted: true },
                        Otherwise::Hold => Promise::EndsHere,
                    };
                }
            }
            Turn::Pause => self.paused |= self.promise == Promise::GoesOn,
            Turn::Continue => {
                self.paused = false;
                if self.promise == Promise::Stays && asked {
                    self.promise = Promise::GoesOn;
                    self.forget();
                }
            }
            Turn::ShiftLost => self.lost_shifts += u32::from(under_way && self.promise == Promise::GoesOn),
            Turn::ShiftUnheard => {}
            Turn::RollbackFailed => {
                self.failed_rollbacks += u32::from(under_way);
                if self.failed_rollbacks >= 3 {
                    self.promise = Promise::Stuck;
                }
            }
        }
    }
}

/// A cutover, and what was promised for it.
#[derive(Clone)]
struct Place {
    driver: Driver,
    oracle: Oracle,
}

impl Place {
    fn take(&mut self, turn: Turn) {
        let driver = &mut self.driver;
        if driver.outcome().is_some() {
            return;
        }
        driver.now += INTERVAL;
        let asked = matches!(driver.asked, Some(Question::Decide { .. }));
        let (dns, live) = (driver.dns, driver.progress.live);
        let under_way = match turn {
            Turn::Pass => {
                driver.answer();
                driver.send(judged(Verdict::Pass));
                false
            }
            Turn::Fail => sent(driver, judged(Verdict::Fail)),
            Turn::NoData => sent(driver, judged(Verdict::NoData)),
            Turn::Error => sent(driver, judged(Verdict::Error)),
            Turn::KillBefore => killed(driver, Fate::Lost),
            Turn::KillAfter => killed(driver, Fate::Done),
            Turn::Abort => sent(driver, Input::AbortAsked("Ctrl-C".into())),
            Turn::Pause => sent(driver, Input::Paused),
            Turn::Continue => sent(driver, Input::Continued),
            Turn::ShiftLost => driver.shift_unknown(Fate::Lost),
            Turn::ShiftUnheard => driver.shift_unknown(Fate::Done),
            Turn::RollbackFailed => driver.rollback_fails(),
        };
        self.oracle.take(turn, &driver.schedule, asked, under_way);
        if driver.dns > dns || driver.progress.live > live {
            self.oracle.lost_shifts = 0;
        }
        self.check();
    }

    /// The end that has come, if it has, is the one that was promised.
    fn check(&mut self) {
        let (driver, promise) = (&self.driver, self.oracle.promise.clone());
        let Some(outcome) = driver.outcome() else {
            assert!(!matches!(promise, Promise::Ended | Promise::Stuck), "{promise:?}, and it goes on: {:#?}", driver.events);
            return;
        };
        let fits = match (outcome, &promise) {
            (Outcome::Completed, Promise::GoesOn) => driver.dns == Split::TARGET && !self.oracle.paused,
            (Outcome::RolledBack { .. } | Outcome::Aborted { rolled_back: true, .. }, Promise::Ended) => driver.dns == Split::SOURCE,
            (Outcome::Aborted { rolled_back: false, .. }, Promise::EndsHere) => driver.dns == driver.progress.live,
            (Outcome::RollbackStuck { .. }, Promise::Stuck) => true,
            _ => false,
        };
        assert!(fits, "promised {promise:?}, and it ended as {outcome:?}: {:#?}", driver.events);
    }

    /// From here on nothing goes wrong: it ends as promised.
    fn settle(mut self) {
        let promise = self.oracle.promise.clone();
        let where_it_is = self.driver.dns;
        let shifting = self.driver.pending.iter().find_map(|command| if let Command::Shift { to } = command { Some(*to) } else { None });
        let ended = self.driver.outcome().cloned();
        let outcome = self.driver.settle();
        let stays = self.driver.dns == shifting.unwrap_or(where_it_is);
        let lost = self.oracle.lost_shifts >= 3;
        let fits = match (&promise, &outcome) {
            (_, outcome) if ended.is_some() => ended.as_ref() == Some(outcome),
            (Promise::GoesOn, Outcome::RolledBack { .. } | Outcome::Held { .. }) => lost,
            (Promise::GoesOn, Outcome::Completed) => self.driver.dns == Split::TARGET && !lost,
            (Promise::Stays, Outcome::Held { .. }) | (Promise::EndsHere, Outcome::Aborted { rolled_back: false, .. }) => stays,
            (Promise::GoesBack { aborted: true }, Outcome::Aborted { rolled_back: true, .. })
            | (Promise::GoesBack { aborted: false }, Outcome::RolledBack { .. }) => self.driver.dns == Split::SOURCE,
            _ => false,
        };
        assert!(fits, "promised {promise:?}, and it ended as {outcome:?} with {}: {:#?}", self.driver.dns, self.driver.events);
    }

    /// All that what may come depends on: times count from now, and counts that nothing depends on are left out.
    fn key(&self) -> String {
        let driver = &self.driver;
        let mut progress: Progress = driver.progress.clone();
        progress.since = 0;
        progress.failures = 0;
        for streak in progress.watch.0.values_mut() {
            streak.blind_since = streak.blind_since.map(|since| (driver.now - since).min(10 * INTERVAL));
            streak.failures = streak.failures.min(9);
        }
        match &mut progress.phase {
            Phase::Baking { until } | Phase::Paused { until } | Phase::Draining { until } => *until = until.saturating_sub(driver.now),
            _ => {}
        }
        let mut pending = driver.pending.clone();
        for command in &mut pending {
            if let Command::WaitForLagZero { until } = command {
                *until = 0;
            }
        }
        format!("{progress:?} {} {pending:?} {:?} {:?}", driver.dns, driver.asked, self.oracle)
    }
}

fn sent(driver: &mut Driver, input: Input) -> bool {
    driver.send(input);
    false
}

fn killed(driver: &mut Driver, fate: Fate) -> bool {
    driver.kill(fate);
    false
}

/// Every schedule that the promises tell apart.
fn schedules() -> Vec<Schedule> {
    let mut all = Vec::new();
    for on_failure in [Otherwise::Rollback, Otherwise::Hold] {
        for on_resume in [OnResume::Continue, OnResume::Rollback] {
            for on_abort in [Otherwise::Rollback, Otherwise::Hold] {
                all.push(Schedule { on_failure, on_resume, on_abort, ..schedule() });
            }
        }
    }
    all
}

/// Walks every sequence of turns up to this length, each state once, and lets each of them come to its end.
fn walk(schedule: Schedule, length: usize) -> usize {
    let first = Place { driver: Driver::start(schedule), oracle: Oracle::new() };
    let mut seen = HashSet::from([first.key()]);
    let mut queue = VecDeque::from([(first, 0)]);
    while let Some((place, taken)) = queue.pop_front() {
        place.clone().settle();
        if taken == length {
            continue;
        }
        for turn in TURNS {
            let mut next = place.clone();
            next.take(turn);
            if seen.insert(next.key()) {
                queue.push_back((next, taken + 1));
            }
        }
    }
    seen.len()
}

#[test]
fn every_sequence_of_six_ends_as_promised() {
    for schedule in schedules() {
        let shown = format!("{schedule:?}");
        let states = walk(schedule, 6);
        assert!(states > 300, "{states} states for {shown}");
    }
}

#[test]
fn every_sequence_with_tolerance_a_command_and_a_wait_ends_as_promised() {
    for schedule in schedules() {
        let mut schedule = Schedule { quiesce: true, lag_zero_seconds: Some(600), steps: vec![Split::TARGET].into(), ..schedule };
        schedule.gates[0].failures_in_a_row = 2;
        assert!(walk(schedule, 5) > 300);
    }
}

fn passes(driver: &mut Driver, times: usize) {
    for _ in 0..times {
        driver.now += INTERVAL;
        driver.answer();
        driver.send(judged(Verdict::Pass));
    }
}

/// Passes until traffic is there.
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
fn a_gate_that_fails_half_way_brings_all_traffic_back_at_once() {
    let steps: Vec<Split> = (1..=10).map(|step| split(step * 10)).collect();
    let mut driver = Driver::start(Schedule { steps: steps.into(), bake_seconds: 300, ..schedule() });
    until_live(&mut driver, 40);
    driver.now += INTERVAL;
    driver.send(judged(Verdict::Fail));
    let reason = "gate `lag`: fail: as scripted".to_owned();
    assert_eq!(driver.told, [Command::RollBack { reason: reason.clone(), attempt: 1 }]);
    driver.answer();
    assert_eq!(driver.dns, Split::SOURCE);
    assert_eq!(driver.outcome(), Some(&Outcome::RolledBack { why: reason }));
}

#[test]
fn a_step_is_watched_for_its_whole_time_before_the_next() {
    let mut driver = Driver::start(Schedule { bake_seconds: 10 * INTERVAL, quiesce: true, ..schedule() });
    until_live(&mut driver, 50);
    let since = driver.now;
    until_live(&mut driver, 100);
    assert!(driver.now - since >= 10 * INTERVAL);
    let since = driver.now;
    assert_eq!(driver.settle(), Outcome::Completed);
    assert!(driver.now - since >= 10 * INTERVAL, "the last step is watched, too");
}

#[test]
fn without_data_nothing_is_shifted_and_after_a_while_it_is_a_failure() {
    let mut driver = Driver::start(schedule());
    driver.answer();
    for verdict in [Verdict::NoData, Verdict::Error] {
        driver.send(judged(verdict));
        assert_eq!((driver.progress.phase.clone(), driver.outcome()), (Phase::Checking, None));
        driver.now += INTERVAL;
    }
    driver.send(judged(Verdict::NoData));
    assert!(matches!(&driver.progress.phase, Phase::RollingBack { why, .. } if why.contains("no data") && why.contains("60 s")));
}

#[test]
fn a_gate_that_nobody_looked_at_does_not_pass() {
    let mut driver = Driver::start(schedule());
    driver.answer();
    driver.send(Input::Judged(Vec::new()));
    assert_eq!(driver.progress.phase, Phase::Checking);
    driver.now += INTERVAL;
    driver.send(judged(Verdict::NotJudged));
    assert_eq!(driver.progress.phase, Phase::Checking, "a gate that is not judged is not one that passes");
    driver.send(judged(Verdict::Pass));
    assert_eq!(driver.progress.phase, Phase::Shifting);
}

#[test]
fn a_person_approves_and_the_gates_are_judged_anew() {
    let mut driver = Driver::start(Schedule { pause_at: vec![split(50)], ..schedule() });
    until_live(&mut driver, 50);
    passes(&mut driver, 5);
    assert_eq!(driver.asked, Some(Question::Approve { at: split(50) }));
    driver.send(Input::Approved("anna".into()));
    assert_eq!((driver.told.clone(), driver.dns), (vec![Command::Judge], split(50)));
    driver.send(judged(Verdict::NoData));
    assert_eq!(driver.dns, split(50));
    driver.send(judged(Verdict::Pass));
    assert!(driver.told.contains(&Command::Shift { to: Split::TARGET }));
    assert_eq!(driver.settle(), Outcome::Completed);
    assert_eq!(driver.progress.approvals.len(), 1);
}

#[test]
fn a_gate_that_fails_while_a_person_is_asked_counts() {
    let mut driver = Driver::start(Schedule { pause_at: vec![split(50)], ..schedule() });
    until_live(&mut driver, 50);
    passes(&mut driver, 3);
    driver.send(judged(Verdict::Fail));
    driver.answer();
    assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { .. })));
}

#[test]
fn with_nobody_to_approve_it_ends_and_the_same_command_goes_on() {
    let mut driver = Driver::start(Schedule { pause_at: vec![split(50)], ..schedule() });
    until_live(&mut driver, 50);
    passes(&mut driver, 3);
    driver.send(Input::NobodyThere);
    assert_eq!((driver.outcome(), driver.dns), (Some(&Outcome::Held { why: "a person has to approve at 50 %".into() }), split(50)));
    driver.send(Input::Restarted);
    driver.send(Input::Approved("anna".into()));
    assert_eq!(driver.settle(), Outcome::Completed);
}

#[test]
fn writes_are_stopped_and_the_lag_is_zero_before_the_last_step_only() {
    let mut driver = Driver::start(Schedule { quiesce: true, lag_zero_seconds: Some(600), ..schedule() });
    until_live(&mut driver, 50);
    assert!(!driver.events.contains(&Input::QuiesceDone) && !driver.events.contains(&Input::LagZero));
    assert_eq!(driver.settle(), Outcome::Completed);
    let at = |input: &Input| driver.events.iter().position(|one| one == input).unwrap();
    let last = at(&Input::ShiftDone(Split::TARGET));
    assert!(at(&Input::QuiesceDone) < at(&Input::LagZero) && at(&Input::LagZero) < last);
    assert_eq!(driver.events.iter().filter(|one| **one == Input::QuiesceDone).count(), 1);
}

#[test]
fn a_command_that_fails_or_a_lag_that_stays_is_a_failure_and_the_source_is_released() {
    for failing in [Input::QuiesceFailed("exit code 3".into()), Input::LagTimeout] {
        let mut driver = Driver::start(Schedule { quiesce: true, lag_zero_seconds: Some(600), ..schedule() });
        until_live(&mut driver, 50);
        while driver.progress.phase != Phase::Quiescing {
            passes(&mut driver, 1);
        }
        if failing == Input::LagTimeout {
            driver.answer();
            driver.send(judged(Verdict::Pass));
            assert!(matches!(driver.progress.phase, Phase::Draining { .. }));
        }
        driver.send(failing);
        assert!(matches!(driver.told[..], [Command::RollBack { .. }]), "{:?}", driver.told);
        driver.answer();
        assert!(driver.events.contains(&Input::Released));
        assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { .. })));
    }
}

/// Quiesced, and just brought back because a gate failed.
fn releasing() -> Driver {
    let mut driver = Driver::start(Schedule { quiesce: true, ..schedule() });
    until_live(&mut driver, 50);
    while driver.progress.phase != Phase::Quiescing {
        passes(&mut driver, 1);
    }
    driver.send(judged(Verdict::Fail));
    driver.dns = Split::SOURCE;
    driver.send(Input::RollbackDone);
    assert!(matches!(driver.told[..], [Command::Release { attempt: 1 }]), "{:?}", driver.told);
    driver
}

#[test]
fn a_release_that_fails_does_not_say_that_traffic_is_elsewhere() {
    let mut driver = releasing();
    for _ in 0..3 {
        assert_eq!(driver.progress.live, Split::SOURCE);
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
    assert!(driver.told.contains(&Command::Observe), "somebody may have shifted traffic meanwhile: {:?}", driver.told);
    driver.send(Input::AbortAsked("Ctrl-C".into()));
    driver.send(judged(Verdict::Fail));
    driver.answer();
    assert!(driver.events.contains(&Input::Released));
    assert!(matches!(driver.outcome(), Some(Outcome::RolledBack { .. })));
}

/// The release command failed, and somebody has shifted traffic since.
#[test]
fn a_release_that_was_tried_again_said_that_all_traffic_was_back() {
    for (on_failure, back) in [(Otherwise::Rollback, true), (Otherwise::Hold, false)] {
        let mut driver = releasing();
        driver.schedule.on_failure = on_failure;
        for _ in 0..3 {
            driver.send(Input::ReleaseFailed("exit code 1".into()));
        }
        driver.dns = split(50);
        driver.send(Input::Restarted);
        driver.answer();
        driver.answer();
        assert_eq!((driver.dns == Split::SOURCE, matches!(driver.outcome(), Some(Outcome::RolledBack { .. }))), (back, back));
        assert_eq!(driver.quiesced, !back);
    }
}

#[test]
fn a_release_for_which_nobody_can_look_is_run_all_the_same() {
    let mut driver = releasing();
    driver.kill(Fate::Lost);
    for _ in 0..3 {
        driver.send(Input::ObserveFailed("Route 53 does not answer".into()));
        driver.now += INTERVAL;
    }
    assert!(driver.told.contains(&Command::Release { attempt: 1 }), "{:?}", driver.told);
}

/// A cutover that is complete leaves the source as it is. The next one knows of it.
#[test]
fn a_cutover_after_another_forgot_that_writes_were_stopped() {
    let mut first = Driver::start(Schedule { quiesce: true, ..schedule() });
    assert_eq!(first.settle(), Outcome::Completed);
    assert!(first.quiesced);
    let mut second = first.next();
    assert_eq!(second.settle(), Outcome::Completed);
    second.send(Input::RollbackAsked("anna".into()));
    second.answer();
    assert_eq!((second.dns, second.quiesced), (Split::SOURCE, false));
    // Also when somebody has shifted some of the traffic meanwhile.
    first.dns = split(50);
    let mut third = first.next();
    passes(&mut third, 1);
    third.send(judged(Verdict::Fail));
    third.answer();
    assert_eq!((third.dns, third.quiesced), (Split::SOURCE, false));
}

/// Held before the last step, when the quiesce command had done its work.
fn held_after_the_command(schedule: Schedule) -> Driver {
    let mut driver = Driver::start(schedule);
    while driver.progress.phase != Phase::Quiescing {
        passes(&mut driver, 1);
    }
    driver.answer();
    assert_eq!(driver.progress.quiesce, Quiesce::Done);
    driver.send(judged(Verdict::Fail));
    driver.send(Input::NobodyThere);
    driver
}

/// It was held after the quiesce command, and somebody has shifted traffic back before it went on.
#[test]
fn what_went_on_after_the_command_watched_no_step_and_did_not_run_it_again() {
    let steps: Vec<Split> = (1..=10).map(|step| split(step * 10)).collect();
    let schedule = Schedule { steps: steps.into(), bake_seconds: 4 * INTERVAL, quiesce: true, on_failure: Otherwise::Hold, ..schedule() };
    let mut driver = held_after_the_command(schedule);
    driver.dns = split(10);
    driver.send(Input::Restarted);
    for next in [20, 30, 90] {
        let since = driver.now;
        until_live(&mut driver, next);
        assert!(driver.now - since >= 4 * INTERVAL, "the step before {next} % was watched for {} s", driver.now - since);
    }
    assert_eq!(driver.settle(), Outcome::Completed);
    assert_eq!(driver.events.iter().filter(|one| **one == Input::QuiesceDone).count(), 2);
}

/// Where it was held is where it goes on: while writes are stopped nothing is watched for long, and the command is run again.
#[test]
fn what_goes_on_where_writes_were_stopped_is_not_watched_again() {
    let schedule = Schedule { bake_seconds: 100 * INTERVAL, quiesce: true, on_failure: Otherwise::Hold, ..schedule() };
    let mut driver = held_after_the_command(schedule);
    driver.send(Input::Restarted);
    let since = driver.now;
    while driver.progress.live != Split::TARGET {
        passes(&mut driver, 1);
    }
    assert!(driver.now - since < 10 * INTERVAL, "{}", driver.now - since);
    assert_eq!(driver.events.iter().filter(|one| **one == Input::QuiesceDone).count(), 2);
}

#[test]
fn weights_that_somebody_brought_back_during_a_shift_are_left_to_them() {
    for (on_failure, back) in [(Otherwise::Rollback, true), (Otherwise::Hold, false)] {
        let mut driver = Driver::start(Schedule { on_failure, ..schedule() });
        passes(&mut driver, 1);
        assert_eq!(driver.progress.phase, Phase::Shifting);
        driver.pending.clear();
        driver.dns = Split::SOURCE;
        driver.send(Input::ShiftFailed(Effect::Overridden(Split::SOURCE), "somebody else has changed them".into()));
        let shifts = driver.told.iter().any(|command| matches!(command, Command::Shift { .. }));
        assert!(!shifts && !matches!(driver.progress.phase, Phase::Checking | Phase::Observing { .. }), "{:?}", driver.progress);
        driver.answer();
        assert_eq!(matches!(driver.outcome(), Some(Outcome::RolledBack { why }) if why.contains("something else")), back);
        assert!(back || matches!(driver.settle(), Outcome::Held { .. }));
    }
}

#[test]
fn what_was_held_can_be_aborted() {
    for (on_abort, rolled_back) in [(Otherwise::Rollback, true), (Otherwise::Hold, false)] {
        let mut driver = Driver::start(Schedule { pause_at: vec![split(50)], on_abort, ..schedule() });
        until_live(&mut driver, 50);
        passes(&mut driver, 3);
        driver.send(Input::NobodyThere);
        assert!(matches!(driver.outcome(), Some(Outcome::Held { .. })));
        driver.send(Input::AbortAsked("anna".into()));
        driver.answer();
        assert_eq!(driver.outcome(), Some(&Outcome::Aborted { why: "anna".into(), rolled_back }));
        assert_eq!(driver.dns, if rolled_back { Split::SOURCE } else { split(50) });
    }
}

#[test]
fn a_pause_with_nobody_there_is_over_when_the_command_is_run_again() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.send(Input::Paused);
    driver.send(Input::NobodyThere);
    assert_eq!(driver.outcome(), Some(&Outcome::Held { why: "a person has paused it".into() }));
    driver.send(Input::Restarted);
    assert!(!driver.progress.paused);
    assert_eq!(driver.settle(), Outcome::Completed);
}

#[test]
fn a_lag_that_was_zero_before_it_ended_is_waited_for_again() {
    let steps = vec![Split::TARGET].into();
    let mut driver = Driver::start(Schedule { steps, lag_zero_seconds: Some(600), on_abort: Otherwise::Hold, ..schedule() });
    passes(&mut driver, 1);
    driver.answer();
    assert!(driver.progress.drained);
    driver.send(Input::AbortAsked("anna".into()));
    driver.send(Input::Restarted);
    assert!(!driver.progress.drained);
}

#[test]
fn only_the_step_at_which_it_waits_can_be_approved() {
    let schedule = Schedule { pause_at: vec![split(50)], ..schedule() };
    let mut driver = Driver::start(schedule.clone());
    assert_eq!(driver.progress.waits_at(&schedule), None);
    until_live(&mut driver, 50);
    passes(&mut driver, 3);
    assert_eq!(driver.progress.waits_at(&schedule), Some(split(50)));
    driver.send(Input::NobodyThere);
    assert_eq!(driver.progress.waits_at(&schedule), Some(split(50)), "also after it has ended there");
    driver.send(Input::Restarted);
    driver.send(Input::Approved("anna".into()));
    assert_eq!(driver.progress.waits_at(&schedule), None);
}

#[test]
fn the_wait_for_a_lag_of_zero_ends_also_when_nobody_tells() {
    let mut driver = Driver::start(Schedule { steps: vec![Split::TARGET].into(), lag_zero_seconds: Some(INTERVAL), ..schedule() });
    driver.answer();
    driver.send(judged(Verdict::Pass));
    driver.now += INTERVAL;
    driver.send(judged(Verdict::Pass));
    assert!(matches!(&driver.progress.phase, Phase::RollingBack { why, .. } if why.contains("lag")), "{:?}", driver.progress);
}

#[test]
fn weights_that_something_else_has_changed_are_a_failure() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.dns = split(37);
    driver.send(Input::Observed(driver.dns));
    assert!(
        matches!(&driver.told[..], [Command::RollBack { reason, .. }] if reason.contains("37 %") && reason.contains("50 %")),
        "{:?}",
        driver.told
    );
}

#[test]
fn weights_that_were_changed_while_nobody_looked_are_a_failure() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.dns = split(37);
    driver.kill(Fate::Lost);
    driver.answer();
    assert!(
        matches!(&driver.told[..], [Command::RollBack { reason, .. }] if reason.contains("37 %") && reason.contains("50 %")),
        "{:?}",
        driver.told
    );
}

#[test]
fn a_person_who_goes_on_takes_the_weights_as_they_are() {
    let mut driver = Driver::start(Schedule { on_failure: Otherwise::Hold, ..schedule() });
    until_live(&mut driver, 50);
    driver.send(judged(Verdict::Fail));
    driver.dns = split(20);
    driver.send(Input::Continued);
    driver.answer();
    assert_eq!((driver.progress.live, &driver.progress.phase), (split(20), &Phase::Baking { until: driver.now + INTERVAL }));
    assert_eq!(driver.settle(), Outcome::Completed);
}

#[test]
fn a_lag_that_was_zero_before_a_gate_was_blind_is_waited_for_again() {
    let mut driver = Driver::start(Schedule { steps: vec![Split::TARGET].into(), lag_zero_seconds: Some(600), ..schedule() });
    passes(&mut driver, 1);
    driver.answer();
    driver.send(judged(Verdict::NoData));
    driver.send(judged(Verdict::Pass));
    assert!(matches!(driver.progress.phase, Phase::Draining { .. }), "{:?}", driver.progress);
    driver.answer();
    driver.send(judged(Verdict::Pass));
    assert_eq!(driver.progress.phase, Phase::Shifting);
}

#[test]
fn the_lag_is_waited_for_again_when_the_last_shift_was_lost() {
    let mut driver = Driver::start(Schedule { steps: vec![Split::TARGET].into(), lag_zero_seconds: Some(600), ..schedule() });
    while driver.progress.phase != Phase::Shifting {
        passes(&mut driver, 1);
    }
    assert!(driver.shift_unknown(Fate::Lost));
    driver.answer();
    driver.send(judged(Verdict::Pass));
    assert!(matches!(driver.progress.phase, Phase::Draining { .. }), "{:?}", driver.progress);
}

#[test]
fn a_shift_that_ends_while_it_is_to_be_rolled_back_is_known_until_then() {
    let mut driver = Driver::start(schedule());
    passes(&mut driver, 1);
    driver.send(judged(Verdict::Fail));
    driver.send(Input::ShiftDone(split(50)));
    assert_eq!((driver.progress.live, driver.progress.intended), (split(50), split(50)));
    driver.send(Input::RollbackDone);
    assert_eq!((driver.progress.live, driver.progress.intended), (Split::SOURCE, Split::SOURCE));
}

#[test]
fn a_shift_that_is_refused_is_a_failure() {
    let mut driver = Driver::start(Schedule { on_failure: Otherwise::Hold, ..schedule() });
    driver.answer();
    driver.send(judged(Verdict::Pass));
    driver.send(Input::ShiftFailed(Effect::None, "no target is healthy".into()));
    assert!(matches!(&driver.asked, Some(Question::Decide { why }) if why.contains("no target is healthy")));
    assert_eq!(driver.progress.intended, Split::SOURCE, "it is not on its way any more");
    assert!(matches!(driver.settle(), Outcome::Held { .. }));
}

#[test]
fn a_roll_back_that_got_stuck_is_tried_again_by_the_same_command() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.send(judged(Verdict::Fail));
    for _ in 0..3 {
        assert!(driver.rollback_fails());
    }
    let Some(Outcome::RollbackStuck { why, error }) = driver.outcome().cloned() else { panic!("{:?}", driver.progress) };
    assert!(why.contains("lag") && error.contains("Route 53"));
    driver.send(Input::Restarted);
    driver.answer();
    assert_eq!((driver.outcome(), driver.dns), (Some(&Outcome::RolledBack { why }), Split::SOURCE));
}

#[test]
fn a_roll_back_that_a_person_asks_for_works_from_any_state() {
    for passed in 0..12 {
        let mut driver = Driver::start(Schedule { quiesce: true, lag_zero_seconds: Some(600), ..schedule() });
        passes(&mut driver, passed);
        driver.send(Input::RollbackAsked("anna".into()));
        driver.answer();
        assert_eq!((driver.outcome(), driver.dns), (Some(&Outcome::RolledBack { why: "anna".into() }), Split::SOURCE), "after {passed}");
    }
}

#[test]
fn a_shift_that_arrives_after_a_roll_back_is_taken_back() {
    let mut driver = Driver::start(schedule());
    until_live(&mut driver, 50);
    driver.send(judged(Verdict::Fail));
    driver.answer();
    driver.dns = Split::TARGET;
    driver.send(Input::ShiftDone(Split::TARGET));
    driver.answer();
    assert_eq!(driver.dns, Split::SOURCE);
}
