//! `replication start`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::databases::DatabaseArgs;
use super::selected::{ReplicationArgs, names};
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, next_steps};
use infra_base::causes::with_causes;
use infra_core::resource::{Error, describe};
use infra_migration::phase::Phase;
use infra_migration::replication::remedy;
use infra_migration::topology::Replication;
use infra_migration::{rotation, validation};
use infra_workflow::replication::{check_start, record_reload};
use infra_workflow::replication_start::{Procedure, StartError, StartRequest, Started};

/// Bring schema and rows to the target, and replicate changes; or resume that.
///
/// `schema`: creates tables, functions, views and keys in the target with `pg_dump` and `pg_restore`, measures the
/// source, and gives the task the settings that follow. `load`: tests both endpoints, loads the rows, applies what has
/// changed meanwhile, and stops the task. `indexes`: creates indexes, constraints and triggers. `changes`: resumes the
/// task, which then replicates changes.
///
/// Before that, it holds the rotation of both secrets: a task keeps the password that it was started with. A rotation
/// in progress ends first. `replication stop` or the end of the migration allows it again; `status` shows it.
///
/// Each phase is recorded. The same command resumes where it was stopped, was killed or has failed, and resumes a task
/// that does not run. It also creates the table `migrate_infra.marker` in both databases. Rows that a switchover writes
/// there prove that everything committed earlier has arrived.
///
/// The phases `schema` and `indexes` need SQL access to both databases. With `replication.schema = "existing"`, the
/// target has its schema already, and `indexes` is left out.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra replication start -y\n  \
    migrate-infra replication start --phase schema\n  migrate-infra replication start --reload")]
pub struct StartArgs {
    #[command(flatten)]
    selected: ReplicationArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
    /// Run only this phase. Those before it must be done.
    #[arg(long, value_name = "PHASE", value_enum)]
    phase: Option<PhaseArg>,
    /// Begin again with the phase `schema`, and repeat the full load. It replaces what is in the target, as
    /// `replication.table_preparation` configures.
    #[arg(long)]
    reload: bool,
    /// Return as soon as the task runs, and do not follow the full load.
    #[arg(long)]
    no_follow: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

/// A phase.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PhaseArg {
    /// Tables, functions, views and keys, and what is measured.
    Schema,
    /// The rows.
    Load,
    /// Indexes, constraints and triggers.
    Indexes,
    /// The changes that follow.
    Changes,
}

impl From<PhaseArg> for Phase {
    fn from(phase: PhaseArg) -> Self {
        match phase {
            PhaseArg::Schema => Self::Schema,
            PhaseArg::Load => Self::Load,
            PhaseArg::Indexes => Self::Indexes,
            PhaseArg::Changes => Self::Changes,
        }
    }
}

pub(super) async fn run(app: &App, args: &StartArgs) -> Result<u8, Failure> {
    let workspace = &app.workspace;
    let state = workspace.read_usable_state().await?;
    let selected = args.selected.select(app, &state)?;
    args.databases.check_selection(&selected)?;
    let urls = args.databases.urls(app)?;
    let read_only = workspace.connect_read_only().await?;
    let options = check_start(workspace, &read_only, &state, &selected, (args.reload, !args.no_follow)).await?;
    drop(read_only);
    let question = if args.reload { "Repeat the full load into the target?" } else { "Start the replication?" };
    confirm(&format!("{}\n{question}", names(&selected)), args.yes)?;
    let request = StartRequest { options, only: args.phase.map(Phase::from), urls };
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("replication start", reporter.events()).await?;
    session.warn_of_expiry(Duration::from_hours(1));
    let held = rotation::hold(&session.context, &selected).await.map_err(|error| not_held(app, &error));
    let (session, ()) = session.or_close(held).await?;
    // What is loaded again was not compared.
    let forgotten = if args.reload { validation::forget(&session.context, &selected).await } else { Ok(()) };
    let (session, ()) = session.or_close(forgotten).await?;
    let procedure = Procedure::new(workspace, &session.context, &request);
    let starts = selected.iter().map(|replication| procedure.start(replication));
    let results = futures::future::join_all(starts).await;
    let recorded = match args.reload && results.iter().all(Result::is_ok) {
        true => record_reload(&session.context).await,
        false => Ok(()),
    };
    reporter.finish();
    session.close().await;
    recorded?;
    let (mut failed, mut is_complete) = (Vec::new(), true);
    for (replication, result) in selected.iter().zip(results) {
        match result {
            Ok(started) => {
                is_complete &= started.next.is_none();
                app.info(&format!("{}: {}", replication.address, describe_start(replication, &started)));
                if let Some(next) = started.next {
                    let command = app.command("replication start");
                    app.info(&format!("the phase `{next}` is next: `{command}` goes on"));
                }
            }
            Err(error) => failed.push((replication, error)),
        }
    }
    check_failures(app, &failed)?;
    if is_complete && !app.options.is_json() {
        next_steps([
            (app.command("replication status"), "lag, tables and risks"),
            (app.command("replication validate"), "compare both databases"),
            (app.command("cutover"), "shift the traffic"),
        ]);
    }
    Ok(0)
}

/// Returns what was done, in one line.
fn describe_start(replication: &Replication, started: &Started) -> String {
    let list = |phases: &[Phase]| phases.iter().map(|phase| phase.as_str()).collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    if !started.before.is_empty() {
        parts.push(format!("done before: {}", list(&started.before)));
    }
    if !started.done.is_empty() {
        parts.push(format!("done now: {}", list(&started.done)));
    }
    let how = match started.started_as.map(infra_kinds::dms::task_status::StartMode::as_str) {
        Some("start") => "it was started",
        Some("resume") => "it was resumed",
        Some(_) => "the full load is repeated",
        None if started.task.is_at_work() => "it was already running",
        None => "it does not run",
    };
    parts.push(how.to_owned());
    let task = &started.task;
    parts.push(match replication.migration_type.as_str() {
        "cdc" => format!("`{}`", task.status),
        _ => format!("`{}`, full load {} %", task.status, task.full_load_percent),
    });
    parts.join("; ")
}

/// Returns an error if a start has failed.
fn check_failures(app: &App, failed: &[(&Replication, StartError)]) -> Result<(), CliError> {
    let Some((first, error)) = failed.first() else { return Ok(()) };
    let exit = match error {
        StartError::Aws(error) => Exit::of(error),
        StartError::OutOfOrder { .. } | StartError::NoSuchPhase { .. } | StartError::NoAccess { .. } => Exit::Refused,
        StartError::Journal(_) | StartError::Unreadable { .. } => Exit::State,
        _ => Exit::Failed,
    };
    let what = match error {
        StartError::Aws(_) => format!("{} does not replicate", first.address),
        error => format!("{}: {error}", first.address),
    };
    let mut summary = CliError::new(exit, what);
    for (_, error) in failed {
        summary.causes.extend(causes(error));
    }
    summary = summary.unchanged("what was done is recorded");
    summary.hints.extend(failed.iter().flat_map(|(_, error)| hints(error)));
    Err(summary.hint(format!("run `{}` again to resume", app.command("replication start"))))
}

fn causes(error: &StartError) -> Vec<String> {
    match error {
        StartError::Aws(error) => vec![describe(error)],
        error => std::error::Error::source(error).map(with_causes).into_iter().collect(),
    }
}

fn hints(error: &StartError) -> Vec<String> {
    match error {
        StartError::Aws(error) => remedy(&describe(error)).map(str::to_owned).into_iter().collect(),
        StartError::NoAccess { .. } => vec![
            "run it inside the VPC, or open tunnels and pass `--source-url` and `--target-url`".to_owned(),
            "or bring the schema to the target yourself, and set `replication.schema = \"existing\"`".to_owned(),
        ],
        StartError::TooLarge { .. } => vec!["give the columns the type `text`, which has no such limit".to_owned()],
        StartError::OutOfOrder { missing, .. } => vec![format!("`replication start --phase {missing}` comes first")],
        StartError::NoSuchPhase { .. } => vec!["without `--phase`, all phases run that there are".to_owned()],
        StartError::Schema { .. } | StartError::Database { .. } => {
            vec!["`replication check` inspects both databases".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// The rotation of the secrets cannot be held, so nothing was started.
fn not_held(app: &App, error: &Error) -> CliError {
    CliError::new(Exit::of(error), "the rotation of the database secrets cannot be held")
        .because_text(describe(error))
        .unchanged("no replication was started; what was done is recorded")
        .hint(format!("run `{}` again to resume, or `replication stop` to undo it", app.command("replication start")))
}
