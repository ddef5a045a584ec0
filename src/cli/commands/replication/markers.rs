//! Creates the table of the markers in both databases before the replication starts, so that it is carried along.

use super::databases::DatabaseArgs;
use crate::cli::app::App;
use crate::cli::commands::real_time::in_real_time;
use crate::cli::error::{CliError, Exit, with_causes};
use crate::cli::ui::stderr;
use infra_compare::Endpoint;
use infra_config::Config;
use infra_core::engine::ReadContext;
use infra_database::{Database, marker, tables};
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
        let selected = selected_tables(&app.workspace.config, replication);
        let created = match endpoints {
            Ok([source, target]) => {
                let create = async move || create(&source, &target, &selected).await;
                in_real_time("the table of the markers is missing", create).await?
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
            .hint("the user needs the right to create a schema, and the source needs its tables"));
    }
    let table = marker::table();
    stderr(&format!("notice: {table} was not created, so a cutover cannot prove that all changes arrived ({reasons})"));
    Ok(())
}

/// Returns the schema and the name of the tables that the replication includes, as patterns.
fn selected_tables(config: &Config, replication: &Replication) -> Vec<(String, String)> {
    let environment = config.environment(replication.address.environment());
    let tables = environment.iter().flat_map(|environment| &environment.replication.tables);
    let parts = tables.map(|table| table.split_once('.').unwrap_or(("public", table)));
    parts.map(|(schema, name)| (schema.to_owned(), name.to_owned())).collect()
}

async fn create(source: &Endpoint, target: &Endpoint, selected: &[(String, String)]) -> Result<(), String> {
    let source = infra_connect::open(source, "source").await.map_err(|error| with_causes(&error))?;
    let target = infra_connect::open(target, "target").await.map_err(|error| with_causes(&error))?;
    let databases = [Database::new("source", source.client()), Database::new("target", target.client())];
    let patterns: Vec<(&str, &str)> = selected.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).collect();
    // DMS refuses a task that finds no table. The table of the markers must not hide that.
    if !tables::any_selected(databases[0], &patterns).await.map_err(|error| with_causes(&error))? {
        return Err("the source database has no table that is to be replicated".to_owned());
    }
    for database in databases {
        marker::prepare(database).await.map_err(|error| with_causes(&error))?;
    }
    Ok(())
}
