//! The replications that a command works on.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::existing::environments;
use infra_core::resource::{Error, describe};
use infra_core::state::State;
use infra_migration::replication::remedy;
use infra_migration::topology::Replication;
use infra_workflow::{Selection, replication};

/// The replications that a command works on.
#[derive(Debug, Args)]
pub(super) struct ReplicationArgs {
    /// Only the replication into this environment; can be repeated [default: all of them].
    #[arg(long = "env", value_name = "ENV", add = ArgValueCandidates::new(environments))]
    environments: Vec<String>,
}

impl ReplicationArgs {
    /// Returns the selected replications.
    pub(super) fn select(&self, app: &App, state: &State) -> Result<Vec<Replication>, infra_workflow::Error> {
        let selection = Selection { environments: self.environments.clone(), ..Selection::default() };
        replication::select(&app.workspace.config, state, &selection)
    }
}

/// Returns the list for a confirmation.
pub(super) fn names(replications: &[Replication]) -> String {
    let name = |one: &Replication| format!("{} ({})", one.address, one.migration_type);
    replications.iter().map(name).collect::<Vec<_>>().join("\n")
}

/// Returns an error if an operation has failed.
pub(super) fn check_failures(
    app: &App,
    failed: &[(&Replication, Error)],
    command: &str,
    what: &str,
) -> Result<(), CliError> {
    let Some((first, error)) = failed.first() else { return Ok(()) };
    let mut summary = CliError::new(Exit::of(error), format!("{} {what}", first.address));
    summary.causes = failed.iter().map(|(_, error)| describe(error)).collect();
    summary.hints.extend(failed.iter().filter_map(|(_, error)| remedy(&describe(error))).map(str::to_owned));
    Err(summary
        .unchanged("what was done is recorded; the databases are unchanged")
        .hint(format!("run `{}` again to resume", app.command(command))))
}
