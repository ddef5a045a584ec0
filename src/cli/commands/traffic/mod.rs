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
    /// Show the weights, the health of both environments, and what is in progress.
    Show(show::ShowArgs),
    /// Send a share of the traffic to the target, and return once it is live.
    Shift(shift::ShiftArgs),
    /// Send all traffic back to the source. Works from any state, also without one.
    Rollback(rollback::RollbackArgs),
    /// Close an environment to clients: every request is answered with 503.
    Fence(fence::FenceArgs),
    /// Open an environment to clients again.
    Unfence(fence::FenceArgs),
    /// Take the target out of the answers of Route 53, without its control plane.
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
