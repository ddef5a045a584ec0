//! The phase `schema`: markers, tables and keys, and what is measured.

use infra_config::{Config, SchemaSource, schema_and_table};
use infra_database::schema::{self, Section, Transferred};
use infra_database::{identity, marker, tables};
use infra_migration::phase::Phase;
use infra_migration::topology::Replication;
use infra_payment::stack::MeasuredSource;

use super::databases::{Connected, directory, options};
use super::error::StartError;
use super::measured;
use crate::workspace::Workspace;

const PHASE: Phase = Phase::Schema;

/// What the phase did.
pub(super) struct Prepared {
    pub(super) measured: MeasuredSource,
    /// In one line.
    pub(super) summary: String,
    /// What the user should know.
    pub(super) notices: Vec<String>,
}

/// Creates the table of the markers, transfers tables, functions, views and keys, and measures the source. With
/// `reload`, foreign keys and unique constraints are dropped, which the phase `indexes` creates again.
pub(super) async fn run(
    workspace: &Workspace,
    replication: &Replication,
    connected: &mut Connected,
    source_of_schema: SchemaSource,
    reload: bool,
) -> Result<Prepared, StartError> {
    let mut notices = Vec::new();
    if replication.replicates_changes()
        && let Some(notice) = markers(&workspace.config, replication, connected).await?
    {
        notices.push(notice);
    }
    let mut summary = "the target has its own schema".to_owned();
    if source_of_schema == SchemaSource::Transfer {
        let done = transfer(workspace, replication, connected, reload).await?;
        summary = format!("{} objects created, {} were there", done.created, done.skipped);
        notices.extend(done.notices);
    }
    let (measured, lines) = measured::measure(connected).await?;
    notices.extend(lines);
    Ok(Prepared { measured, summary, notices })
}

/// Creates the table of the markers on both sides. Returns a notice if there is none.
async fn markers(
    config: &Config,
    replication: &Replication,
    connected: &Connected,
) -> Result<Option<String>, StartError> {
    let failed = |source| StartError::Database { phase: PHASE, source };
    let selected = selected_tables(config, replication);
    let patterns: Vec<(&str, &str)> = selected.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).collect();
    // DMS refuses a task that finds no table. The table of the markers must not hide that.
    if !tables::any_selected(connected.source(), &patterns).await.map_err(failed)? {
        let table = marker::table();
        return Ok(Some(format!("{table} was not created: the source database has no table that is to be replicated")));
    }
    for database in [connected.source(), connected.target()] {
        marker::prepare(database).await.map_err(failed)?;
    }
    Ok(None)
}

/// Returns the schema and the name of the tables that the replication includes, as patterns.
fn selected_tables(config: &Config, replication: &Replication) -> Vec<(String, String)> {
    let environment = config.environment(replication.address.environment());
    let tables = environment.iter().flat_map(|environment| &environment.replication.tables);
    let parts = tables.map(|table| schema_and_table(table));
    parts.map(|(schema, name)| (schema.to_owned(), name.to_owned())).collect()
}

/// What was transferred.
#[derive(Default)]
struct Done {
    created: usize,
    skipped: usize,
    notices: Vec<String>,
}

async fn transfer(
    workspace: &Workspace,
    replication: &Replication,
    connected: &mut Connected,
    reload: bool,
) -> Result<Done, StartError> {
    let failed = |source| StartError::Schema { phase: PHASE, source };
    let (programs, directory, options) =
        (connected.programs(PHASE).await?, directory(workspace, replication)?, options());
    let [source_access, target_access] = connected.access(&directory)?;
    let mut done = Done::default();
    let relaxed = identity::accept_values(connected.target()).await.map_err(|error| failed(error.into()))?;
    if !relaxed.is_empty() {
        let columns = relaxed.join(", ");
        done.notices.push(format!("identity columns of the target that accept values now: {columns}"));
    }
    let from = schema::read(&programs, connected.source(), &source_access, &options, &directory).await;
    let from = from.map_err(failed)?;
    if reload {
        let there = schema::read(&programs, connected.target(), &target_access, &options, &directory).await;
        let dropped = schema::prepare_reload(&from, &there.map_err(failed)?, connected.target()).await;
        let dropped = dropped.map_err(failed)?;
        if !dropped.is_empty() {
            let count = dropped.len();
            done.notices.push(format!(
                "{count} foreign keys and unique constraints of the target were dropped for the load; the phase \
                 `indexes` creates them again"
            ));
        }
    }
    for section in [Section::PreData, Section::Keys] {
        let target = ("target", connected.target.client_mut(), &target_access);
        let moved = schema::transfer(section, &from, &programs, target, &options, &directory).await;
        let moved = moved.map_err(failed)?;
        done.created += moved.created.len();
        done.skipped += moved.skipped;
        done.notices.extend(notices(&moved));
    }
    let noted = identity::note_transferred(connected.source(), connected.target()).await;
    noted.map_err(|error| failed(error.into()))?;
    Ok(done)
}

/// Returns what the user should know about a transfer.
pub(super) fn notices(moved: &Transferred) -> Vec<String> {
    let grants = moved.skipped_privileges.iter().map(|grant| {
        let (object, role) = (&grant.object, &grant.role);
        format!("a grant was left out, because the target has no role `{role}`: {object}")
    });
    let unproven = moved.unproven.iter().map(|one| format!("not proved to be equal: {one}"));
    grants.chain(unproven).collect()
}
