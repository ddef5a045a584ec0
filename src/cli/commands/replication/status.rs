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
use infra_migration::replication::remedy;
use infra_migration::replication_health::{ReplicationHealth, read_health};
use infra_migration::rotation::{self, DatabaseSecret};
use infra_migration::topology::{Replication, Topology};

/// Shows the status of the replication. Nothing is changed.
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
        all.push((replication, health, rotation));
    }
    if app.options.is_json() {
        let all: Vec<Value> =
            all.iter().map(|(replication, health, rotation)| to_json(replication, health, rotation)).collect();
        stdout(&Value::Array(all).to_string());
        return Ok(0);
    }
    for (replication, health, rotation) in &all {
        show(replication, health, rotation);
    }
    Ok(0)
}

type Rotation = [(DatabaseSecret, RotationStatus)];

fn to_json(replication: &Replication, health: &ReplicationHealth, rotation: &Rotation) -> Value {
    let rotation: Vec<Value> = rotation
        .iter()
        .map(|(secret, status)| {
            json!({ "secret": secret.address, "held": status.held, "in_progress": status.is_in_progress() })
        })
        .collect();
    json!({
        "address": replication.address,
        "task": replication.task,
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

fn show(replication: &Replication, health: &ReplicationHealth, rotation: &Rotation) {
    let task = &health.task;
    stdout(&format!("{}: {} (full load {} %)", replication.address, task.status, task.full_load_percent));
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
