//! `traffic shift`: sends a share of the traffic to the target.

use clap::Args;

use super::result::{batch, end, summary};
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, stdout};
use infra_core::engine::Context;
use infra_migration::TrafficSplit;
use infra_migration::shift;
use infra_migration::switchover::Readiness;
use infra_migration::topology::Topology;
use infra_workflow::Workspace;
use infra_workflow::refusal::MigrationRefusal;
use infra_workflow::switchover::{BeforeShift, before_shift, open, operations};
use infra_workflow::traffic::{ShiftRequest, check_shift, location, read_both, record_name, unhealthy};

/// Send a share of the traffic to the target, and return once it is live.
///
/// Both weights are set in one batch. Then it waits until all name servers have the change, and reads the records back.
/// It is refused if an environment that would receive more traffic has no healthy target. Before the first share, the
/// service of the target connects to the source database (`cutover.strategy`), so that only one database gets writes.
/// The next shift finishes or replaces a shift that was killed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra traffic shift --to 10\n  \
                        migrate-infra traffic shift --to 50 --dry-run")]
pub struct ShiftArgs {
    /// The share of the target, in percent; the source receives the rest.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    to: u8,
    /// Show the change batch and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Shift also to an environment without a healthy target, to one whose database cannot be made to refuse writes,
    /// and to a source whose writes are stopped.
    #[arg(long)]
    force: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(app: &App, args: &ShiftArgs) -> Result<u8, Failure> {
    if args.dry_run {
        app.notifier.silence();
    }
    let Some(to) = TrafficSplit::new(args.to) else {
        return Err(CliError::new(Exit::Usage, format!("{} is not a percentage", args.to)).into());
    };
    let workspace = &app.workspace;
    let state = workspace.read_usable_state().await?;
    let topology = Topology::of(&state);
    let name = record_name(workspace, &topology)?;
    let context = workspace.connect_read_only().await?;
    let location = location(&state, &context.cloud, &workspace.config);
    let records = read_both(&context, &location, &name).await?;
    let unhealthy = if args.force { Vec::new() } else { unhealthy(&context, &topology, records.split(), to).await };
    if args.dry_run {
        for reason in &unhealthy {
            app.info(&format!("note: this would be refused: {reason}"));
        }
        stdout(&batch(&records, to));
        return Ok(0);
    }
    let request = ShiftRequest { to, force: args.force };
    check_shift(workspace, &context, &state, request, &records, &unhealthy).await?;
    let before = match before_shift(&workspace.config, &state, &context, records.split(), to).await {
        Err(MigrationRefusal::NotThePrimary { .. }) if args.force => BeforeShift::Nothing,
        before => before?,
    };
    confirm(&format!("{} Shift to {to}?", summary(&records)), args.yes)?;
    // Only one process at a time can use the sandbox.
    drop(context);
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("traffic shift", reporter.events()).await?;
    let opened = match before {
        BeforeShift::Nothing => Ok(()),
        BeforeShift::Open => {
            let required = if args.force { Readiness::Ignored } else { Readiness::Required };
            open_first(workspace, &session.context, required).await
        }
    };
    if let Err(refusal) = opened {
        reporter.finish();
        session.close().await;
        return Err(refusal.into());
    }
    let result = shift::shift(&session.context, &location, &name, to, "requested").await;
    reporter.finish();
    session.close().await;
    Ok(end(app, result, to, &format!("traffic shift --to {}", to.percent()))?)
}

/// Makes the target ready for its first client: until the switchover, both services use the source database.
async fn open_first(workspace: &Workspace, context: &Context, required: Readiness) -> Result<(), MigrationRefusal> {
    open(workspace, &operations(workspace, context, None)?, required).await
}
