//! `traffic`: shows where traffic goes, shifts it, and sends it back.

mod emergency;
mod fence;
mod result;
mod rollback;
mod shift;
mod show;

use clap::Subcommand;

use crate::cli::app::App;
use crate::cli::explain::Failure;
use infra_config::Occasion;
use infra_kinds::elbv2::fence_position::FencePosition;

pub(in crate::cli) use show::unfinished_shift;

/// Where clients are sent, and how many of them.
///
/// The name in the hosted zone has two weighted records, one for each load balancer. Both weights are always changed in
/// one batch, which Route 53 applies atomically.
#[derive(Debug, Subcommand)]
pub enum TrafficCommand {
    Show(show::ShowArgs),
    Shift(shift::ShiftArgs),
    Rollback(rollback::RollbackArgs),
    /// Close an environment to clients: every request is answered with 503.
    ///
    /// The fence is a rule of the load balancer that `up` creates in advance. While it is closed, every request to the
    /// environment is answered with 503, also those of clients that keep a connection or an old DNS answer. Requests
    /// that the service already works on are completed. One call closes it, and the load balancer follows within
    /// seconds. DNS weights do not change, and `up` and `drift` leave the fence as it is.
    Fence(fence::FenceArgs),
    /// Open an environment to clients again.
    ///
    /// See `traffic fence`. It is refused if the service of the environment does not use the primary database.
    Unfence(fence::FenceArgs),
    Emergency(emergency::EmergencyArgs),
}

pub(in crate::cli) async fn run(app: &App, command: &TrafficCommand) -> Result<u8, Failure> {
    match command {
        TrafficCommand::Show(args) => show::run(app, args).await,
        TrafficCommand::Shift(args) => app.notified("traffic shift", Occasion::Finished, shift::run(app, args)).await,
        TrafficCommand::Rollback(args) => {
            app.notified("traffic rollback", Occasion::RolledBack, rollback::run(app, args)).await
        }
        TrafficCommand::Fence(args) => {
            app.notified("traffic fence", Occasion::Finished, fence::run(app, args, FencePosition::Closed)).await
        }
        TrafficCommand::Unfence(args) => {
            app.notified("traffic unfence", Occasion::Finished, fence::run(app, args, FencePosition::Open)).await
        }
        TrafficCommand::Emergency(args) => {
            app.notified("traffic emergency", args.occasion(), emergency::run(app, args)).await
        }
    }
}
