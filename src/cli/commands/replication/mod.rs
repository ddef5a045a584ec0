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
    Check(check::CheckArgs),
    Start(start::StartArgs),
    Stop(stop::StopArgs),
    Status(status::StatusArgs),
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
