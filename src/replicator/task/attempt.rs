//! One attempt to run a task, from connecting to its end or the first error.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::changes::Changes;
use super::control::Control;
use super::end::{End, StopReason};
use super::initialize;
use super::load;
use super::slot;
use super::state::{Shared, Tables};
use crate::checkpoint::Phase;
use crate::definition::{MigrationType, Start};
use crate::failure::Failure;
use crate::model::Lsn;
use crate::report::{Stage, TableState, ValidationState};
use crate::session::{Role, open};
use crate::validation::{Clocks, Event, Validator};

/// One attempt.
pub(super) struct Attempt<'a> {
    shared: &'a Shared,
    start: Start,
    control: watch::Receiver<Control>,
    has_started: bool,
    has_progressed: bool,
}

/// The validator of an attempt. It ends with it.
struct Validation {
    events: UnboundedSender<Event>,
    idle: watch::Receiver<bool>,
    work: JoinHandle<()>,
}

impl Drop for Validation {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl<'a> Attempt<'a> {
    pub fn new(shared: &'a Shared, start: Start, control: watch::Receiver<Control>) -> Self {
        Self { shared, start, control, has_started: false, has_progressed: false }
    }

    /// Returns whether a next attempt continues, instead of starting over.
    pub fn has_started(&self) -> bool {
        self.has_started
    }

    /// Returns whether the attempt came so far that the next errors are counted from the beginning.
    pub fn has_progressed(&self) -> bool {
        self.has_progressed
    }

    pub async fn run(&mut self) -> Result<End, Failure> {
        let shared = self.shared;
        shared.stage(Stage::Starting);
        let definition = &shared.definition;
        let source = open(&definition.source.connection, Role::Source, None).await?;
        let script = definition.target.after_connect_script.as_deref();
        let target = open(&definition.target.connection, Role::Target, script).await?;
        match self.start {
            Start::Resume => initialize::check_resume(shared)?,
            Start::Fresh(_) | Start::Reload => initialize::start_over(shared, &source, &target).await?,
        }
        let captures = definition.migration.captures();
        if captures {
            initialize::prepare_source(shared, &source).await?;
        }
        let slot = if captures { Some(slot::prepare(shared, &source).await?) } else { None };
        let tables = initialize::tables(shared, &source).await?;
        self.has_started = true;
        let validation = self.start_validation(&tables);
        let events = validation.as_ref().map(|validation| validation.events.clone());
        if shared.checkpoint().phase == Phase::FullLoad
            && let Some(end) = self.load(&source, &tables, events.as_ref()).await?
        {
            return Ok(end);
        }
        let Some(slot) = slot else {
            self.finish_validation(validation).await;
            shared.record(|checkpoint| checkpoint.phase = Phase::Finished);
            return Ok(End::of(match shared.is_stopped() {
                true => StopReason::Normal,
                false => StopReason::FullLoadOnlyFinished,
            }));
        };
        self.has_progressed = true;
        let changes = Changes::new(shared, slot, &tables, source, target, events).await?;
        changes.run(&mut self.control).await
    }

    /// Loads the tables. Returns the end of a task that stops here.
    async fn load(
        &mut self,
        source: &Client,
        tables: &Tables,
        events: Option<&UnboundedSender<Event>>,
    ) -> Result<Option<End>, Failure> {
        let shared = self.shared;
        let captures = shared.definition.migration == MigrationType::FullLoadAndChanges;
        shared.stage(Stage::FullLoad);
        if captures {
            load::wait_for_transactions(shared, source).await?;
        }
        load::load(shared, tables, events).await?;
        if shared.is_stopped() {
            return Ok(Some(End::of(StopReason::Normal)));
        }
        if !captures {
            return Ok(None);
        }
        let until = current_position(source).await?;
        shared.record(|checkpoint| checkpoint.phase = Phase::CachedChanges { until });
        Ok(initialize::stops_after_load(shared).then(|| End::of(StopReason::StoppedAfterFullLoad)))
    }

    fn start_validation(&self, tables: &Tables) -> Option<Validation> {
        let shared = self.shared;
        let definition = &shared.definition;
        let settings = &definition.settings.validation;
        if !settings.enabled {
            return None;
        }
        let minutes = |minutes: u32| definition.wall(Duration::from_secs(u64::from(minutes) * 60));
        let failure =
            if settings.failure_delay_limit > 0 { settings.failure_delay_limit } else { settings.failure_delay };
        let validator = Validator {
            source: definition.source.connection.clone(),
            target: definition.target.connection.clone(),
            settings: settings.clone(),
            rules: shared.rules(),
            control: shared.control.clone(),
            report: shared.report.clone(),
            observer: Arc::clone(&shared.observer),
            clocks: Clocks {
                failure: minutes(failure),
                suspend: minutes(settings.suspend_delay),
                query: definition.wall(Duration::from_secs(u64::from(settings.query_delay))),
                idle: definition.poll,
            },
            captures: definition.migration.captures(),
        };
        let (events, receiver) = unbounded_channel();
        let (idle_sender, idle) = watch::channel(false);
        let work = tokio::spawn(validator.run(receiver, idle_sender));
        for table in tables.keys() {
            let state = shared.report.table(table).map(|report| report.state);
            let event = match state {
                Some(TableState::Completed) => Event::Loaded(table.clone(), shared.target_of(table)),
                Some(TableState::Error | TableState::Suspended) => Event::Failed(table.clone()),
                _ => {
                    shared.report.update_table(table, |report| report.validation = ValidationState::Pending);
                    continue;
                }
            };
            // The receiver was just created.
            let _ = events.send(event);
        }
        Some(Validation { events, idle, work })
    }

    /// A task without changes ends when its tables are compared.
    async fn finish_validation(&mut self, validation: Option<Validation>) {
        let Some(mut validation) = validation else { return };
        // The validator sees the events that were sent before this one.
        validation.idle.mark_unchanged();
        let compared = async {
            loop {
                if validation.idle.changed().await.is_err() || *validation.idle.borrow() {
                    return;
                }
            }
        };
        tokio::select! {
            () = compared => {}
            _ = self.control.wait_for(|control| control.stop) => {}
        }
    }
}

async fn current_position(source: &Client) -> Result<Lsn, Failure> {
    let statement = "SELECT pg_catalog.pg_current_wal_insert_lsn()::text";
    let row = source.query_one(statement, &[]).await;
    let failed = |error| Failure::of("Failed to read the position of the source", &error);
    let text: String = row.and_then(|row| row.try_get(0)).map_err(failed)?;
    text.parse().map_err(|_| Failure::fatal("The source returned an unknown position"))
}
