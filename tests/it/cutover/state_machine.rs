//! The guarantees of `docs/cutover.md` hold for every sequence of events.

use std::collections::{HashSet, VecDeque};

use migrate_infra::config::{OnFailure, OnResume, Side};
use migrate_infra::migration::TrafficSplit;
use migrate_infra::migration::cutover::{Command, CutoverPlan, Input, Outcome, Phase, Progress, Question};
use migrate_infra::migration::gate::Verdict;

use crate::cutover::state_machine_driver::{Driver, Fate, INTERVAL, evaluated, evaluated_of, schedule};

/// An event that can happen next.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Pass,
    Fail,
    SourceFails,
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
    RollbackRefused,
}

const TURNS: [Turn; 14] = [
    Turn::Pass,
    Turn::Fail,
    Turn::SourceFails,
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
    Turn::RollbackRefused,
];

/// The guaranteed outcome, derived only from the events and from `docs/cutover.md`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Promise {
    /// The cutover continues to the end.
    GoesOn,
    /// Traffic stays where it is until an operator decides.
    Stays,
    /// Traffic stays where it is, and the cutover ends.
    EndsHere,
    /// Traffic returns to the source, after an abort or for another reason.
    GoesBack { aborted: bool },
    /// The cutover has ended.
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Oracle {
    promise: Promise,
    paused: bool,
    /// Evaluations without data or answer since the last pass, and their age.
    blind: Option<u64>,
    fails: u32,
    lost_shifts: u32,
}

impl Oracle {
    fn new() -> Self {
        Self { promise: Promise::GoesOn, paused: false, blind: None, fails: 0, lost_shifts: 0 }
    }

    fn forget(&mut self) {
        (self.blind, self.fails, self.lost_shifts) = (None, 0, 0);
    }

    fn failure(&mut self, schedule: &CutoverPlan) {
        if self.promise == Promise::GoesOn {
            self.promise = match schedule.on_failure {
                OnFailure::Rollback => Promise::GoesBack { aborted: false },
                OnFailure::Hold => Promise::Stays,
            };
        }
    }

    /// The source is not healthy, or too little is known.
    fn stay(&mut self) {
        if self.promise == Promise::GoesOn {
            self.promise = Promise::Stays;
        }
    }

    /// Applies a turn. `asked`: an operator was asked to decide; `in_flight`: a shift or a rollback was in flight.
    fn take(&mut self, turn: Turn, schedule: &CutoverPlan, asked: bool, in_flight: bool) {
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
            Turn::SourceFails => {
                self.fails = (self.fails + 1).min(9);
                if self.fails >= schedule.gates[0].failures_in_a_row {
                    self.stay();
                }
            }
            Turn::NoData | Turn::Error => {
                if *self.blind.get_or_insert(0) >= schedule.no_data_seconds {
                    self.stay();
                }
            }
            Turn::KillBefore | Turn::KillAfter => {
                self.forget();
                let goes_back = matches!(self.promise, Promise::GoesOn | Promise::Stays | Promise::EndsHere);
                if schedule.on_resume == OnResume::Rollback && goes_back {
                    self.promise = Promise::GoesBack { aborted: false };
                }
            }
            Turn::Abort => {
                if let Promise::GoesOn | Promise::Stays = self.promise {
                    self.promise = match schedule.on_abort {
                        OnFailure::Rollback => Promise::GoesBack { aborted: true },
                        OnFailure::Hold => Promise::EndsHere,
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
            Turn::ShiftLost => self.lost_shifts += u32::from(in_flight && self.promise == Promise::GoesOn),
            Turn::RollbackRefused if in_flight => {
                self.promise = match self.promise {
                    Promise::GoesBack { aborted: true } => Promise::EndsHere,
                    _ => Promise::Stays,
                };
            }
            // A rollback is tried until it succeeds.
            Turn::ShiftUnheard | Turn::RollbackFailed | Turn::RollbackRefused => {}
        }
    }
}

/// A cutover and its guaranteed outcome.
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
        let in_flight = match turn {
            Turn::Pass => {
                driver.answer();
                driver.send(evaluated(Verdict::Pass));
                false
            }
            Turn::Fail => sent(driver, evaluated(Verdict::Fail)),
            Turn::SourceFails => sent(driver, evaluated_of(Verdict::Fail, &[Side::Source])),
            Turn::NoData => sent(driver, evaluated(Verdict::NoData)),
            Turn::Error => sent(driver, evaluated(Verdict::Error)),
            Turn::KillBefore => killed(driver, Fate::Lost),
            Turn::KillAfter => killed(driver, Fate::Done),
            Turn::Abort => sent(driver, Input::AbortRequested("Ctrl-C".into())),
            Turn::Pause => sent(driver, Input::Paused),
            Turn::Continue => sent(driver, Input::Continued),
            Turn::ShiftLost => driver.shift_unknown(Fate::Lost),
            Turn::ShiftUnheard => driver.shift_unknown(Fate::Done),
            Turn::RollbackFailed => driver.rollback_fails(),
            Turn::RollbackRefused => driver.rollback_refused(),
        };
        self.oracle.take(turn, &driver.schedule, asked, in_flight);
        if driver.dns > dns || driver.progress.live > live {
            self.oracle.lost_shifts = 0;
        }
        self.check();
    }

    /// Checks that the end, if it has been reached, is the guaranteed one.
    fn check(&mut self) {
        let (driver, promise) = (&self.driver, self.oracle.promise.clone());
        let Some(outcome) = driver.outcome() else {
            assert!(promise != Promise::Ended, "{promise:?}, and it goes on: {:#?}", driver.events);
            return;
        };
        let fits = match (outcome, &promise) {
            (Outcome::Completed, Promise::GoesOn) => driver.dns == TrafficSplit::TARGET && !self.oracle.paused,
            (Outcome::RolledBack { .. } | Outcome::Aborted { rolled_back: true, .. }, Promise::Ended) => {
                driver.dns == TrafficSplit::SOURCE
            }
            (Outcome::Aborted { rolled_back: false, .. }, Promise::EndsHere) => driver.dns == driver.progress.live,
            _ => false,
        };
        assert!(fits, "promised {promise:?}, and it ended as {outcome:?}: {:#?}", driver.events);
    }

    /// Runs to the end without further failures, and checks the outcome.
    fn settle(mut self) {
        let promise = self.oracle.promise.clone();
        let where_it_is = self.driver.dns;
        let shifting = self
            .driver
            .pending
            .iter()
            .find_map(|command| if let Command::Shift { to } = command { Some(*to) } else { None });
        let ended = self.driver.outcome().cloned();
        let outcome = self.driver.settle();
        let stays = self.driver.dns == shifting.unwrap_or(where_it_is);
        let lost = self.oracle.lost_shifts >= 3;
        let fits = match (&promise, &outcome) {
            (_, outcome) if ended.is_some() => ended.as_ref() == Some(outcome),
            (Promise::GoesOn, Outcome::RolledBack { .. } | Outcome::Held { .. }) => lost,
            (Promise::GoesOn, Outcome::Completed) => self.driver.dns == TrafficSplit::TARGET && !lost,
            (Promise::Stays, Outcome::Held { .. })
            | (Promise::EndsHere, Outcome::Aborted { rolled_back: false, .. }) => stays,
            (Promise::GoesBack { aborted: true }, Outcome::Aborted { rolled_back: true, .. })
            | (Promise::GoesBack { aborted: false }, Outcome::RolledBack { .. }) => {
                self.driver.dns == TrafficSplit::SOURCE
            }
            _ => false,
        };
        assert!(
            fits,
            "promised {promise:?}, and it ended as {outcome:?} with {}: {:#?}",
            self.driver.dns, self.driver.events
        );
    }

    /// Everything that the future depends on: times are relative, and counters without influence are left out.
    fn key(&self) -> String {
        let driver = &self.driver;
        let mut progress: Progress = driver.progress.clone();
        progress.since = 0;
        progress.failures = 0;
        progress.live_since = 0;
        for streak in progress.gates.0.values_mut() {
            streak.blind_since = streak.blind_since.map(|since| (driver.now - since).min(10 * INTERVAL));
            streak.failures = streak.failures.min(9);
        }
        match &mut progress.phase {
            // From the second attempt on, nothing changes.
            Phase::RollingBack { attempt, .. } => *attempt = (*attempt).min(2),
            Phase::Baking { until } | Phase::Paused { until } | Phase::Draining { until } => {
                *until = until.saturating_sub(driver.now);
            }
            _ => {}
        }
        let mut pending = driver.pending.clone();
        for command in &mut pending {
            match command {
                Command::WaitForLagZero { until } => *until = 0,
                Command::RollBack { attempt, .. } => *attempt = (*attempt).min(2),
                _ => {}
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

/// Every configuration that the guarantees distinguish.
fn schedules() -> Vec<CutoverPlan> {
    let mut all = Vec::new();
    for on_failure in [OnFailure::Rollback, OnFailure::Hold] {
        for on_resume in [OnResume::Continue, OnResume::Rollback] {
            for on_abort in [OnFailure::Rollback, OnFailure::Hold] {
                all.push(CutoverPlan { on_failure, on_resume, on_abort, ..schedule() });
            }
        }
    }
    all
}

/// Visits every sequence of turns up to this length, each state once, and runs each to its end.
fn walk(schedule: CutoverPlan, length: usize) -> usize {
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
fn every_sequence_of_six_turns_keeps_the_guarantees() {
    for schedule in schedules() {
        let shown = format!("{schedule:?}");
        let states = walk(schedule, 6);
        assert!(states > 300, "{states} states for {shown}");
    }
}

#[test]
fn every_sequence_with_tolerance_a_command_and_a_wait_keeps_the_guarantees() {
    for schedule in schedules() {
        let mut schedule = CutoverPlan {
            quiesce: true,
            lag_zero_seconds: Some(600),
            steps: vec![TrafficSplit::TARGET].into(),
            ..schedule
        };
        schedule.gates[0].failures_in_a_row = 2;
        assert!(walk(schedule, 5) > 300);
    }
}
