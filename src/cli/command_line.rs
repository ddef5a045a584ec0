//! The list of commands, and the way from arguments to an exit code.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::env::CompleteEnv;
use infra_config::Occasion;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::app::App;
use super::commands::config::ConfigCommand;
use super::commands::replication::ReplicationCommand;
use super::commands::runs::RunsCommand;
use super::commands::state::StateCommand;
use super::commands::traffic::TrafficCommand;
use super::commands::{
    adopt, compare, completions, config, cost, cutover, doctor, down, drift, forget, graph, init, man, orphans,
    outputs, plan, policy, preflight, rehearse, replication, rollback, runbook, runs, serve, state, status, timeline,
    traffic, unlock, up, watch,
};
use super::endpoint::SUPERVISE;
use super::error::{CliError, Exit};
use super::explain::{Failure, explain};
use super::options::{GlobalOptions, OutputFormat};
use super::runs as stored_runs;
use super::ui::{
    LOG_TARGET, LogFile, LogWriter, colour, finish_stdout, log_text, note_failure, stderr, stderr_error, stdout,
};

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    something failed; run the same command again to resume
  2    wrong usage or configuration; nothing was changed
  3    refused; nothing was changed
  4    `plan --exit-code`: there are changes; `drift`: something was changed outside of this tool;
       `compare`, `replication validate`: the databases differ
  5    `rollback`: something cannot be undone or is lost, the rest was undone;
       `cutover`: traffic is back on the source, but the release command failed
  6    the state cannot be used; nothing was changed
  7    AWS cannot be used: no credentials, or no answer; nothing was changed
  8    `cutover`: it was rolled back, all traffic goes to the source
  9    `cutover`: it stopped where it was, and you have to decide
  10   `rehearse`: a payment was lost, duplicated or changed
  130  stopped by Ctrl-C; run the same command again to resume

Try it without an AWS account:
  migrate-infra up --env source --sandbox -y
  migrate-infra status --sandbox
  migrate-infra down --sandbox -y";

/// Provisions two payment environments on AWS by direct API calls, and migrates from one to the other.
///
/// A local state records what is created. A run that was killed resumes, and `down` deletes everything that the stack
/// created, and nothing else.
#[derive(Debug, Parser)]
#[command(name = "migrate-infra", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub options: GlobalOptions,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, in the order in which they are typically used.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the arguments of a command describe it")]
pub enum Command {
    Init(init::InitArgs),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    Plan(plan::PlanArgs),
    Up(up::UpArgs),
    Drift(drift::DriftArgs),
    Rollback(rollback::RollbackArgs),
    Status(status::StatusArgs),
    Outputs(outputs::OutputsArgs),
    Preflight(preflight::PreflightArgs),
    Cost(cost::CostArgs),
    Policy(policy::PolicyArgs),
    Graph(graph::GraphArgs),
    /// Start, stop and monitor the replication of the databases, and compare them.
    #[command(subcommand)]
    Replication(ReplicationCommand),
    Compare(compare::CompareArgs),
    /// Show where traffic goes, shift it, or send it back.
    #[command(subcommand)]
    Traffic(TrafficCommand),
    Cutover(cutover::CutoverArgs),
    Watch(watch::WatchArgs),
    Rehearse(rehearse::RehearseArgs),
    /// Show what earlier commands did: list the stored runs, or show one.
    #[command(subcommand)]
    Runs(RunsCommand),
    Timeline(timeline::TimelineArgs),
    Serve(serve::ServeArgs),
    Runbook(runbook::RunbookArgs),
    Down(down::DownArgs),
    Orphans(orphans::OrphansArgs),
    Adopt(adopt::AdoptArgs),
    Forget(forget::ForgetArgs),
    Unlock(unlock::UnlockArgs),
    /// Inspect, migrate or rebuild the state.
    #[command(subcommand)]
    State(StateCommand),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Doctor(doctor::DoctorArgs),
    /// Supervises a database server of the sandbox. The program calls it itself.
    #[command(name = SUPERVISE, hide = true)]
    Supervise {
        /// The directory of the server.
        directory: PathBuf,
    },
}

/// Runs the command and returns the exit code.
pub fn main() -> u8 {
    CompleteEnv::with_factory(Cli::command).var(completions::VARIABLE).complete();
    let Cli { options, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return show_usage(&usage),
    };
    let logs = start_log(&options);
    if let Command::Supervise { directory } = &command {
        return supervise(directory);
    }
    let mut failed = None;
    let code = match logs.and_then(|()| check(&options)).and_then(|()| start(&options, command)) {
        Ok(code) => code,
        Err(error) => {
            failed = Some(error.in_one_line());
            log_text(&error.render(false));
            match options.output {
                OutputFormat::Json => stdout(&error.json().to_string()),
                OutputFormat::Text => stderr_error(error.render(colour(&options)).trim_end()),
            }
            error.exit as u8
        }
    };
    let code = report_lost_output(code, colour(&options));
    log_text(&format!("ended with exit code {code}"));
    if let Some(incomplete) = stored_runs::finish(code, failed) {
        stderr(&format!("warning: {incomplete}"));
    }
    code
}

/// Shows the help that was asked for, or what is wrong with the arguments. Returns the exit code.
fn show_usage(usage: &clap::Error) -> u8 {
    let written = usage.print();
    if usage.use_stderr() {
        return Exit::Usage as u8;
    }
    note_failure(written);
    report_lost_output(0, false)
}

/// Reports that the result of a command could not be written. A more specific exit code stays.
fn report_lost_output(code: u8, colour: bool) -> u8 {
    let Some(error) = finish_stdout() else { return code };
    let lost = CliError::new(Exit::Failed, "cannot write the result to standard output")
        .because_text(error.to_string())
        .unchanged("what the command did is done; only its output is incomplete");
    stderr_error(lost.render(colour).trim_end());
    if code == 0 || code == Exit::Changes as u8 { Exit::Failed as u8 } else { code }
}

fn supervise(directory: &Path) -> u8 {
    u8::from(infra_postgres::supervise(directory) != std::process::ExitCode::SUCCESS)
}

/// Refuses sandbox options without `--sandbox`. The parser would only find both on the same side of the command.
fn check(options: &GlobalOptions) -> Result<(), CliError> {
    let given = [
        ("--sandbox-timing", options.sandbox_timing.is_some()),
        ("--sandbox-script", options.sandbox_script.is_some()),
        // The variable may be set for all commands.
        ("--sandbox-data", options.sandbox_data.is_some() && std::env::var_os("MIGRATE_INFRA_SANDBOX_DATA").is_none()),
    ];
    match given.into_iter().find(|(_, given)| *given && !options.sandbox) {
        None => Ok(()),
        Some((option, _)) => Err(CliError::new(Exit::Usage, format!("`{option}` requires the sandbox"))
            .nothing_changed()
            .hint("add `--sandbox`")),
    }
}

fn start(options: &GlobalOptions, command: Command) -> Result<u8, CliError> {
    // A rehearsal has a sandbox of its own, in which servers work. A browser lives in real time.
    let needs_real_time = matches!(command, Command::Rehearse(_) | Command::Serve(_));
    let mut builder = if options.needs_paused_time() && !needs_real_time {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.start_paused(true);
        builder
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Failed, "cannot start the runtime").because(&error))?;
    let code = runtime.block_on(run(options, command)).map_err(|failure| explain(options, failure));
    runtime.shutdown_background();
    code
}

/// Returns the name of a command whose runs are stored: it can change something.
fn stored_as(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Up(_) => "up",
        Command::Down(_) => "down",
        Command::Rollback(_) => "rollback",
        Command::Replication(_) => "replication",
        Command::Traffic(_) => "traffic",
        Command::Cutover(_) => "cutover",
        Command::Rehearse(_) => "rehearse",
        Command::Orphans(_) => "orphans",
        Command::Adopt(_) => "adopt",
        Command::Forget(_) => "forget",
        Command::State(_) => "state",
        _ => return None,
    })
}

async fn run(options: &GlobalOptions, command: Command) -> Result<u8, Failure> {
    stored_runs::prepare(stored_as(&command));
    let app = || App::load(options);
    match command {
        Command::Init(args) => Ok(init::run(options, &args)?),
        Command::Config(command) => config::run(options, &command),
        Command::Plan(args) => plan::run(&app()?, &args).await,
        Command::Up(args) => {
            let app = app()?;
            app.notified("up", Occasion::Finished, up::run(&app, &args)).await
        }
        Command::Drift(args) => drift::run(&app()?, &args).await,
        Command::Rollback(args) => {
            let app = app()?;
            app.notified("rollback", Occasion::RolledBack, rollback::run(&app, &args)).await
        }
        Command::Status(args) => status::run(&app()?, &args).await,
        Command::Outputs(args) => outputs::run(&app()?, &args).await,
        Command::Replication(command) => Box::pin(replication::run(&app()?, &command)).await,
        Command::Compare(args) => compare::run(options, &args).await,
        Command::Traffic(command) => traffic::run(&app()?.for_an_emergency(), &command).await,
        Command::Watch(args) => watch::run(&app()?.for_an_emergency(), &args).await,
        Command::Rehearse(args) => Box::pin(rehearse::run(options, &args)).await,
        Command::Runs(command) => runs::run(&app()?, &command),
        Command::Timeline(args) => timeline::run(&app()?, &args),
        Command::Serve(args) => serve::run(&app()?, &args).await,
        Command::Runbook(args) => runbook::run(&app()?, &args).await,
        Command::Cutover(args) => Box::pin(cutover::run(&app()?, &args)).await,
        Command::Graph(args) => graph::run(&app()?, &args).await,
        Command::Preflight(args) => Box::pin(preflight::run(&app()?, &args)).await,
        Command::Cost(args) => cost::run(&app()?, &args),
        Command::Policy(args) => policy::run(&app()?, &args).await,
        Command::Down(args) => {
            let app = App::load_for_deletion(options).await?;
            app.notified("down", Occasion::Finished, down::run(&app, &args)).await
        }
        Command::Orphans(args) => orphans::run(&app()?, &args).await,
        Command::Adopt(args) => adopt::run(&app()?, &args).await,
        Command::Forget(args) => forget::run(&app()?, &args).await,
        Command::Unlock(args) => unlock::run(&app()?, &args).await,
        Command::State(command) => state::run(&app()?, &command).await,
        Command::Completions(args) => Ok(completions::run(&args)?),
        Command::Man(args) => Ok(man::run(&args, Cli::command())?),
        Command::Doctor(args) => doctor::run(options, &args).await,
        Command::Supervise { directory } => Ok(supervise(&directory)),
    }
}

/// Starts the log on standard error, and the one in a file if one was named. Everything that a run does is in the file,
/// whatever the terminal shows of it.
fn start_log(options: &GlobalOptions) -> Result<(), CliError> {
    let level = match options.verbose {
        0 | 1 => "error".to_owned(),
        2 => format!(
            "migrate_infra=debug,infra_aws=debug,infra_core=debug,aws_smithy_runtime=debug,{LOG_TARGET}=off,warn"
        ),
        _ => format!("trace,{LOG_TARGET}=off"),
    };
    let filter = EnvFilter::try_from_env("MIGRATE_INFRA_LOG").unwrap_or_else(|_| level.into());
    let shown = tracing_subscriber::fmt::layer()
        .with_writer(|| LogWriter)
        // By default, it panics if it cannot write that it cannot write.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(filter);
    let opened = options.log_file.as_deref().map(|path| {
        LogFile::open(path).map_err(|error| {
            let what = format!("cannot write the log file {}", path.display());
            CliError::new(Exit::Usage, what).because(&error).nothing_changed()
        })
    });
    let (file, opened) = opened.transpose().map_or_else(|error| (None, Err(error)), |file| (file, Ok(())));
    let stored = file.map(|file| {
        tracing_subscriber::fmt::layer()
            .with_writer(move || file.clone())
            .log_internal_errors(false)
            .with_ansi(false)
            .with_target(false)
            .with_filter(EnvFilter::new(format!(
                "{LOG_TARGET}=info,migrate_infra=debug,infra_aws=debug,infra_core=debug,warn"
            )))
    });
    tracing_subscriber::registry().with(shown).with(stored).init();
    log_text(&format!("migrate-infra {} began", env!("CARGO_PKG_VERSION")));
    opened
}
