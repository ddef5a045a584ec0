//! The comparison of two databases by this tool.

use clap::Args;

use super::databases::DatabaseArgs;
use crate::cli::app::App;
use crate::cli::commands::comparison::{self, LimitArgs};
use crate::cli::commands::real_time::in_real_time;
use crate::cli::error::{CliError, Exit};
use infra_base::causes::with_causes;
use infra_compare::{Comparison, Options};
use infra_config::{Config, Side};
use infra_core::engine::ReadContext;
use infra_migration::topology::{Replication, Topology};
use infra_workflow::validation::{self, Beginning, RECHECK_TIMES};

/// What to compare, and how.
#[derive(Debug, Args)]
pub(super) struct ComparisonArgs {
    #[command(flatten)]
    pub(super) databases: DatabaseArgs,
    /// Only read the results of DMS.
    #[arg(long, conflicts_with_all = ["source_url", "target_url"])]
    dms_only: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// The result of a comparison.
pub(super) enum Compared {
    /// The databases were compared. With it, what is recorded if they are equal.
    Yes(Box<Comparison>, Option<Beginning>),
    /// They were not, for this reason.
    No(String),
}

/// Compares both databases, if they can be reached. Rows that differ are compared again if the task replicates changes,
/// which may not have arrived yet.
pub(super) async fn compare(
    app: &App,
    args: &ComparisonArgs,
    context: &ReadContext,
    topology: &Topology,
    replication: &Replication,
    (primary, is_replicating): (Side, bool),
) -> Result<Compared, CliError> {
    if args.dms_only {
        return Ok(Compared::No("`--dms-only`".to_owned()));
    }
    let endpoints = args.databases.endpoints(app, context, topology, replication).await?;
    let [source, target] = match endpoints {
        Ok(endpoints) => endpoints,
        Err(reason) => return Ok(Compared::No(reason)),
    };
    let options = options(args, &app.workspace.config, replication, is_replicating)?;
    let beginning = if is_replicating {
        let (source, target) = (source.clone(), target.clone());
        let read = async move || Beginning::read(primary, &source, &target).await;
        in_real_time("the point of the comparison cannot be read", read).await?
    } else {
        None
    };
    match comparison::compare(&app.options, source, target, options).await? {
        Ok(comparison) => Ok(Compared::Yes(Box::new(comparison), beginning)),
        Err(error) if args.databases.has_urls() => {
            Err(CliError::of(Exit::Failed, &error).nothing_changed().hint(error.hint()))
        }
        Err(error) => Ok(Compared::No(format!("{}; {}", with_causes(&error), error.hint()))),
    }
}

fn options(
    args: &ComparisonArgs,
    config: &Config,
    replication: &Replication,
    is_replicating: bool,
) -> Result<Options, CliError> {
    let environment = replication.address.environment();
    let Some(environment) = config.environment(environment) else {
        let what = format!("the configuration contains no environment `{environment}`");
        return Err(CliError::new(Exit::Usage, what).nothing_changed());
    };
    let limits = args.limits.options(if is_replicating { RECHECK_TIMES } else { 0 });
    validation::options(environment, &limits)
        .map_err(|error| CliError::new(Exit::Usage, format!("`replication.tables`: {error}")).nothing_changed())
}
