//! How a command reaches the two databases of a replication: by URL, or with their secrets.

use clap::Args;

use crate::cli::app::App;
use crate::cli::commands::comparison::endpoint;
use crate::cli::error::{CliError, Exit};
use infra_compare::{Endpoint, SslMode};
use infra_core::engine::ReadContext;
use infra_core::resource::describe;
use infra_kinds::secretsmanager::password_of;
use infra_migration::topology::{Database, Replication, Topology};
use infra_sandbox::Disk;
use infra_sandbox_data::databases;

/// The two databases.
#[derive(Debug, Args)]
pub(super) struct DatabaseArgs {
    /// The source database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require` [default: from its secret].
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
        let found = from_secrets(context, topology, replication).await;
        Ok(match app.options.has_real_data() {
            true => found.and_then(|endpoints| on_this_machine(app, endpoints)),
            false => found,
        })
    }
}

/// Returns both databases from their secrets, or the reason why that is not possible.
async fn from_secrets(
    context: &ReadContext,
    topology: &Topology,
    replication: &Replication,
) -> Result<[Endpoint; 2], String> {
    let database = |secret: &Option<String>| secret.as_deref().and_then(|secret| topology.database_of(secret)).cloned();
    let [source, target] = [database(&replication.secrets[0]), database(&replication.secrets[1])];
    let (Some(source), Some(target)) = (source, target) else {
        return Err("the state does not contain both databases".to_owned());
    };
    Ok([with_password(context, &source).await?, with_password(context, &target).await?])
}

/// Returns where the servers of the sandbox are. Their certificates are for the names of the endpoints.
fn on_this_machine(app: &App, endpoints: [Endpoint; 2]) -> Result<[Endpoint; 2], String> {
    let world = Disk::read(&app.options.state_root()).map_err(|error| error.to_string())?;
    let servers = databases(&world);
    let mut found = Vec::new();
    for mut endpoint in endpoints {
        let server = servers.iter().find(|server| server.endpoint == endpoint.host);
        let server = server.ok_or_else(|| format!("the sandbox has no database server for {}", endpoint.host))?;
        (endpoint.host, endpoint.port) = ("127.0.0.1".to_owned(), server.port);
        endpoint.ssl_mode = if server.offers_tls { SslMode::Require } else { SslMode::Disable };
        found.push(endpoint);
    }
    found.try_into().map_err(|_| "a replication has two databases".to_owned())
}

async fn with_password(context: &ReadContext, database: &Database) -> Result<Endpoint, String> {
    let (Some(secret), Some(host), Some(name)) = (&database.secret, &database.host, &database.name) else {
        return Err(format!("the state does not contain the endpoint of {}", database.identifier));
    };
    let reader = context.reader(&database.address, &database.region);
    let password = password_of(&reader, secret)
        .await
        .map_err(|error| format!("cannot read the secret of {}: {}", database.identifier, describe(&error)))?;
    let (user, port) = (database.username.clone().unwrap_or_default(), database.port.unwrap_or(5432));
    let mut endpoint = Endpoint::new(host, port, user, password.expose(), name);
    endpoint.ssl_mode = SslMode::Require;
    Ok(endpoint)
}
