//! Compares loaded tables, and then the rows that change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_postgres::ConnectionInfo;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::compare::Pair;
use super::plan::{PlanError, TablePlan};
use super::records::{Difference, Key, Records};
use crate::catalog;
use crate::control_tables::{Control, ValidationFailure};
use crate::failure::{Failure, is_environmental, text};
use crate::model::TableName;
use crate::observer::{LogLine, Observer, Severity};
use crate::report::{SharedReport, ValidationState};
use crate::session::{Role, open};
use crate::settings::ValidationSettings;
use crate::types::Rules;

/// How many records are compared again at once.
const KEYS: usize = 500;

/// What the validator has to know about a table.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its load has finished; the name of its target.
    Loaded(TableName, TableName),
    /// Rows of it changed on the target, as far as the keys are known.
    Changed(TableName, Vec<Vec<(String, String)>>),
    /// It is in an error state.
    Failed(TableName),
}

/// The delays of the validation, in time of the wall.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// How long a record can differ before it is a failure.
    pub failure: Duration,
    /// How long a record can be modified again and again.
    pub suspend: Duration,
    /// How long a changed record waits before it is compared ("ValidationQueryCdcDelaySeconds").
    pub query: Duration,
    /// How long the validator waits when there is nothing to do.
    pub idle: Duration,
}

/// Compares tables.
pub struct Validator {
    /// The source.
    pub source: ConnectionInfo,
    /// The target.
    pub target: ConnectionInfo,
    /// The settings.
    pub settings: ValidationSettings,
    /// What happens to values on their way.
    pub rules: Rules,
    /// The control tables.
    pub control: Control,
    /// Shows the states.
    pub report: SharedReport,
    /// Receives the task log.
    pub observer: Arc<dyn Observer>,
    /// The delays.
    pub clocks: Clocks,
    /// Whether changes are replicated: a record that differs can be one that has not arrived yet.
    pub captures: bool,
}

/// The comparison of one table.
struct Comparison {
    plan: TablePlan,
    records: Records,
    scan: Scan,
    scanned: u64,
}

/// How far the rows of a table were compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scan {
    After(Option<Key>),
    Done,
    /// There were too many failures.
    GivenUp,
}

/// A step of a comparison.
enum Step {
    Partition,
    Keys(Vec<Key>),
}

impl Validator {
    /// Works until the sender of the events is gone. `idle` is true when everything that was loaded is compared.
    pub async fn run(self, mut events: UnboundedReceiver<Event>, idle: watch::Sender<bool>) {
        let mut tables: BTreeMap<TableName, Comparison> = BTreeMap::new();
        let mut free: Vec<Pair> = Vec::new();
        loop {
            let is_closed = self.take_events(&mut events, &mut tables, &mut free).await;
            let worked = self.work(&mut tables, &mut free).await;
            let waits = |one: &Comparison| matches!(one.scan, Scan::After(_)) || one.records.counts()[0] > 0;
            let is_idle = events.is_empty() && !tables.values().any(waits);
            idle.send_replace(is_idle);
            if is_closed {
                return;
            }
            if !worked {
                tokio::time::sleep(self.clocks.idle).await;
            }
        }
    }

    /// Takes all events that wait. Returns whether there will be no more.
    async fn take_events(
        &self,
        events: &mut UnboundedReceiver<Event>,
        tables: &mut BTreeMap<TableName, Comparison>,
        free: &mut Vec<Pair>,
    ) -> bool {
        loop {
            match events.try_recv() {
                Ok(Event::Loaded(table, target)) => self.begin(tables, free, &table, &target).await,
                Ok(Event::Failed(table)) => {
                    tables.remove(&table);
                    self.set_state(&table, ValidationState::TableError);
                }
                Ok(Event::Changed(table, rows)) => {
                    if let Some(comparison) = tables.get_mut(&table) {
                        let now = Instant::now();
                        for row in rows {
                            if let Some(key) = comparison.plan.key_of(&row) {
                                comparison.records.wait(key, now);
                            }
                        }
                        self.show(&table, comparison);
                    }
                }
                Err(tokio::sync::mpsc::error::TryRecvError::Empty) => return false,
                Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => return true,
            }
        }
    }

    async fn begin(
        &self,
        tables: &mut BTreeMap<TableName, Comparison>,
        free: &mut Vec<Pair>,
        table: &TableName,
        target: &TableName,
    ) {
        tables.remove(table);
        match self.plan(free, table, target).await {
            Ok(Ok(plan)) => {
                let comparison = Comparison { plan, records: Records::default(), scan: Scan::After(None), scanned: 0 };
                self.show(table, &comparison);
                tables.insert(table.clone(), comparison);
            }
            Ok(Err(PlanError::NoKey)) => self.set_state(table, ValidationState::NoPrimaryKey),
            Ok(Err(PlanError::OtherColumns)) => self.fail(table, "the target table lacks a column"),
            Err(failure) => self.fail(table, &failure.message),
        }
    }

    async fn plan(
        &self,
        free: &mut Vec<Pair>,
        table: &TableName,
        target: &TableName,
    ) -> Result<Result<TablePlan, PlanError>, Failure> {
        let pair = match free.pop() {
            Some(pair) => pair,
            None => self.open().await?,
        };
        let failed = |error: tokio_postgres::Error| Failure::of("Failed to read the catalog", &error);
        let source = catalog::read_table(&pair.source, table).await.map_err(failed)?;
        let target = catalog::read_table(&pair.target, target).await.map_err(failed)?;
        free.push(pair);
        let (Some(source), Some(target)) = (source, target) else { return Ok(Err(PlanError::OtherColumns)) };
        Ok(TablePlan::new(&source, &target, &self.rules, &self.settings))
    }

    async fn open(&self) -> Result<Pair, Failure> {
        let source = open(&self.source, Role::Source, None).await?;
        let target = open(&self.target, Role::Target, None).await?;
        Ok(Pair { source, target })
    }

    /// Makes one step for as many tables as there are threads. Returns whether there was anything to do.
    async fn work(&self, tables: &mut BTreeMap<TableName, Comparison>, free: &mut Vec<Pair>) -> bool {
        let now = Instant::now();
        let total: u64 = tables.values().map(|comparison| comparison.records.counts()[1]).sum();
        // "FailureMaxCount – Specifies the maximum number of records that can fail validation before validation is
        // suspended for the task."
        if total >= self.settings.failure_max.max(1) {
            for (table, comparison) in &mut *tables {
                self.give_up(table, comparison);
            }
        }
        let mut steps = Vec::new();
        for comparison in tables.values_mut() {
            if steps.len() >= self.settings.threads {
                break;
            }
            let due = comparison.records.due(now, self.clocks.query, KEYS);
            let step = match comparison.scan {
                Scan::After(_) => Step::Partition,
                Scan::Done if !due.is_empty() => Step::Keys(due),
                Scan::Done | Scan::GivenUp => continue,
            };
            steps.push((comparison, step));
        }
        if steps.is_empty() {
            return false;
        }
        while free.len() < steps.len() {
            match self.open().await {
                Ok(pair) => free.push(pair),
                // The next round tries again.
                Err(_) => return false,
            }
        }
        let rechecks = steps.iter().any(|(_, step)| matches!(step, Step::Keys(_)));
        let pairs = free.split_off(free.len() - steps.len());
        let running = steps.into_iter().zip(pairs).map(|((comparison, step), pair)| async move {
            let result = self.step(comparison, step, &pair).await;
            let table = comparison.plan.source.clone();
            match result {
                Ok(()) => {}
                Err(error) if is_environmental(&error) => return None,
                Err(error) => {
                    comparison.scan = Scan::GivenUp;
                    self.fail(&table, &text(&error));
                    return Some(pair);
                }
            }
            self.show(&table, comparison);
            Some(pair)
        });
        let pairs = futures::future::join_all(running).await;
        free.extend(pairs.into_iter().flatten());
        // Records that still differ are compared again later, not at once.
        !rechecks
    }

    async fn step(&self, comparison: &mut Comparison, step: Step, pair: &Pair) -> Result<(), tokio_postgres::Error> {
        let now = Instant::now();
        match step {
            Step::Partition => {
                let Scan::After(after) = comparison.scan.clone() else { return Ok(()) };
                let size = self.settings.partition_size;
                let partition = pair.partition(&comparison.plan, after.as_ref(), size).await?;
                comparison.scanned += partition.rows;
                comparison.scan = partition.last.map_or(Scan::Done, |last| Scan::After(Some(last)));
                for (key, difference) in partition.differences {
                    comparison.records.wait(key.clone(), now);
                    if !self.captures {
                        self.differs(comparison, key, difference, pair, Duration::ZERO).await?;
                    }
                }
            }
            Step::Keys(keys) => {
                let differences = pair.keys(&comparison.plan, &keys).await?;
                for key in keys.iter().filter(|key| !differences.iter().any(|(other, _)| other == *key)) {
                    comparison.records.equal(key);
                }
                for (key, difference) in differences {
                    let delay = self.clocks.failure.max(self.report.get().latency_target);
                    self.differs(comparison, key, difference, pair, delay).await?;
                }
            }
        }
        Ok(())
    }

    /// "RecordFailureDelayInMinutes […] If the overall DMS task CDC latency is greater than [this] value, it takes
    /// precedence."
    async fn differs(
        &self,
        comparison: &mut Comparison,
        key: Key,
        difference: Difference,
        pair: &Pair,
        delay: Duration,
    ) -> Result<(), tokio_postgres::Error> {
        if !comparison.records.differs(&key, Instant::now(), delay, self.clocks.suspend) {
            return Ok(());
        }
        let details = pair.details(&comparison.plan, &key).await?;
        let table = comparison.plan.source.clone();
        let failure =
            ValidationFailure { table: table.clone(), key: key.to_json(), kind: difference.as_str(), details };
        if let Err(failure) = self.control.validation_failure(&pair.target, &failure).await {
            self.log(Severity::Error, failure.message);
        }
        // "TableFailureMaxCount – Specifies the maximum number of rows in one table that can fail validation before
        // validation is suspended for the table."
        if comparison.records.counts()[1] >= self.settings.table_failure_max.max(1) {
            self.give_up(&table, comparison);
        }
        Ok(())
    }

    fn give_up(&self, table: &TableName, comparison: &mut Comparison) {
        if comparison.scan != Scan::GivenUp {
            comparison.scan = Scan::GivenUp;
            self.log(Severity::Warning, format!("Validation of the table {table} is suspended: too many failures"));
            self.show(table, comparison);
        }
    }

    fn show(&self, table: &TableName, comparison: &Comparison) {
        let [pending, failed, suspended] = comparison.records.counts();
        self.report.update_table(table, |report| {
            let not_scanned = match comparison.scan {
                Scan::After(_) => report.full_load_rows.saturating_sub(comparison.scanned),
                Scan::Done | Scan::GivenUp => 0,
            };
            report.validation = match (&comparison.scan, comparison.records.state()) {
                (Scan::After(_), ValidationState::Validated) => ValidationState::Pending,
                (_, state) => state,
            };
            report.validation_pending = pending + not_scanned;
            report.validation_failed = failed;
            report.validation_suspended = suspended;
        });
    }

    fn set_state(&self, table: &TableName, state: ValidationState) {
        self.report.update_table(table, |report| {
            report.validation = state;
            report.validation_pending = 0;
        });
    }

    fn fail(&self, table: &TableName, reason: &str) {
        self.log(Severity::Error, format!("The table {table} cannot be validated: {reason}"));
        self.set_state(table, ValidationState::Error);
    }

    fn log(&self, severity: Severity, text: String) {
        self.observer.log(LogLine { severity, component: "VALIDATOR", text });
    }
}
