//! `traffic`: where traffic goes, shifting it, and bringing it back.

pub(super) mod emergency;
mod health;
mod place;
mod rollback;
mod shift;
mod show;
mod told;

use clap::{Args, Subcommand};

use self::emergency::EmergencyArgs;
pub(super) use self::place::{live, place_of, region, without_source};
use self::rollback::RollbackArgs;
use self::shift::ShiftArgs;
use self::show::ShowArgs;
pub(super) use self::show::unfinished;
pub(super) use self::told::ONE_WAY;
use super::args::Globals;
use super::failure::CliError;

/// Where clients are sent, and how many of them.
///
/// The name in the hosted zone has two weighted records, one for each load balancer. Both weights are always changed together, in one batch
/// that Route 53 carries out as a whole.
#[derive(Debug, Subcommand)]
pub enum TrafficCommand {
    /// Show the weights, the health of both environments, and what is under way.
    Show(ShowArgs),
    /// Send a share of the traffic to the target, and return once it is live.
    Shift(ShiftArgs),
    /// Send all traffic to the source again. Works from any state, also without one.
    Rollback(RollbackArgs),
    /// Take the target out of the answers, without Route 53's control plane.
    Emergency(EmergencyArgs),
}

#[derive(Debug, Args)]
struct Zone {
    /// The hosted zone; without it, that of the state.
    #[arg(long, value_name = "ID")]
    zone_id: Option<String>,
}

pub(super) async fn run(globals: &Globals, command: &TrafficCommand) -> Result<u8, CliError> {
    match command {
        TrafficCommand::Show(args) => show::run(globals, args).await,
        TrafficCommand::Shift(args) => shift::run(globals, args).await,
        TrafficCommand::Rollback(args) => rollback::run(globals, args).await,
        TrafficCommand::Emergency(args) => emergency::run(globals, args).await,
    }
}
