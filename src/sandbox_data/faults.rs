//! The faults of a sandbox script, with consequences for real data.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infra_replicator::SharedReport;
use infra_replicator::apply::{Fault, Faults};
use infra_replicator::model::TableName;
use infra_sandbox::World;

/// What the script does to replications now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ActiveFaults {
    /// Tables that fail, as `schema.name`.
    pub(crate) failing_tables: BTreeSet<String>,
    /// The lag that a slow target causes, in seconds of AWS.
    pub(crate) lag_seconds: Option<f64>,
    /// When the event began that ends the session of the target.
    pub(crate) disconnected_at: Option<u64>,
}

impl ActiveFaults {
    /// Returns what the script of the world does now.
    pub(crate) fn of(world: &World) -> Self {
        let timeline = world.timeline();
        let active = timeline.at(world.now);
        let dropped = timeline.spans().iter().filter(|span| span.changes.connection_drops && span.from <= world.now);
        Self {
            failing_tables: active.failing_tables().map(str::to_owned).collect(),
            lag_seconds: active.lag_seconds(),
            disconnected_at: dropped.map(|span| span.from).max(),
        }
    }
}

/// The faults of one task.
#[derive(Debug)]
pub(crate) struct TaskFaults {
    report: SharedReport,
    second: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    active: ActiveFaults,
    /// The last event for which the session was ended.
    disconnected_for: Option<u64>,
}

impl TaskFaults {
    /// Returns the faults of a task. Disconnections of the past are over.
    pub(crate) fn new(report: SharedReport, second: Duration, active: ActiveFaults) -> Self {
        let disconnected_for = active.disconnected_at;
        Self { report, second, state: Mutex::new(State { active, disconnected_for }) }
    }

    /// Takes note of what the script does now.
    pub(crate) fn set(&self, active: ActiveFaults) {
        self.state().active = active;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for TaskFaults {
    fn before_apply(&self, table: &TableName) -> Fault {
        let mut state = self.state();
        if state.active.disconnected_at > state.disconnected_for {
            state.disconnected_for = state.active.disconnected_at;
            return Fault::Disconnect;
        }
        if state.active.failing_tables.contains(&format!("{}.{}", table.schema, table.name)) {
            return Fault::Table("the sandbox script makes this table fail".to_owned());
        }
        let Some(lag) = state.active.lag_seconds.filter(|lag| *lag > 0.0) else { return Fault::None };
        // The target is so slow that the changes lag behind by this much, and no more.
        let missing = self.second.mul_f64(lag).saturating_sub(self.report.get().latency_target);
        if missing.is_zero() { Fault::None } else { Fault::Delay(missing) }
    }
}
