//! A driver for the state machine of the cutover, without AWS: its DNS is one number, and commands wait for an answer
//! of the test.

use migrate_infra::config::{OnFailure, OnResume, Side};
use migrate_infra::migration::TrafficSplit;
use migrate_infra::migration::cutover::{
    Command, Condition, CutoverPlan, Event, Input, Outcome, Phase, Progress, Question, ShiftEffect, step,
};
use migrate_infra::migration::gate::{GateRule, Judgement, Required, Verdict};

/// Seconds between two evaluations of the gates.
pub const INTERVAL: u64 = 30;

pub fn split(percent: u8) -> TrafficSplit {
    TrafficSplit::new(percent).unwrap()
}

/// Two steps, observed for one evaluation each.
pub fn schedule() -> CutoverPlan {
    CutoverPlan {
        steps: [50, 100].map(split).to_vec().into(),
        bake_seconds: INTERVAL,
        gate_interval_seconds: INTERVAL,
        no_data_seconds: 2 * INTERVAL,
        gates: vec![GateRule { gate: "lag".into(), must: "below 60 s".into(), failures_in_a_row: 1 }],
        gates_required: Required::Yes,
        pause_at: Vec::new(),
        quiesce: false,
        lag_zero_seconds: None,
        data_delay_seconds: 0,
        on_failure: OnFailure::Rollback,
        on_resume: OnResume::Continue,
        on_abort: OnFailure::Rollback,
    }
}

pub fn evaluated(verdict: Verdict) -> Input {
    evaluated_of(verdict, &[])
}

/// The gate does not hold because of some environments.
pub fn evaluated_of(verdict: Verdict, unhealthy: &[Side]) -> Input {
    let (gate, text) = ("lag".into(), "as scripted".into());
    Input::Judged(vec![Judgement { gate, verdict, value: None, text, unhealthy: unhealthy.to_vec(), at: 0 }])
}

/// Whether a change took effect whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Lost,
    Done,
}

/// A cutover and its surroundings. Checks the invariants with each event.
#[derive(Clone, Debug)]
pub struct Driver {
    pub schedule: CutoverPlan,
    pub progress: Progress,
    pub now: u64,
    /// The DNS answer.
    pub dns: TrafficSplit,
    /// Commands without an answer, in order. A change waits for the previous one.
    pub pending: Vec<Command>,
    /// The question to the operator.
    pub asked: Option<Question>,
    /// The commands that resulted from the last event.
    pub commands: Vec<Command>,
    /// Every event so far.
    pub events: Vec<Input>,
    /// Why the traffic must return, while it must.
    going_back: bool,
    /// Whether writes to the source are stopped.
    pub quiesced: bool,
    /// Whether the source is healthy when a rollback looks.
    pub source_is_healthy: bool,
}

impl Driver {
    pub fn start(schedule: CutoverPlan) -> Self {
        Self::begin(schedule, Progress::new(), TrafficSplit::SOURCE, false)
    }

    /// Starts the next cutover, after this one has ended.
    pub fn next(&self) -> Self {
        assert!(self.outcome().is_some());
        Self::begin(self.schedule.clone(), Progress::after(Some(&self.progress)), self.dns, self.quiesced)
    }

    fn begin(schedule: CutoverPlan, progress: Progress, dns: TrafficSplit, quiesced: bool) -> Self {
        let mut driver = Self {
            schedule,
            progress,
            now: 0,
            dns,
            pending: Vec::new(),
            asked: None,
            commands: Vec::new(),
            events: Vec::new(),
            going_back: false,
            quiesced,
            source_is_healthy: true,
        };
        driver.send(Input::Started);
        driver
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        self.progress.outcome()
    }

    /// Passes an event to the state machine, and checks the result.
    pub fn send(&mut self, input: Input) {
        let (before, event) = (self.progress.clone(), Event { now: self.now, input });
        let (after, commands) = step(&self.schedule, &before, &event);
        self.events.push(event.input.clone());
        let input = &event.input;
        self.quiesced |= commands.contains(&Command::Quiesce);
        self.quiesced &= *input != Input::Released;
        self.going_back &= !matches!(input, Input::RollbackRefused(_));
        for command in &commands {
            match command {
                Command::Shift { to } => {
                    let passed = matches!(
                        input,
                        Input::Judged(all) if !all.is_empty() && all.iter().all(|one| one.verdict == Verdict::Pass)
                    );
                    assert!(passed, "shifted after {input:?}");
                    assert!(self.schedule.steps.as_slice().contains(to) && *to > before.live, "{before:?} to {to}");
                    assert!(!before.paused, "shifted while paused");
                    assert!(!self.going_back, "shifted after a roll-back began");
                    assert_eq!((after.intended, &after.phase), (*to, &Phase::Shifting));
                    assert!(!self.pending.iter().any(|one| matches!(one, Command::Shift { .. })), "two shifts at once");
                    self.pending.push(command.clone());
                }
                Command::RollBack { reason, condition, .. } => {
                    assert!(!reason.is_empty());
                    let blames_source = matches!(
                        input,
                        Input::Judged(all) if all.iter().any(|one| one.unhealthy.contains(&Side::Source))
                    );
                    // What sends traffic back may be the end of the wait for the lag; then the source is looked at.
                    let is_timeout = matches!(before.phase, Phase::Draining { until } if self.now >= until);
                    assert!(!blames_source || is_timeout, "an unhealthy source sends traffic to itself");
                    let is_requested = self.events.iter().any(|one| matches!(one, Input::RollbackRequested(_)));
                    assert!(*condition == Condition::SourceHealthy || is_requested, "sent without looking");
                    self.going_back = true;
                    self.pending.retain(|one| !matches!(one, Command::RollBack { .. }));
                    self.pending.push(command.clone());
                }
                Command::Release { .. } => {
                    assert_eq!(
                        (self.dns, after.live),
                        (TrafficSplit::SOURCE, TrafficSplit::SOURCE),
                        "the source is released when the traffic is there"
                    );
                    self.pending.push(command.clone());
                }
                Command::Observe | Command::Quiesce | Command::WaitForLagZero { .. } => {
                    self.pending.retain(|one| one != &Command::Observe || command != &Command::Observe);
                    self.pending.push(command.clone());
                }
                Command::Wait { until } => {
                    assert!(*until <= self.now + self.schedule.gate_interval_seconds, "nobody looks for too long");
                }
                Command::AskOperator(question) => self.asked = Some(question.clone()),
                Command::Finish(outcome) => assert_eq!(after.outcome(), Some(outcome)),
                Command::Judge => {}
            }
        }
        if !matches!(after.phase, Phase::AwaitingApproval | Phase::Paused { .. } | Phase::Holding { .. }) {
            self.asked = None;
        }
        if after.outcome().is_some() {
            self.going_back = false;
            self.pending.clear();
        }
        self.commands = commands;
        self.progress = after;
        if let Some(Outcome::Completed) = self.outcome() {
            assert_eq!((self.dns, self.progress.live), (TrafficSplit::TARGET, TrafficSplit::TARGET));
        }
        if let Some(
            Outcome::RolledBack { .. } | Outcome::Aborted { rolled_back: true, .. } | Outcome::NotReleased { .. },
        ) = self.outcome()
        {
            assert_eq!((self.dns, self.progress.live), (TrafficSplit::SOURCE, TrafficSplit::SOURCE));
        }
        if let Some(Outcome::RolledBack { .. } | Outcome::Aborted { rolled_back: true, .. }) = self.outcome() {
            assert!(!self.quiesced, "all traffic is on a source that takes no writes");
        }
    }

    /// Answers all waiting commands with success.
    pub fn answer(&mut self) {
        for command in std::mem::take(&mut self.pending) {
            if self.outcome().is_some() {
                return;
            }
            match command {
                Command::Shift { to } => {
                    self.dns = to;
                    self.send(Input::ShiftDone(to));
                }
                Command::RollBack { condition: Condition::SourceHealthy, .. } if !self.source_is_healthy => {
                    self.send(Input::RollbackRefused("no target is healthy".into()));
                }
                Command::RollBack { .. } => {
                    self.dns = TrafficSplit::SOURCE;
                    self.send(Input::RollbackDone);
                    if self.take(|command| matches!(command, Command::Release { .. })).is_some() {
                        self.send(Input::Released);
                    }
                }
                Command::Release { .. } => self.send(Input::Released),
                Command::Observe => {
                    self.send(Input::Observed(self.dns));
                    if self.take(|command| matches!(command, Command::Release { .. })).is_some() {
                        self.send(Input::Released);
                    }
                }
                Command::Quiesce => self.send(Input::QuiesceDone),
                Command::WaitForLagZero { .. } => self.send(Input::LagZero),
                _ => {}
            }
        }
    }

    /// Removes the first waiting command of a type.
    fn take(&mut self, fits: fn(&Command) -> bool) -> Option<Command> {
        let index = self.pending.iter().position(fits)?;
        Some(self.pending.remove(index))
    }

    /// A shift in flight takes effect or not, and its answer is lost.
    fn lose_shift(&mut self, fate: Fate) -> bool {
        match self.take(|command| matches!(command, Command::Shift { .. })) {
            Some(Command::Shift { to }) => {
                if fate == Fate::Done {
                    self.dns = to;
                }
                true
            }
            _ => false,
        }
    }

    /// The answer of a shift is lost. Returns whether a shift was in flight.
    pub fn shift_unknown(&mut self, fate: Fate) -> bool {
        let lost = self.lose_shift(fate);
        if lost {
            self.send(Input::ShiftFailed(ShiftEffect::Unknown, "the connection was lost".into()));
        }
        lost
    }

    /// A shift is refused. Returns whether a shift was in flight.
    pub fn shift_refused(&mut self) -> bool {
        let refused = self.lose_shift(Fate::Lost);
        if refused {
            self.send(Input::ShiftFailed(ShiftEffect::None, "no target is healthy".into()));
        }
        refused
    }

    /// A rollback fails. Returns whether a rollback was in flight.
    pub fn rollback_fails(&mut self) -> bool {
        if !self.pending.iter().any(|command| matches!(command, Command::RollBack { .. })) {
            return false;
        }
        self.lose_shift(Fate::Done);
        self.take(|command| matches!(command, Command::RollBack { .. }));
        self.send(Input::RollbackFailed("Route 53 does not answer".into()));
        true
    }

    /// The source is not healthy when a rollback looks. Returns whether a rollback that looks was in flight.
    pub fn rollback_refused(&mut self) -> bool {
        let looks =
            |command: &Command| matches!(command, Command::RollBack { condition: Condition::SourceHealthy, .. });
        if !self.pending.iter().any(looks) {
            return false;
        }
        self.lose_shift(Fate::Lost);
        self.take(|command| matches!(command, Command::RollBack { .. }));
        self.send(Input::RollbackRefused("no target is healthy".into()));
        true
    }

    /// The process is killed and restarted.
    pub fn kill(&mut self, fate: Fate) {
        self.lose_shift(fate);
        self.pending.clear();
        self.asked = None;
        // Only the written state survives.
        let text = serde_json::to_string(&self.progress).unwrap();
        let read: Progress = serde_json::from_str(&text).unwrap();
        assert_eq!(read, self.progress, "{text}");
        self.progress = read;
        self.send(Input::Resumed);
    }

    /// Runs to the end without further failures. An operator approves and resumes on request; nobody decides after a
    /// failure. Returns the outcome.
    pub fn settle(&mut self) -> Outcome {
        for _ in 0..200 {
            if let Some(outcome) = self.outcome() {
                return outcome.clone();
            }
            self.now += INTERVAL;
            self.answer();
            match self.asked.clone() {
                Some(Question::Decide { .. }) => self.send(Input::NoOperator),
                Some(Question::Approve { .. }) => self.send(Input::Approved("anna".into())),
                Some(Question::Paused) => self.send(Input::Continued),
                None => {}
            }
            self.send(evaluated(Verdict::Pass));
        }
        panic!("it does not end: {:?} after {:?}", self.progress, self.events);
    }
}
