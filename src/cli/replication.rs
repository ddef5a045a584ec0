//! `replication`: starting, stopping and watching the replication of the databases, and comparing what came of it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::report::Reporter;
use super::run::line;
use super::session::{self, Session};
use super::{down, look, validate};
use crate::config::Config;
use crate::engine::Looker;
use crate::migration::Split;
use crate::migration::replicate::{self, advice};
use crate::migration::saved::Saved;
use crate::migration::scene::{Replication, Scene};
use crate::migration::watch::{Health, health};
use crate::resource::describe;
use crate::resources::dms::running::present;
use crate::state::State;

/// The replication of the databases with AWS DMS.
#[derive(Debug, Subcommand)]
pub enum ReplicationCommand {
    /// Test both connections, start or resume the task, and follow the full load.
    Start(StartArgs),
    /// Stop the task, and wait until it has stopped.
    Stop(StopArgs),
    /// Show the lag, every table, the last failure and what endangers it.
    Status(StatusArgs),
    /// Compare both databases: what DMS found, and a comparison of its own.
    Validate(validate::ValidateArgs),
}

/// Which replications a command works on.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only what is replicated into this environment; can be repeated [default: all of them].
    #[arg(long = "env", value_name = "ENV")]
    environments: Vec<String>,
}

impl Which {
    /// The replications that were chosen.
    pub(super) fn of(&self, globals: &Globals, config: &Config, state: &State) -> Result<Vec<Replication>, CliError> {
        let chosen = Chosen { environments: self.environments.clone(), ..Chosen::default() };
        session::check_chosen(&chosen, &session::environments(config, state))?;
        let found: Vec<Replication> = Scene::of(state).replications.into_iter().filter(|one| chosen.includes(one.address.environment())).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        Err(CliError::new(Exit::Refused, "there is no replication of a database here: the state knows no replication task")
            .remains("nothing was changed")
            .hint(format!("`{}` makes what the configuration has", again(globals, "up", &Chosen::default()))))
    }
}

/// Starts the replication.
///
/// Both endpoints are tested first. Whether the task is started, resumed or has to load everything again follows from how it stands. With a
/// terminal or without, it returns once the full load is done and changes are carried over.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra replication start -y\n  migrate-infra replication start --reload")]
pub struct StartArgs {
    #[command(flatten)]
    which: Which,
    /// Load everything again. What is in the target is replaced, as `replication.table_preparation` says.
    #[arg(long)]
    reload: bool,
    /// Return as soon as the task runs, and do not follow the full load.
    #[arg(long)]
    no_follow: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// Stops the replication, and waits until it has stopped. `replication start` goes on from there.
#[derive(Debug, Args)]
pub struct StopArgs {
    #[command(flatten)]
    which: Which,
    /// Stop it also while traffic goes to both environments, or a cutover can go on.
    #[arg(long)]
    force: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// Shows how the replication stands. Nothing is changed.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(globals: &Globals, command: &ReplicationCommand) -> Result<u8, CliError> {
    match command {
        ReplicationCommand::Start(args) => start(globals, args).await,
        ReplicationCommand::Stop(args) => stop(globals, args).await,
        ReplicationCommand::Status(args) => status(globals, args).await,
        ReplicationCommand::Validate(args) => validate::run(globals, args).await,
    }
}

async fn start(globals: &Globals, args: &StartArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let all = args.which.of(globals, &config, &state)?;
    let wish = refuse_to_load(globals, args, &config, &state, &all).await?;
    let question = if args.reload { "Load everything into the target again?" } else { "Start the replication?" };
    confirm(&format!("{}\n{question}", names(&all)), args.yes)?;
    let (session, reporter) = open(globals, &config, "replication start").await?;
    let context = &session.context;
    let starts = all.iter().map(|replication| replicate::start(context, replication, wish));
    let done = futures::future::join_all(starts).await;
    reporter.finish();
    session.close().await;
    let mut failed = Vec::new();
    for (replication, started) in all.iter().zip(done) {
        match started {
            Ok(started) => {
                let address = &replication.address;
                let how = started.begun.map_or("it ran already", |begun| match begun.as_str() {
                    "start" => "it was started",
                    "resume" => "it was resumed where it had stopped",
                    _ => "everything is loaded again",
                });
                let percent = started.standing.full_load_percent;
                down::say(globals, &format!("{address}: {how}; `{}`, full load {percent} %", started.standing.status));
            }
            Err(error) => failed.push((replication.clone(), error)),
        }
    }
    end(globals, &failed, "replication start")?;
    if globals.output == OutputFormat::Text {
        let next = |verb: &str| again(globals, verb, &Chosen::default());
        super::report::go_on([
            (next("replication status"), "lag, tables and dangers"),
            (next("replication validate"), "compare both databases"),
            (next("cutover"), "shift the traffic"),
        ]);
    }
    Ok(0)
}

/// Refuses what would replace tables of a target that has traffic, or what can not be loaded again because it runs. Returns what is wanted, for
/// the case that it has become so by the time the lock is held.
async fn refuse_to_load(
    globals: &Globals,
    args: &StartArgs,
    config: &Config,
    state: &State,
    all: &[Replication],
) -> Result<replicate::Wish, CliError> {
    let looker = look::looker(globals, config, session::connect(globals, config).await?);
    let (live, cutover) = use_of_target(globals, config, state, &looker).await?;
    let use_of_target = match cutover {
        _ if live != Split::SOURCE => Some(format!("{live} of the traffic goes to the target")),
        Some(saved) => Some(format!("a cutover can go on, at {}", saved.progress.live)),
        None => None,
    };
    let wish = replicate::Wish { reload: args.reload, may_load: use_of_target.is_none(), follow: !args.no_follow };
    for replication in all {
        let standing = present(&looker.reader(&replication.address, &replication.region), &replication.task).await;
        // What DMS does not tell now it is asked again when it is started.
        let Ok(standing) = standing else { continue };
        let reloading = replicate::is_reloading(state, replication);
        let Some(why) = replicate::objection(&standing, &replication.migration_type, wish, reloading) else { continue };
        let error = CliError::new(Exit::Refused, format!("{}: {why}", replication.address)).remains("nothing was changed");
        return Err(match use_of_target {
            Some(how) => error.because_text(&how).hint(format!("`{}` first", again(globals, "traffic rollback", &Chosen::default()))),
            None => error.hint(format!("`{}` first", again(globals, "replication stop", &Chosen::default()))),
        });
    }
    Ok(wish)
}

/// What the target is used for: the traffic that goes there, and a cutover that can go on.
async fn use_of_target(globals: &Globals, config: &Config, state: &State, looker: &Looker) -> Result<(Split, Option<Saved>), CliError> {
    let live = super::traffic::live(globals, config, state, looker).await?.unwrap_or(Split::SOURCE);
    Ok((live, Saved::of(state).filter(Saved::can_go_on)))
}

async fn stop(globals: &Globals, args: &StopArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let all = args.which.of(globals, &config, &state)?;
    if let Some(saved) = Saved::of(&state).filter(Saved::is_under_way) {
        return Err(CliError::new(Exit::Refused, format!("a cutover is under way, at {}, and needs the replication", saved.progress.live))
            .remains("nothing was changed")
            .hint(format!("`{}` ends it", again(globals, "cutover --abort", &Chosen::default()))));
    }
    if !args.force {
        let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
        let (live, cutover) = use_of_target(globals, &config, &state, &looker).await?;
        let is_shared = live != Split::SOURCE && live != Split::TARGET;
        if cutover.is_some() || is_shared {
            return Err(CliError::new(Exit::Refused, format!("{live} of the traffic goes to the target, which would get no changes any more"))
                .remains("nothing was changed")
                .hint(format!("`{}` first, or shift all of it", again(globals, "traffic rollback", &Chosen::default())))
                .hint("`--force` stops it all the same"));
        }
    }
    confirm(&format!("{}\nStop the replication?", names(&all)), args.yes)?;
    let (session, reporter) = open(globals, &config, "replication stop").await?;
    let context = &session.context;
    let done = futures::future::join_all(all.iter().map(|replication| replicate::stop(context, replication))).await;
    reporter.finish();
    session.close().await;
    let mut failed = Vec::new();
    for (replication, stopped) in all.iter().zip(done) {
        match stopped {
            Ok(true) => down::say(globals, &format!("{}: stopped", replication.address)),
            Ok(false) => down::say(globals, &format!("{}: it did not run", replication.address)),
            Err(error) => failed.push((replication.clone(), error)),
        }
    }
    end(globals, &failed, "replication stop")?;
    Ok(0)
}

async fn open(globals: &Globals, config: &Config, command: &'static str) -> Result<(Session, Reporter), CliError> {
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, config, command, reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    Ok((session, reporter))
}

fn end(globals: &Globals, failed: &[(Replication, crate::resource::Error)], verb: &str) -> Result<(), CliError> {
    let Some((first, error)) = failed.first() else { return Ok(()) };
    let what = match verb {
        "replication start" => format!("{} does not replicate", first.address),
        _ => format!("{} was not stopped", first.address),
    };
    let mut told = CliError::new(Exit::of(error), what);
    told.causes = failed.iter().map(|(_, error)| describe(error)).collect();
    told.hints.extend(failed.iter().filter_map(|(_, error)| advice(&describe(error))).map(str::to_owned));
    let again = again(globals, verb, &Chosen::default());
    Err(told.remains("what was done is recorded; the databases are as they are").hint(format!("run `{again}` again to go on")))
}

fn names(all: &[Replication]) -> String {
    all.iter().map(|one| format!("{} ({})", one.address, one.migration_type)).collect::<Vec<_>>().join("\n")
}

async fn status(globals: &Globals, args: &StatusArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let all = args.which.of(globals, &config, &state)?;
    let scene = Scene::of(&state);
    let cloud = session::connect(globals, &config).await?;
    let now = cloud.unix_now();
    let looker = look::looker(globals, &config, cloud);
    let mut shown = Vec::new();
    for replication in &all {
        let health = health(&looker, &scene, replication, now).await.map_err(|error| {
            CliError::new(Exit::Failed, format!("{} can not be looked at", replication.address))
                .because_text(&describe(&error))
                .remains("nothing was changed")
        })?;
        shown.push((replication, health));
    }
    if globals.output == OutputFormat::Json {
        let all: Vec<Value> = shown.iter().map(|(replication, health)| printed(replication, health)).collect();
        line(&Value::Array(all).to_string());
        return Ok(0);
    }
    for (replication, health) in &shown {
        show(replication, health);
    }
    Ok(0)
}

fn printed(replication: &Replication, health: &Health) -> Value {
    json!({
        "address": replication.address,
        "task": replication.task,
        "status": health.standing.status,
        "stop_reason": health.standing.stop_reason,
        "last_failure": health.standing.last_failure,
        "full_load_percent": health.standing.full_load_percent,
        "source_latency_seconds": health.source_lag,
        "target_latency_seconds": health.target_lag,
        "incoming_changes": health.incoming,
        "tables": health.tables,
        "dangers": health.dangers,
    })
}

fn show(replication: &Replication, health: &Health) {
    let standing = &health.standing;
    line(&format!("{}: {} (full load {} %)", replication.address, standing.status, standing.full_load_percent));
    let seconds = |value: Option<f64>| value.map_or_else(|| "no data".to_owned(), |value| format!("{value:.0} s"));
    line(&format!(
        "  lag: source {}, target {}; {} changes wait",
        seconds(health.source_lag),
        seconds(health.target_lag),
        health.incoming.map_or_else(|| "an unknown number of".to_owned(), |value| format!("{value:.0}"))
    ));
    if let Some(reason) = &standing.stop_reason {
        line(&format!("  stopped: {reason}"));
    }
    if let Some(failure) = &standing.last_failure {
        line(&format!("  last failure: {failure}"));
        if let Some(advice) = advice(failure) {
            line(&format!("    what to do: {advice}"));
        }
    }
    for danger in &health.dangers {
        line(&format!("  danger: {danger}"));
    }
    let width = health.tables.iter().map(|table| table.name.len()).max().unwrap_or(0);
    for table in &health.tables {
        let [inserts, updates, deletes] = table.changes;
        let errors = if table.error_rows > 0 { format!(", {} rows with errors", table.error_rows) } else { String::new() };
        line(&format!(
            "  {:width$}  {}: {} rows loaded{errors}, {inserts} inserts, {updates} updates, {deletes} deletes; validation: {}",
            table.name, table.state, table.rows, table.validation
        ));
    }
    if health.tables.is_empty() {
        line("  no tables yet");
    }
}
