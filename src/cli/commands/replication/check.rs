//! `replication check`: inspects both databases before the replication.

use std::fmt;

use clap::Args;
use serde_json::json;

use super::databases::DatabaseArgs;
use super::selected::ReplicationArgs;
use crate::cli::app::App;
use crate::cli::commands::real_time::in_real_time;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::stdout;
use infra_base::causes::with_causes;
use infra_compare::Endpoint;
use infra_database::Database;
use infra_database::check::{BatchApply, Limits, Lobs, Measurements, Report, Verdict, run as inspect};
use infra_migration::topology::{Replication, Topology};

/// Inspect both databases: what the replication would not carry over, and what to do about it.
///
/// It writes to neither, and shows no data. It reports what AWS DMS would not replicate, would change, or would stop
/// at: keys, wide columns, types, generated and identity columns, partitions, unlogged tables, large objects,
/// extensions, encodings, roles, rights, `wal_level`, replication slots, and long transactions. Every finding says what
/// to do. It also shows the settings of the task that follow from what was measured. Sizes are measured by reading each
/// table once. It exits with 3 if the migration would fail or lose something.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra replication check\n  \
    migrate-infra replication check --source-url \"$SOURCE_URL\" --target-url \"$TARGET_URL\"")]
pub struct CheckArgs {
    #[command(flatten)]
    selected: ReplicationArgs,
    #[command(flatten)]
    databases: DatabaseArgs,
    /// Also show what passes.
    #[arg(long)]
    all: bool,
}

/// The result for one replication.
struct Checked {
    replication: Replication,
    report: Report,
}

pub(super) async fn run(app: &App, args: &CheckArgs) -> Result<u8, Failure> {
    let state = app.workspace.read_state().await?;
    let selected = args.selected.select(app, &state)?;
    args.databases.check_selection(&selected)?;
    let topology = Topology::of(&state);
    let context = app.workspace.connect_read_only().await?;
    let mut all = Vec::new();
    for replication in selected {
        let endpoints = args.databases.endpoints(app, &context, &topology, &replication).await?;
        let [source, target] = endpoints.map_err(|reason| {
            CliError::new(Exit::Failed, "the databases cannot be reached")
                .because_text(reason)
                .nothing_changed()
                .hint("run it inside the VPC, open tunnels and pass both URLs, or let `[databases] via` open them")
        })?;
        let report = in_real_time("the check failed", async move || check(&source, &target).await).await??;
        all.push(Checked { replication, report });
    }
    show(app, args, &all);
    Ok(exit_code(app, &all)?)
}

async fn check(source: &Endpoint, target: &Endpoint) -> Result<Report, CliError> {
    let unreachable = |error: infra_connect::ConnectError| {
        let hint = error.hint();
        CliError::of(Exit::Failed, &error).nothing_changed().hint(hint)
    };
    let source = infra_connect::open(source, "source").await.map_err(unreachable)?;
    let target = infra_connect::open(target, "target").await.map_err(unreachable)?;
    let databases = (Database::new("source", source.client()), Database::new("target", target.client()));
    inspect(databases.0, databases.1, &Limits::default()).await.map_err(|error| {
        CliError::new(Exit::Failed, "the check is not complete").because_text(with_causes(&error)).nothing_changed()
    })
}

fn show(app: &App, args: &CheckArgs, all: &[Checked]) {
    if app.options.is_json() {
        let one = |one: &Checked| {
            json!({
                "address": one.replication.address,
                "verdict": one.report.verdict(),
                "findings": one.report.findings,
                "measurements": one.report.measurements,
            })
        };
        return stdout(&all.iter().map(one).collect::<serde_json::Value>().to_string());
    }
    for Checked { replication, report } in all {
        stdout(&format!("{}:", replication.address));
        let shown = report.findings.iter().filter(|finding| args.all || finding.verdict != Verdict::Pass);
        shown.for_each(|finding| stdout(&format!("  {:<4}  {finding}", Word(finding.verdict))));
        let passed = report.findings.iter().filter(|finding| finding.verdict == Verdict::Pass).count();
        if !args.all {
            stdout(&format!("  pass  {passed} checks; `--all` shows them"));
        }
        stdout("settings of the task that follow:");
        for line in settings(&report.measurements) {
            stdout(&format!("  {line}"));
        }
    }
}

/// A verdict as a word.
struct Word(Verdict);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            Verdict::Pass => "pass",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        })
    }
}

fn settings(measured: &Measurements) -> Vec<String> {
    let mut lines = vec![match measured.lobs {
        Lobs::None => "large values: none".to_owned(),
        Lobs::Limited { kilobytes } => format!("large values: limited LOB mode, LobMaxSize = {kilobytes} KB"),
        Lobs::Full => "large values: full LOB mode".to_owned(),
    }];
    lines.push(match &measured.batch_apply {
        BatchApply::Possible => "batch apply: on".to_owned(),
        BatchApply::Impossible { reasons } => format!("batch apply: off ({})", reasons.join("; ")),
    });
    if !measured.excluded.is_empty() {
        let names = measured.excluded.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        lines.push(format!("excluded, because their partitions are replicated: {names}"));
    }
    if !measured.generated_columns.is_empty() {
        let names = measured.generated_columns.iter().map(|(table, column)| format!("{table}.{column}"));
        lines.push(format!("removed, because the target computes them: {}", names.collect::<Vec<_>>().join(", ")));
    }
    if measured.exact_numeric {
        lines.push("MapUnboundedNumericAsString: on".to_owned());
    }
    lines
}

/// Returns an error if something failed.
fn exit_code(app: &App, all: &[Checked]) -> Result<u8, CliError> {
    let failed: Vec<String> = all
        .iter()
        .flat_map(|one| &one.report.findings)
        .filter(|finding| finding.verdict == Verdict::Fail)
        .map(|finding| format!("{}, {}: {}", finding.side, finding.subject, finding.what))
        .collect();
    if failed.is_empty() {
        app.info("the databases can be replicated");
        return Ok(0);
    }
    Err(CliError::new(Exit::Refused, "the migration would fail or lose something")
        .because_all(failed)
        .nothing_changed()
        .hint("the findings above say what to do about each"))
}
