//! Applies cached changes, and then changes as they come.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio_postgres::Client;

use super::changed_keys;
use super::control::Control;
use super::end::{End, StopReason};
use super::load;
use super::slot::failure;
use super::state::{Shared, Tables};
use crate::apply::{self, Applier, ApplyError, Options, Route, TargetCatalog};
use crate::capture::{Batch, Limits, Slot, StopPosition};
use crate::checkpoint::{Boundary, Phase};
use crate::failure::Failure;
use crate::model::{Change, Lsn, TableName, Transaction};
use crate::observer::Severity;
use crate::report::{Stage, TableReport, TableState};
use crate::session::{Role, open};
use crate::settings::{LobMode, StopPoint};
use crate::source_objects::beat;
use crate::types::{Conversion, Transfer};
use crate::validation::Event;

/// How often the progress of an idle task is stored and shown.
const SHOW: Duration = Duration::from_millis(200);

/// Reads the slot and applies what it returns.
pub(super) struct Changes<'a> {
    shared: &'a Shared,
    slot: Slot,
    tables: &'a Tables,
    /// The session that reads the slot. The way it prints values is its own.
    source: Client,
    /// The session for control tables.
    target: Client,
    applier: Applier,
    events: Option<UnboundedSender<Event>>,
    boundaries: HashMap<TableName, Boundary>,
    /// The statistics of earlier attempts and runs.
    base: BTreeMap<TableName, TableReport>,
    /// The position of the source at the last look that found nothing.
    quiet_at: Option<Lsn>,
    next_beat: Instant,
    next_history: Instant,
    last_show: Instant,
    last_record: Instant,
}

/// What a step of the capture has found.
enum Step {
    Worked,
    Idle,
    End(StopReason),
}

impl<'a> Changes<'a> {
    pub async fn new(
        shared: &'a Shared,
        slot: Slot,
        tables: &'a Tables,
        source: Client,
        target: Client,
        events: Option<UnboundedSender<Event>>,
    ) -> Result<Self, Failure> {
        let definition = &shared.definition;
        let script = definition.target.after_connect_script.as_deref();
        let client = open(&definition.target.connection, Role::Target, script).await?;
        let catalog = TargetCatalog::read(&client, routes(shared, tables)).await;
        let catalog = catalog.map_err(|error| Failure::recoverable(with_sources(&error)))?;
        let mut options = Options::new(&definition.settings, definition.name.clone());
        options.fail_on_lob_truncation = definition.source.fail_on_lob_truncation;
        let mut applier = Applier::new(client, catalog, shared.policies.clone(), options)
            .with_conversion(Arc::new(Conversion::new(shared.rules(), tables.values())))
            .with_faults(Arc::clone(&shared.faults));
        if matches!(definition.settings.target.lobs, LobMode::Full { .. }) {
            applier = applier.with_lob_source(open(&definition.source.connection, Role::Source, None).await?);
        }
        let base = shared.tables();
        for (table, report) in &base {
            if matches!(report.state, TableState::Error | TableState::Suspended) {
                applier.suspend(table, report.error.clone().unwrap_or_default());
            }
        }
        let boundaries = shared.checkpoint().tables.into_iter();
        let boundaries = boundaries.filter_map(|progress| Some((progress.table, progress.boundary?))).collect();
        let now = Instant::now();
        Ok(Self {
            shared,
            slot,
            tables,
            source,
            target,
            applier,
            events,
            boundaries,
            base,
            quiet_at: None,
            next_beat: now,
            next_history: now + Self::history_interval(shared),
            last_show: now,
            last_record: now,
        })
    }

    /// Works until the task stops.
    pub async fn run(mut self, control: &mut watch::Receiver<Control>) -> Result<End, Failure> {
        let result = self.work(control).await;
        self.show();
        self.status("NOT RUNNING").await;
        result.map(End::of)
    }

    async fn work(&mut self, control: &mut watch::Receiver<Control>) -> Result<StopReason, Failure> {
        loop {
            if self.shared.is_stopped() {
                return Ok(StopReason::Normal);
            }
            self.keep_alive().await?;
            self.reload(control).await?;
            match self.step().await? {
                Step::End(reason) => return Ok(reason),
                Step::Worked => {}
                Step::Idle => {
                    let stopped = control.wait_for(|control| control.stop);
                    tokio::select! {
                        () = tokio::time::sleep(self.shared.definition.poll) => {}
                        _ = stopped => {}
                    }
                }
            }
        }
    }

    /// Reads the next transactions and applies them.
    async fn step(&mut self) -> Result<Step, Failure> {
        let phase = self.shared.checkpoint().phase;
        let until = match phase {
            Phase::CachedChanges { until } => Some(until),
            _ => None,
        };
        self.shared.stage(if until.is_some() { Stage::CachedChanges } else { Stage::Replicating });
        self.applier.set_phase(if until.is_some() { apply::Phase::Cached } else { apply::Phase::Ongoing });
        let mut batch = self.read().await?;
        let is_empty = batch.transactions.is_empty();
        let mut stops_here = None;
        if let Some(stop) = self.shared.definition.stop {
            let now = micros(SystemTime::now());
            if let Some(at) = batch.transactions.iter().position(|one| stop.stops_before(one, now)) {
                batch.transactions.truncate(at);
                stops_here = Some(stop);
            } else if matches!(stop, StopPosition::ServerTime(time) if now >= time) {
                stops_here = Some(stop);
            }
        }
        let has_later = until.is_some_and(|until| {
            let cached = batch.transactions.partition_point(|one| one.commit_lsn <= until);
            let has_later = cached < batch.transactions.len();
            batch.transactions.truncate(cached);
            has_later
        });
        self.apply(&batch).await?;
        if until.is_some() && (has_later || !batch.more) {
            self.shared.record(|checkpoint| checkpoint.phase = Phase::Replicating);
            self.shared.log(Severity::Info, "TASK_MANAGER", "All cached changes are applied");
            if self.shared.definition.settings.full_load.stop == StopPoint::AfterCachedChanges {
                return Ok(Step::End(StopReason::StoppedAfterCachedEvents));
            }
        }
        match stops_here {
            Some(StopPosition::ServerTime(_)) => return Ok(Step::End(StopReason::StoppedAtServerTime)),
            Some(StopPosition::CommitTime(_)) => return Ok(Step::End(StopReason::StoppedAtCommitTime)),
            None => {}
        }
        if is_empty && self.last_show.elapsed() >= SHOW {
            self.show();
            self.show_open_transaction().await?;
            self.status("CHANGE PROCESSING").await;
        }
        Ok(if is_empty && !has_later { Step::Idle } else { Step::Worked })
    }

    /// Reads the slot, if the source has written anything since it was last found empty.
    async fn read(&mut self) -> Result<Batch, Failure> {
        let state = self.slot.verify(&self.source).await.map_err(|error| failure(&error))?;
        self.shared.report.update(|report| {
            (report.slot_lag, report.slot_retained) = (state.lag(), state.retained());
            report.position = Some(state.confirmed);
        });
        if self.quiet_at == Some(state.current) {
            return Ok(Batch::default());
        }
        let applied = self.shared.last_applied();
        if state.confirmed < applied {
            // The connection ended after the changes were applied, and before the slot was moved.
            self.slot.advance(&self.source, applied).await.map_err(|error| failure(&error))?;
        }
        let tables = self.tables;
        let captured = move |table: &TableName| tables.contains_key(table);
        let batch = self.slot.read(&self.source, Limits::default(), &captured).await;
        let mut batch = batch.map_err(|error| failure(&error))?;
        self.quiet_at = batch.transactions.is_empty().then_some(state.current);
        for transaction in &mut batch.transactions {
            self.drop_loaded(transaction);
            self.drop_removed(transaction);
        }
        let waiting = batch.changes() as u64;
        let read_at = SystemTime::now();
        self.shared.report.update(|report| {
            report.incoming_changes = waiting;
            // "The gap, in seconds, between the last event captured from the source endpoint and current system time
            // stamp of the AWS DMS instance. If no changes have been captured […], AWS DMS sets this value to zero."
            report.latency_source = age(batch.transactions.last(), read_at);
            report.latency_target = age(batch.transactions.first(), read_at);
        });
        Ok(batch)
    }

    /// "If a transaction has begun, but has not been committed, then the CDCLatencySource metric continues to grow
    /// until that transaction has been committed" ("Data Migration Service metrics").
    async fn show_open_transaction(&self) -> Result<(), Failure> {
        // Times of other users' sessions are hidden from a user without `pg_read_all_stats`.
        let statement = "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8 \
             FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database()";
        let row = self.source.query_one(statement, &[]).await;
        let failed = |error| Failure::of("Failed to read the open transactions", &error);
        let open: f64 = row.and_then(|row| row.try_get(0)).map_err(failed)?;
        let open = Duration::from_secs_f64(open.max(0.0));
        self.shared.report.update(|report| {
            report.latency_source = open;
            // "Target latency should never be smaller than the source latency."
            report.latency_target = report.latency_target.max(open);
            if open.is_zero() {
                report.latency_target = Duration::ZERO;
            }
        });
        Ok(())
    }

    /// Removes the changes that were visible when the load of their table began.
    fn drop_loaded(&self, transaction: &mut Transaction) {
        let xid = transaction.xid;
        let is_loaded = |table: &TableName| self.boundaries.get(table).is_some_and(|boundary| boundary.contains(xid));
        transaction.changes.retain_mut(|change| match change {
            Change::Insert { table, .. } | Change::Update { table, .. } | Change::Delete { table, .. } => {
                !is_loaded(table)
            }
            Change::Truncate { tables } => {
                tables.retain(|table| !is_loaded(table));
                !tables.is_empty()
            }
        });
    }

    /// Removes the values of columns that the mappings remove.
    fn drop_removed(&self, transaction: &mut Transaction) {
        let mappings = &self.shared.definition.mappings;
        for change in &mut transaction.changes {
            let (table, rows) = match change {
                Change::Insert { table, new } => (&*table, vec![new]),
                Change::Update { table, old_key, new } => (&*table, vec![old_key, new]),
                Change::Delete { table, key } => (&*table, vec![key]),
                Change::Truncate { .. } => continue,
            };
            for row in rows {
                row.retain(|value| !mappings.removes(table, &value.column));
            }
        }
    }

    async fn apply(&mut self, batch: &Batch) -> Result<(), Failure> {
        if batch.transactions.is_empty() {
            return Ok(());
        }
        let before = self.applier.applied().position;
        let result = if self.shared.definition.settings.validation.only {
            Ok(batch.position().unwrap_or_default())
        } else {
            let first = batch.transactions.first();
            let report = self.shared.report.clone();
            let applying = self.applier.apply(&batch.transactions);
            tokio::pin!(applying);
            let mut ticks = tokio::time::interval(SHOW);
            let applied = loop {
                tokio::select! {
                    applied = &mut applying => break applied,
                    _ = ticks.tick() => {
                        report.update(|report| report.latency_target = age(first, SystemTime::now()));
                    }
                }
            };
            applied.map(|applied| applied.position)
        };
        let position = match &result {
            Ok(position) => *position,
            // What was committed before the error is applied.
            Err(_) => self.applier.applied().position,
        };
        self.take_events().await?;
        if let Some(events) = &self.events {
            let applied = |one: &&Transaction| one.commit_lsn > before && one.commit_lsn <= position;
            changed_keys::tell(events, self.tables, batch.transactions.iter().filter(applied));
        }
        self.show();
        if position > before {
            self.shared.applied(position);
            let advanced = self.slot.advance(&self.source, position).await;
            if advanced.is_err() {
                self.shared.record(|_| ());
            }
            advanced.map_err(|error| failure(&error))?;
            self.shared.report.update(|report| report.position = Some(position));
        }
        if self.last_record.elapsed() >= SHOW || result.is_err() {
            // A kill loses statistics only: the slot knows what was applied.
            self.shared.record(|_| ());
            self.last_record = Instant::now();
        }
        match result {
            Ok(_) => {
                self.shared.report.update(|report| {
                    report.incoming_changes = 0;
                    if !batch.more {
                        (report.latency_source, report.latency_target) = (Duration::ZERO, Duration::ZERO);
                    }
                });
                self.status("CHANGE PROCESSING").await;
                Ok(())
            }
            Err(error) => Err(apply_failure(&error)),
        }
    }

    /// Writes what happened to the task log, and marks suspended tables.
    async fn take_events(&mut self) -> Result<(), Failure> {
        for event in self.applier.take_events() {
            let (severity, text) = match &event {
                apply::Event::Suspended { table, reason } => {
                    self.shared.report.update_table(table, |report| {
                        report.state = TableState::Suspended;
                        report.error = Some(reason.clone());
                    });
                    if let Some(events) = &self.events {
                        // Without a receiver, nothing is validated.
                        let _ = events.send(Event::Failed(table.clone()));
                    }
                    self.shared.control.suspended(&self.target, table, reason).await?;
                    (Severity::Error, format!("Table {table} was errored/suspended: {reason}"))
                }
                apply::Event::Logged { table, error } => {
                    (Severity::Error, format!("A change of the table {table} was not applied: {error}"))
                }
                apply::Event::OneByOne { table, reason } => {
                    (Severity::Warning, format!("Bulk apply failed for {table}, trying one-by-one: {reason}"))
                }
                apply::Event::UniqueConstraint { table } => (
                    Severity::Warning,
                    format!("Batch apply does not support the unique constraint of the table {table}"),
                ),
                apply::Event::LobTruncated { table, column } => {
                    (Severity::Warning, format!("A value of {table}.{column} was truncated to the maximum size"))
                }
                apply::Event::NoKey { table } => {
                    (Severity::Warning, format!("Updates and deletes of {table} are ignored: it has no primary key"))
                }
            };
            self.shared.log(severity, "TARGET_APPLY", text);
        }
        Ok(())
    }

    /// Loads tables again that the caller has named.
    ///
    /// "Reloading tables during a task": the task is running, and it loads tables. "DMS applies the TargetTablePrepMode
    /// setting before reloading the table."
    async fn reload(&mut self, control: &watch::Receiver<Control>) -> Result<(), Failure> {
        let done = self.shared.checkpoint().reloads;
        let wanted = control.borrow().reload.clone();
        for table in wanted.iter().skip(done) {
            if let Some(table) = self.tables.get(table).filter(|_| self.shared.definition.migration.loads()) {
                self.shared.report.update_table(&table.name, |report| report.state = TableState::Reloading);
                load::load_table(self.shared, table, self.events.as_ref()).await?;
                self.shared.report.update_table(&table.name, |report| report.reloaded = true);
                if let Some(boundary) =
                    self.shared.checkpoint().table(&table.name).and_then(|progress| progress.boundary.clone())
                {
                    self.boundaries.insert(table.name.clone(), boundary);
                }
                match self.shared.report.table(&table.name).map(|report| report.state) {
                    Some(TableState::Completed) => self.applier.resume(&table.name),
                    _ => self.applier.suspend(&table.name, "the table could not be reloaded"),
                }
                self.keep_loaded_numbers(&table.name);
            }
            self.shared.record(|checkpoint| checkpoint.reloads += 1);
        }
        if wanted.len() > done {
            let catalog = TargetCatalog::read(&self.target, routes(self.shared, self.tables)).await;
            self.applier.set_catalog(catalog.map_err(|error| Failure::recoverable(with_sources(&error)))?);
        }
        Ok(())
    }

    fn keep_loaded_numbers(&mut self, table: &TableName) {
        // The counters of changes go on; they are the base plus what this attempt has applied.
        if let (Some(base), Some(now)) = (self.base.get_mut(table), self.shared.report.table(table)) {
            (base.state, base.error) = (now.state, now.error);
        }
    }

    /// Writes the heartbeat, and the history of the task.
    async fn keep_alive(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if let Some(heartbeat) = &self.shared.definition.source.heartbeat
            && now >= self.next_beat
        {
            beat(&self.source, &heartbeat.schema).await?;
            let minutes = u64::from(heartbeat.frequency.max(1));
            self.next_beat = now + self.shared.definition.wall(Duration::from_secs(minutes * 60));
        }
        if now >= self.next_history {
            self.next_history = now + Self::history_interval(self.shared);
            let latency = self.shared.report.get().latency_target.as_secs();
            let records = self.applier.applied().changes;
            self.shared.control.history(&self.target, "CHANGE PROCESSING", Some(latency), records).await?;
        }
        Ok(())
    }

    fn history_interval(shared: &Shared) -> Duration {
        let minutes = u64::from(shared.definition.settings.control_tables.history_minutes);
        shared.definition.wall(Duration::from_secs(minutes * 60)).max(SHOW)
    }

    /// Shows the statistics: what earlier runs counted, and what this one has.
    fn show(&mut self) {
        self.last_show = Instant::now();
        let counters = self.applier.counters();
        for (table, base) in &self.base {
            let own = counters.table(table);
            self.shared.report.update(|report| {
                let Some(report) = report.tables.get_mut(table) else { return };
                let before = report.inserts + report.updates + report.deletes + report.ddls;
                report.inserts = base.inserts + own.inserts;
                report.updates = base.updates + own.updates;
                report.deletes = base.deletes + own.deletes;
                report.ddls = base.ddls + own.ddls;
                report.applied_inserts = base.applied_inserts + own.applied_inserts;
                report.applied_updates = base.applied_updates + own.applied_updates;
                report.applied_deletes = base.applied_deletes + own.applied_deletes;
                report.applied_ddls = base.applied_ddls + own.applied_ddls;
                if report.inserts + report.updates + report.deletes + report.ddls != before {
                    report.updated = Some(SystemTime::now());
                }
            });
        }
    }

    /// The status table is information only: the task does not fail with it.
    async fn status(&self, status: &str) {
        let report = self.shared.report.get();
        let written = self.shared.control.status(&self.target, status, report.incoming_changes, report.position).await;
        if let Err(failure) = written {
            self.shared.log(Severity::Warning, "TASK_MANAGER", failure.message);
        }
    }
}

/// Returns where the changes of each table go.
fn routes(shared: &Shared, tables: &Tables) -> Vec<Route> {
    let rules = shared.rules();
    let route = |table: &crate::catalog::Table| {
        let dropped = table.columns.iter().filter(|column| rules.transfer(column) == Transfer::NotMigrated);
        Route {
            source: table.name.clone(),
            target: shared.target_of(&table.name),
            key: table.primary_key.clone(),
            partition: table.is_partition,
            columns: dropped.map(|column| (column.name.clone(), None)).collect(),
            // The boundary of the load says more than a position.
            after: Lsn::default(),
        }
    };
    tables.values().map(route).collect()
}

fn apply_failure(error: &ApplyError) -> Failure {
    let message = with_sources(error);
    if error.is_recoverable() { Failure::recoverable(message) } else { Failure::fatal(message) }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(source) = at {
        text.push_str(": ");
        text.push_str(&source.to_string());
        at = source.source();
    }
    text
}

fn micros(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Returns how long ago a transaction was committed.
fn age(transaction: Option<&Transaction>, now: SystemTime) -> Duration {
    let Some(transaction) = transaction else { return Duration::ZERO };
    let passed = micros(now).saturating_sub(transaction.committed_at);
    Duration::from_micros(u64::try_from(passed).unwrap_or_default())
}
