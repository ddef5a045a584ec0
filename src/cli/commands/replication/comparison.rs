//! The comparison of two databases by this tool.

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit, with_causes};
use crate::cli::ui::ComparisonProgress;
use infra_compare::{CompareError, Comparison, Endpoint, Options, SslMode, TablePattern};
use infra_config::Config;
use infra_core::engine::ReadContext;
use infra_core::resource::describe;
use infra_kinds::secretsmanager::password_of;
use infra_migration::topology::{Database, Replication, Topology};

/// What to compare, and how.
#[derive(Debug, Args)]
pub(super) struct ComparisonArgs {
    /// The source database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require` [default: from its secret].
    #[arg(long, value_name = "URL", env = "MIGRATE_INFRA_SOURCE_URL", hide_env_values = true, requires = "target_url")]
    source_url: Option<String>,
    /// The target database.
    #[arg(long, value_name = "URL", env = "MIGRATE_INFRA_TARGET_URL", hide_env_values = true, requires = "source_url")]
    target_url: Option<String>,
    /// Only read the results of DMS.
    #[arg(long, conflicts_with_all = ["source_url", "target_url"])]
    dms_only: bool,
    /// Show the keys of rows that differ. Keys are data.
    #[arg(long)]
    keys: bool,
    /// Number of concurrent queries on each database.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=32))]
    connections: u16,
    /// Number of rows that one query compares.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(100..))]
    chunk_rows: u64,
}

impl ComparisonArgs {
    /// Returns whether the databases are given as URLs.
    pub(super) fn has_urls(&self) -> bool {
        self.source_url.is_some()
    }
}

/// The result of a comparison.
pub(super) enum Compared {
    /// The databases were compared.
    Yes(Box<Comparison>),
    /// They were not, for this reason.
    No(String),
}

/// Compares both databases, if they can be reached.
pub(super) async fn compare(
    app: &App,
    args: &ComparisonArgs,
    context: &ReadContext,
    topology: &Topology,
    replication: &Replication,
) -> Result<Compared, CliError> {
    if args.dms_only {
        return Ok(Compared::No("`--dms-only`".to_owned()));
    }
    let urls = args.source_url.as_deref().zip(args.target_url.as_deref());
    let endpoints = match urls {
        Some((source, target)) => Ok([endpoint("--source-url", source)?, endpoint("--target-url", target)?]),
        None if app.options.sandbox => {
            Err("the databases of the sandbox are empty; `--source-url` and `--target-url` select others".to_owned())
        }
        None => from_secrets(context, topology, replication).await,
    };
    let [source, target] = match endpoints {
        Ok(endpoints) => endpoints,
        Err(reason) => return Ok(Compared::No(reason)),
    };
    let options = options(args, &app.workspace.config, replication)?;
    match in_real_time(app, source, target, options).await? {
        Ok(comparison) => Ok(Compared::Yes(Box::new(comparison))),
        Err(error) if urls.is_some() => Err(CliError::of(Exit::Failed, &error).nothing_changed().hint(error.hint())),
        Err(error) => Ok(Compared::No(format!("{}; {}", with_causes(&error), error.hint()))),
    }
}

/// Compares on a separate runtime: databases answer in real time, even if the time of the sandbox is simulated.
async fn in_real_time(
    app: &App,
    source: Endpoint,
    target: Endpoint,
    options: Options,
) -> Result<Result<Comparison, CompareError>, CliError> {
    let failed =
        |reason: String| CliError::new(Exit::Failed, "the comparison failed").because_text(reason).nothing_changed();
    let progress = ComparisonProgress::start(&app.options);
    let compared = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(infra_compare::compare(&source, &target, &options, &|step| progress.step(step)));
        progress.finish();
        Ok::<_, std::io::Error>(result)
    });
    compared.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}

fn endpoint(option: &str, url: &str) -> Result<Endpoint, CliError> {
    Endpoint::parse(url).map_err(|error| {
        CliError::new(Exit::Usage, format!("`{option}` is not the URL of a database: {error}")).nothing_changed()
    })
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

fn options(args: &ComparisonArgs, config: &Config, replication: &Replication) -> Result<Options, CliError> {
    let environment = replication.address.environment();
    let Some(environment) = config.environment(environment) else {
        let what = format!("the configuration contains no environment `{environment}`");
        return Err(CliError::new(Exit::Usage, what).nothing_changed());
    };
    let replication = &environment.replication;
    let patterns =
        |texts: &[String]| texts.iter().map(|text| text.parse::<TablePattern>()).collect::<Result<Vec<_>, _>>();
    let invalid = |error: &dyn std::error::Error| {
        CliError::new(Exit::Usage, format!("`replication.tables`: {error}")).nothing_changed()
    };
    Ok(Options {
        include: patterns(&replication.tables).map_err(|error| invalid(&error))?,
        exclude: patterns(&replication.excluded_tables).map_err(|error| invalid(&error))?,
        control_schema: Some(replication.control_schema.clone()),
        connections: args.connections.into(),
        chunk_rows: args.chunk_rows,
        keys: args.keys,
        ..Options::default()
    })
}
