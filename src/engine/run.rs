//! What the steps of a run share, and what a run comes to.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::scheduler::{Job, Verdict, Work, schedule};
use crate::address::{Address, RunId};
use crate::aws::{AwsError, Cancel, Cloud, Meter};
use crate::clock::timestamp;
use crate::events::{Event, Events};
use crate::graph::{Moment, Waits};
use crate::plan::{Knot, Plan, Step};
use crate::resource::Error;
use crate::state::{DONE_IN_PART, Journal, JournalError, Record};

/// What every step of a run needs.
#[derive(Clone)]
pub struct Context {
    /// The cloud.
    pub cloud: Arc<Cloud>,
    /// The journal.
    pub journal: Journal,
    /// Where events go.
    pub events: Events,
    /// The wish to stop.
    pub cancel: Cancel,
    /// The count of calls.
    pub meter: Arc<Meter>,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// How many steps are at work at the same time.
    pub parallelism: usize,
}

/// What is needed to look.
#[derive(Clone)]
pub struct Looker {
    /// The cloud.
    pub cloud: Arc<Cloud>,
    /// Where events go.
    pub events: Events,
    /// The wish to stop.
    pub cancel: Cancel,
    /// The count of calls.
    pub meter: Arc<Meter>,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// How many resources are looked at at the same time.
    pub parallelism: usize,
}

impl Context {
    /// Returns what is needed to look at what exists, with the same count of calls.
    pub fn looker(&self) -> Looker {
        Looker {
            cloud: Arc::clone(&self.cloud),
            events: self.events.clone(),
            cancel: self.cancel.clone(),
            meter: Arc::clone(&self.meter),
            stack: self.stack.clone(),
            parallelism: self.parallelism,
        }
    }
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    /// The resource.
    pub address: Address,
    /// What was tried.
    pub action: &'static str,
    /// Its AWS id, when known.
    pub id: Option<String>,
    /// Why.
    pub error: Error,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// Something failed.
    Failed,
    /// It was asked to stop.
    Stopped,
}

impl Outcome {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// How many steps changed something.
    pub changed: usize,
    /// How many of them deleted something for good: not to make way for a new one.
    pub deleted: usize,
    /// How many of them put right what was done outside of this tool.
    pub put_right: usize,
    /// The steps that failed.
    pub failures: Vec<Failure>,
    /// Resources whose step was not done.
    pub remaining: Vec<Address>,
    /// The steps by the time that they took, slowest first.
    pub durations: Vec<(Address, Duration)>,
    /// AWS time from start to end.
    pub elapsed: Duration,
}

/// What a step came to.
pub(super) struct StepEnd {
    pub id: String,
    pub action: &'static str,
    pub changed: bool,
}

/// Runs steps of one direction; implemented by `up` and `down`.
#[async_trait::async_trait]
pub(super) trait Steps: Send + Sync + 'static {
    async fn run(&self, step: &Step, released: super::scheduler::Released) -> Result<StepEnd, (Option<String>, Error)>;
}

#[derive(Default)]
struct Gathered {
    changed: usize,
    deleted: usize,
    put_right: usize,
    failures: Vec<Failure>,
    durations: Vec<(Address, Duration)>,
}

struct Runner<S> {
    context: Context,
    plan: Arc<Plan>,
    steps: S,
    gathered: Mutex<Gathered>,
}

impl<S> Runner<S> {
    fn gathered(&self) -> std::sync::MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl<S: Steps> Work for Runner<S> {
    async fn run(&self, index: usize, released: super::scheduler::Released) -> bool {
        let step = &self.plan.steps[index];
        let (address, action) = (step.address.clone(), step.action.verb());
        let clock = self.context.cloud.clock();
        let began = clock.now();
        self.context.events.send(Event::StepStarted { address: address.clone(), action });
        let end = self.steps.run(step, released).await;
        let took = clock.now().saturating_sub(began);
        match end {
            Ok(end) => {
                let mut gathered = self.gathered();
                gathered.changed += usize::from(end.changed);
                gathered.deleted += usize::from(end.changed && end.action == "delete" && address.made_way().is_none());
                let put_right = step.puts_right.clone().filter(|_| end.changed);
                gathered.put_right += usize::from(put_right.is_some());
                gathered.durations.push((address.clone(), took));
                drop(gathered);
                self.context.events.send(Event::StepDone { address, action: end.action, id: end.id, seconds: took.as_secs_f64(), put_right });
                true
            }
            Err((id, error)) => {
                if matches!(error, Error::Journal(_)) {
                    // Nothing may be changed that cannot be written down.
                    self.context.cancel.cancel();
                }
                if !matches!(error, Error::Cancelled) {
                    let aws: Option<AwsError> = error.aws().cloned();
                    let text = crate::resource::describe(&error);
                    self.context.events.send(Event::StepFailed { address: address.clone(), action, id: id.clone(), error: text, aws });
                    self.gathered().failures.push(Failure { address, action, id, error });
                }
                false
            }
        }
    }

    fn blocked(&self, index: usize, by: usize) {
        // Of what a stop has kept from being tried, the summary tells.
        if self.context.cancel.is_cancelled() {
            return;
        }
        let (address, by) = (self.plan.steps[index].address.clone(), self.plan.steps[by].address.clone());
        self.context.events.send(Event::StepBlocked { address, by });
    }
}

/// Runs all steps of a plan under one run record.
pub(super) async fn run(context: &Context, command: &'static str, plan: Plan, steps: impl Steps) -> Result<Report, JournalError> {
    let clock = context.cloud.clock();
    let began = clock.now();
    let run = RunId(uuid::Uuid::new_v4().simple().to_string());
    let environments = plan.environments.clone();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let started = Record::RunStarted { run: run.clone(), command: command.to_owned(), environments, version, at: timestamp() };
    context.journal.write(vec![started]).await?;
    context.events.send(Event::RunStarted {
        command,
        stack: context.stack.clone(),
        endpoint: context.cloud.name(),
        steps: plan.steps.len(),
        expected_seconds: plan.expected_seconds,
    });
    let jobs = jobs(&plan);
    let plan = Arc::new(plan);
    let runner = Arc::new(Runner { context: context.clone(), plan: Arc::clone(&plan), steps, gathered: Mutex::default() });
    let verdicts = schedule(&jobs, context.parallelism, &context.cancel, runner.clone()).await;
    let mut gathered = std::mem::take(&mut *runner.gathered());
    // A step that ended without saying why: a fault of this program, and still one that the user must see.
    let told: HashSet<Address> = gathered.failures.iter().map(|failure| failure.address.clone()).collect();
    for (step, verdict) in plan.steps.iter().zip(&verdicts) {
        if *verdict == Verdict::Failed && !told.contains(&step.address) && !context.cancel.is_cancelled() {
            let error = Error::Refused("the step ended unexpectedly; what it did is in the journal".to_owned());
            gathered.failures.push(Failure { address: step.address.clone(), action: step.action.verb(), id: None, error });
        }
    }
    let undone = |(step, verdict): (&Step, &Verdict)| (*verdict != Verdict::Done).then(|| step.address.clone());
    let remaining: Vec<Address> = plan.steps.iter().zip(&verdicts).filter_map(undone).collect();
    // Nothing failed, and yet nothing could begin: a plan that should not have been made.
    if gathered.failures.is_empty()
        && !remaining.is_empty()
        && !context.cancel.is_cancelled()
        && let Some(circle) = Waits::new(plan.steps.iter().map(|step| (&step.address, step.needs.as_slice()))).circle()
    {
        let error = Error::Refused(Knot(circle.clone()).to_string());
        gathered.failures.extend(circle.first().map(|address| Failure { address: address.clone(), action: "begin", id: None, error }));
    }
    let outcome = match (gathered.failures.is_empty(), remaining.is_empty()) {
        (true, true) => Outcome::Done,
        (true, false) if context.cancel.is_cancelled() => Outcome::Stopped,
        _ => Outcome::Failed,
    };
    let mut durations = gathered.durations;
    durations.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let elapsed = clock.now().saturating_sub(began);
    let Gathered { changed, deleted, put_right, failures, .. } = gathered;
    let report = Report { outcome, changed, deleted, put_right, failures, remaining, durations, elapsed };
    let word = if plan.is_part && outcome == Outcome::Done { DONE_IN_PART } else { outcome.as_str() };
    let finished = Record::RunFinished { run, outcome: word.to_owned(), at: timestamp() };
    // When the journal is the very thing that failed, the report with its failures says so; it must not be lost here.
    let noted = context.journal.write(vec![finished]).await;
    if report.failures.is_empty() {
        noted?;
    }
    context.events.send(Event::RunFinished {
        outcome: outcome.as_str(),
        changed: report.changed,
        put_right: report.put_right,
        failed: report.failures.len(),
        remaining: report.remaining.len(),
        seconds: elapsed.as_secs_f64(),
        reads: context.meter.reads(),
        mutations: context.meter.mutations(),
    });
    Ok(report)
}

fn jobs(plan: &Plan) -> Vec<Job> {
    let index: HashMap<&Address, usize> = plan.steps.iter().enumerate().map(|(index, step)| (&step.address, index)).collect();
    let needs = |step: &Step| -> Vec<(usize, Moment)> { step.needs.iter().filter_map(|need| Some((*index.get(&need.on)?, need.at))).collect() };
    plan.steps.iter().zip(plan.remaining()).map(|(step, remaining)| Job { needs: needs(step), remaining }).collect()
}
