//! The progress that the state does not show.

use crate::cli::app::App;
use infra_core::engine::ReadContext;
use infra_core::resource::{Result, describe};
use infra_core::state::State;
use infra_kinds::dms::task_status;
use infra_kinds::elbv2::health::targets;
use infra_migration::TrafficSplit;
use infra_migration::gate::TableState;
use infra_migration::gate::probe::table_state;
use infra_migration::shift::traffic_address;
use infra_migration::topology::Topology;
use infra_workflow::traffic::{is_target_taken_out, live_split};

/// The progress of one phase.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    pub(super) done: bool,
    pub(super) text: String,
}

impl Phase {
    pub(super) fn new(done: bool, text: impl Into<String>) -> Self {
        Self { done, text: text.into() }
    }

    /// Returns the progress of the traffic shift.
    pub(super) fn of_traffic(live: TrafficSplit, target_taken_out: bool) -> Self {
        match (live == TrafficSplit::TARGET, target_taken_out) {
            (_, true) => Self::new(false, "the target is taken out by the emergency switch"),
            (true, false) => Self::new(true, "all traffic goes to the target"),
            (false, false) => Self::new(false, format!("{live} of the traffic goes to the target")),
        }
    }
}

/// The progress of each phase; nothing if it was not read.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) replication: Option<Phase>,
    pub(super) validation: Option<Phase>,
    pub(super) service: Option<Phase>,
    pub(super) traffic: Option<Phase>,
}

impl Progress {
    /// Reads the progress.
    pub(super) async fn read(app: &App, state: &State, context: &ReadContext, topology: &Topology) -> Self {
        let (replication, validation, service, traffic, taken_out) = futures::join!(
            replication(context, topology),
            validation(context, topology),
            service(context, topology),
            live_split(&app.workspace, state, context),
            is_target_taken_out(context, &app.workspace.config, state)
        );
        let known = |read: Result<Option<Phase>>| {
            read.unwrap_or_else(|error| Some(Phase::new(false, format!("unknown: {}", describe(&error)))))
        };
        let traffic = match traffic {
            Ok(live) => live.map(|live| Phase::of_traffic(live, taken_out)),
            Err(refusal) => Some(Phase::new(false, format!("unknown: {refusal}"))),
        };
        Self { replication: known(replication), validation: known(validation), service: known(service), traffic }
    }
}

async fn replication(context: &ReadContext, topology: &Topology) -> Result<Option<Phase>> {
    let (mut done, mut texts) = (true, Vec::new());
    for one in &topology.replications {
        let task =
            task_status::read(&context.reader(&one.address, &one.location), &one.task).await?.unwrap_or_default();
        done &= !one.is_idle(&task) && task.full_load_percent == 100;
        let status = if task.status.is_empty() { "deleted" } else { &task.status };
        texts.push(format!("`{}` is `{status}`, full load {} %", one.task_id, task.full_load_percent));
    }
    Ok((!texts.is_empty()).then(|| Phase::new(done, texts.join("; "))))
}

async fn validation(context: &ReadContext, topology: &Topology) -> Result<Option<Phase>> {
    let mut states = Vec::new();
    for one in &topology.replications {
        let reader = context.reader(&one.address, &one.location);
        let (tables, task) =
            futures::try_join!(task_status::tables(&reader, &one.task), task_status::read(&reader, &one.task))?;
        let task = task.unwrap_or_default();
        if one.is_idle(&task) {
            let text = format!("`{}` is `{}`, and does not replicate changes", one.task_id, task.status);
            return Ok(Some(Phase::new(false, text)));
        }
        states.extend(tables.iter().map(|table| table_state(&table.validation)));
    }
    let same = states.iter().filter(|state| **state == TableState::Same).count();
    let done = !states.is_empty() && same == states.len();
    let text = format!("DMS found {same} of {} tables to be the same", states.len());
    Ok((!topology.replications.is_empty()).then(|| Phase::new(done, text)))
}

async fn service(context: &ReadContext, topology: &Topology) -> Result<Option<Phase>> {
    let (mut done, mut texts) = (topology.services.len() == 2 || topology.lacks_source(), Vec::new());
    for one in &topology.services {
        let health = targets(&context.reader(&traffic_address(), &one.location), &one.target_group).await?;
        done &= health.healthy > 0 && health.unhealthy.is_empty();
        texts.push(format!("{}: {} healthy, {} unhealthy", one.side, health.healthy, health.unhealthy.len()));
    }
    Ok((!texts.is_empty()).then(|| Phase::new(done, texts.join("; "))))
}
