//! The shared context of a run's steps, and the report of a run.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::scheduler::{Executor, Job, Verdict, schedule};
use crate::events::{Event, Events};
use crate::graph::{DependencyGraph, Moment};
use crate::plan::{DependencyCycle, Plan, Step};
use crate::resource::{Error, Kinds};
use crate::state::{DONE_IN_PART, DOWN, Entry, Journal, JournalError, Record};
use infra_aws::{AwsError, CallCounter, Cancel, Cloud};
use infra_base::address::{Address, Region, RunId};
use infra_base::clock::timestamp;

/// The context that all steps of a run share.
#[derive(Clone)]
pub struct Context {
    /// All kinds of the program.
    pub kinds: Kinds,
    /// The AWS clients.
    pub cloud: Arc<Cloud>,
    /// The journal.
    pub journal: Journal,
    /// Receives the events.
    pub events: Events,
    /// The request to stop.
    pub cancel: Cancel,
    /// Counts the calls.
    pub calls: Arc<CallCounter>,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// The maximum number of steps at work at the same time.
    pub parallelism: usize,
    /// The ids of resources of others that the configuration names, such as the zone of the records.
    pub named: Arc<BTreeSet<String>>,
}

/// The context of reads.
#[derive(Clone)]
pub struct ReadContext {
    /// All kinds of the program.
    pub kinds: Kinds,
    /// The AWS clients.
    pub cloud: Arc<Cloud>,
    /// Receives the events.
    pub events: Events,
    /// The request to stop.
    pub cancel: Cancel,
    /// Counts the calls.
    pub calls: Arc<CallCounter>,
    /// The stack, `{name}/{suffix}`.
    pub stack: String,
    /// The maximum number of resources read at the same time.
    pub parallelism: usize,
}

impl Context {
    /// Returns a context for reads with the same call counter.
    pub fn read_context(&self) -> ReadContext {
        ReadContext {
            kinds: self.kinds,
            cloud: Arc::clone(&self.cloud),
            events: self.events.clone(),
            cancel: self.cancel.clone(),
            calls: Arc::clone(&self.calls),
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
    /// The action.
    pub action: &'static str,
    /// Its AWS id, when known.
    pub id: Option<String>,
    /// The region of the resource.
    pub region: Region,
    /// The error.
    pub error: Error,
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All steps were done.
    Done,
    /// A step failed.
    Failed,
    /// The run was stopped.
    Stopped,
}

impl Outcome {
    /// Returns the name of the outcome.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// The report of a run.
#[derive(Debug)]
pub struct Report {
    /// The outcome.
    pub outcome: Outcome,
    /// The number of steps that changed something.
    pub changed: usize,
    /// How many of them deleted a resource for good, not as part of a replacement.
    pub deleted: usize,
    /// How many of them corrected a change made outside this tool.
    pub corrected: usize,
    /// The steps that failed.
    pub failures: Vec<Failure>,
    /// Resources whose steps were not done.
    pub remaining: Vec<Address>,
    /// The duration of each step, slowest first.
    pub durations: Vec<(Address, Duration)>,
    /// The duration of the run in AWS time.
    pub elapsed: Duration,
}

/// The result of a step.
pub(super) struct StepEnd {
    pub id: String,
    pub action: &'static str,
    pub changed: bool,
}

/// Runs the steps of a command.
#[async_trait::async_trait]
pub(super) trait Steps: Send + Sync + 'static {
    /// Returns why steps will fail, if that is known before the first one starts. Then none starts.
    async fn preflight(&self, _plan: &Plan) -> Vec<Failure> {
        Vec::new()
    }

    async fn run(
        &self,
        step: &Step,
        released: super::scheduler::CreatedSignal,
    ) -> Result<StepEnd, (Option<String>, Error)>;
}

#[derive(Default)]
struct Tally {
    changed: usize,
    deleted: usize,
    corrected: usize,
    failures: Vec<Failure>,
    durations: Vec<(Address, Duration)>,
}

struct Runner<S> {
    context: Context,
    plan: Arc<Plan>,
    steps: S,
    gathered: Mutex<Tally>,
}

impl<S> Runner<S> {
    fn gathered(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, failure: Failure) {
        let aws: Option<AwsError> = failure.error.aws().cloned();
        self.context.events.send(Event::StepFailed {
            address: failure.address.clone(),
            action: failure.action,
            id: failure.id.clone(),
            error: crate::resource::describe(&failure.error),
            aws,
        });
        self.gathered().failures.push(failure);
    }
}

#[async_trait::async_trait]
impl<S: Steps> Executor for Runner<S> {
    async fn run(&self, index: usize, released: super::scheduler::CreatedSignal) -> bool {
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
                gathered.deleted +=
                    usize::from(end.changed && end.action == "delete" && address.retired_from().is_none());
                let corrected = step.corrects.clone().filter(|_| end.changed);
                gathered.corrected += usize::from(corrected.is_some());
                gathered.durations.push((address.clone(), took));
                drop(gathered);
                self.context.events.send(Event::StepDone {
                    address,
                    action: end.action,
                    id: end.id,
                    seconds: took.as_secs_f64(),
                    corrected,
                });
                true
            }
            Err((id, error)) => {
                if matches!(error, Error::Journal(_)) {
                    // Without a journal, nothing may be changed any more.
                    self.context.cancel.cancel();
                }
                if !matches!(error, Error::Cancelled) {
                    self.failed(Failure { address, action, id, region: step.region.clone(), error });
                }
                false
            }
        }
    }

    fn blocked(&self, index: usize, by: usize) {
        // The summary lists the steps that a stop has prevented.
        if self.context.cancel.is_cancelled() {
            return;
        }
        let (address, by) = (self.plan.steps[index].address.clone(), self.plan.steps[by].address.clone());
        self.context.events.send(Event::StepBlocked { address, by });
    }
}

/// Runs all steps of a plan as one recorded run.
pub(super) async fn run(
    context: &Context,
    command: &'static str,
    plan: Plan,
    steps: impl Steps,
) -> Result<Report, JournalError> {
    let clock = context.cloud.clock();
    let began = clock.now();
    let run = RunId(uuid::Uuid::new_v4().simple().to_string());
    let environments = plan.environments.clone();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let started =
        Record::RunStarted { run: run.clone(), command: command.to_owned(), environments, version, at: timestamp() };
    context.journal.write(vec![started]).await?;
    context.events.send(Event::RunStarted {
        command,
        stack: context.stack.clone(),
        endpoint: context.cloud.name(),
        steps: plan.steps.len(),
        expected_seconds: plan.expected_seconds,
        expected_range_seconds: plan.expected_range_seconds,
    });
    let jobs = jobs(&plan);
    let plan = Arc::new(plan);
    let runner =
        Arc::new(Runner { context: context.clone(), plan: Arc::clone(&plan), steps, gathered: Mutex::default() });
    let refused = runner.steps.preflight(&plan).await;
    let verdicts = if refused.is_empty() {
        schedule(&jobs, context.parallelism, &context.cancel, runner.clone()).await
    } else {
        for failure in refused {
            runner.failed(failure);
        }
        vec![Verdict::NotStarted; jobs.len()]
    };
    let mut gathered = std::mem::take(&mut *runner.gathered());
    // A step that failed without an error is a bug in this program. The user must still see it.
    let reported: HashSet<Address> = gathered.failures.iter().map(|failure| failure.address.clone()).collect();
    for (step, verdict) in plan.steps.iter().zip(&verdicts) {
        if *verdict == Verdict::Failed && !reported.contains(&step.address) && !context.cancel.is_cancelled() {
            let error = Error::Refused("the step ended unexpectedly; the journal records what it did".to_owned());
            gathered.failures.push(Failure {
                address: step.address.clone(),
                action: step.action.verb(),
                id: None,
                region: step.region.clone(),
                error,
            });
        }
    }
    let undone = |(step, verdict): (&Step, &Verdict)| (*verdict != Verdict::Done).then(|| step.address.clone());
    let remaining: Vec<Address> = plan.steps.iter().zip(&verdicts).filter_map(undone).collect();
    // Nothing failed, but nothing could start: the plan contains a cycle, which planning should have rejected.
    if gathered.failures.is_empty()
        && !remaining.is_empty()
        && !context.cancel.is_cancelled()
        && let Some(cycle) =
            DependencyGraph::new(plan.steps.iter().map(|step| (&step.address, step.needs.as_slice()))).find_cycle()
    {
        let error = Error::Refused(DependencyCycle(cycle.clone()).to_string());
        gathered.failures.extend(cycle.first().map(|address| {
            Failure {
                address: address.clone(),
                action: "begin",
                id: None,
                region: plan
                    .steps
                    .iter()
                    .find(|step| step.address == *address)
                    .map_or_else(|| Region::from(""), |step| step.region.clone()),
                error,
            }
        }));
    }
    let outcome = match (gathered.failures.is_empty(), remaining.is_empty()) {
        (true, true) => Outcome::Done,
        (true, false) if context.cancel.is_cancelled() => Outcome::Stopped,
        _ => Outcome::Failed,
    };
    let mut durations = gathered.durations;
    durations.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let elapsed = clock.now().saturating_sub(began);
    let Tally { changed, deleted, corrected, failures, .. } = gathered;
    let report = Report { outcome, changed, deleted, corrected, failures, remaining, durations, elapsed };
    let word = if plan.targeted && outcome == Outcome::Done { DONE_IN_PART } else { outcome.as_str() };
    let finished = Record::RunFinished { run, outcome: word.to_owned(), at: timestamp() };
    // If the journal itself failed, the report contains that failure and must not be lost here.
    let mut records = if command == DOWN && outcome == Outcome::Done { end_of_migration(context) } else { Vec::new() };
    records.push(finished);
    let recorded = context.journal.write(records).await;
    if report.failures.is_empty() {
        recorded?;
    }
    context.events.send(Event::RunFinished {
        outcome: outcome.as_str(),
        changed: report.changed,
        corrected: report.corrected,
        failed: report.failures.len(),
        remaining: report.remaining.len(),
        seconds: elapsed.as_secs_f64(),
        reads: context.calls.reads(),
        mutations: context.calls.mutations(),
    });
    Ok(report)
}

/// Returns the records that end the migration, once no resource carries traffic any more.
fn end_of_migration(context: &Context) -> Vec<Record> {
    context.journal.read(|state| {
        let carries_traffic = |entry: &Entry| {
            let share = context.kinds.get(&entry.kind).and_then(|kind| kind.with_target_share(&entry.spec, 0));
            share.is_some_and(|(_, share)| share.is_some())
        };
        if state.resources.values().any(carries_traffic) { Vec::new() } else { state.migration.end() }
    })
}

fn jobs(plan: &Plan) -> Vec<Job> {
    let index: HashMap<&Address, usize> =
        plan.steps.iter().enumerate().map(|(index, step)| (&step.address, index)).collect();
    let needs = |step: &Step| -> Vec<(usize, Moment)> {
        step.needs.iter().filter_map(|need| Some((*index.get(&need.on)?, need.at))).collect()
    };
    plan.steps.iter().zip(plan.remaining()).map(|(step, remaining)| Job { needs: needs(step), remaining }).collect()
}
