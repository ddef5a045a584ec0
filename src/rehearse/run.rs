//! A rehearsal from its beginning to its report.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use infra_compare::{Options, TableResult, Verdict};
use infra_config::{Check, Strategy};
use infra_core::events::Events;
use infra_core::resource::describe as describe_error;
use infra_core::state::State;
use infra_rehearsal::{Lag, Ledger, Phase, Report, Writers, now};
use infra_sandbox_data::{Clients, databases as servers};
use infra_switchover::Row;
use infra_workflow::Workspace;
use infra_workflow::unattended::{self, CutoverEnd, StepError};
use tokio::task::JoinHandle;

use crate::conclude::{catch_up, conclude};
use crate::databases::Databases;
use crate::driver::Driver;
use crate::error::RehearseError;
use crate::gates::Gates;
use crate::options::{RehearsalOptions, Then};
use crate::stage::Stage;
use crate::status::{Observer, Status};
use crate::{minimum_requests, schema, traffic};

/// How often the status is shown and the lag is measured.
const LOOK: Duration = Duration::from_millis(200);
/// How long the writers work before the migration begins, in seconds of AWS.
const BEFORE: f64 = 60.0;
/// Writers need this time to make payments, however fast the clock is.
const LEAST: Duration = Duration::from_secs(2);
/// How often rows that differ are compared again, every [`LEAST`]: on a busy machine, changes arrive late.
const RECHECK_TIMES: u32 = 15;
/// How often a switchover is tried.
const ATTEMPTS: u32 = 3;

/// Rehearses a migration.
///
/// # Errors
/// There is no verdict: something that the rehearsal needs failed. A lost payment is a verdict, not an error.
pub async fn rehearse(options: RehearsalOptions, observer: Arc<dyn Observer>) -> Result<Report, RehearseError> {
    let mut rehearsal = Rehearsal::open(options, observer).await?;
    let result = rehearsal.run().await;
    rehearsal.watch.abort();
    result
}

/// A rehearsal that runs.
struct Rehearsal {
    options: RehearsalOptions,
    stage: Arc<Stage>,
    driver: Arc<Driver>,
    gates: Gates,
    observer: Arc<dyn Observer>,
    shared: Arc<Mutex<Shared>>,
    watch: JoinHandle<()>,
    phases: Vec<Phase>,
    notes: Vec<String>,
    /// The number of switchovers that were completed.
    switchovers: usize,
    /// How long a client can keep its connection to a load balancer.
    keep_alive: Duration,
    /// What the writers see, once they have been started.
    cloud: Option<Arc<Clients>>,
}

/// What the phases and the watch share.
#[derive(Default)]
struct Shared {
    phase: String,
    writers: Option<Writers>,
    lags: Vec<f64>,
}

impl Rehearsal {
    async fn open(mut options: RehearsalOptions, observer: Arc<dyn Observer>) -> Result<Self, RehearseError> {
        minimum_requests::scale(&mut options.config.gates, options.speed);
        if options.config.routing.is_none() && options.writers > 0 {
            return Err(RehearseError::NoRouting);
        }
        observer.phase("sandbox");
        let stage = Arc::new(Stage::open(&options).await?);
        let driver = Arc::new(Driver::new(options.kill, options.second()));
        let (gates, shared) = (Gates::default(), Arc::<Mutex<Shared>>::default());
        let watch = Watch {
            stage: Arc::clone(&stage),
            driver: Arc::clone(&driver),
            gates: gates.clone(),
            observer: Arc::clone(&observer),
            shared: Arc::clone(&shared),
        };
        let watch = tokio::spawn(watch.run());
        Ok(Self {
            options,
            stage,
            driver,
            gates,
            observer,
            shared,
            watch,
            phases: Vec::new(),
            notes: Vec::new(),
            switchovers: 0,
            keep_alive: Duration::ZERO,
            cloud: None,
        })
    }

    async fn run(&mut self) -> Result<Report, RehearseError> {
        let (events, workspace) = (self.gates.events(Arc::clone(&self.observer)), Arc::clone(&self.stage.workspace));
        let driver = Arc::clone(&self.driver);
        self.begin("up");
        driver.run(&workspace, &events, unattended::up).await?;
        self.end("the stack exists".to_owned());
        let state = self.read_state().await?;
        let databases = Databases::find(&self.stage, &state)?;

        self.begin("data");
        let filled = schema::load(&self.options, &databases.source).await?;
        let rows: u64 = filled.iter().map(|table| table.rows).sum();
        let prepared = schema::prepare_target(&self.options, &databases.target).await?;
        let target = if prepared { "; the target has the schema, too" } else { "" };
        self.end(format!("{}, {rows} generated rows{target}", self.options.schema.describe()));

        let ledger_file = self.options.directory.join("ledger.jsonl");
        let ledger = Arc::new(Ledger::open(&ledger_file)?);
        let mut skipped = Vec::new();
        if self.options.writers > 0 {
            self.begin("traffic");
            let application = schema::application(&self.options, &databases.source).await?;
            skipped = application.skipped().to_vec();
            let started = traffic::start(&self.options, &self.stage, application, Arc::clone(&ledger))?;
            (self.keep_alive, self.cloud) = (started.keep_alive, Some(started.cloud));
            self.shared().writers = Some(started.writers);
            self.wait(BEFORE).await;
            self.end(format!("{} writers, {} payments per second", self.options.writers, self.options.rate));
        }

        self.begin("replication");
        let result = driver.run(&workspace, &events, unattended::start_replication).await;
        self.go_on(result, "the tables are loaded, and changes are replicated")?;
        self.validate(&events).await?;

        let mut end = None;
        if self.options.writers > 0 {
            let there = self.go_there("cutover", &events, unattended::cutover).await?;
            if matches!(self.options.then, Then::Rollback | Then::Again) {
                self.go_back(&events, &there).await?;
            }
            end = Some(there);
            if self.options.then == Then::Again {
                // Another task carries the changes now.
                self.validate(&events).await?;
                end = Some(self.go_there("cutover again", &events, unattended::cutover_again).await?);
            }
        }
        let primary = self.cloud.as_ref().and_then(|cloud| cloud.primary());
        let primary = primary.map_or_else(|| Arc::clone(&databases.source.id), |database| database.id);
        self.stop_writers().await?;

        self.begin("catch up");
        let detail = match catch_up(&self.stage).await {
            true => "the replication has applied all changes",
            false => "the replication did not apply all changes in time",
        };
        self.end(detail.to_owned());
        if matches!(self.options.then, Then::Finish | Then::Again) {
            self.finish(&events, end.as_ref()).await?;
        }
        drop(ledger);
        self.begin("verdict");
        let found = conclude(&self.options, &ledger_file, &databases, &primary).await?;
        self.end(String::new());
        let mut report =
            Report::new(self.options.config.stack.id(), self.options.schema.describe(), found.traffic, found.verdict);
        report.differences = Some(found.differences);
        (report.filled, report.skipped) = (filled, skipped);
        if self.options.config.strategy().is_some_and(Strategy::has_switchover) {
            report.require_one_primary(self.switchovers);
        }
        self.complete(&mut report);
        Ok(report)
    }

    /// Compares both databases before a cutover, if its gate `validation` is enabled. DMS does not compare tables
    /// without a primary key.
    async fn validate(&mut self, events: &Events) -> Result<(), RehearseError> {
        if !self.options.config.gates.iter().any(|gate| matches!(gate.check, Check::Validation { .. })) {
            return Ok(());
        }
        let (driver, workspace) = (Arc::clone(&self.driver), Arc::clone(&self.stage.workspace));
        self.begin("validate");
        let validate = async |workspace: &Workspace, events: Events| {
            let limits = Options { recheck_times: RECHECK_TIMES, recheck_after: LEAST, ..Options::default() };
            unattended::validate(workspace, events, limits).await
        };
        let result = driver.run(&workspace, events, validate).await;
        let compared: Vec<_> = result.as_ref().into_iter().flatten().collect();
        let detail = if compared.iter().all(|one| one.data == Verdict::Equal) {
            "all rows are equal".to_owned()
        } else {
            let is_other = |table: &&TableResult| !matches!(table.verdict, Verdict::Equal | Verdict::Empty);
            let others = compared.iter().flat_map(|one| &one.tables).filter(is_other).map(ToString::to_string);
            let others: Vec<String> = others.collect();
            if others.is_empty() { "not all rows are equal".to_owned() } else { others.join("; ") }
        };
        self.go_on(result.map(drop), &detail)
    }

    /// Moves traffic and data to the target, and waits until every client has noticed.
    async fn go_there(
        &mut self,
        phase: &str,
        events: &Events,
        step: impl AsyncFn(&Workspace, Events) -> Result<CutoverEnd, StepError> + Clone + Send + 'static,
    ) -> Result<CutoverEnd, RehearseError> {
        let (driver, workspace) = (Arc::clone(&self.driver), Arc::clone(&self.stage.workspace));
        self.begin(phase);
        let mut end = driver.run(&workspace, events, step.clone()).await?;
        // A switchover that was undone has changed nothing: an operator tries again.
        let mut attempts = 1;
        while let CutoverEnd::Switchover(ended) = &end
            && !end.is_complete()
            && attempts < ATTEMPTS
        {
            self.notes.push(format!("the switchover was undone: {}", ended.reasons.join("; ")));
            attempts += 1;
            end = driver.run(&workspace, events, step.clone()).await?;
        }
        self.switchovers += usize::from(matches!(end, CutoverEnd::Switchover(_)) && end.is_complete());
        self.end(describe(&end));
        self.begin("after the cutover");
        self.wait_for_clients().await;
        self.end(String::new());
        Ok(end)
    }

    /// Moves everything back, given how it went there.
    async fn go_back(&mut self, events: &Events, there: &CutoverEnd) -> Result<(), RehearseError> {
        let (driver, workspace) = (Arc::clone(&self.driver), Arc::clone(&self.stage.workspace));
        self.begin("rollback");
        match there {
            CutoverEnd::Switchover(_) => {
                let mut attempts = 1;
                while let Err(error) = driver.run(&workspace, events, unattended::roll_back).await {
                    // A switchover that was undone has changed nothing: an operator tries again.
                    if attempts >= ATTEMPTS || !matches!(error, RehearseError::Step(_)) {
                        return Err(error);
                    }
                    self.notes.push(format!("the switchover back was undone: {}", describe_error(&error)));
                    attempts += 1;
                }
                self.switchovers += 1;
            }
            CutoverEnd::Steps(_) => driver.run(&workspace, events, unattended::roll_back_traffic).await?,
        }
        self.wait_for_clients().await;
        self.end("all traffic goes to the source".to_owned());
        Ok(())
    }

    /// Ends the migration. Without a switchover, only the replication is stopped.
    async fn finish(&mut self, events: &Events, end: Option<&CutoverEnd>) -> Result<(), RehearseError> {
        let (driver, workspace) = (Arc::clone(&self.driver), Arc::clone(&self.stage.workspace));
        if let Some(CutoverEnd::Switchover(_)) = end.filter(|end| end.is_complete()) {
            self.begin("finish");
            let removed = driver.run(&workspace, events, unattended::finish).await?;
            let left = removed.other_slots.iter().map(|(side, slot)| format!("{slot} in the database of the {side}"));
            self.notes.extend(left.map(|slot| format!("left: {slot}")));
            self.end(format!("{} objects were removed from the databases", removed.objects.len()));
        } else if !self.stage.running_tasks(|_| ()).is_empty() {
            self.begin("finish");
            driver.run(&workspace, events, unattended::stop_replication).await?;
            self.end("the replication is stopped".to_owned());
        }
        Ok(())
    }

    fn complete(&mut self, report: &mut Report) {
        let options = &self.options;
        let then = match options.then {
            Then::Finish => "finish",
            Then::Again => "again",
            Then::Rollback => "rollback",
            Then::Stop => "stop",
        };
        let parameters = [
            ("rows", options.rows.to_string()),
            ("writers", options.writers.to_string()),
            ("rate", options.rate.to_string()),
            ("speed", options.speed.to_string()),
            ("then", then.to_owned()),
            ("seed", options.seed.to_string()),
            ("kill", options.kill.map_or_else(|| "no".to_owned(), |seed| format!("seed {seed}"))),
        ];
        report.parameters = parameters.map(|(name, value)| (name.to_owned(), value)).into();
        let versions = self.stage.world(servers).into_iter().map(|server| (server.identifier, server.version));
        report.versions = versions.collect();
        report.versions.insert("migrate-infra".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        report.gates = self.gates.verdicts();
        report.phases = std::mem::take(&mut self.phases);
        report.lag = Lag::of(std::mem::take(&mut self.shared().lags));
        report.notes = std::mem::take(&mut self.notes);
        if self.driver.killed() > 0 {
            report.notes.push(format!("the driver was killed {} times", self.driver.killed()));
        }
        if options.script.is_some() {
            report.notes.push("a script injected faults".to_owned());
        }
    }

    /// A replication that fails does not end the rehearsal: that is what it is for.
    fn go_on(&mut self, result: Result<(), RehearseError>, detail: &str) -> Result<(), RehearseError> {
        match result {
            Ok(()) => self.end(detail.to_owned()),
            Err(RehearseError::Step(error)) => {
                self.notes.push(error.to_string());
                self.end(error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn begin(&mut self, name: &str) {
        name.clone_into(&mut self.shared().phase);
        self.observer.phase(name);
        self.phases.push(Phase { name: name.to_owned(), started_at: now(), ended_at: None, detail: String::new() });
    }

    fn end(&mut self, detail: String) {
        if let Some(phase) = self.phases.last_mut() {
            self.observer.phase_ended(&phase.name, &detail);
            (phase.ended_at, phase.detail) = (Some(now()), detail);
        }
    }

    async fn wait(&self, aws_seconds: f64) {
        tokio::time::sleep(self.options.wall(aws_seconds).max(LEAST)).await;
    }

    /// Waits until every client has resolved the name again, and has made payments.
    async fn wait_for_clients(&self) {
        tokio::time::sleep(self.keep_alive).await;
        self.wait(self.options.soak).await;
    }

    async fn read_state(&self) -> Result<State, RehearseError> {
        self.stage.workspace.read_state().await.map_err(|error| RehearseError::Step(error.into()))
    }

    async fn stop_writers(&mut self) -> Result<(), RehearseError> {
        let writers = self.shared().writers.take();
        if let Some(writers) = writers {
            writers.stop().await?;
        }
        Ok(())
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(end: &CutoverEnd) -> String {
    match end {
        CutoverEnd::Steps(outcome) => match outcome.why() {
            None => outcome.as_str().replace('_', " "),
            Some(why) => format!("{}: {why}", outcome.as_str().replace('_', " ")),
        },
        CutoverEnd::Switchover(ended) if end.is_complete() => {
            let rows = Row::ALL.iter().filter(|row| **row >= Row::Fence);
            let closed: Duration = rows.filter_map(|row| ended.record.progress.duration(*row)).sum();
            format!("completed; both environments were closed for {:.1} s", closed.as_secs_f64())
        }
        CutoverEnd::Switchover(ended) => format!("undone: {}", ended.reasons.join("; ")),
    }
}

/// Measures the lag, and shows the status.
struct Watch {
    stage: Arc<Stage>,
    driver: Arc<Driver>,
    gates: Gates,
    observer: Arc<dyn Observer>,
    shared: Arc<Mutex<Shared>>,
}

impl Watch {
    async fn run(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let lags = self.stage.running_tasks(|task| Some(task.minutes.last()?.latency_target));
            let lag = lags.into_iter().flatten().reduce(f64::max);
            let (phase, live) = {
                let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.lags.extend(lag);
                (shared.phase.clone(), shared.writers.as_ref().map(Writers::live))
            };
            self.observer.status(&Status {
                phase,
                detail: self.gates.activity(),
                aws_seconds: self.stage.clock.now().as_secs_f64(),
                traffic: live,
                lag_seconds: lag,
                kills: self.driver.killed(),
            });
        }
    }
}
