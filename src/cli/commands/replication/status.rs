//! `replication status`.

use clap::Args;
use serde_json::{Value, json};

use super::selected::ReplicationArgs;
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::stdout;
use infra_core::resource::{Error, describe};
use infra_kinds::secretsmanager::rotation_hold::RotationStatus;
use infra_migration::phase::StartRecord;
use infra_migration::replication::remedy;
use infra_migration::replication_health::{ReplicationHealth, read_health};
use infra_migration::rotation::{self, DatabaseSecret};
use infra_migration::topology::{Replication, Topology};

/// Show the lag, every table, the last failure and the risks.
///
/// Nothing is changed.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    selected: ReplicationArgs,
}

pub(super) async fn run(app: &App, args: &StatusArgs) -> Result<u8, Failure> {
    let state = app.workspace.read_state().await?;
    let selected = args.selected.select(app, &state)?;
    let topology = Topology::of(&state);
    let context = app.workspace.connect_read_only().await?;
    let now = context.cloud.unix_now();
    let mut all = Vec::new();
    let failed = |replication: &Replication, error: &Error| {
        CliError::new(Exit::Failed, format!("cannot read the status of {}", replication.address))
            .because_text(describe(error))
            .nothing_changed()
    };
    for replication in &selected {
        let health = read_health(&context, &topology, replication, now).await;
        let health = health.map_err(|error| failed(replication, &error))?;
        let rotation = rotation::status(&context, &state, &topology, replication).await;
        let rotation = rotation.map_err(|error| failed(replication, &error))?;
        let start = StartRecord::of(&state, &replication.address).map_err(|error| {
            CliError::of(Exit::State, &error)
                .nothing_changed()
                .hint("use the version that has written it, or a later one")
        })?;
        all.push((replication, Shown { health, start, rotation }));
    }
    if app.options.is_json() {
        let all: Vec<Value> = all.iter().map(|(replication, shown)| to_json(replication, shown)).collect();
        stdout(&Value::Array(all).to_string());
        return Ok(0);
    }
    for (replication, shown) in &all {
        show(replication, shown);
    }
    Ok(0)
}

/// What is shown of a replication.
struct Shown {
    health: ReplicationHealth,
    /// How far its start has come, if that is recorded.
    start: Option<StartRecord>,
    /// The rotation of its secrets.
    rotation: Vec<(DatabaseSecret, RotationStatus)>,
}

fn to_json(replication: &Replication, shown: &Shown) -> Value {
    let Shown { health, start, rotation } = shown;
    let start = start.as_ref();
    let rotation: Vec<Value> = rotation
        .iter()
        .map(|(secret, status)| {
            json!({ "secret": secret.address, "held": status.held, "in_progress": status.is_in_progress() })
        })
        .collect();
    json!({
        "address": replication.address,
        "task": replication.task,
        "phase": start.and_then(|start| start.next(replication)),
        "phases": start.map(|start| &start.phases),
        "status": health.task.status,
        "stop_reason": health.task.stop_reason,
        "last_failure": health.task.last_failure,
        "full_load_percent": health.task.full_load_percent,
        "source_latency_seconds": health.source_lag,
        "target_latency_seconds": health.target_lag,
        "incoming_changes": health.incoming,
        "tables": health.tables,
        "dangers": health.risks,
        "rotation": rotation,
    })
}

fn show(replication: &Replication, shown: &Shown) {
    let Shown { health, start, rotation } = shown;
    let task = &health.task;
    stdout(&format!("{}: {} (full load {} %)", replication.address, task.status, task.full_load_percent));
    if let Some(start) = start {
        stdout(&format!("  phases: {}", start.describe(replication)));
    }
    let seconds = |value: Option<f64>| value.map_or_else(|| "no data".to_owned(), |value| format!("{value:.0} s"));
    stdout(&format!(
        "  lag: source {}, target {}; {} changes pending",
        seconds(health.source_lag),
        seconds(health.target_lag),
        health.incoming.map_or_else(|| "an unknown number of".to_owned(), |value| format!("{value:.0}"))
    ));
    if let Some(reason) = &task.stop_reason {
        stdout(&format!("  stopped: {reason}"));
    }
    if let Some(failure) = &task.last_failure {
        stdout(&format!("  last failure: {failure}"));
        if let Some(remedy) = remedy(failure) {
            stdout(&format!("    remedy: {remedy}"));
        }
    }
    for (secret, status) in rotation {
        if let Some(text) = rotation_text(status) {
            stdout(&format!("  rotation of {}: {text}", secret.address));
        }
    }
    for risk in &health.risks {
        stdout(&format!("  risk: {risk}"));
    }
    let width = health.tables.iter().map(|table| table.name.len()).max().unwrap_or(0);
    for table in &health.tables {
        let [inserts, updates, deletes] = table.changes;
        let errors =
            if table.error_rows > 0 { format!(", {} rows with errors", table.error_rows) } else { String::new() };
        stdout(&format!(
            "  {:width$}  {}: {} rows loaded{errors}, {inserts} inserts, {updates} updates, {deletes} deletes; \
             validation: {}",
            table.name, table.state, table.rows, table.validation
        ));
    }
    if health.tables.is_empty() {
        stdout("  no tables yet");
    }
}

/// Returns what is unusual about the rotation of a secret.
fn rotation_text(status: &RotationStatus) -> Option<String> {
    match (&status.held, status.is_in_progress()) {
        (Some(why), true) => Some(format!("in progress; the next one is held: {why}")),
        (Some(why), false) => Some(format!("held: {why}")),
        (None, true) => Some("in progress; a running task breaks at its next connection".to_owned()),
        (None, false) => None,
    }
}
