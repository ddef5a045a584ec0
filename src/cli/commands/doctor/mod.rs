//! `doctor`: checks what this program depends on, and writes a file for a bug report.

mod about;
mod bundle;
mod check;
mod checks;
mod environment;
mod redact;
mod state;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::CliError;
use crate::cli::explain::Failure;
use crate::cli::options::GlobalOptions;
use crate::cli::ui::stdout;
use bundle::Bundle;
use check::{Check, table};
use infra_base::clock::timestamp;
use infra_base::file::{self, Access};
use infra_config::{Config, load, load_as_file};
use state::{Reading, read};

/// Check what this program depends on, and write a file for a bug report.
///
/// The file has the version, the results of the checks, the configuration without its texts, numbers and statuses of
/// the state, the types of the last records, and the names of environment variables. It has no ids, names or texts of
/// your stack. It makes no AWS calls without `--online`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra doctor\n  migrate-infra doctor --online --out report.zip")]
pub struct DoctorArgs {
    /// File to write, which must not exist [default: `migrate-infra-doctor-TIME.zip`].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also check whether AWS accepts the credentials, and read a state that is in a bucket.
    #[arg(long)]
    online: bool,
}

pub(in crate::cli) async fn run(options: &GlobalOptions, args: &DoctorArgs) -> Result<u8, Failure> {
    let loaded = load(Some(&options.config), &options.overrides());
    let mut checks = vec![checks::configuration(&loaded)];
    let app = loaded.ok().map(|config| App::of_config(options, config));
    let reading = match &app {
        Some(app) => read(&app.workspace, args.online).await,
        None => Reading::default(),
    };
    checks.extend(reading.checks());
    checks.push(checks::clock(reading.last_run()));
    let config = app.as_ref().map(|app| &app.workspace.config);
    checks.push(checks::credentials(options, config));
    if let (true, Some(app)) = (args.online, &app) {
        checks.push(checks::online(&app.workspace, options).await);
    }
    checks.push(checks::tools().await);
    checks.push(about::terminal());
    let bundle = pack(options, config, &reading, &checks);
    let path = args.out.clone().unwrap_or_else(default_path);
    let bytes = bundle.zip().map_err(|error| CliError::cannot_write(&path, &error))?;
    file::create_new(&path, bytes, Access::Owner).map_err(|error| CliError::cannot_write(&path, &error))?;
    if options.is_json() {
        let contents: Vec<Value> =
            bundle.contents().map(|(name, what)| json!({ "name": name, "content": what })).collect();
        let checks: Vec<Value> = checks.iter().map(Check::json).collect();
        stdout(&json!({ "checks": checks, "bundle": path.display().to_string(), "contents": contents }).to_string());
        return Ok(0);
    }
    for line in table(&checks) {
        stdout(&line);
    }
    stdout(&format!("\nwrote {}; it contains:", path.display()));
    let width = bundle.contents().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, what) in bundle.contents() {
        stdout(&format!("  {name:width$}  {what}"));
    }
    Ok(0)
}

fn pack(options: &GlobalOptions, config: Option<&Config>, reading: &Reading, checks: &[Check]) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.add("about.json", "version, operating system, terminal", &about::about());
    let results: Value = checks.iter().map(Check::stored).collect();
    bundle.add("checks.json", "the results above, without what could name your stack", &results);
    let shown = config.and_then(|_| load_as_file(Some(&options.config), &options.overrides()).ok());
    if let Some(shown) = shown {
        bundle.add("configuration.json", "the configuration; texts are replaced by their length", &redact::all(&shown));
    }
    if let Some(summary) = reading.summary() {
        bundle.add("state.json", "numbers of resources by kind and status, the last run", &summary);
        bundle.add("journal.json", "the types of the last records, with their kinds and calls", &reading.journal());
    }
    let what = "names of the variables AWS_* and MIGRATE_INFRA_*, and values of harmless ones";
    bundle.add("environment.json", what, &environment::shown(std::env::vars_os()));
    bundle
}

/// Returns a name in the current directory that no earlier file has.
fn default_path() -> PathBuf {
    let stamp: String = timestamp().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("migrate-infra-doctor-{stamp}.zip").into()
}
