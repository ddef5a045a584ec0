//! Creates the table of the markers in both databases before the replication starts, so that it is carried along.

use super::databases::DatabaseArgs;
use crate::cli::app::App;
use crate::cli::commands::real_time::in_real_time;
use crate::cli::error::{CliError, Exit, with_causes};
use crate::cli::ui::stderr;
use infra_compare::Endpoint;
use infra_core::engine::ReadContext;
use infra_database::{Database, marker};
use infra_migration::topology::{Replication, Topology};

/// Creates the table where it does not exist. If the databases cannot be reached, one notice says so: the replication
/// does not need the table.
///
/// # Errors
/// The databases are given as URLs, and cannot be reached or refuse it.
pub(super) async fn prepare(
    app: &App,
    databases: &DatabaseArgs,
    context: &ReadContext,
    topology: &Topology,
    selected: &[Replication],
) -> Result<(), CliError> {
    let mut missing = Vec::new();
    for replication in selected.iter().filter(|replication| replication.replicates_changes()) {
        let endpoints = databases.endpoints(app, context, topology, replication).await?;
        let created = match endpoints {
            Ok([source, target]) => {
                in_real_time("the table of the markers is missing", async move || create(&source, &target).await)
                    .await?
            }
            Err(reason) => Err(reason),
        };
        if let Err(reason) = created {
            missing.push(reason);
        }
    }
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let reasons = missing.join("; ");
    if databases.has_urls() {
        return Err(CliError::new(Exit::Failed, "the table of the markers cannot be created")
            .because_text(reasons)
            .nothing_changed()
            .hint("the user needs the right to create a schema in both databases"));
    }
    let table = marker::table();
    stderr(&format!("notice: {table} was not created, so a cutover cannot prove that all changes arrived ({reasons})"));
    Ok(())
}

async fn create(source: &Endpoint, target: &Endpoint) -> Result<(), String> {
    for (side, endpoint) in [("source", source), ("target", target)] {
        let connection = infra_connect::open(endpoint, side).await.map_err(|error| with_causes(&error))?;
        marker::prepare(Database::new(side, connection.client())).await.map_err(|error| with_causes(&error))?;
    }
    Ok(())
}
