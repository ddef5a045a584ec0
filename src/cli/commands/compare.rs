//! `compare`: compares two PostgreSQL databases, without a stack and a configuration.

use clap::Args;

use super::comparison::{LimitArgs, compare, endpoint, show};
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::options::GlobalOptions;
use crate::cli::ui::stdout;
use infra_compare::{Comparison, TablePattern, Verdict};

/// Compare two PostgreSQL databases, without a stack and a configuration.
///
/// It writes to neither, and shows no data. It compares schemas, row counts and checksums of all rows, and what else an
/// application depends on: sequences, indexes, constraints, functions, views, triggers, privileges and large objects.
/// It shows the statements that mend the target. Rows do not leave the servers; they are hashed there. It exits with 4
/// if there are differences.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra compare --source-url \"$SOURCE_URL\" --target-url \"$TARGET_URL\"\n  \
    migrate-infra compare --source-url postgres://app@db1/pay --target-url postgres://app@db2/pay \
    --table 'public.%' --recheck-times 3\n\n\
    A URL has the form postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, with all parameters of libpq. \
    Give passwords in\nthe environment variables, so that they are not part of the command line."
)]
pub struct CompareArgs {
    /// The source database.
    #[arg(long, value_name = "URL", env = "MIGRATE_INFRA_SOURCE_URL", hide_env_values = true)]
    source_url: String,
    /// The target database.
    #[arg(long, value_name = "URL", env = "MIGRATE_INFRA_TARGET_URL", hide_env_values = true)]
    target_url: String,
    /// Tables to compare, as `SCHEMA.TABLE`; `%` stands for any text [default: all]. Can be repeated.
    #[arg(long = "table", value_name = "PATTERN")]
    tables: Vec<TablePattern>,
    /// Tables to exclude. Can be repeated.
    #[arg(long = "exclude", value_name = "PATTERN")]
    excluded: Vec<TablePattern>,
    #[command(flatten)]
    limits: LimitArgs,
}

pub(in crate::cli) async fn run(options: &GlobalOptions, args: &CompareArgs) -> Result<u8, Failure> {
    let (source, target) = (endpoint("--source-url", &args.source_url)?, endpoint("--target-url", &args.target_url)?);
    let mut comparison = args.limits.options(0);
    comparison.include.clone_from(&args.tables);
    comparison.exclude.clone_from(&args.excluded);
    let result = compare(options, source, target, comparison)
        .await?
        .map_err(|error| CliError::of(Exit::Failed, &error).nothing_changed().hint(error.hint()))?;
    if options.is_json() {
        let json = serde_json::to_string(&result);
        stdout(&json.map_err(|error| CliError::new(Exit::Failed, "cannot show the result").because(&error))?);
    } else {
        stdout(&format!("{} ({} ms)", result.verdict, result.milliseconds));
        show(&result);
    }
    Ok(exit_code(&result)?)
}

fn exit_code(result: &Comparison) -> Result<u8, CliError> {
    let failure = match result.verdict {
        Verdict::Equal => return Ok(0),
        Verdict::Different => CliError::new(Exit::Changes, "the databases differ"),
        Verdict::Incomplete => CliError::new(Exit::Failed, "not everything could be compared"),
        Verdict::Empty => CliError::new(Exit::Failed, "both databases are empty, which proves nothing"),
    };
    Err(failure.nothing_changed())
}
