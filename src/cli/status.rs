//! `status`: what exists and what is unfinished, as the state knows it.

use clap::Args;
use serde_json::json;

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat};
use super::failure::CliError;
use super::run::line;
use super::{session, traffic};
use crate::migration::saved::Saved;
use crate::resource::kind;
use crate::state::{Entry, State, Status};

/// Shows what exists and what is unfinished, as the state knows it; it makes no call.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra status --sandbox")]
pub struct StatusArgs {
    #[command(flatten)]
    chosen: Chosen,
}

pub(super) async fn run(globals: &Globals, args: &StatusArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    session::check_chosen(&args.chosen, &session::environments(&config, &state))?;
    let entries: Vec<_> = state.resources.iter().filter(|(address, _)| args.chosen.includes(address.environment())).collect();
    if globals.output == OutputFormat::Json {
        let resources: Vec<_> = entries
            .iter()
            .map(
                |(address, entry)| json!({ "address": address, "kind": entry.kind, "status": entry.status, "id": id(entry), "region": entry.region }),
            )
            .collect();
        line(&json!({ "stack": config.stack.id(), "last_run": state.last_run, "resources": resources }).to_string());
        return Ok(0);
    }
    let width = entries.iter().map(|(address, _)| address.as_str().len()).max().unwrap_or(0);
    for (address, entry) in &entries {
        line(format!("{address:width$}  {:9}  {}", word(entry.status), id(entry)).trim_end());
    }
    let unfinished = entries.iter().filter(|(_, entry)| entry.status != Status::Ready).count();
    line(&match (entries.len(), unfinished) {
        (0, _) => format!("nothing of `{}` exists", config.stack.id()),
        (all, 0) => format!("{all} resources of `{}` exist, all of them ready", config.stack.id()),
        (all, some) => {
            format!(
                "{all} resources of `{}` exist or may exist, {some} of them unfinished: run `up` to go on, `rollback` to undo what it did, or `down`",
                config.stack.id()
            )
        }
    });
    for text in under_way(globals, &state) {
        line(&text);
    }
    if let Some(run) = &state.last_run {
        let end = run.outcome.as_deref().unwrap_or("did not end by itself: it was killed, or is still running");
        line(&format!("last run: `{}` of {}, {end}", run.command, run.at));
    }
    Ok(0)
}

/// What of the migration was begun and is not over, with the command that goes on.
fn under_way(globals: &Globals, state: &State) -> Vec<String> {
    let next = |verb: &str| again(globals, verb, &Chosen::default());
    let mut told = Vec::new();
    if let Some(open) = &state.migration.shift {
        told.push(traffic::unfinished(globals, open));
    }
    for (address, open) in &state.migration.operations {
        told.push(format!("`{}` of {address} was begun and not seen to be over: run it again", open.what));
    }
    if let Some(saved) = Saved::of(state).filter(Saved::can_go_on) {
        let how = saved.progress.outcome().map_or("under way, or killed", |outcome| outcome.as_str());
        told.push(format!("the cutover is {how} at {}: `{}` goes on with it", saved.progress.live, next("cutover")));
    }
    told
}

pub(super) fn id(entry: &Entry) -> String {
    kind(&entry.kind).and_then(|kind| Some(kind.id(entry.attrs.as_ref()?))).unwrap_or_default()
}

pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Creating => "creating?",
        Status::Created => "created",
        Status::Ready => "ready",
        Status::Updating => "updating?",
        Status::Deleting => "deleting?",
    }
}
