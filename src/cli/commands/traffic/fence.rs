//! `traffic fence` and `traffic unfence`: close an environment to clients, and open it again.

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, next_steps, stdout};
use infra_config::Side;
use infra_core::resource::{Result as ResourceResult, describe};
use infra_kinds::elbv2::fence_position::FencePosition;
use infra_migration::fence::set_position;
use infra_migration::topology::Topology;
use infra_workflow::switchover::check_unfence;
use infra_workflow::traffic::check_fence;

/// Which fence is closed or opened.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra traffic fence source\n  migrate-infra traffic unfence source")]
pub struct FenceArgs {
    /// The environment.
    #[arg(value_enum)]
    side: SideArg,
    /// Also while a cutover is in progress, and also if the service of the environment does not use the primary.
    #[arg(long)]
    force: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

/// An environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SideArg {
    /// The environment that the service moves from.
    Source,
    /// The environment that the service moves to.
    Target,
}

impl From<SideArg> for Side {
    fn from(side: SideArg) -> Self {
        match side {
            SideArg::Source => Self::Source,
            SideArg::Target => Self::Target,
        }
    }
}

pub(super) async fn run(app: &App, args: &FenceArgs, to: FencePosition) -> Result<u8, Failure> {
    let side = Side::from(args.side);
    let state = app.workspace.read_usable_state().await?;
    let topology = Topology::of(&state);
    let (service, fence) = check_fence(&state, &topology, side, args.force)?;
    if to == FencePosition::Open && !args.force {
        check_unfence(&app.workspace.config, &state, side)?;
    }
    let question = match to {
        FencePosition::Closed => {
            format!("Close the {side} to all clients? Every request there is answered with 503.")
        }
        FencePosition::Open => format!("Open the {side} to clients?"),
    };
    confirm(&question, args.yes)?;
    let reporter = Reporter::start(&app.options);
    let session = app.open_session(command(to), reporter.events()).await?;
    let result = set_position(&session.context, service, fence, to).await;
    reporter.finish();
    session.close().await;
    Ok(end(app, side, to, result)?)
}

fn command(to: FencePosition) -> &'static str {
    match to {
        FencePosition::Closed => "traffic fence",
        FencePosition::Open => "traffic unfence",
    }
}

fn end(app: &App, side: Side, to: FencePosition, result: ResourceResult<bool>) -> Result<u8, CliError> {
    let changed = result.map_err(|error| {
        CliError::new(Exit::of(&error), format!("the fence of the {side} may not be {}", to.as_str()))
            .because_text(describe(&error))
            .unchanged("the call may have had an effect; it is safe to repeat it")
            .hint(format!("run `{}` again", app.command(&format!("{} {side}", command(to)))))
    })?;
    if app.options.is_json() {
        let event = json!({ "event": "fence", "environment": side, "position": to, "changed": changed });
        stdout(&event.to_string());
        return Ok(0);
    }
    let done = if changed { "done" } else { "nothing to do" };
    stdout(&format!("{done}: the fence of the {side} is {}", to.as_str()));
    if to == FencePosition::Closed {
        next_steps([(app.command(&format!("traffic unfence {side}")), "opens it again")]);
    }
    Ok(0)
}
