//! `runbook`: the whole procedure with this stack's ids and commands, and its progress.

mod document;
mod emergency;
mod progress;

use std::path::PathBuf;

use clap::Args;

use self::document::Runbook;
use self::progress::Progress;
use crate::cli::app::App;
use crate::cli::error::CliError;
use crate::cli::explain::Failure;
use crate::cli::ui::stdout;
use infra_base::file::{self, Access};
use infra_migration::topology::Topology;
use infra_workflow::refusal::MigrationRefusal;

/// Write the runbook of the migration, with this stack's ids and its progress.
///
/// It is Markdown, with the commands of every phase, and says which phases are done. It reads the status of
/// replication, validation and both services. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra runbook --out runbook.md")]
pub struct RunbookArgs {
    /// Make no call: a phase that the state does not show is not marked as done.
    #[arg(long)]
    offline: bool,
    /// Write it to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(in crate::cli) async fn run(app: &App, args: &RunbookArgs) -> Result<u8, Failure> {
    let state = app.workspace.read_state().await?;
    infra_migration::saved_records::verify(&state).map_err(MigrationRefusal::from)?;
    let topology = Topology::of(&state);
    let progress = match args.offline || !state.has_begun() {
        true => Progress::default(),
        false => Progress::read(app, &state, &app.workspace.connect_read_only().await?, &topology).await,
    };
    let text = Runbook { app, config: &app.workspace.config, state: &state, topology, progress }.write();
    match &args.out {
        None => stdout(text.trim_end()),
        Some(path) => {
            file::replace(path, &text, Access::Umask).map_err(|error| CliError::cannot_write(path, &error))?;
        }
    }
    Ok(0)
}
