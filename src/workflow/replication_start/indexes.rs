//! The phase `indexes`: indexes, constraints, triggers, and the rows of materialized views.

use infra_database::repeated;
use infra_database::schema::{self, Section};
use infra_migration::phase::Phase;
use infra_migration::topology::Replication;

use super::databases::{Connected, directory, options};
use super::error::StartError;
use crate::workspace::Workspace;

const PHASE: Phase = Phase::Indexes;

/// Removes rows that the load has brought twice, creates what the target does not have of post-data, and refreshes its
/// materialized views. Returns what was done in one line, and what the user should know.
pub(super) async fn run(
    workspace: &Workspace,
    replication: &Replication,
    connected: &mut Connected,
) -> Result<(String, Vec<String>), StartError> {
    let failed = |source| StartError::Schema { phase: PHASE, source };
    let (programs, directory, options) =
        (connected.programs(PHASE).await?, directory(workspace, replication)?, options());
    let [source_access, target_access] = connected.access(&directory)?;
    let mut notices = Vec::new();
    // What was loaded and is also among the changes that were applied since.
    if replication.migration_type == "full-load-and-cdc" {
        let removed = repeated::remove_repeated(connected.source(), connected.target()).await;
        for (table, rows) in removed.map_err(|error| failed(error.into()))? {
            notices.push(format!("{rows} rows of {table} were there twice, which has no key, and were removed once"));
        }
    }
    let from = schema::read(&programs, connected.source(), &source_access, &options, &directory).await;
    let from = from.map_err(failed)?;
    let target = ("target", connected.target.client_mut(), &target_access);
    let moved = schema::transfer(Section::PostData, &from, &programs, target, &options, &directory).await;
    let moved = moved.map_err(failed)?;
    notices.extend(super::schema::notices(&moved));
    let (refreshed, left) = schema::refresh(connected.target()).await.map_err(|error| failed(error.into()))?;
    if !refreshed.is_empty() {
        let views = refreshed.join(", ");
        notices.push(format!("materialized views have the rows of now, and do not follow changes: {views}"));
    }
    notices.extend(left.iter().map(|view| {
        let (name, reason) = (&view.name, &view.reason);
        format!("the materialized view {name} could not be refreshed ({reason}); refresh it before the cutover")
    }));
    Ok((format!("{} objects created, {} were there", moved.created.len(), moved.skipped), notices))
}
