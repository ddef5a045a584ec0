//! Carries out a cutover: passes events to the state machine and carries out its commands. Progress is durable before a
//! command is carried out.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::config::CutoverPlan;
use super::hook::{Hook, HookResult, Hooks, record_hook};
use super::persisted::PersistedCutover;
use super::state_machine::{Command, Condition, Input, Outcome, Phase, Question, Quiesce, ShiftEffect, SwitchUse};
use crate::TrafficSplit;
use crate::emergency_switch::{self, Position};
use crate::gate::probe::{Probe, health_event, judgement_event};
use crate::gate::{EvalContext, Judgement, SideHealth};
use crate::records::{RecordName, read_both};
use crate::topology::Topology;
use crate::{scale_in, shift, task_count};
use infra_aws::Cancel;
use infra_base::address::Location;
use infra_config::{Gate, OnFailure, Side};
use infra_core::engine::{Context, ReadContext};
use infra_core::events::Event;
use infra_core::resource::describe;
use infra_core::state::JournalError;
use infra_kinds::autoscaling::scale_in::ScaleIn;
use infra_payment::stack::EmergencySwitch;

/// The delay before the second attempt to roll back or to release the source.
const RETRY_DELAY: Duration = Duration::from_secs(5);
/// The longest delay between two attempts to roll back.
const LONGEST_RETRY_DELAY: Duration = Duration::from_mins(5);

/// How old what was read for the gates may be, in seconds, unless they are evaluated less often.
const STALE_SECONDS: i64 = 60;

/// Returns the delay before an attempt to roll back: each is twice as long as the one before, up to a limit.
fn rollback_delay(attempt: u32) -> Duration {
    match attempt.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => RETRY_DELAY.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_RETRY_DELAY),
    }
}

/// Who answers questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// An operator answers at some time.
    Present,
    /// Nobody answers: the cutover ends and leaves the traffic where it is.
    Absent,
}

/// Everything that is necessary to carry out a cutover.
pub struct Driver {
    /// Cloud, journal and events.
    pub context: Context,
    /// Where the records are.
    pub location: Location,
    /// The domain name that clients use.
    pub record_name: RecordName,
    /// The plan.
    pub plan: CutoverPlan,
    /// The gates.
    pub gates: Vec<Gate>,
    /// The resources that gates and shifts refer to.
    pub topology: Topology,
    /// The emergency switch, if there is one.
    pub switch: Option<EmergencySwitch>,
    /// The commands around the last step.
    pub hooks: Hooks,
    /// Who answers questions.
    pub operator: Operator,
    /// The step at which the cutover waits and who has approved it, if it was approved with the command.
    pub approved: Option<(TrafficSplit, String)>,
}

/// The completion of an asynchronous command.
enum Completion {
    /// The gates were evaluated. The number identifies the evaluation.
    Judged(u64, Option<TrafficSplit>, Vec<Judgement>),
    /// The wait for a replication lag of zero is over. The number identifies the wait.
    Lag(u64, Input),
}

/// The split that an evaluation is about, and since when it has been live, in seconds since 1970.
#[derive(Clone, Copy)]
struct View {
    live: TrafficSplit,
    since: Option<i64>,
}

impl View {
    fn of(saved: &PersistedCutover) -> Self {
        Self { live: saved.progress.live, since: saved.live_since() }
    }

    fn eval_context(self, plan: &CutoverPlan, now: i64) -> EvalContext {
        plan.eval_context(self.live, self.since, now)
    }
}

/// The operations in flight: at most one change of the traffic, at most one hook, and any number of observations.
struct InFlight<'a> {
    observations: FuturesUnordered<BoxFuture<'a, Completion>>,
    latest_evaluation: u64,
    latest_drain: u64,
    changes: VecDeque<Command>,
    change: Option<BoxFuture<'a, Input>>,
    /// Ends the waits of the change in flight, because a rollback follows.
    superseded: Cancel,
    /// The hooks that wait, with the number of the attempt.
    hooks: VecDeque<(Hook, u32)>,
    hook: Option<(Hook, BoxFuture<'a, Option<HookResult>>)>,
    /// Whether tasks of the target may be missing for the next step, and what adds them.
    lacks_tasks: bool,
    tasks: Option<BoxFuture<'a, ()>>,
    /// Whether progress can be made durable. If not, the only possible change is a rollback.
    is_durable: bool,
}

impl InFlight<'_> {
    fn new() -> Self {
        Self {
            observations: FuturesUnordered::new(),
            latest_evaluation: 0,
            latest_drain: 0,
            changes: VecDeque::new(),
            change: None,
            superseded: Cancel::default(),
            hooks: VecDeque::new(),
            hook: None,
            lacks_tasks: false,
            tasks: None,
            is_durable: true,
        }
    }
}

impl Driver {
    /// Carries out the cutover from the input `first` until it ends. Each step of `saved` is written to the journal. If
    /// the journal can no longer be written, traffic is still rolled back if `on_failure` requires it.
    ///
    /// # Errors
    /// When the journal cannot be written and traffic stays where it is. Any other failure is an outcome.
    pub async fn run(
        &self,
        saved: &mut PersistedCutover,
        first: Input,
        mut requests: mpsc::UnboundedReceiver<Input>,
    ) -> Result<Outcome, JournalError> {
        let read_context = self.context.read_context();
        let mut in_flight = InFlight::new();
        let mut inputs = VecDeque::from([first]);
        loop {
            while let Some(input) = inputs.pop_front() {
                let (mut commands, is_news) = self.advance(saved, input);
                // Before the end is durable: a killed process does it again.
                if commands.iter().any(|command| matches!(command, Command::Finish(end) if !end.can_resume())) {
                    in_flight.tasks = None;
                    Box::pin(self.allow_scale_in(in_flight.is_durable)).await;
                }
                if is_news
                    && in_flight.is_durable
                    && let Err(error) = self.write(saved).await
                {
                    let why = format!("progress cannot be saved any more: {}", describe(&error));
                    if saved.progress.outcome().is_none() && !self.must_roll_back(saved) {
                        return Err(error);
                    }
                    if let Some(input) = self.continue_without_journal(saved, &mut in_flight, why) {
                        commands.clear();
                        inputs.push_back(input);
                    }
                }
                for command in commands {
                    if let Command::Finish(outcome) = command {
                        self.report_progress(saved);
                        return Ok(outcome);
                    }
                    inputs.extend(self.begin(&read_context, saved, &mut in_flight, command));
                }
            }
            // A shift suspends scale-in, as the addition of tasks does.
            let must_wait =
                in_flight.tasks.is_some() && matches!(in_flight.changes.front(), Some(Command::Shift { .. }));
            if in_flight.change.is_none()
                && !must_wait
                && let Some(change) = in_flight.changes.pop_front()
            {
                in_flight.superseded = Cancel::default();
                let view = View::of(saved);
                in_flight.change = Some(self.change(change, view, in_flight.superseded.clone(), in_flight.is_durable));
            }
            if in_flight.hook.is_none()
                && let Some((hook, attempt)) = in_flight.hooks.pop_front()
            {
                in_flight.hook = Some((hook, self.run_hook(hook, attempt, saved.progress.live)));
            }
            if in_flight.tasks.is_none() && in_flight.change.is_none() && in_flight.lacks_tasks {
                in_flight.lacks_tasks = false;
                in_flight.tasks = Some(self.match_tasks().boxed());
            }
            self.report_progress(saved);
            tokio::select! {
                biased;
                Some(input) = requests.recv() => inputs.push_back(input),
                () = completed(in_flight.tasks.as_mut()) => in_flight.tasks = None,
                input = completed(in_flight.change.as_mut()) => {
                    in_flight.change = None;
                    // A shift that a rollback superseded is reported only if it is live.
                    let is_news = !in_flight.superseded.is_cancelled() || matches!(input, Input::ShiftDone(_));
                    inputs.extend(is_news.then_some(input));
                }
                result = completed(in_flight.hook.as_mut().map(|(_, future)| future)) => {
                    if let Some((hook, _)) = in_flight.hook.take() {
                        let at = saved.timestamp(self.seconds(saved.began));
                        inputs.push_back(record_hook(&mut saved.report, &at, hook, result));
                    }
                }
                Some(completion) = in_flight.observations.next() => match completion {
                    // Only the latest evaluation and the latest wait count.
                    Completion::Judged(number, live, judgements) if number == in_flight.latest_evaluation => {
                        // The split may have been changed externally.
                        let is_news =
                            |live: &TrafficSplit| in_flight.change.is_none() && *live != saved.progress.live;
                        inputs.extend(live.filter(is_news).map(Input::Observed));
                        inputs.push_back(Input::Judged(judgements));
                    }
                    Completion::Lag(number, input) if number == in_flight.latest_drain => inputs.push_back(input),
                    Completion::Judged(..) | Completion::Lag(..) => {}
                },
                () = self.context.cancel.cancelled(), if in_flight.is_durable => {
                    let why = format!("it was interrupted while {}: the lock was lost", saved.progress.phase.as_str());
                    if !self.must_roll_back(saved) {
                        return Ok(Outcome::Held { why });
                    }
                    inputs.extend(self.continue_without_journal(saved, &mut in_flight, why));
                }
            }
        }
    }

    /// Begins to carry out a command. Returns its result if that is known already.
    fn begin<'a>(
        &'a self,
        read_context: &'a ReadContext,
        saved: &PersistedCutover,
        in_flight: &mut InFlight<'a>,
        command: Command,
    ) -> Option<Input> {
        match command {
            Command::Judge => {
                in_flight.latest_evaluation += 1;
                in_flight.lacks_tasks = self.may_lack_tasks(saved);
                in_flight.observations.push(self.evaluate(read_context, saved, in_flight.latest_evaluation, None));
            }
            Command::Wait { until } => {
                in_flight.latest_evaluation += 1;
                in_flight.lacks_tasks = self.may_lack_tasks(saved);
                let evaluation = self.evaluate(read_context, saved, in_flight.latest_evaluation, Some(until));
                in_flight.observations.push(evaluation);
            }
            Command::WaitForLagZero { until } => {
                in_flight.latest_drain += 1;
                in_flight.observations.push(self.drain(read_context, saved.began, in_flight.latest_drain, until));
            }
            // Nobody could resume from a question that is not recorded.
            Command::AskOperator(_) if !in_flight.is_durable => return Some(Input::NoOperator),
            Command::AskOperator(question) => return self.ask(&question),
            // A quiesce command that still runs also answers this one.
            Command::Quiesce if in_flight.hook.as_ref().is_some_and(|(hook, _)| *hook == Hook::Quiesce) => {}
            Command::Quiesce => in_flight.hooks.push_back((Hook::Quiesce, 1)),
            Command::Release { attempt } => in_flight.hooks.push_back((Hook::Release, attempt)),
            Command::RollBack { .. } => {
                // A shift in flight has been sent, or its call returns soon. The rollback does not wait until the shift
                // is live.
                in_flight.superseded.cancel();
                (in_flight.lacks_tasks, in_flight.tasks) = (false, None);
                in_flight.changes.clear();
                in_flight.changes.push_back(command);
                // Hooks that have not started are not needed any more.
                in_flight.hooks.clear();
            }
            Command::Observe | Command::Shift { .. } => in_flight.changes.push_back(command),
            Command::Finish(_) => {}
        }
        None
    }

    /// Advances the machine by one input. Returns the commands, and whether there is news that must be durable first.
    fn advance(&self, saved: &mut PersistedCutover, input: Input) -> (Vec<Command>, bool) {
        if let Input::Judged(judgements) = &input {
            judgements.iter().map(judgement_event).for_each(|event| self.context.events.send(event));
        }
        saved.advance(&self.plan, self.seconds(saved.began), input)
    }

    async fn write(&self, saved: &PersistedCutover) -> Result<(), JournalError> {
        self.context.journal.write(vec![saved.to_record()?]).await
    }

    /// Continues when the journal can no longer be written: traffic is only rolled back, since nobody will evaluate the
    /// gates. Returns the input that starts the rollback, unless it is already in progress or the cutover has ended.
    fn continue_without_journal(
        &self,
        saved: &PersistedCutover,
        in_flight: &mut InFlight<'_>,
        why: String,
    ) -> Option<Input> {
        let has_ended = saved.progress.outcome().is_some();
        let next = if has_ended { "" } else { "; all traffic is shifted back to the source without a record" };
        self.context.events.send(Event::Notice { address: None, text: format!("{why}{next}") });
        in_flight.is_durable = false;
        let is_rolling_back = matches!(saved.progress.phase, Phase::RollingBack { .. } | Phase::Releasing { .. });
        (!has_ended && !is_rolling_back).then_some(Input::Unmonitored(why))
    }

    /// Returns the seconds since the cutover began.
    fn seconds(&self, began: i64) -> u64 {
        u64::try_from(self.context.cloud.unix_now() - began).unwrap_or_default()
    }

    fn report_progress(&self, saved: &PersistedCutover) {
        let progress = &saved.progress;
        self.context.events.send(Event::Cutover {
            phase: progress.phase.as_str(),
            live: progress.live.percent(),
            intended: progress.intended.percent(),
            seconds: self.seconds(saved.began),
            until: progress.phase.until(),
            step: self.plan.steps.completed(progress.live),
            steps: self.plan.steps.as_slice().len(),
            why: progress.outcome().and_then(|outcome| outcome.why()).map(str::to_owned),
        });
    }

    /// Asks the operator. Returns the answer if it is known: it was given with the command, or there is no operator.
    fn ask(&self, question: &Question) -> Option<Input> {
        if let (Question::Approve { at }, Some((approved, who))) = (question, &self.approved)
            && at == approved
        {
            return Some(Input::Approved(who.clone()));
        }
        if self.operator == Operator::Absent {
            return Some(Input::NoOperator);
        }
        let text = match question {
            Question::Approve { at } => format!("{at} of the traffic goes to the target; approve, roll back or abort"),
            Question::Paused => "paused; continue, roll back or abort".to_owned(),
            Question::Decide { why } => format!("{why}; continue, roll back or abort"),
        };
        self.context.events.send(Event::Notice { address: None, text });
        None
    }

    /// Evaluates all gates, now or at `until`.
    fn evaluate<'a>(
        &'a self,
        read_context: &'a ReadContext,
        saved: &PersistedCutover,
        number: u64,
        until: Option<u64>,
    ) -> BoxFuture<'a, Completion> {
        let (view, began) = (View::of(saved), saved.began);
        async move {
            if let Some(until) = until {
                let left = until.saturating_sub(self.seconds(began));
                self.context.cloud.clock().sleep(Duration::from_secs(left)).await;
            }
            let read = async || {
                let now = self.context.cloud.unix_now();
                let reader = read_context.reader(&shift::traffic_address(), &self.location);
                let probe = self.probe(read_context, now);
                let context = view.eval_context(&self.plan, now);
                let read = futures::join!(probe.evaluate(&self.gates, &context), read_both(&reader, &self.record_name));
                (read, self.context.cloud.unix_now().saturating_sub(now))
            };
            let (mut result, seconds) = read().await;
            // What was read so long ago, for example before a wait for new credentials, says nothing about now.
            if seconds > i64::try_from(self.plan.gate_interval_seconds).unwrap_or(i64::MAX).max(STALE_SECONDS) {
                (result, _) = read().await;
            }
            let ((judgements, health), observed) = result;
            health.iter().map(health_event).for_each(|event| self.context.events.send(event));
            Completion::Judged(number, observed.ok().map(|records| records.nearest_split()), judgements)
        }
        .boxed()
    }

    /// Returns whether a step follows, for which the target may have too few tasks.
    fn may_lack_tasks(&self, saved: &PersistedCutover) -> bool {
        let context = View::of(saved).eval_context(&self.plan, self.context.cloud.unix_now());
        context.next > context.live
    }

    /// Adds tasks to the target, if more serve in the source. The gate `capacity` tells what that has achieved.
    async fn match_tasks(&self) {
        if let Err(error) = task_count::match_serving(&self.context, &self.topology, Side::Target).await {
            let text = format!("tasks cannot be added to the target: {}", describe(&error));
            self.context.events.send(Event::Notice { address: None, text });
        }
    }

    /// Waits until everything that was written to the source is in the target.
    fn drain<'a>(
        &'a self,
        read_context: &'a ReadContext,
        began: i64,
        number: u64,
        until: u64,
    ) -> BoxFuture<'a, Completion> {
        let since = self.context.cloud.unix_now();
        async move {
            loop {
                let now = self.context.cloud.unix_now();
                let probe = self.probe(read_context, now);
                if probe.is_drained(since).await.unwrap_or(false) {
                    return Completion::Lag(number, Input::LagZero);
                }
                if self.seconds(began) >= until {
                    return Completion::Lag(number, Input::LagTimeout);
                }
                self.context
                    .cloud
                    .clock()
                    .sleep(Duration::from_secs(self.plan.gate_interval_seconds.clamp(1, 30)))
                    .await;
            }
        }
        .boxed()
    }

    /// Changes or observes the split. `superseded` ends its waits.
    fn change(&self, command: Command, view: View, superseded: Cancel, is_durable: bool) -> BoxFuture<'_, Input> {
        let context = Context { cancel: superseded, ..self.context.clone() };
        async move {
            match command {
                Command::Shift { to } => self.shift(&context, to).await,
                Command::RollBack { reason, attempt, condition, switch } => {
                    let clock = self.context.cloud.clock();
                    tokio::select! {
                        () = clock.sleep(rollback_delay(attempt)) => {}
                        () = context.cancel.cancelled() => return Input::RollbackFailed("superseded".to_owned()),
                    }
                    if condition == Condition::SourceHealthy
                        && let Some(prevented) = self.check_source(&context, view).await
                    {
                        return prevented;
                    }
                    self.roll_back(&context, &reason, switch, is_durable).await
                }
                _ => self.observe(&context).await,
            }
        }
        .boxed()
    }

    fn probe<'a>(&'a self, read_context: &'a ReadContext, now: i64) -> Probe<'a> {
        self.context.journal.read(|state| Probe::new(read_context, &self.topology, state, now))
    }

    /// Returns why no traffic can be sent to the source now, if so: it is not healthy, or its health is unknown.
    async fn check_source(&self, context: &Context, view: View) -> Option<Input> {
        let read_context = context.read_context();
        // All traffic goes there already, so nothing is sent to it.
        let reader = read_context.reader(&shift::traffic_address(), &self.location);
        let records = read_both(&reader, &self.record_name).await;
        if records.is_ok_and(|records| records.has_weights_of(TrafficSplit::SOURCE)) {
            return None;
        }
        let now = self.context.cloud.unix_now();
        let probe = self.probe(&read_context, now);
        match probe.health(Side::Source, &self.gates, &view.eval_context(&self.plan, now)).await {
            SideHealth::Healthy => None,
            SideHealth::Unhealthy(why) => Some(Input::RollbackRefused(why)),
            SideHealth::Unknown(why) => {
                Some(Input::RollbackFailed(format!("it is unknown whether the source is healthy: {why}")))
            }
        }
    }

    /// Sends the weights. If they cannot be set, the emergency switch takes the target out, if it may.
    async fn roll_back(&self, context: &Context, reason: &str, switch: SwitchUse, is_durable: bool) -> Input {
        let source = TrafficSplit::SOURCE;
        let done = if is_durable {
            let shifted = shift::shift(context, &self.location, &self.record_name, source, reason).await;
            shifted.map_err(|failed| (describe(&failed.error), !matches!(failed.effect, ShiftEffect::Overridden(_))))
        } else {
            // A shift with an unknown result may still take effect, so the rollback is sent after it in any case.
            let always = shift::SendMode::Always;
            let read_context = context.read_context();
            let sent = shift::roll_back_without_state(&read_context, &self.location, &self.record_name, always).await;
            sent.map_err(|error| (describe(&error), true))
        };
        match done {
            Ok(shifted) => {
                self.report_shift(&shifted, source);
                Input::RollbackDone
            }
            // If somebody else sets the weights at the same time, the control plane works.
            Err((failed, is_unavailable)) => match &self.switch {
                Some(emergency) if switch == SwitchUse::IfUnavailable && is_unavailable => {
                    self.take_target_out(context, emergency, failed, is_durable).await
                }
                _ => Input::RollbackFailed(failed),
            },
        }
    }

    /// Takes the target out of the DNS answers without Route 53's control plane. `failed` says why the weights could
    /// not be set.
    async fn take_target_out(
        &self,
        context: &Context,
        switch: &EmergencySwitch,
        failed: String,
        is_durable: bool,
    ) -> Input {
        let text = format!("the weights cannot be set ({failed}); the emergency switch takes the target out");
        self.context.events.send(Event::Notice { address: None, text });
        let done = if is_durable {
            emergency_switch::set_position(context, switch, Position::Out).await
        } else {
            emergency_switch::set_position_without_state(&context.read_context(), switch, Position::Out).await
        };
        match done {
            Ok(()) => {
                let text = "the emergency switch has taken the target out: clients are sent to the source, whatever \
                            the weights are; the weights are tried again";
                self.context.events.send(Event::Notice { address: None, text: text.to_owned() });
                Input::TargetTakenOut(failed)
            }
            Err(error) => Input::RollbackFailed(format!("{failed}; the emergency switch failed: {}", describe(&error))),
        }
    }

    async fn observe(&self, context: &Context) -> Input {
        match shift::observe(context, &self.location, &self.record_name).await {
            Ok(records) => Input::Observed(records.nearest_split()),
            Err(error) => Input::ObserveFailed(describe(&error)),
        }
    }

    /// Allows the removal of tasks again. A failure does not change how the cutover ends.
    async fn allow_scale_in(&self, is_durable: bool) {
        // Also after the lock was lost.
        let context = Context { cancel: Cancel::default(), ..self.context.clone() };
        for service in &self.topology.services {
            let done = if is_durable {
                scale_in::set_position(&context, service, ScaleIn::Allowed).await
            } else {
                scale_in::set_position_without_state(&context.read_context(), service, ScaleIn::Allowed).await
            };
            if let Err(error) = done {
                let text = format!("scale-in of the {} stays suspended: {}", service.side, describe(&error));
                context.events.send(Event::Notice { address: None, text });
            }
        }
    }

    async fn shift(&self, context: &Context, to: TrafficSplit) -> Input {
        for service in &self.topology.services {
            if let Err(error) = scale_in::set_position(context, service, ScaleIn::Suspended).await {
                let why = format!("scale-in of the {} cannot be suspended: {}", service.side, describe(&error));
                return Input::ShiftFailed(ShiftEffect::None, why);
            }
        }
        match shift::shift(context, &self.location, &self.record_name, to, "cutover").await {
            Ok(shifted) => {
                self.report_shift(&shifted, to);
                Input::ShiftDone(to)
            }
            Err(failed) => Input::ShiftFailed(failed.effect, describe(&failed.error)),
        }
    }

    fn report_shift(&self, shifted: &shift::ShiftOutcome, to: TrafficSplit) {
        let from = shifted.from.map(TrafficSplit::percent);
        self.context.events.send(Event::TrafficShifted { from, to: to.percent(), changed: shifted.changed });
    }

    /// Runs a hook, if it is configured.
    fn run_hook(&self, hook: Hook, attempt: u32, live: TrafficSplit) -> BoxFuture<'_, Option<HookResult>> {
        async move {
            if attempt > 1 {
                self.context.cloud.clock().sleep(RETRY_DELAY).await;
            }
            self.hooks.run(hook, &self.context.events, live).await
        }
        .boxed()
    }

    /// Returns whether traffic must be rolled back when the cutover can no longer be monitored. This is a failure like
    /// any other.
    fn must_roll_back(&self, saved: &PersistedCutover) -> bool {
        let progress = &saved.progress;
        let is_rolling_back = matches!(progress.phase, Phase::RollingBack { .. } | Phase::Releasing { .. });
        let has_effect = progress.live != TrafficSplit::SOURCE
            || progress.intended != TrafficSplit::SOURCE
            || progress.quiesce != Quiesce::NotRun;
        is_rolling_back || (self.plan.on_failure == OnFailure::Rollback && has_effect && progress.outcome().is_none())
    }
}

/// Waits for an operation in flight. Never returns when there is none.
async fn completed<T>(operation: Option<&mut BoxFuture<'_, T>>) -> T {
    match operation {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_between_rollbacks_grow_up_to_a_limit() {
        let seconds = [1, 2, 3, 4, 7, 8, 9, u32::MAX].map(|attempt| rollback_delay(attempt).as_secs());
        assert_eq!(seconds, [0, 5, 10, 20, 160, 300, 300, 300]);
    }
}
