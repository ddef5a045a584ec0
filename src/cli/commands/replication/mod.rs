//! `replication`: starts, stops and monitors the replication of the databases, and compares them.

mod check;
mod comparison;
mod databases;
mod recording;
mod selected;
mod start;
mod status;
mod stop;
mod validate;
mod verdict;

use clap::Subcommand;

pub(in crate::cli) use databases::DatabaseArgs;

use crate::cli::app::App;
use crate::cli::explain::Failure;
use infra_config::Occasion;

/// The replication of the databases with AWS DMS.
#[derive(Debug, Subcommand)]
pub enum ReplicationCommand {
    /// Inspect both databases: what the replication would not carry over, and what to do about it.
    Check(check::CheckArgs),
    /// Bring schema and rows to the target, and replicate changes; or resume that.
    Start(start::StartArgs),
    /// Stop the task, and wait until it has stopped.
    Stop(stop::StopArgs),
    /// Show the lag, every table, the last failure and the risks.
    Status(status::StatusArgs),
    /// Compare both databases: the results of DMS, and a comparison by this tool.
    Validate(validate::ValidateArgs),
}

pub(in crate::cli) async fn run(app: &App, command: &ReplicationCommand) -> Result<u8, Failure> {
    match command {
        ReplicationCommand::Check(args) => check::run(app, args).await,
        ReplicationCommand::Start(args) => {
            app.notified("replication start", Occasion::Finished, start::run(app, args)).await
        }
        ReplicationCommand::Stop(args) => {
            app.notified("replication stop", Occasion::Finished, stop::run(app, args)).await
        }
        ReplicationCommand::Status(args) => status::run(app, args).await,
        ReplicationCommand::Validate(args) => validate::run(app, args).await,
    }
}
