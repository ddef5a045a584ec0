//! `runs`: the stored runs of the stack.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::existing::runs as candidates;
use crate::cli::explain::Failure;
use crate::cli::runs::Runs;
use crate::cli::ui::{stderr, stdout};
use infra_base::file_id::FileId;
use infra_timeline::{RunRecord, duration, expectation};

/// What to do with the stored runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List the stored runs, newest first.
    #[command(after_help = "Example:\n  migrate-infra runs list --sandbox")]
    List,
    /// Show what is stored about a run.
    #[command(after_help = "Example:\n  migrate-infra runs show --sandbox --output json | jq .plan.expected_seconds")]
    Show(RunArgs),
}

/// A stored run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The run, as `runs list` names it [default: the newest one].
    #[arg(value_name = "ID", add = ArgValueCandidates::new(candidates))]
    id: Option<String>,
}

impl RunArgs {
    /// Returns the run that the user means.
    pub(super) fn find(&self, app: &App) -> Result<FileId, CliError> {
        let runs = Runs::of(&app.workspace.directory());
        let ids = ids(&runs)?;
        let Some(id) = &self.id else {
            return ids.into_iter().next().ok_or_else(|| {
                let what = format!("no run of `{}` is stored", app.workspace.config.stack.id());
                CliError::new(Exit::Usage, what).hint(format!("`{}` stores one", app.command("up")))
            });
        };
        let found = ids.into_iter().find(|one| one.as_str() == id);
        found.ok_or_else(|| {
            CliError::new(Exit::Usage, format!("no run `{id}` is stored"))
                .hint(format!("`{}` shows which there are", app.command("runs list")))
        })
    }
}

pub(in crate::cli) fn run(app: &App, command: &RunsCommand) -> Result<u8, Failure> {
    match command {
        RunsCommand::List => list(app)?,
        RunsCommand::Show(args) => show(app, args)?,
    }
    Ok(0)
}

fn ids(runs: &Runs) -> Result<Vec<FileId>, CliError> {
    runs.ids().map_err(|error| cannot_read(&runs.directory().display(), &error))
}

/// Returns the error for a run that cannot be read.
pub(super) fn cannot_read(what: &dyn std::fmt::Display, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Failed, format!("cannot read {what}")).because_text(error.to_string())
}

fn list(app: &App) -> Result<(), CliError> {
    let runs = Runs::of(&app.workspace.directory());
    let mut records = Vec::new();
    for id in ids(&runs)? {
        match runs.record(&id) {
            Ok(record) => records.push(record),
            // The others are worth more than an error.
            Err(error) => stderr(&format!("warning: cannot read {}: {error}", runs.directory_of(&id).display())),
        }
    }
    if app.options.is_json() {
        let all: Vec<RunRecord> = records.into_iter().map(|record| RunRecord { plan: None, ..record }).collect();
        stdout(&serde_json::to_string(&all).unwrap_or_default());
        return Ok(());
    }
    if records.is_empty() {
        app.info(&format!("no run of `{}` is stored", app.workspace.config.stack.id()));
    }
    let width = records.iter().map(|record| record.command.len()).max().unwrap_or(0);
    for record in &records {
        let seconds = record.seconds.map(duration).unwrap_or_default();
        let (id, command, outcome) = (&record.id, &record.command, record.outcome());
        stdout(format!("{id}  {}  {command:width$}  {outcome:10}  {seconds}", record.started).trim_end());
    }
    Ok(())
}

fn show(app: &App, args: &RunArgs) -> Result<(), CliError> {
    let runs = Runs::of(&app.workspace.directory());
    let id = args.find(app)?;
    let directory = runs.directory_of(&id);
    let record = runs.record(&id).map_err(|error| cannot_read(&directory.display(), &error))?;
    if app.options.is_json() {
        let mut value = serde_json::to_value(&record).unwrap_or_default();
        value["directory"] = json!(directory);
        stdout(&value.to_string());
        return Ok(());
    }
    let plan = record.plan.as_ref();
    let expected = plan.filter(|plan| plan.expected_seconds > 0);
    let lines = [
        ("run", Some(record.id.clone())),
        ("command", Some(record.command.clone())),
        ("stack", Some(record.stack.clone())),
        ("environments", Some(record.environments.join(", ")).filter(|names| !names.is_empty())),
        ("began", Some(record.started.clone())),
        ("ended", record.ended.clone()),
        ("outcome", Some(record.outcome().to_owned())),
        ("exit code", record.exit_code.map(|code| code.to_string())),
        ("error", record.error.clone()),
        ("duration", record.seconds.map(duration)),
        ("expected", expected.map(|plan| expectation(plan.expected_seconds, plan.expected_range_seconds))),
        ("steps", plan.map(|plan| plan.steps.len().to_string())),
        ("version", Some(record.version.clone())),
        ("directory", Some(directory.display().to_string())),
    ];
    for (name, value) in lines.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        stdout(&format!("{name:13} {value}"));
    }
    app.info(&format!("\n`{}` shows what it did when", app.command(&format!("timeline {}", id.as_str()))));
    Ok(())
}
