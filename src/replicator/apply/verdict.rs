//! Decides what follows an error, from the policies and from the number of earlier errors.

use std::collections::{BTreeMap, BTreeSet};

use super::classify::Kind;
use super::counters::Counters;
use super::event::Event;
use super::plan::{Ignored, Item, Operation};
use super::policy::{Action, Policies};
use crate::model::TableName;

/// What is known about the tables. It changes with the commit of a transaction on the target, or not at all.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The counters.
    pub counters: Counters,
    /// The suspended tables, with the reasons.
    pub suspended: BTreeMap<TableName, String>,
    /// What happened, for the task log.
    pub events: Vec<Event>,
    /// Tables without a key that were reported.
    pub reported: BTreeSet<TableName>,
    /// Tables with a unique constraint that were reported.
    pub unique: BTreeSet<TableName>,
}

impl State {
    /// Whether changes of a table are discarded.
    pub fn is_suspended(&self, item: &Item) -> bool {
        self.suspended.contains_key(item.source())
    }

    /// Counts what the source sent.
    pub fn captured(&mut self, item: &Item) {
        let counters = self.counters.of(item.source());
        match item.operation {
            Operation::Insert => counters.inserts += 1,
            Operation::Update => counters.updates += 1,
            Operation::Delete => counters.deletes += 1,
            Operation::Truncate => counters.ddls += 1,
        }
    }

    /// Counts a change of a suspended table.
    pub fn discarded(&mut self, item: &Item) {
        self.counters.of(item.source()).discarded += 1;
    }

    /// Counts a change that has changed the target. Warns of truncated LOBs: "LOBs that exceed the maximum LOB size are
    /// truncated, and a warning is issued to the log file".
    pub fn applied(&mut self, item: &Item) {
        let counters = self.counters.of(item.source());
        match item.operation {
            Operation::Insert => counters.applied_inserts += 1,
            Operation::Update => counters.applied_updates += 1,
            Operation::Delete => counters.applied_deletes += 1,
            Operation::Truncate => counters.applied_ddls += 1,
        }
        for column in &item.truncated {
            self.counters.of(item.source()).truncated_lobs += 1;
            self.events.push(Event::LobTruncated { table: item.source().clone(), column: column.clone() });
        }
    }

    /// Counts a change that DMS does not replicate.
    pub fn ignored(&mut self, item: &Item, ignored: Ignored) {
        self.counters.of(item.source()).ignored += 1;
        if ignored == Ignored::NoKey && self.reported.insert(item.source().clone()) {
            self.events.push(Event::NoKey { table: item.source().clone() });
        }
    }

    /// Suspends the table of a change.
    pub fn suspend(&mut self, table: &TableName, reason: String) {
        self.suspended.insert(table.clone(), reason.clone());
        self.events.push(Event::Suspended { table: table.clone(), reason });
    }
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A conflict with a row of the target.
    Conflict(Operation),
    /// A record with bad data.
    Data,
    /// A value that is too long.
    Truncation,
    /// The table.
    Table,
}

impl Failure {
    /// Returns what an error of the target means, or nothing if the environment failed.
    pub fn of(kind: Kind, operation: Operation) -> Option<Self> {
        match kind {
            Kind::Environment => None,
            Kind::Duplicate if operation != Operation::Truncate => Some(Self::Conflict(operation)),
            Kind::Duplicate | Kind::Table => Some(Self::Table),
            Kind::Truncation => Some(Self::Truncation),
            Kind::Data => Some(Self::Data),
        }
    }
}

/// Counts a failure and returns the action for it. When the number of errors of the table reaches the maximum, "the
/// table data is handled according to the policy set in" the escalation policy; a maximum of 0 is never reached.
pub(super) fn decide(policies: &Policies, state: &mut State, table: &TableName, failure: Failure) -> Action {
    let counters = state.counters.of(table);
    let (action, errors, maximum, escalation) = match failure {
        Failure::Conflict(operation) => {
            counters.conflicts += 1;
            let action = match operation {
                Operation::Insert => policies.insert,
                Operation::Delete => policies.delete,
                Operation::Update | Operation::Truncate => policies.update,
            };
            (action, counters.conflicts, policies.apply_escalation_count, policies.apply_escalation)
        }
        Failure::Data | Failure::Truncation => {
            counters.data_errors += 1;
            let action = if failure == Failure::Data { policies.data_error } else { policies.data_truncation };
            (action, counters.data_errors, policies.data_escalation_count, policies.data_escalation)
        }
        Failure::Table => {
            counters.table_errors += 1;
            let maximum = policies.table_escalation_count;
            (policies.table_error, counters.table_errors, maximum, policies.table_escalation)
        }
    };
    let escalates = maximum > 0 && errors >= maximum && !matches!(action, Action::StopTask | Action::Replace);
    if escalates { escalation } else { action }
}
