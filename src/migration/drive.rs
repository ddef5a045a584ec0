//! Carries out a cutover: feeds what happens to the pure machine, and does what it says. How far it is is durable before anything is done.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::Split;
use super::gate::Judgement;
use super::measure::{Measure, told};
use super::saved::Saved;
use super::scene::Scene;
use super::schedule::{Command, Effect, Input, Outcome, Question, Schedule};
use super::traffic::{Place, look};
use super::{hook, shift};
use crate::address::Region;
use crate::config::Gate;
use crate::engine::{Context, Looker};
use crate::events::Event;
use crate::resource::describe;
use crate::state::JournalError;

/// A command that is run around the last step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Stops writes to the source.
    pub quiesce: Vec<String>,
    /// Allows them again.
    pub release: Vec<String>,
    /// How long either may take.
    pub timeout: Duration,
}

/// Who answers when a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// Somebody, by and by.
    There,
    /// Nobody: it ends, and leaves the traffic where it is.
    Nobody,
}

/// What it takes to carry out a cutover.
pub struct Drive {
    /// Cloud, journal and events.
    pub context: Context,
    /// The region of Route 53's control plane.
    pub region: Region,
    /// The name that clients use.
    pub place: Place,
    /// How it goes.
    pub schedule: Schedule,
    /// What must hold.
    pub gates: Vec<Gate>,
    /// What there is.
    pub scene: Scene,
    /// Commands around the last step.
    pub hooks: Hooks,
    /// Who answers.
    pub person: Person,
    /// Who has approved that it goes on from the step at which it waits, if somebody has.
    pub approved: Option<String>,
}

/// The end of something that was to be done.
enum Answer {
    /// A change, or a look at where the traffic is: the next one may begin.
    Change(Vec<Input>, Option<(&'static str, hook::Ran)>),
    /// The gates were looked at; the number says on whose behalf.
    Judged(u64, Option<Split>, Vec<Judgement>),
    /// The lag.
    Lag(Input),
}

impl Drive {
    /// Begins with `first`, and goes on until it ends. What is in `saved` is written down at each step.
    ///
    /// # Errors
    /// Only when it can not be written down any more; everything else is an outcome.
    pub async fn run(&self, saved: &mut Saved, first: Input, mut asked: mpsc::UnboundedReceiver<Input>) -> Result<Outcome, JournalError> {
        let looker = self.context.looker();
        let mut work: FuturesUnordered<BoxFuture<'_, Answer>> = FuturesUnordered::new();
        let mut changes: VecDeque<Command> = VecDeque::new();
        let (mut busy, mut looks, mut approved) = (false, 0_u64, self.approved.clone());
        let mut inputs = VecDeque::from([first]);
        loop {
            while let Some(input) = inputs.pop_front() {
                for command in self.take(saved, input).await? {
                    match command {
                        Command::Finish(outcome) => {
                            self.tell(saved);
                            return Ok(outcome);
                        }
                        Command::Judge => {
                            looks += 1;
                            work.push(self.look(&looker, saved, looks, None));
                        }
                        Command::Wait { until } => {
                            looks += 1;
                            work.push(self.look(&looker, saved, looks, Some(until)));
                        }
                        Command::WaitForLagZero { until } => work.push(self.drain(&looker, saved.began, until)),
                        Command::AskPerson(question) => match (&question, approved.take(), self.person) {
                            (Question::Approve { .. }, Some(who), _) => inputs.push_back(Input::Approved(who)),
                            (_, _, Person::Nobody) => inputs.push_back(Input::NobodyThere),
                            _ => self.ask(&question),
                        },
                        change => changes.push_back(change),
                    }
                }
            }
            if !busy && let Some(change) = changes.pop_front() {
                busy = true;
                work.push(self.change(&looker, saved, change));
            }
            self.tell(saved);
            tokio::select! {
                biased;
                Some(input) = asked.recv() => inputs.push_back(input),
                Some(answer) = work.next() => match answer {
                    Answer::Change(answers, hook) => {
                        busy = false;
                        if let Some((name, ran)) = hook {
                            let ended = saved.at(self.seconds(saved.began));
                            saved.report.hook(&ended, name, ran.exit_code, ran.seconds);
                        }
                        inputs.extend(answers);
                    }
                    // Only the newest look counts.
                    Answer::Judged(number, ..) if number != looks => {}
                    Answer::Judged(_, live, judgements) => {
                        // Somebody else may have changed where traffic goes.
                        inputs.extend(live.filter(|live| !busy && *live != saved.progress.live).map(Input::Observed));
                        inputs.push_back(Input::Judged(judgements));
                    }
                    Answer::Lag(input) => inputs.push_back(input),
                },
                () = self.context.cancel.cancelled() => return Ok(interrupted(saved)),
            }
        }
    }

    /// One step of the machine, durable when this returns.
    async fn take(&self, saved: &mut Saved, input: Input) -> Result<Vec<Command>, JournalError> {
        if let Input::Judged(judgements) = &input {
            judgements.iter().map(told).for_each(|event| self.context.events.send(event));
        }
        let (commands, is_news) = saved.take(&self.schedule, self.seconds(saved.began), input);
        if is_news {
            self.context.journal.write(vec![saved.record()?]).await?;
        }
        Ok(commands)
    }

    /// Seconds since it began.
    fn seconds(&self, began: i64) -> u64 {
        u64::try_from(self.context.cloud.unix_now() - began).unwrap_or_default()
    }

    fn tell(&self, saved: &Saved) {
        let progress = &saved.progress;
        self.context.events.send(Event::Cutover {
            phase: progress.phase.as_str(),
            live: progress.live.percent(),
            intended: progress.intended.percent(),
            seconds: self.seconds(saved.began),
            until: progress.phase.until(),
            step: self.schedule.steps.done(progress.live),
            steps: self.schedule.steps.as_slice().len(),
            why: progress.outcome().and_then(|outcome| outcome.why()).map(str::to_owned),
        });
    }

    fn ask(&self, question: &Question) {
        let text = match question {
            Question::Approve { at } => format!("{at} of the traffic goes to the target; may it go on? approve, roll back or abort"),
            Question::Paused => "paused; continue, roll back or abort".to_owned(),
            Question::Decide { why } => format!("{why}; continue, roll back or abort"),
        };
        self.context.events.send(Event::Notice { address: None, text });
    }

    /// Looks at all gates, now or later.
    fn look<'a>(&'a self, looker: &'a Looker, saved: &Saved, number: u64, until: Option<u64>) -> BoxFuture<'a, Answer> {
        let (live, began) = (saved.progress.live, saved.began);
        async move {
            if let Some(until) = until {
                let left = until.saturating_sub(self.seconds(began));
                self.context.cloud.clock().sleep(Duration::from_secs(left)).await;
            }
            let now = self.context.cloud.unix_now();
            let reader = looker.reader(&shift::address(), &self.region);
            let measure = Measure { looker, scene: &self.scene, now };
            let (judgements, seen) = futures::join!(measure.judge(&self.gates, &self.schedule, live), look(&reader, &self.place));
            Answer::Judged(number, seen.ok().map(|live| live.nearest()), judgements)
        }
        .boxed()
    }

    /// Waits until what was written to the source is in the target.
    fn drain<'a>(&'a self, looker: &'a Looker, began: i64, until: u64) -> BoxFuture<'a, Answer> {
        let since = self.context.cloud.unix_now();
        async move {
            loop {
                let now = self.context.cloud.unix_now();
                let measure = Measure { looker, scene: &self.scene, now };
                if measure.is_drained(since).await.unwrap_or(false) {
                    return Answer::Lag(Input::LagZero);
                }
                if self.seconds(began) >= until {
                    return Answer::Lag(Input::LagTimeout);
                }
                self.context.cloud.clock().sleep(Duration::from_secs(self.schedule.gate_interval_seconds.clamp(1, 30))).await;
            }
        }
        .boxed()
    }

    fn change<'a>(&'a self, looker: &'a Looker, saved: &Saved, command: Command) -> BoxFuture<'a, Answer> {
        let live = saved.progress.live;
        async move {
            match command {
                Command::Observe => Answer::Change(vec![self.observe(looker).await], None),
                Command::Shift { to } => Answer::Change(vec![self.shift(to).await], None),
                Command::Quiesce => self.quiesce(live).await,
                Command::RollBack { reason, attempt, release } => {
                    if attempt > 1 {
                        self.context.cloud.clock().sleep(Duration::from_secs(5)).await;
                    }
                    self.roll_back(&reason, release).await
                }
                _ => Answer::Change(Vec::new(), None),
            }
        }
        .boxed()
    }

    async fn observe(&self, looker: &Looker) -> Input {
        let reader = looker.reader(&shift::address(), &self.region);
        match look(&reader, &self.place).await {
            Ok(live) => Input::Observed(live.nearest()),
            Err(error) => Input::ObserveFailed(describe(&error)),
        }
    }

    async fn shift(&self, to: Split) -> Input {
        match shift::shift(&self.context, &self.region, &self.place, to, "cutover").await {
            Ok(shifted) => {
                self.shifted(&shifted, to);
                Input::ShiftDone(to)
            }
            Err(failed) => {
                let effect = if failed.may_be_live { Effect::Unknown } else { Effect::None };
                Input::ShiftFailed(effect, describe(&failed.error))
            }
        }
    }

    fn shifted(&self, shifted: &shift::Shifted, to: Split) {
        let from = shifted.from.map(Split::percent);
        self.context.events.send(Event::TrafficShifted { from, to: to.percent(), changed: shifted.changed });
    }

    async fn roll_back(&self, reason: &str, release: bool) -> Answer {
        match shift::shift(&self.context, &self.region, &self.place, Split::SOURCE, reason).await {
            Ok(shifted) => self.shifted(&shifted, Split::SOURCE),
            Err(failed) => return Answer::Change(vec![Input::RollbackFailed(describe(&failed.error))], None),
        }
        if !release || self.hooks.release.is_empty() {
            return Answer::Change(vec![Input::RollbackDone], None);
        }
        let ran = self.hook("release", &self.hooks.release, Split::SOURCE).await;
        let input = match &ran.failed {
            None => Input::RollbackDone,
            Some(why) => Input::RollbackFailed(format!("all traffic is on the source, and the release command failed: {why}")),
        };
        Answer::Change(vec![input], Some(("release", ran)))
    }

    async fn quiesce(&self, live: Split) -> Answer {
        let ran = self.hook("quiesce", &self.hooks.quiesce, live).await;
        let input = ran.failed.clone().map_or(Input::QuiesceDone, Input::QuiesceFailed);
        Answer::Change(vec![input], Some(("quiesce", ran)))
    }

    async fn hook(&self, name: &'static str, command: &[String], live: Split) -> hook::Ran {
        let events = self.context.events.clone();
        events.send(Event::Notice { address: None, text: format!("the {name} command runs") });
        let tell = move |text: String| events.send(Event::Notice { address: None, text: format!("{name}: {text}") });
        let ran = hook::run(command, self.hooks.timeout, live, tell).await;
        self.context.events.send(Event::HookEnded { name, exit_code: ran.exit_code, seconds: ran.seconds });
        ran
    }
}

/// The state can not be written any more, or the lock is lost: nothing more is done, and the next command goes on.
fn interrupted(saved: &Saved) -> Outcome {
    Outcome::Held { why: format!("it was interrupted while {}", saved.progress.phase.as_str()) }
}
