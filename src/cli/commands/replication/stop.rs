//! `replication stop`.

use clap::Args;

use super::selected::{ReplicationArgs, check_failures, names};
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm};
use infra_core::resource::describe;
use infra_migration::replication;
use infra_migration::rotation::release_stopped;
use infra_migration::topology::Replication;
use infra_workflow::replication::{check_no_cutover, check_stop};

/// Stop the task, and wait until it has stopped.
///
/// `replication start` resumes it. It also allows the rotation of the secrets again, which `replication start` holds.
/// After a switchover, the rotation stays held until the migration is finished.
#[derive(Debug, Args)]
pub struct StopArgs {
    #[command(flatten)]
    selected: ReplicationArgs,
    /// Stop it even if traffic goes to both environments, or a cutover can be resumed.
    #[arg(long)]
    force: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(app: &App, args: &StopArgs) -> Result<u8, Failure> {
    let workspace = &app.workspace;
    let state = workspace.read_usable_state().await?;
    let selected = args.selected.select(app, &state)?;
    check_no_cutover(&state)?;
    if !args.force {
        let context = workspace.connect_read_only().await?;
        check_stop(workspace, &context, &state).await?;
    }
    confirm(&format!("{}\nStop the replication?", names(&selected)), args.yes)?;
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("replication stop", reporter.events()).await?;
    let context = &session.context;
    let stops = selected.iter().map(|replication| replication::stop(context, replication));
    let results = futures::future::join_all(stops).await;
    let stopped = selected.iter().zip(&results).filter(|(_, result)| result.is_ok());
    let stopped: Vec<Replication> = stopped.map(|(replication, _)| replication.clone()).collect();
    let released = release_stopped(context, &stopped).await;
    reporter.finish();
    session.close().await;
    let mut failed = Vec::new();
    for (replication, result) in selected.iter().zip(results) {
        match result {
            Ok(true) => app.info(&format!("{}: stopped", replication.address)),
            Ok(false) => app.info(&format!("{}: it was not running", replication.address)),
            Err(error) => failed.push((replication, error)),
        }
    }
    check_failures(app, &failed, "replication stop", "was not stopped")?;
    match released {
        Ok(None) => Ok(0),
        Ok(Some(why)) => {
            app.info(&format!("the rotation of the secrets stays held: {why}"));
            Ok(0)
        }
        Err(error) => Err(CliError::new(Exit::of(&error), "the rotation of the database secrets stays held")
            .because_text(describe(&error))
            .unchanged("the replication was stopped")
            .hint(format!("run `{}` again to resume", app.command("replication stop")))
            .into()),
    }
}
