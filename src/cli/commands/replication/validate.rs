//! `replication validate`: verifies that all data has arrived in the target. It reads the results of DMS, and compares
//! the databases itself if it can connect to both.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::comparison::{Compared, ComparisonArgs, compare};
use super::recording;
use super::selected::ReplicationArgs;
use super::verdict::{Validated, exit_code};
use crate::cli::app::App;
use crate::cli::commands::comparison::show as show_comparison;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::stdout;
use infra_core::engine::ReadContext;
use infra_core::resource::describe;
use infra_database::HELPER_SCHEMA;
use infra_kinds::dms::task_status::{Table, read_existing, tables};
use infra_migration::gate::TableState;
use infra_migration::gate::probe::table_state;
use infra_migration::topology::{Replication, Topology};
use infra_workflow::switchover_record::primary_of;

/// Compare both databases: the results of DMS, and a comparison by this tool.
///
/// It writes to neither, and shows no data. The validation of DMS counts, table by table. If both databases can be
/// reached, this tool also compares schemas, row counts and checksums of all rows, in chunks by primary key and in
/// parallel. It also compares what else an application depends on: sequences, indexes, constraints, functions, views,
/// triggers, privileges and large objects, and shows the statements that mend the target. Two empty databases prove
/// nothing. It exits with 4 if there are differences.
///
/// If all rows are equal while changes are replicated, it records that: the switchover then compares what has changed
/// since, and counts the rest.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra replication validate\n  \
    migrate-infra replication validate --source-url \"$SOURCE_URL\" --target-url \"$TARGET_URL\" --keys")]
pub struct ValidateArgs {
    #[command(flatten)]
    selected: ReplicationArgs,
    /// Wait until DMS has compared every table.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    comparison: ComparisonArgs,
}

/// How often the progress of DMS is polled.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

pub(super) async fn run(app: &App, args: &ValidateArgs) -> Result<u8, Failure> {
    let state = app.workspace.read_usable_state().await?;
    let selected = args.selected.select(app, &state)?;
    args.comparison.databases.check_selection(&selected)?;
    let topology = Topology::of(&state);
    let context = app.workspace.connect_read_only().await?;
    let primary = primary_of(&state).map_err(infra_workflow::Error::from)?;
    let mut all = Vec::new();
    for replication in selected {
        let (dms, idle) = results_of_dms(&context, &replication, args.wait).await.map_err(|error| {
            CliError::new(Exit::Failed, "cannot read the validation results of DMS")
                .because_text(describe(&error))
                .nothing_changed()
        })?;
        let is_replicating = replication.replicates_changes() && idle.is_none();
        let comparison =
            compare(app, &args.comparison, &context, &topology, &replication, (primary, is_replicating)).await?;
        all.push(Validated { replication, dms, idle, comparison });
    }
    // Only one process at a time can use the sandbox.
    drop(context);
    recording::record(app, &all).await;
    show(app, &all);
    Ok(exit_code(app, &all)?)
}

/// Returns the results of DMS, and the status of a task that does not run although changes may be pending. With `wait`,
/// it returns once no table is pending, or no further results can follow.
async fn results_of_dms(
    context: &ReadContext,
    replication: &Replication,
    wait: bool,
) -> infra_core::resource::Result<(Vec<Table>, Option<String>)> {
    let reader = context.reader(&replication.address, &replication.location);
    loop {
        let (mut tables, task) =
            futures::try_join!(tables(&reader, &replication.task), read_existing(&reader, &replication.task))?;
        // The table of the markers is not data: no comparison includes it.
        tables.retain(|table| table.name.split_once('.').is_none_or(|(schema, _)| schema != HELPER_SCHEMA));
        let pending =
            tables.is_empty() || tables.iter().any(|table| table_state(&table.validation) == TableState::Pending);
        if !wait || !pending || !task.is_at_work() {
            let idle = replication.is_idle(&task).then_some(task.status);
            return Ok((tables, idle));
        }
        reader.clock.sleep(POLL_INTERVAL).await;
    }
}

fn show(app: &App, all: &[Validated]) {
    if app.options.is_json() {
        return stdout(&all.iter().map(to_json).collect::<serde_json::Value>().to_string());
    }
    for one in all {
        stdout(&format!("{}: results of DMS", one.replication.address));
        if one.dms.is_empty() {
            stdout("  no tables: the task has not run yet, or its validation is off");
        }
        for table in &one.dms {
            let [failed, suspended, pending] = table.validation_rows;
            let rows = [(failed, "differ"), (suspended, "could not be compared"), (pending, "pending")];
            let rows: String = rows
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!(", {count} rows {what}"))
                .collect();
            stdout(&format!("  {}: {}{rows}", table.name, table.validation));
        }
        match &one.comparison {
            Compared::No(reason) => stdout(&format!("no comparison by this tool: {reason}")),
            Compared::Yes(comparison, _) => {
                stdout(&format!("comparison by this tool: {} ({} ms)", comparison.verdict, comparison.milliseconds));
                show_comparison(comparison);
            }
        }
    }
}

fn to_json(one: &Validated) -> serde_json::Value {
    let (comparison, reason) = match &one.comparison {
        Compared::Yes(comparison, _) => (Some(comparison), None),
        Compared::No(reason) => (None, Some(reason)),
    };
    json!({
        "address": one.replication.address,
        "dms": one.dms,
        "comparison": comparison,
        "not_compared_because": reason,
    })
}
