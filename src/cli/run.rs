//! From arguments to an exit code.

use std::io::{IsTerminal, Write};

use clap::Parser;

use super::args::{Cli, Command, Globals, OutputFormat, Timing};
use super::failure::{CliError, Exit};
use super::{
    adopt, config, cutover, down, drift, forget, graph, init, orphans, outputs, plan, replication, rollback, runbook, state, status, traffic, unlock,
    up, watch,
};

/// Returns whether the run wants a runtime whose time is paused: the sandbox in which minutes pass in milliseconds.
pub fn needs_paused_time(globals: &Globals) -> bool {
    globals.sandbox && timing(globals) == Timing::Instant
}

/// Returns how fast the sandbox's AWS is.
pub(super) fn timing(globals: &Globals) -> Timing {
    let on_terminal = std::io::stderr().is_terminal() && globals.output == OutputFormat::Text;
    globals.sandbox_timing.unwrap_or(if on_terminal { Timing::Fast } else { Timing::Instant })
}

/// Returns whether standard error is a terminal on which lines can be drawn anew.
pub(super) fn can_draw() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Returns whether what goes to standard error may be coloured.
pub(super) fn colour(globals: &Globals) -> bool {
    wants_colour(globals) && can_draw() && std::io::stderr().is_terminal()
}

/// Returns whether nobody has said that there shall be no colours.
pub(super) fn wants_colour(globals: &Globals) -> bool {
    !globals.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Runs the command and returns the exit code.
pub fn main() -> u8 {
    let cli = Cli::parse();
    start_log(cli.globals.verbose);
    let globals = cli.globals.clone();
    match check(&globals).and_then(|()| start(cli)) {
        Ok(code) => code,
        Err(error) => {
            match globals.output {
                OutputFormat::Json => line(&error.json().to_string()),
                OutputFormat::Text => say(error.render(colour(&globals)).trim_end()),
            }
            error.exit as u8
        }
    }
}

/// Writes a line to standard output; a reader who has gone away is no error.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes a line to standard error; that nobody listens there any more must not stop a run.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Refuses options of the sandbox without it. The parser would look for both on the same side of the command only.
fn check(globals: &Globals) -> Result<(), CliError> {
    let given = [("--sandbox-timing", globals.sandbox_timing.is_some()), ("--sandbox-script", globals.sandbox_script.is_some())];
    match given.into_iter().find(|(_, given)| *given && !globals.sandbox) {
        None => Ok(()),
        Some((option, _)) => {
            Err(CliError::new(Exit::Usage, format!("`{option}` is about the sandbox")).remains("nothing was changed").hint("add `--sandbox`"))
        }
    }
}

fn start(cli: Cli) -> Result<u8, CliError> {
    let mut builder = if needs_paused_time(&cli.globals) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.start_paused(true);
        builder
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = builder.enable_all().build().map_err(|error| CliError::new(Exit::Failed, "the runtime can not be started").because(&error))?;
    let code = runtime.block_on(command(cli));
    runtime.shutdown_background();
    code
}

async fn command(cli: Cli) -> Result<u8, CliError> {
    let globals = cli.globals;
    match cli.command {
        Command::Init(args) => init::run(&globals, &args),
        Command::Config(command) => config::run(&globals, &command),
        Command::Plan(args) => plan::run(&globals, &args).await,
        Command::Up(args) => up::run(&globals, &args).await,
        Command::Drift(args) => drift::run(&globals, &args).await,
        Command::Rollback(args) => rollback::run(&globals, &args).await,
        Command::Status(args) => status::run(&globals, &args).await,
        Command::Outputs(args) => outputs::run(&globals, &args).await,
        Command::Replication(command) => Box::pin(replication::run(&globals, &command)).await,
        Command::Traffic(command) => traffic::run(&globals, &command).await,
        Command::Watch(args) => watch::run(&globals, &args).await,
        Command::Runbook(args) => runbook::run(&globals, &args).await,
        Command::Cutover(args) => Box::pin(cutover::run(&globals, &args)).await,
        Command::Graph(args) => graph::run(&globals, &args).await,
        Command::Down(args) => down::run(&globals, &args).await,
        Command::Orphans(args) => orphans::run(&globals, &args).await,
        Command::Adopt(args) => adopt::run(&globals, &args).await,
        Command::Forget(args) => forget::run(&globals, &args).await,
        Command::Unlock(args) => unlock::run(&globals, &args).await,
        Command::State(command) => state::run(&globals, &command).await,
    }
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 | 1 => "error",
        2 => "migrate_infra=debug,aws_smithy_runtime=debug,warn",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("MIGRATE_INFRA_LOG").unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
