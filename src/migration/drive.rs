//! Carries out a cutover: feeds what happens to the pure machine, and does what it says. How far it is is durable before anything is done.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::Split;
use super::gate::Judgement;
use super::hook::{Hook, Hooks, Ran, ended};
use super::measure::{Measure, healthy, told};
use super::saved::Saved;
use super::scene::Scene;
use super::schedule::{Command, Input, Outcome, Phase, Question, Quiesce, Schedule};
use super::shift;
use super::traffic::{Place, look};
use crate::address::Region;
use crate::aws::Cancel;
use crate::config::{Gate, Otherwise};
use crate::engine::{Context, Looker};
use crate::events::Event;
use crate::resource::describe;
use crate::state::JournalError;

/// How long it waits before it tries again to bring traffic back, or to release the source.
const AGAIN: Duration = Duration::from_secs(5);

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
    /// Who has approved that it goes on from the step at which it waits, and which step that is.
    pub approved: Option<(Split, String)>,
}

/// The end of something that was to be done.
enum Answer {
    /// The gates were looked at; the number says on whose behalf.
    Judged(u64, Option<Split>, Vec<Judgement>),
    /// The lag; the number says of which wait.
    Lag(u64, Input),
}

/// What is under way: at most one change of the traffic, at most one command, and any number of looks.
struct UnderWay<'a> {
    looks: FuturesUnordered<BoxFuture<'a, Answer>>,
    newest_look: u64,
    newest_drain: u64,
    changes: VecDeque<Command>,
    change: Option<BoxFuture<'a, Input>>,
    /// Ends the waits of the change that is under way.
    gives_way: Cancel,
    /// Commands, and how often each of them was tried.
    hooks: VecDeque<(Hook, u32)>,
    hook: Option<(Hook, BoxFuture<'a, Option<Ran>>)>,
    /// Whether how far it is can be written down. Once it can not, all that is left to do is to bring traffic back.
    is_written: bool,
}

impl UnderWay<'_> {
    fn new() -> Self {
        Self {
            looks: FuturesUnordered::new(),
            newest_look: 0,
            newest_drain: 0,
            changes: VecDeque::new(),
            change: None,
            gives_way: Cancel::default(),
            hooks: VecDeque::new(),
            hook: None,
            is_written: true,
        }
    }
}

impl Drive {
    /// Begins with `first`, and goes on until it ends. What is in `saved` is written down at each step. When that is not possible any more,
    /// traffic is brought back all the same, if `on_failure` says so.
    ///
    /// # Errors
    /// It could not be written down, and traffic stays where it is; everything else is an outcome.
    pub async fn run(&self, saved: &mut Saved, first: Input, mut asked: mpsc::UnboundedReceiver<Input>) -> Result<Outcome, JournalError> {
        let looker = self.context.looker();
        let mut work = UnderWay::new();
        let mut inputs = VecDeque::from([first]);
        loop {
            while let Some(input) = inputs.pop_front() {
                let (mut commands, is_news) = self.take(saved, input);
                if is_news
                    && work.is_written
                    && let Err(error) = self.write(saved).await
                {
                    let why = format!("how far it is can not be written down any more: {}", describe(&error));
                    if saved.progress.outcome().is_none() && !self.must_go_back(saved) {
                        return Err(error);
                    }
                    if let Some(input) = self.go_on_unwritten(saved, &mut work, why) {
                        commands.clear();
                        inputs.push_back(input);
                    }
                }
                for command in commands {
                    if let Command::Finish(outcome) = command {
                        self.tell(saved);
                        return Ok(outcome);
                    }
                    inputs.extend(self.begin(&looker, saved, &mut work, command));
                }
            }
            if work.change.is_none()
                && let Some(change) = work.changes.pop_front()
            {
                work.gives_way = Cancel::default();
                work.change = Some(self.change(change, work.gives_way.clone(), work.is_written));
            }
            if work.hook.is_none()
                && let Some((hook, attempt)) = work.hooks.pop_front()
            {
                work.hook = Some((hook, self.hook(hook, attempt, saved.progress.live)));
            }
            self.tell(saved);
            tokio::select! {
                biased;
                Some(input) = asked.recv() => inputs.push_back(input),
                input = answer(work.change.as_mut()) => {
                    work.change = None;
                    // That a shift gave way to the roll-back is no news.
                    inputs.extend((!work.gives_way.is_cancelled() || matches!(input, Input::ShiftDone(_))).then_some(input));
                }
                ran = answer(work.hook.as_mut().map(|(_, future)| future)) => {
                    if let Some((hook, _)) = work.hook.take() {
                        let at = saved.at(self.seconds(saved.began));
                        inputs.push_back(ended(&mut saved.report, &at, hook, ran));
                    }
                }
                Some(answer) = work.looks.next() => match answer {
                    // Only the newest look counts, and the newest wait.
                    Answer::Judged(number, live, judgements) if number == work.newest_look => {
                        // Somebody else may have changed where traffic goes.
                        let is_news = |live: &Split| work.change.is_none() && *live != saved.progress.live;
                        inputs.extend(live.filter(is_news).map(Input::Observed));
                        inputs.push_back(Input::Judged(judgements));
                    }
                    Answer::Lag(number, input) if number == work.newest_drain => inputs.push_back(input),
                    Answer::Judged(..) | Answer::Lag(..) => {}
                },
                () = self.context.cancel.cancelled(), if work.is_written => {
                    let why = format!("it was interrupted while {}: the lock was lost", saved.progress.phase.as_str());
                    if !self.must_go_back(saved) {
                        return Ok(Outcome::Held { why });
                    }
                    inputs.extend(self.go_on_unwritten(saved, &mut work, why));
                }
            }
        }
    }

    /// Begins what the machine says. Returns what is known already.
    fn begin<'a>(&'a self, looker: &'a Looker, saved: &Saved, work: &mut UnderWay<'a>, command: Command) -> Option<Input> {
        match command {
            Command::Judge => {
                work.newest_look += 1;
                work.looks.push(self.look(looker, saved, work.newest_look, None));
            }
            Command::Wait { until } => {
                work.newest_look += 1;
                work.looks.push(self.look(looker, saved, work.newest_look, Some(until)));
            }
            Command::WaitForLagZero { until } => {
                work.newest_drain += 1;
                work.looks.push(self.drain(looker, saved.began, work.newest_drain, until));
            }
            Command::AskPerson(question) => return self.ask(&question),
            // One that still runs answers for this one, too.
            Command::Quiesce if work.hook.as_ref().is_some_and(|(hook, _)| *hook == Hook::Quiesce) => {}
            Command::Quiesce => work.hooks.push_back((Hook::Quiesce, 1)),
            Command::Release { attempt } => work.hooks.push_back((Hook::Release, attempt)),
            Command::RollBack { .. } => {
                // What is being shifted has been sent, or will be answered at once: it is not waited for until it is live.
                work.gives_way.cancel();
                work.changes.clear();
                work.changes.push_back(command);
                // One that was not begun is not wanted any more.
                work.hooks.clear();
            }
            Command::Observe | Command::Shift { .. } => work.changes.push_back(command),
            Command::Finish(_) => {}
        }
        None
    }

    /// One step of the machine. Returns what is to be done, and whether anything is new that has to be durable before.
    fn take(&self, saved: &mut Saved, input: Input) -> (Vec<Command>, bool) {
        if let Input::Judged(judgements) = &input {
            judgements.iter().map(told).for_each(|event| self.context.events.send(event));
        }
        saved.take(&self.schedule, self.seconds(saved.began), input)
    }

    async fn write(&self, saved: &Saved) -> Result<(), JournalError> {
        self.context.journal.write(vec![saved.record()?]).await
    }

    /// Nothing can be written down any more, and nobody will judge the gates: from here on traffic is only brought back. Returns what leads to
    /// that, unless it is on its way already, or it has ended.
    fn go_on_unwritten(&self, saved: &Saved, work: &mut UnderWay<'_>, why: String) -> Option<Input> {
        let is_over = saved.progress.outcome().is_some();
        let next = if is_over { "" } else { "; all traffic is sent back to the source without writing it down" };
        self.context.events.send(Event::Notice { address: None, text: format!("{why}{next}") });
        work.is_written = false;
        let goes_back = matches!(saved.progress.phase, Phase::RollingBack { .. } | Phase::Releasing { .. });
        (!is_over && !goes_back).then_some(Input::RollbackAsked(why))
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

    /// Asks a person. Returns the answer when it is known already: it was given with the command, or nobody is there.
    fn ask(&self, question: &Question) -> Option<Input> {
        if let (Question::Approve { at }, Some((approved, who))) = (question, &self.approved)
            && at == approved
        {
            return Some(Input::Approved(who.clone()));
        }
        if self.person == Person::Nobody {
            return Some(Input::NobodyThere);
        }
        let text = match question {
            Question::Approve { at } => format!("{at} of the traffic goes to the target; may it go on? approve, roll back or abort"),
            Question::Paused => "paused; continue, roll back or abort".to_owned(),
            Question::Decide { why } => format!("{why}; continue, roll back or abort"),
        };
        self.context.events.send(Event::Notice { address: None, text });
        None
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
            let ((judgements, health), seen) = futures::join!(measure.judge(&self.gates, &self.schedule, live), look(&reader, &self.place));
            health.iter().map(healthy).for_each(|event| self.context.events.send(event));
            Answer::Judged(number, seen.ok().map(|live| live.nearest()), judgements)
        }
        .boxed()
    }

    /// Waits until what was written to the source is in the target.
    fn drain<'a>(&'a self, looker: &'a Looker, began: i64, number: u64, until: u64) -> BoxFuture<'a, Answer> {
        let since = self.context.cloud.unix_now();
        async move {
            loop {
                let now = self.context.cloud.unix_now();
                let measure = Measure { looker, scene: &self.scene, now };
                if measure.is_drained(since).await.unwrap_or(false) {
                    return Answer::Lag(number, Input::LagZero);
                }
                if self.seconds(began) >= until {
                    return Answer::Lag(number, Input::LagTimeout);
                }
                self.context.cloud.clock().sleep(Duration::from_secs(self.schedule.gate_interval_seconds.clamp(1, 30))).await;
            }
        }
        .boxed()
    }

    /// Makes a change of the traffic, or looks where it is. Its waits end when it has to give way.
    fn change(&self, command: Command, gives_way: Cancel, is_written: bool) -> BoxFuture<'_, Input> {
        let context = Context { cancel: gives_way, ..self.context.clone() };
        async move {
            match command {
                Command::Shift { to } => self.shift(&context, to).await,
                Command::RollBack { reason, attempt } => {
                    if attempt > 1 {
                        self.context.cloud.clock().sleep(AGAIN).await;
                    }
                    self.roll_back(&context, &reason, is_written).await
                }
                _ => self.observe(&context).await,
            }
        }
        .boxed()
    }

    async fn roll_back(&self, context: &Context, reason: &str, is_written: bool) -> Input {
        let done = match is_written {
            true => shift::shift(context, &self.region, &self.place, Split::SOURCE, reason).await.map_err(|failed| failed.error),
            // A shift that nobody heard of may still be on its way: this comes after it.
            false => shift::bring_back(&context.looker(), &self.region, &self.place, shift::Send::Always).await,
        };
        match done {
            Ok(shifted) => {
                self.shifted(&shifted, Split::SOURCE);
                Input::RollbackDone
            }
            Err(error) => Input::RollbackFailed(describe(&error)),
        }
    }

    async fn observe(&self, context: &Context) -> Input {
        match shift::find(context, &self.region, &self.place).await {
            Ok(live) => Input::Observed(live.nearest()),
            Err(error) => Input::ObserveFailed(describe(&error)),
        }
    }

    async fn shift(&self, context: &Context, to: Split) -> Input {
        match shift::shift(context, &self.region, &self.place, to, "cutover").await {
            Ok(shifted) => {
                self.shifted(&shifted, to);
                Input::ShiftDone(to)
            }
            Err(failed) => Input::ShiftFailed(failed.effect, describe(&failed.error)),
        }
    }

    fn shifted(&self, shifted: &shift::Shifted, to: Split) {
        let from = shifted.from.map(Split::percent);
        self.context.events.send(Event::TrafficShifted { from, to: to.percent(), changed: shifted.changed });
    }

    /// Runs a command around the last step, if there is one.
    fn hook(&self, hook: Hook, attempt: u32, live: Split) -> BoxFuture<'_, Option<Ran>> {
        async move {
            if attempt > 1 {
                self.context.cloud.clock().sleep(AGAIN).await;
            }
            self.hooks.run(hook, &self.context.events, live).await
        }
        .boxed()
    }

    /// Whether traffic that nobody watches any more goes back: a failure like any other.
    fn must_go_back(&self, saved: &Saved) -> bool {
        let progress = &saved.progress;
        let begun = matches!(progress.phase, Phase::RollingBack { .. } | Phase::Releasing { .. });
        let is_elsewhere = progress.live != Split::SOURCE || progress.intended != Split::SOURCE || progress.quiesce != Quiesce::NotRun;
        begun || (self.schedule.on_failure == Otherwise::Rollback && is_elsewhere && progress.outcome().is_none())
    }
}

/// The answer of something that may be under way; none ever comes when nothing is.
async fn answer<T>(under_way: Option<&mut BoxFuture<'_, T>>) -> T {
    match under_way {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
