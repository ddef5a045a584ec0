//! `replication validate`: is everything in the target? What DMS has found, and a comparison of its own when both databases can be reached.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat};
use super::failure::{CliError, Exit};
use super::replication::Which;
use super::report::Comparing;
use super::run::{line, say};
use super::{down, look, session};
use crate::config::Config;
use crate::engine::Looker;
use crate::migration::compare::{self, Comparison, Endpoint, Options, Pattern, RowFindings, SslMode, Verdict};
use crate::migration::gate::TableState;
use crate::migration::measure::validated;
use crate::migration::scene::{Database, Replication, Scene};
use crate::resource::describe;
use crate::resources::dms::running::{Table, present, tables};
use crate::resources::secretsmanager::password_of;

/// Compares both databases. Nothing is written to either, and no data is shown.
///
/// DMS's own validation counts, table by table. Besides, when both databases can be reached, schemas, numbers of rows and checksums of all
/// rows are compared, in chunks by primary key and in parallel; sequences and missing indexes are reported too. Two empty databases prove
/// nothing. Exits with 4 when there are differences.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra replication validate\n  migrate-infra replication validate --source-url \"$SOURCE_URL\" --target-url \"$TARGET_URL\" --keys"
)]
pub struct ValidateArgs {
    #[command(flatten)]
    which: Which,
    /// The database that data comes from: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require`; without it, its secret is read.
    #[arg(long, value_name = "URL", env = "MIGRATE_INFRA_SOURCE_URL", hide_env_values = true, requires = "target_url")]
    source_url: Option<String>,
    /// The database that data goes to.
    #[arg(long, value_name = "URL", env = "MIGRATE_INFRA_TARGET_URL", hide_env_values = true, requires = "source_url")]
    target_url: Option<String>,
    /// Wait until DMS has compared every table.
    #[arg(long)]
    wait: bool,
    /// Only what DMS has found.
    #[arg(long, conflicts_with_all = ["source_url", "target_url"])]
    dms_only: bool,
    /// Show the keys of rows that differ. Keys are data.
    #[arg(long)]
    keys: bool,
    /// Queries at the same time on each database.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=32))]
    connections: u16,
    /// Rows that one query compares.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(100..))]
    chunk_rows: u64,
}

/// How often it is looked how far DMS is.
const EVERY: Duration = Duration::from_secs(10);

/// What was found for one replication.
struct Found {
    replication: Replication,
    dms: Vec<Table>,
    /// The status of a task that is not at work, although there may be changes to carry over.
    idle: Option<String>,
    own: Own,
}

/// What the comparison of its own came to.
enum Own {
    /// It was made.
    Made(Box<Comparison>),
    /// It was not, and why.
    Not(String),
}

pub(super) async fn run(globals: &Globals, args: &ValidateArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let all = args.which.of(globals, &config, &state)?;
    if args.source_url.is_some() && all.len() > 1 {
        return Err(CliError::new(Exit::Usage, format!("two URLs name one pair of databases, and there are {} replications", all.len()))
            .remains("nothing was changed")
            .hint("choose one with `--env`"));
    }
    let scene = Scene::of(&state);
    let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
    let mut found = Vec::new();
    for replication in all {
        let (dms, idle) = found_by_dms(&looker, &replication, args.wait).await.map_err(|error| {
            CliError::new(Exit::Failed, "DMS does not tell what its validation found").because_text(&describe(&error)).remains("nothing was changed")
        })?;
        let own = compared(globals, args, &config, &looker, &scene, &replication).await?;
        found.push(Found { replication, dms, idle, own });
    }
    show(globals, &found);
    end(globals, &found)
}

/// What DMS has found, and in which status the task is when it is not at work although there may be changes to carry over. With `wait`,
/// once no table is on its way any more, or nothing more can come.
async fn found_by_dms(looker: &Looker, replication: &Replication, wait: bool) -> crate::resource::Result<(Vec<Table>, Option<String>)> {
    let cx = looker.reader(&replication.address, &replication.region);
    loop {
        let (found, standing) = futures::try_join!(tables(&cx, &replication.task), present(&cx, &replication.task))?;
        let pending = found.is_empty() || found.iter().any(|table| validated(&table.validation) == TableState::Pending);
        if !wait || !pending || !standing.is_at_work() {
            let idle = replication.is_idle(&standing).then_some(standing.status);
            return Ok((found, idle));
        }
        cx.clock.sleep(EVERY).await;
    }
}

/// Makes the comparison of its own, if both databases can be reached.
async fn compared(
    globals: &Globals,
    args: &ValidateArgs,
    config: &Config,
    looker: &Looker,
    scene: &Scene,
    replication: &Replication,
) -> Result<Own, CliError> {
    if args.dms_only {
        return Ok(Own::Not("`--dms-only`".to_owned()));
    }
    let asked = args.source_url.as_deref().zip(args.target_url.as_deref());
    let ends = match asked {
        Some((source, target)) => Ok([endpoint("--source-url", source)?, endpoint("--target-url", target)?]),
        None if globals.sandbox => Err("the sandbox's databases hold nothing; `--source-url` and `--target-url` name others".to_owned()),
        None => from_secrets(looker, scene, replication).await,
    };
    let [source, target] = match ends {
        Ok(ends) => ends,
        Err(why) => return Ok(Own::Not(why)),
    };
    let options = options(args, config, replication)?;
    let made = in_real_time(globals, source, target, options).await?;
    match made {
        Ok(comparison) => Ok(Own::Made(Box::new(comparison))),
        Err(error) if asked.is_some() => {
            Err(CliError::new(Exit::Failed, error.to_string()).because(&error).remains("nothing was changed").hint(error.hint()))
        }
        Err(error) => Ok(Own::Not(format!("{}; {}", super::failure::with_causes(&error), error.hint()))),
    }
}

/// Compares on a runtime of its own: databases answer in real time, also where AWS's minutes pass in milliseconds.
async fn in_real_time(
    globals: &Globals,
    source: Endpoint,
    target: Endpoint,
    options: Options,
) -> Result<Result<Comparison, compare::CompareError>, CliError> {
    let failed = |why: &str| CliError::new(Exit::Failed, "the comparison could not be made").because_text(why).remains("nothing was changed");
    let progress = Comparing::start(globals);
    let compared = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let made = runtime.block_on(compare::compare(&source, &target, &options, &|step| progress.step(step)));
        progress.finish();
        Ok::<_, std::io::Error>(made)
    });
    compared.await.map_err(|error| failed(&error.to_string()))?.map_err(|error| failed(&error.to_string()))
}

fn endpoint(option: &str, url: &str) -> Result<Endpoint, CliError> {
    Endpoint::parse(url)
        .map_err(|error| CliError::new(Exit::Usage, format!("`{option}` is no URL of a database: {error}")).remains("nothing was changed"))
}

/// The databases as their secrets tell. What is missing is told as a reason.
async fn from_secrets(looker: &Looker, scene: &Scene, replication: &Replication) -> Result<[Endpoint; 2], String> {
    let of = |secret: &Option<String>| secret.as_deref().and_then(|secret| scene.database_of(secret)).cloned();
    let [source, target] = [of(&replication.secrets[0]), of(&replication.secrets[1])];
    let (Some(source), Some(target)) = (source, target) else { return Err("the state does not know both databases".to_owned()) };
    Ok([with_password(looker, &source).await?, with_password(looker, &target).await?])
}

async fn with_password(looker: &Looker, database: &Database) -> Result<Endpoint, String> {
    let (Some(secret), Some(host), Some(name)) = (&database.secret, &database.host, &database.name) else {
        return Err(format!("the state does not know how {} is reached", database.identifier));
    };
    let cx = looker.reader(&database.address, &database.region);
    let password =
        password_of(&cx, secret).await.map_err(|error| format!("the secret of {} can not be read: {}", database.identifier, describe(&error)))?;
    let (user, port) = (database.username.clone().unwrap_or_default(), database.port.unwrap_or(5432));
    let mut endpoint = Endpoint::new(host, port, user, password.expose(), name);
    endpoint.ssl_mode = SslMode::Require;
    Ok(endpoint)
}

fn options(args: &ValidateArgs, config: &Config, replication: &Replication) -> Result<Options, CliError> {
    let environment = replication.address.environment();
    let Some(environment) = config.environment(environment) else {
        return Err(CliError::new(Exit::Usage, format!("the configuration has no environment `{environment}`")).remains("nothing was changed"));
    };
    let replication = &environment.replication;
    let patterns = |texts: &[String]| texts.iter().map(|text| text.parse::<Pattern>()).collect::<Result<Vec<_>, _>>();
    let wrong = |error: &dyn std::error::Error| CliError::new(Exit::Usage, format!("`replication.tables`: {error}")).remains("nothing was changed");
    Ok(Options {
        include: patterns(&replication.tables).map_err(|error| wrong(&error))?,
        exclude: patterns(&replication.excluded_tables).map_err(|error| wrong(&error))?,
        control_schema: Some(replication.control_schema.clone()),
        connections: args.connections.into(),
        chunk_rows: args.chunk_rows,
        keys: args.keys,
        ..Options::default()
    })
}

fn show(globals: &Globals, found: &[Found]) {
    if globals.output == OutputFormat::Json {
        let one = |found: &Found| {
            let (own, why_not) = match &found.own {
                Own::Made(comparison) => (Some(comparison), None),
                Own::Not(why) => (None, Some(why)),
            };
            json!({ "address": found.replication.address, "dms": found.dms, "comparison": own, "not_compared_because": why_not })
        };
        line(&found.iter().map(one).collect::<serde_json::Value>().to_string());
        return;
    }
    for one in found {
        line(&format!("{}: what DMS has found", one.replication.address));
        if one.dms.is_empty() {
            line("  no tables: it has not run yet, or its validation is off");
        }
        for table in &one.dms {
            let [failed, suspended, pending] = table.validation_rows;
            let rows = [(failed, "differ"), (suspended, "could not be compared"), (pending, "yet to be compared")];
            let rows: String = rows.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} rows {what}")).collect();
            line(&format!("  {}: {}{rows}", table.name, table.validation));
        }
        match &one.own {
            Own::Not(why) => line(&format!("no comparison of its own: {why}")),
            Own::Made(comparison) => {
                line(&format!("its own comparison: {} ({} ms)", comparison.verdict, comparison.milliseconds));
                for table in &comparison.tables {
                    line(&format!("  {table}"));
                    keys(&table.rows);
                }
                comparison.sequences.iter().for_each(|finding| line(&format!("  {finding}")));
                comparison.indexes.iter().for_each(|finding| line(&format!("  {finding}")));
            }
        }
    }
}

/// The keys of rows that differ, when they were asked for.
fn keys(rows: &RowFindings) {
    for (what, keys) in [("missing", &rows.missing_keys), ("additional", &rows.additional_keys), ("different", &rows.differing_keys)] {
        for key in keys {
            line(&format!("    {what}: {} = {}", rows.key_columns.join(", "), key.0.join(", ")));
        }
    }
}

/// Sums up: a difference outweighs what is not known.
fn end(globals: &Globals, found: &[Found]) -> Result<u8, CliError> {
    let (mut differ, mut open) = (Vec::new(), Vec::new());
    for one in found {
        let address = &one.replication.address;
        let own = match &one.own {
            Own::Made(comparison) => Some(comparison.as_ref()),
            Own::Not(_) => None,
        };
        for table in &one.dms {
            let compared = own.map(|own| own.tables.iter().find(|other| format!("{}.{}", other.schema, other.table) == table.name));
            match (validated(&table.validation), compared) {
                (TableState::Different, _) => differ.push(format!("{}: {}", table.name, table.validation)),
                (_, Some(None)) => open.push(format!("{}: DMS replicates it, and it is not in the databases that were compared", table.name)),
                // What DMS could not compare, its own comparison could.
                (TableState::Pending | TableState::NotCompared | TableState::Failed, Some(Some(own)))
                    if matches!(own.verdict, Verdict::Equal | Verdict::Empty) => {}
                (TableState::Pending | TableState::NotCompared | TableState::Failed, _) => {
                    open.push(format!("{}: {}", table.name, table.validation));
                }
                (TableState::Same, _) => {}
            }
        }
        // What DMS found before it stopped says nothing of what was written since.
        if let Some(status) = &one.idle
            && !matches!(&one.own, Own::Made(comparison) if comparison.verdict == Verdict::Equal)
        {
            open.push(format!("{address}: the task is `{status}`, and carries no changes over"));
        }
        match &one.own {
            Own::Made(comparison) => match comparison.verdict {
                Verdict::Different => differ.push(format!("{address}: its own comparison found differences")),
                Verdict::Incomplete => open.push(format!("{address}: not everything could be compared")),
                Verdict::Empty => open.push(format!("{address}: both databases are empty, which proves nothing")),
                Verdict::Equal => {}
            },
            Own::Not(why) if one.dms.is_empty() => open.push(format!("{address}: nothing was compared: {why}")),
            Own::Not(_) => {}
        }
    }
    let next = again(globals, "replication status", &Chosen::default());
    if !differ.is_empty() {
        let mut error = CliError::new(Exit::Changes, "the databases differ");
        error.causes = super::plan::some(&differ);
        return Err(error.remains("nothing was changed").hint(format!("`{next}` shows lag and errors; what is still on its way counts as missing")));
    }
    if !open.is_empty() {
        let mut error = CliError::new(Exit::Failed, "it is not proved that everything has arrived");
        error.causes = super::plan::some(&open);
        return Err(error.remains("nothing was changed").hint(format!("`{next}` shows how far it is")));
    }
    down::say(globals, "everything has arrived: no difference was found");
    if found.iter().any(|one| matches!(one.own, Own::Not(_))) {
        say("note: only DMS was asked; sequences and indexes were not compared");
    }
    Ok(0)
}
