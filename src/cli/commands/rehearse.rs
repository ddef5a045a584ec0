//! `rehearse`: the whole migration on the sandbox, with real databases and under load, with a verdict.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::cli::app::{App, load_config};
use crate::cli::endpoint::launcher;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::options::GlobalOptions;
use crate::cli::runs::{self, Place};
use crate::cli::ui::{RehearsalProgress, stdout};
use infra_base::clock::Clock;
use infra_base::file::{self, Access};
use infra_rehearsal::{Conclusion, Report};
use infra_rehearse::{RehearsalOptions, RehearseError, SchemaSource, Then, rehearse};
use infra_sandbox::Script;

/// Rehearse the whole migration on the sandbox, with real databases and under load, and prove the result.
///
/// It creates the stack of the configuration on a new sandbox, loads a schema with data into the source database,
/// starts clients that make payments, and runs the steps of the migration. A ledger records every acknowledged payment.
/// In the end each of them must be in the database exactly once, unchanged. It needs the programs of PostgreSQL, and no
/// AWS account. See docs/rehearsal.md.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra rehearse\n  \
                        migrate-infra rehearse --dump payments.dump --writers 16 --rate 500 --report report\n  \
                        migrate-infra rehearse --kill 1 --then rollback --speed 200")]
pub struct RehearseArgs {
    /// Schema of the source database: a file of SQL, or `builtin` for the built-in payment schema.
    #[arg(long, value_name = "FILE", default_value = "builtin", conflicts_with = "dump")]
    schema: String,
    /// Schema and rows of the source database: a dump of `pg_dump`, in any format.
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// Number of rows to generate for each main table.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    rows: u64,
    /// Number of clients that make payments. With 0, only the load is rehearsed.
    #[arg(long, value_name = "N", default_value_t = 32)]
    writers: u16,
    /// Payments per second of all clients together, in real time.
    #[arg(long, value_name = "N", default_value_t = 100.0)]
    rate: f64,
    /// Faults to inject; see docs/sandbox-script.md.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Kill the driver of the migration at random moments, and start it again. The same seed chooses the same moments.
    #[arg(long, value_name = "SEED")]
    kill: Option<u64>,
    /// What follows the cutover.
    #[arg(long, value_enum, default_value_t = ThenArg::Finish)]
    then: ThenArg,
    /// How long the clients make payments after each move of the traffic, in seconds of AWS.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=604_800))]
    soak: u32,
    /// How many seconds of AWS pass in a second.
    #[arg(long, value_name = "N", default_value_t = 60.0)]
    speed: f64,
    /// Seed of the generated rows and of the choices of the clients.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Directory for the report, as text, JSON and a page for a change ticket [default: `rehearsal` in the directory of
    /// the state].
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

/// What follows the cutover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ThenArg {
    /// End the migration: `cutover finish`.
    Finish,
    /// Send data and traffic back to the source, then to the target again, and end the migration.
    Again,
    /// Send all traffic back to the source.
    Rollback,
    /// Nothing.
    Stop,
}

pub(in crate::cli) async fn run(options: &GlobalOptions, args: &RehearseArgs) -> Result<u8, Failure> {
    let rehearsal = rehearsal_options(options, args)?;
    let directory = args.report.clone().unwrap_or_else(|| options.state_dir.join("rehearsal"));
    let progress = Arc::new(RehearsalProgress::start(options));
    // It is stored among the runs of the sandbox, which it is like.
    let sandbox = App::load(&GlobalOptions { sandbox: true, ..options.clone() })?;
    runs::place(Place { clock: Clock::scaled(1.0 / args.speed), ..sandbox.place_of_runs() });
    let result = rehearse(rehearsal, Arc::<RehearsalProgress>::clone(&progress)).await;
    progress.finish();
    let report = result.map_err(|error| explain(&error))?;
    let written = write(&directory, &report)?;
    if options.is_json() {
        stdout(&report.json());
    } else {
        stdout(report.text().trim_end());
        stdout(&format!("the report is in {}", written.display()));
    }
    match report.conclusion {
        Conclusion::NothingLost => Ok(0),
        Conclusion::PaymentsLost | Conclusion::TwoPrimaries => Ok(Exit::PaymentsLost as u8),
        // A rehearsal of the load alone has no payments.
        Conclusion::NothingAcknowledged if args.writers == 0 => Ok(0),
        Conclusion::NothingAcknowledged => Err(CliError::new(Exit::Failed, "no payment was acknowledged")
            .because_text("without an acknowledged payment, nothing is proven")
            .hint(format!("see {}", written.display()))
            .into()),
    }
}

fn rehearsal_options(options: &GlobalOptions, args: &RehearseArgs) -> Result<RehearsalOptions, Failure> {
    for (option, number) in [("--speed", args.speed), ("--rate", args.rate)] {
        if !(number > 0.0 && number.is_finite()) {
            let what = format!("`{option} {number}` must be a number above 0");
            return Err(CliError::new(Exit::Usage, what).nothing_changed().into());
        }
    }
    let config = load_config(options)?;
    let schema = match (&args.dump, args.schema.as_str()) {
        (Some(dump), _) => SchemaSource::Dump(dump.clone()),
        (None, "builtin") => SchemaSource::Builtin,
        (None, file) => SchemaSource::Sql(file.into()),
    };
    if let SchemaSource::Dump(file) | SchemaSource::Sql(file) = &schema
        && let Err(error) = std::fs::metadata(file)
    {
        let error =
            CliError::new(Exit::Usage, format!("cannot read {}", file.display())).because_text(error.to_string());
        return Err(error.nothing_changed().into());
    }
    let script = args.script.as_deref().map(Script::read).transpose().map_err(CliError::from)?;
    Ok(RehearsalOptions {
        config,
        directory: options.state_dir.join("rehearsal/sandbox"),
        launcher: launcher().map_err(|error| CliError::of(Exit::Failed, &error).nothing_changed())?,
        schema,
        rows: args.rows,
        writers: args.writers.into(),
        rate: args.rate,
        script,
        kill: args.kill,
        then: match args.then {
            ThenArg::Finish => Then::Finish,
            ThenArg::Again => Then::Again,
            ThenArg::Rollback => Then::Rollback,
            ThenArg::Stop => Then::Stop,
        },
        soak: args.soak.into(),
        speed: args.speed,
        seed: args.seed,
        parallelism: options.parallelism.into(),
    })
}

/// Writes the report in its three forms. Returns the path of the page.
fn write(directory: &Path, report: &Report) -> Result<PathBuf, CliError> {
    let page = directory.join("report.html");
    let failed = |error: std::io::Error| CliError::cannot_write(directory, &error);
    file::create_directory(directory).map_err(failed)?;
    let forms = [("report.txt", report.text()), ("report.json", report.json()), ("report.html", report.html())];
    for (name, text) in forms {
        file::replace(&directory.join(name), text, Access::Owner).map_err(failed)?;
    }
    Ok(page)
}

fn explain(error: &RehearseError) -> CliError {
    let exit = match error {
        RehearseError::NoReplication | RehearseError::NoRouting => Exit::Usage,
        RehearseError::Disk(_) => Exit::State,
        _ => Exit::Failed,
    };
    CliError::of(exit, error).unchanged("the rehearsal has no verdict")
}
