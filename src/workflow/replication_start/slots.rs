//! The replication slots that DMS creates in the source when a task begins. Their names are its own.

use infra_connect::Endpoint;
use infra_core::engine::Context;
use infra_database::slots;
use infra_migration::phase::Phase;
use infra_migration::topology::Replication;

use super::databases::{Reached, reach};
use super::error::StartError;
use crate::workspace::Workspace;

/// Returns the slots of the source that DMS can read. None without access to the databases.
pub(super) async fn of_source(
    workspace: &Workspace,
    context: &Context,
    replication: &Replication,
    urls: Option<&[Endpoint; 2]>,
    phase: Phase,
) -> Result<Vec<String>, StartError> {
    let Reached::Connected(connected) = reach(workspace, context, replication, urls).await else {
        return Ok(Vec::new());
    };
    let found = slots::list(connected.source()).await;
    let found = found.map_err(|source| StartError::Database { phase, source })?;
    let of_dms = found.into_iter().filter(|slot| slots::DMS_PLUGINS.contains(&slot.plugin.as_str()));
    Ok(of_dms.map(|slot| slot.name).collect())
}
