//! `status`: what exists and what is unfinished, according to the state.

use clap::Args;
use serde_json::json;

use super::traffic::unfinished_shift;
use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::options::EnvironmentArgs;
use crate::cli::ui::stdout;
use infra_config::Side;
use infra_core::state::{Entry, State, Status};
use infra_kinds::KINDS;
use infra_migration::cutover::PersistedCutover;
use infra_migration::phase::StartRecord;
use infra_migration::rotation::still_needed;
use infra_migration::switchover::{Carrier, SwitchoverRecord};
use infra_migration::topology::Topology;
use infra_workflow::environments;

/// Show what exists, and what is unfinished.
///
/// It follows from the state; no call is made.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra status --sandbox")]
pub struct StatusArgs {
    #[command(flatten)]
    environments: EnvironmentArgs,
}

pub(in crate::cli) async fn run(app: &App, args: &StatusArgs) -> Result<u8, Failure> {
    let config = &app.workspace.config;
    let state = app.workspace.read_state().await?;
    let selection = args.environments.selection();
    environments::check(&selection, &environments::known(config, &state))?;
    let entries: Vec<_> =
        state.resources.iter().filter(|(address, _)| selection.includes(address.environment())).collect();
    let stack = config.stack.id();
    if app.options.is_json() {
        let resource = |(address, entry): &(_, &Entry)| {
            json!({ "address": address, "kind": entry.kind, "status": entry.status, "id": id(entry),
                "region": entry.region })
        };
        let resources: Vec<_> = entries.iter().map(resource).collect();
        let all = json!({ "stack": stack, "last_run": state.last_run, "resources": resources,
            "replications": state.migration.replications, "held_rotations": state.migration.held_rotations });
        stdout(&all.to_string());
        return Ok(0);
    }
    let width = entries.iter().map(|(address, _)| address.as_str().len()).max().unwrap_or(0);
    for (address, entry) in &entries {
        stdout(format!("{address:width$}  {:9}  {}", status_name(entry.status), id(entry)).trim_end());
    }
    let unfinished = entries.iter().filter(|(_, entry)| entry.status != Status::Ready).count();
    stdout(&match (entries.len(), unfinished) {
        (0, _) => format!("nothing of `{stack}` exists"),
        (all, 0) => format!("{all} resources of `{stack}` exist, all of them ready"),
        (all, some) => format!(
            "{all} resources of `{stack}` exist or may exist, {some} of them unfinished: run `up` to resume, \
             `rollback` to undo what it did, or `down`"
        ),
    });
    for text in unfinished_migration(app, &state) {
        stdout(&text);
    }
    if let Some(run) = &state.last_run {
        let end = run.outcome.as_deref().unwrap_or("was killed, or is still running");
        stdout(&format!("last run: `{}` of {}, {end}", run.command, run.at));
    }
    Ok(0)
}

/// Returns the unfinished operations of the migration, each with the command that resumes it.
fn unfinished_migration(app: &App, state: &State) -> Vec<String> {
    let mut lines: Vec<String> = state.migration.shift.iter().map(|open| unfinished_shift(app, open)).collect();
    for (address, open) in &state.migration.operations {
        lines.push(format!("`{}` of {address} was started, and its end was not observed: run it again", open.what));
    }
    lines.extend(unfinished_starts(app, state));
    let cutover = PersistedCutover::of(state).unwrap_or_else(|error| {
        lines.push(error.to_string());
        None
    });
    if let Some(cutover) = cutover.filter(PersistedCutover::can_resume) {
        let progress = &cutover.progress;
        let phase = progress.outcome().map_or("in progress, or killed", |outcome| outcome.as_str());
        lines.push(format!("the cutover is {phase} at {}: `{}` resumes it", progress.live, app.command("cutover")));
        // The first shift suspends it, and the end of the cutover allows it again.
        let scale_in = if cutover.report.changes.is_empty() {
            "scale-in of the target can be suspended until the cutover ends"
        } else {
            "scale-in of both environments is suspended until the cutover ends"
        };
        lines.push(scale_in.to_owned());
    }
    lines.extend(switchover(app, state));
    lines.extend(held_rotations(app, state));
    lines
}

/// Returns replications of which not all phases are done.
fn unfinished_starts(app: &App, state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for replication in Topology::of(state).replications {
        match StartRecord::of(state, &replication.address) {
            Ok(Some(record)) if record.next(&replication).is_some() => lines.push(format!(
                "the start of {} is not complete ({}): `{}` goes on",
                replication.address,
                record.describe(&replication),
                app.command("replication start")
            )),
            Ok(_) => {}
            Err(error) => lines.push(error.to_string()),
        }
    }
    lines
}

/// Returns what is known of the last switchover, if it is under way or the database of the target is the primary.
fn switchover(app: &App, state: &State) -> Option<String> {
    match SwitchoverRecord::of(state) {
        Err(error) => Some(error.to_string()),
        Ok(Some(record)) if record.is_under_way() => {
            let direction = record.progress.direction;
            Some(format!("a switchover ({direction}) was begun: `{}` resumes it", app.command("cutover")))
        }
        Ok(Some(record)) if record.is_unsettled() => {
            let (primary, command) = (record.primary(), app.command("cutover"));
            Some(format!("the database of the {primary} is the primary; `{command}` completes what follows"))
        }
        Ok(Some(record)) if record.is_finished() => {
            Some("the migration is finished: the database of the target is the primary".to_owned())
        }
        Ok(Some(record)) if record.primary() == Side::Target => {
            Some("the database of the target is the primary, and changes are replicated back to the source".to_owned())
        }
        Ok(Some(record)) if record.carrier_to_target() == Carrier::Fallback => Some(
            "the data was moved back: changes of the source database are replicated to the target again".to_owned(),
        ),
        Ok(_) => None,
    }
}

/// Returns the secrets whose rotation is held, since when, and why.
fn held_rotations(app: &App, state: &State) -> Vec<String> {
    let until = match still_needed(state) {
        Some(why) => format!("until the migration is finished ({why})"),
        None => format!("until `{}`", app.command("replication stop")),
    };
    let held = state.migration.held_rotations.iter();
    held.map(|(address, held)| {
        format!("the rotation of {address} is held since {} for {}, {until}", held.since, held.why)
    })
    .collect()
}

/// Returns the AWS id of a resource, or nothing if it is not known.
pub(super) fn id(entry: &Entry) -> String {
    KINDS.get(&entry.kind).and_then(|kind| Some(kind.id(entry.attrs.as_ref()?))).unwrap_or_default()
}

/// Returns the name of a status. A question mark means that the outcome is unknown.
pub(super) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Creating => "creating?",
        Status::Created => "created",
        Status::Ready => "ready",
        Status::Updating => "updating?",
        Status::Deleting => "deleting?",
    }
}
