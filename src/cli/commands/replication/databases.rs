//! How a command reaches the two databases of a replication: by URL, or with their secrets.

use clap::Args;

use crate::cli::app::App;
use crate::cli::commands::comparison::endpoint;
use crate::cli::error::{CliError, Exit};
use infra_compare::Endpoint;
use infra_core::engine::ReadContext;
use infra_migration::topology::{Replication, Topology};

/// The two databases.
#[derive(Debug, Args)]
pub(in crate::cli) struct DatabaseArgs {
    /// The source database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE` [default: from its secret].
    #[arg(long, value_name = "URL", env = "MIGRATE_INFRA_SOURCE_URL", hide_env_values = true, requires = "target_url")]
    source_url: Option<String>,
    /// The target database.
    #[arg(long, value_name = "URL", env = "MIGRATE_INFRA_TARGET_URL", hide_env_values = true, requires = "source_url")]
    target_url: Option<String>,
}

impl DatabaseArgs {
    /// Returns whether the databases are given as URLs.
    pub(super) fn has_urls(&self) -> bool {
        self.source_url.is_some()
    }

    /// Returns the source and the target, if they are given as URLs.
    ///
    /// # Errors
    /// A URL is invalid, or the time of the sandbox is simulated: databases answer in real time.
    pub(in crate::cli) fn urls(&self, app: &App) -> Result<Option<[Endpoint; 2]>, CliError> {
        let Some((source, target)) = self.source_url.as_deref().zip(self.target_url.as_deref()) else {
            return Ok(None);
        };
        if app.options.sandbox && !app.options.has_real_data() {
            let what = "the sandbox does not replicate between databases of your own";
            return Err(CliError::new(Exit::Usage, what)
                .nothing_changed()
                .hint("`--sandbox-data postgres` starts databases and replicates between them"));
        }
        Ok(Some([endpoint("--source-url", source)?, endpoint("--target-url", target)?]))
    }

    /// Checks that URLs, which select one pair of databases, are given for one replication only.
    ///
    /// # Errors
    /// There are several replications.
    pub(super) fn check_selection(&self, selected: &[Replication]) -> Result<(), CliError> {
        if self.has_urls() && selected.len() > 1 {
            let what = format!("two URLs select one pair of databases, and there are {} replications", selected.len());
            return Err(CliError::new(Exit::Usage, what).nothing_changed().hint("select one with `--env`"));
        }
        Ok(())
    }

    /// Returns the source and the target, or the reason why they cannot be reached.
    ///
    /// # Errors
    /// A URL is invalid.
    pub(super) async fn endpoints(
        &self,
        app: &App,
        context: &ReadContext,
        topology: &Topology,
        replication: &Replication,
    ) -> Result<Result<[Endpoint; 2], String>, CliError> {
        if let Some((source, target)) = self.source_url.as_deref().zip(self.target_url.as_deref()) {
            return Ok(Ok([endpoint("--source-url", source)?, endpoint("--target-url", target)?]));
        }
        if app.options.sandbox && !app.options.has_real_data() {
            let reason = "the databases of the sandbox are empty; `--source-url` and `--target-url` select others";
            return Ok(Err(reason.to_owned()));
        }
        Ok(infra_workflow::databases::endpoints(&app.workspace, context, topology, replication).await)
    }
}
