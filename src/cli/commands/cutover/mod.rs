//! `cutover`: sends all traffic to the target, step by step, behind gates, and moves the data in a switchover.

mod args;
mod dry_run;
mod end;
mod finish;
mod overview;
mod requests;
mod steps;
mod switchover;

use crate::cli::app::App;
use crate::cli::explain::Failure;
use infra_config::Occasion;
use infra_core::state::State;
use infra_migration::cutover::{Hooks, PersistedCutover};
use infra_migration::records::RecordName;
use infra_migration::topology::Topology;
use infra_workflow::control_channel::ControlRequest;
use infra_workflow::cutover::{plan, send_to_running};
use infra_workflow::identity::caller;
use infra_workflow::refusal::MigrationRefusal;
use infra_workflow::switchover::{self as data, Stage};
use infra_workflow::traffic::{location, reach_warning, record_name};

pub(in crate::cli) use args::CutoverArgs;
use args::CutoverCommand;

pub(in crate::cli) async fn run(app: &App, args: &CutoverArgs) -> Result<u8, Failure> {
    match &args.command {
        Some(CutoverCommand::Finish(args)) => {
            app.notified("cutover finish", Occasion::Finished, finish::run(app, args)).await
        }
        None if args.dry_run => cut_over(app, args).await,
        None => app.notified("cutover", args.occasion(), Box::pin(cut_over(app, args))).await,
    }
}

async fn cut_over(app: &App, args: &CutoverArgs) -> Result<u8, Failure> {
    let (workspace, config) = (&app.workspace, &app.workspace.config);
    let mut plan = plan(config, &args.pause_at)?;
    let withheld = Hooks::of(&config.cutover, &workspace.directory()).withheld(std::env::vars_os());
    if !withheld.is_empty() {
        (workspace.warn)(&format!(
            "note: the quiesce and release commands do not get {}; `cutover.pass_environment` names what they get",
            withheld.join(", ")
        ));
    }
    let state = workspace.read_usable_state().await?;
    let topology = Topology::of(&state);
    let record_name = record_name(workspace, &topology)?;
    if topology.lacks_source() {
        return Err(MigrationRefusal::SourceRemoved { name: record_name.name }.into());
    }
    let urls = args.databases.urls(app)?;
    let request = args.request();
    let before = PersistedCutover::of(&state).map_err(MigrationRefusal::from)?;
    if let Some(request) = request
        && send_to_running(workspace, request, before.as_ref()).await?
    {
        app.notifier.silence();
        app.info(&format!("requested the running cutover to {}", request.describe()));
        return Ok(0);
    }
    if let Some(cutover) = before.as_ref().filter(|cutover| cutover.can_resume()) {
        plan.inherit_pauses(&cutover.report.plan);
    }
    let (stage, who) = read_stage(app, &state, &record_name).await?;
    if args.dry_run {
        return dry_run::run(app, &plan, &stage, &topology, &state).await;
    }
    match (stage, request) {
        (Stage::Steps, _) => steps::run(app, args, plan, &state, None, &who).await,
        (Stage::StepsThenSwitchover, _) => steps::run(app, args, plan, &state, Some(urls), &who).await,
        // A new switchover has nothing to undo; the steps have.
        (Stage::Switchover(record), Some(ControlRequest::Rollback)) if !record.has_begun() => {
            steps::run(app, args, plan, &state, None, &who).await
        }
        (stage, request) => switchover::run(app, args, &plan, &state, stage, request, urls).await,
    }
}

/// Returns which part of the migration is next and who gives the command, and warns if clients do not see the records.
/// Only one process at a time can use the sandbox, so the connection ends here.
async fn read_stage(app: &App, state: &State, name: &RecordName) -> Result<(Stage, String), Failure> {
    let workspace = &app.workspace;
    let context = workspace.connect_read_only().await?;
    let location = location(state, &context.cloud, &workspace.config);
    if let Some(warning) = reach_warning(workspace, &context, &location, name).await {
        (workspace.warn)(&format!("warning: {warning}"));
    }
    Ok((data::stage(&workspace.config, state, &context).await?, caller(&context.cloud)))
}
