//! Applies transactions to the target.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::Client;

use super::catalog::{Convert, TargetCatalog, Verbatim};
use super::classify::{Kind, classify};
use super::counters::Counters;
use super::error::ApplyError;
use super::event::Event;
use super::exceptions;
use super::faults::{Fault, Faults, NoFaults};
use super::one_by_one::OneByOne;
use super::options::Options;
use super::plan::{Item, Operation, Planner, Work};
use super::policy::{Action, Policies};
use super::session::{Session, environment};
use super::verdict::State;
use crate::model::{Lsn, TableName, Transaction};
use crate::settings::LobMode;

/// When changes were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// While the full load ran; DMS calls them cached changes.
    Cached,
    /// Later.
    #[default]
    Ongoing,
}

/// What is committed on the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The position of the last transaction. The slot can be advanced to it.
    pub position: Lsn,
    /// When it was committed on the source, in microseconds since 1970.
    pub committed_at: i64,
    /// How many transactions of the source have been applied.
    pub transactions: u64,
    /// How many changes they had.
    pub changes: u64,
}

/// A transaction and what is done for it.
pub(super) struct Planned {
    pub end: End,
    pub items: Vec<Item>,
}

/// The end of a transaction of the source.
#[derive(Clone, Copy)]
pub(super) struct End {
    position: Lsn,
    committed_at: i64,
}

/// A transaction, or a part of one.
#[derive(Clone, Copy)]
pub(super) struct Unit<'a> {
    pub items: &'a [Item],
    /// The end of the transaction, unless other parts follow.
    pub end: Option<End>,
}

impl Planned {
    /// Returns the whole transaction.
    pub(super) fn unit(&self) -> Unit<'_> {
        Unit { items: &self.items, end: Some(self.end) }
    }
}

/// Applies transactions to the target.
///
/// *Guarantees*: Transactions of the source are applied in the order of their commits. In transactional mode, each one
/// is part of exactly one transaction on the target. What [`Applier::applied`] reports is committed.
///
/// *Assumptions*: Nothing else uses the client.
///
/// *Caveats*: The future of [`Applier::apply`] can be dropped at any time: the open transaction is rolled back by the
/// next call. A commit whose reply was lost is applied again after the reconnection.
pub struct Applier {
    pub(super) session: Session,
    catalog: TargetCatalog,
    pub(super) policies: Policies,
    pub(super) options: Options,
    convert: Arc<dyn Convert>,
    faults: Arc<dyn Faults>,
    source: Option<Client>,
    phase: Phase,
    pub(super) state: State,
    applied: Applied,
}

impl Applier {
    /// Returns an applier for a target.
    pub fn new(client: Client, catalog: TargetCatalog, policies: Policies, options: Options) -> Self {
        Self {
            session: Session::new(client, options.statement_cache),
            catalog,
            policies,
            options,
            convert: Arc::new(Verbatim),
            faults: Arc::new(NoFaults),
            source: None,
            phase: Phase::default(),
            state: State::default(),
            applied: Applied::default(),
        }
    }

    /// Converts values on their way.
    #[must_use]
    pub fn with_conversion(mut self, convert: Arc<dyn Convert>) -> Self {
        self.convert = convert;
        self
    }

    /// Asks a script for faults.
    #[must_use]
    pub fn with_faults(mut self, faults: Arc<dyn Faults>) -> Self {
        self.faults = faults;
        self
    }

    /// Looks up LOBs on the source, which full LOB mode needs.
    #[must_use]
    pub fn with_lob_source(mut self, source: Client) -> Self {
        self.source = Some(source);
        self
    }

    /// Uses another client, after the connection was lost. Prepared statements are prepared again; counters, suspended
    /// tables and the position stay.
    pub fn reconnect(&mut self, client: Client) {
        self.session = Session::new(client, self.options.statement_cache);
    }

    /// Uses another client for LOBs.
    pub fn reconnect_lob_source(&mut self, source: Client) {
        self.source = Some(source);
    }

    /// Changes the tables, for example when the load of one has finished.
    pub fn set_catalog(&mut self, catalog: TargetCatalog) {
        self.catalog = catalog;
    }

    /// Says when the next transactions were made.
    pub fn set_phase(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// Suspends a table, as an error would. For tables whose load failed, and for those that an earlier run suspended.
    pub fn suspend(&mut self, table: &TableName, reason: impl Into<String>) {
        self.state.suspended.insert(table.clone(), reason.into());
    }

    /// Applies changes of a table again, after it was reloaded.
    pub fn resume(&mut self, table: &TableName) {
        self.state.suspended.remove(table);
    }

    /// Returns the suspended tables of the source, with the reasons.
    pub fn suspended(&self) -> &BTreeMap<TableName, String> {
        &self.state.suspended
    }

    /// Returns the counters of what is committed.
    pub fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Returns what is committed.
    pub fn applied(&self) -> Applied {
        self.applied
    }

    /// Returns what happened since the last call, for the task log.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.state.events)
    }

    pub(super) fn planned(&self, transaction: &Transaction) -> Planned {
        let planner = Planner {
            catalog: &self.catalog,
            convert: &*self.convert,
            faults: &*self.faults,
            lobs: self.lobs(),
            truncations: self.policies.ddl.truncated,
        };
        let end = End { position: transaction.commit_lsn, committed_at: transaction.committed_at };
        Planned { end, items: planner.items(transaction) }
    }

    /// With `UPDATE_RECORD`, "AWS DMS completely disables LOB column support for the task".
    fn lobs(&self) -> LobMode {
        if self.policies.update == Action::Replace { LobMode::None } else { self.options.lobs }
    }

    pub(super) fn ignores_conflicts(&self) -> bool {
        self.phase == Phase::Cached && self.policies.ignore_cached_conflicts
    }

    /// Applies transactions of the source in one transaction of the target. If anything in it fails, each is applied
    /// alone, change by change.
    pub(super) async fn apply_group(&mut self, group: &[Unit<'_>]) -> Result<(), ApplyError> {
        if group.iter().all(|unit| unit.items.is_empty()) {
            // They have changed other tables only.
            for unit in group {
                self.finished(*unit);
            }
            return Ok(());
        }
        if self.apply_together(group).await? {
            return Ok(());
        }
        for unit in group {
            self.apply_alone(*unit).await?;
        }
        Ok(())
    }

    /// Applies transactions without savepoints. Returns false, with nothing changed, if there is anything to decide.
    async fn apply_together(&mut self, group: &[Unit<'_>]) -> Result<bool, ApplyError> {
        let items = || group.iter().flat_map(|unit| unit.items);
        let live: Vec<&Item> = items().filter(|item| !self.state.is_suspended(item)).collect();
        if !live.iter().all(|item| self.is_plain(item)) {
            return Ok(false);
        }
        let live: Vec<&Item> = live.into_iter().filter(|item| !matches!(item.work, Work::Ignored(_))).collect();
        let statements: Vec<_> = live.iter().filter_map(|item| item.statement()).collect();
        self.session.begin().await?;
        let affected = match self.session.execute_all(&statements).await {
            Ok(affected) => affected,
            Err(error) if classify(&error) == Kind::Environment => return Err(environment("apply changes")(error)),
            Err(_) => {
                self.session.rollback().await?;
                return Ok(false);
            }
        };
        let missed = |(item, rows): (&&Item, &u64)| {
            *rows == 0 && matches!(item.operation, Operation::Update | Operation::Delete)
        };
        if live.iter().zip(&affected).any(missed) {
            self.session.rollback().await?;
            return Ok(false);
        }
        self.session.commit().await?;
        self.count(items());
        for unit in group {
            self.finished(*unit);
        }
        Ok(true)
    }

    /// Counts changes that were applied together.
    pub(super) fn count<'i>(&mut self, items: impl Iterator<Item = &'i Item>) {
        for item in items {
            self.state.captured(item);
            match &item.work {
                _ if self.state.is_suspended(item) => self.state.discarded(item),
                Work::Ignored(ignored) => self.state.ignored(item, *ignored),
                _ => self.state.applied(item),
            }
        }
    }

    /// Whether a change needs no decision unless the target refuses it.
    fn is_plain(&self, item: &Item) -> bool {
        let fails = item.operation == Operation::Truncate && self.policies.fail_on_truncation
            || !item.truncated.is_empty() && self.options.fail_on_lob_truncation
            || matches!(item.work, Work::Bad { .. });
        !fails && item.fault == Fault::None && item.lookup.is_empty()
    }

    /// Applies one transaction of the source with a savepoint for each change.
    async fn apply_alone(&mut self, unit: Unit<'_>) -> Result<(), ApplyError> {
        self.session.begin().await?;
        let mut state = self.state.clone();
        let ignores_conflicts = self.ignores_conflicts();
        let mut changes = OneByOne {
            session: &mut self.session,
            policies: &self.policies,
            options: &self.options,
            source: self.source.as_ref(),
            ignores_conflicts,
            state: &mut state,
        };
        for item in unit.items {
            if let Err(error) = changes.apply(item).await {
                match &error {
                    ApplyError::Stopped { reason, .. } => self.record_stop(item, reason).await?,
                    ApplyError::Truncation { .. } | ApplyError::LobTruncated { .. } => self.session.rollback().await?,
                    // The session is perhaps gone. The next transaction ends this one.
                    ApplyError::Environment { .. } | ApplyError::Lookup { .. } => {}
                }
                return Err(error);
            }
        }
        self.session.commit().await?;
        self.state = state;
        self.finished(unit);
        Ok(())
    }

    /// Records the change that stops the task. Its transaction is rolled back.
    async fn record_stop(&mut self, item: &Item, reason: &str) -> Result<(), ApplyError> {
        self.session.rollback().await?;
        let statement = item.statement().map(|statement| statement.with_values()).unwrap_or_default();
        let table = &item.table.route.target;
        let record = exceptions::record(&self.options.control_schema, &self.options.task, table, &statement, reason);
        self.session.execute(&record).await.map_err(environment("record an exception"))?;
        Ok(())
    }

    /// Moves the position past a transaction that is committed on the target.
    pub(super) fn finished(&mut self, unit: Unit<'_>) {
        self.applied.changes += unit.items.len() as u64;
        if let Some(end) = unit.end {
            self.applied.position = end.position;
            self.applied.committed_at = end.committed_at;
            self.applied.transactions += 1;
        }
    }
}
