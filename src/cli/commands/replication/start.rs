//! `replication start`.

use clap::Args;

use super::databases::DatabaseArgs;
use super::markers;
use super::selected::{ReplicationArgs, check_failures, names};
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, next_steps};
use infra_core::resource::{Error, describe};
use infra_migration::replication;
use infra_migration::rotation;
use infra_migration::topology::Topology;
use infra_migration::validation;
use infra_workflow::replication::check_start;

/// Starts the replication.
///
/// It first tests both endpoints. The status of the task decides whether it is started, resumed or reloaded. It returns
/// once the full load is done and changes are replicated.
///
/// Before that, it holds the rotation of both secrets: a task keeps the password that it was started with. A rotation
/// in progress ends first. `replication stop` or the end of the migration allows it again; `status` shows it.
///
/// If it can reach both databases, it creates the table `migrate_infra.marker` in them. Rows that a switchover writes
/// there prove that everything committed earlier has arrived.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra replication start -y\n  migrate-infra replication start --reload")]
pub struct StartArgs {
    #[command(flatten)]
    selected: ReplicationArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
    /// Repeat the full load. It replaces what is in the target, as `replication.table_preparation` configures.
    #[arg(long)]
    reload: bool,
    /// Return as soon as the task runs, and do not follow the full load.
    #[arg(long)]
    no_follow: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(app: &App, args: &StartArgs) -> Result<u8, Failure> {
    let workspace = &app.workspace;
    let state = workspace.read_state().await?;
    let selected = args.selected.select(app, &state)?;
    args.databases.check_selection(&selected)?;
    let read_only = workspace.connect_read_only().await?;
    let options = check_start(workspace, &read_only, &state, &selected, (args.reload, !args.no_follow)).await?;
    let question = if args.reload { "Repeat the full load into the target?" } else { "Start the replication?" };
    confirm(&format!("{}\n{question}", names(&selected)), args.yes)?;
    markers::prepare(app, &args.databases, &read_only, &Topology::of(&state), &selected).await?;
    drop(read_only);
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("replication start", reporter.events()).await?;
    let held = rotation::hold(&session.context, &selected).await.map_err(|error| not_held(app, &error));
    let (session, ()) = session.or_close(held).await?;
    // What is loaded again was not compared.
    let forgotten = if args.reload { validation::forget(&session.context, &selected).await } else { Ok(()) };
    let (session, ()) = session.or_close(forgotten).await?;
    let context = &session.context;
    let starts = selected.iter().map(|replication| replication::start(context, replication, options));
    let results = futures::future::join_all(starts).await;
    reporter.finish();
    session.close().await;
    let mut failed = Vec::new();
    for (replication, result) in selected.iter().zip(results) {
        match result {
            Ok(started) => {
                let how = started.started_as.map_or("it was already running", |started_as| match started_as.as_str() {
                    "start" => "it was started",
                    "resume" => "it was resumed",
                    _ => "the full load is repeated",
                });
                let (status, percent) = (&started.task.status, started.task.full_load_percent);
                app.info(&format!("{}: {how}; `{status}`, full load {percent} %", replication.address));
            }
            Err(error) => failed.push((replication, error)),
        }
    }
    check_failures(app, &failed, "replication start", "does not replicate")?;
    if !app.options.is_json() {
        next_steps([
            (app.command("replication status"), "lag, tables and risks"),
            (app.command("replication validate"), "compare both databases"),
            (app.command("cutover"), "shift the traffic"),
        ]);
    }
    Ok(0)
}

/// The rotation of the secrets cannot be held, so nothing was started.
fn not_held(app: &App, error: &Error) -> CliError {
    CliError::new(Exit::of(error), "the rotation of the database secrets cannot be held")
        .because_text(describe(error))
        .unchanged("no replication was started; what was done is recorded")
        .hint(format!("run `{}` again to resume, or `replication stop` to undo it", app.command("replication start")))
}
