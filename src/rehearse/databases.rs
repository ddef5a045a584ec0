//! The two databases of the replication.

use std::sync::Arc;

use infra_core::state::State;
use infra_migration::topology::Topology;
use infra_postgres::Tls;
use infra_rehearsal::Database;
use infra_sandbox_data::database_of;

use crate::error::RehearseError;
use crate::stage::Stage;

/// The two databases of the replication.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    pub(crate) source: Database,
    pub(crate) target: Database,
}

impl Databases {
    /// Finds the databases of the first replication, as their secrets describe them.
    pub(crate) fn find(stage: &Stage, state: &State) -> Result<Self, RehearseError> {
        let topology = Topology::of(state);
        let replication = topology.replications.first().ok_or(RehearseError::NoReplication)?;
        let [source, target] = [&replication.secrets[0], &replication.secrets[1]];
        let find = |secret: &Option<String>| {
            let secret = secret.as_deref()?;
            let identifier = topology.database_of(secret)?.identifier.clone();
            let connection = stage.world(|world| {
                let address = world.database_of_secret(secret)?;
                database_of(world, &address, Tls::Require)
            })?;
            Some(Database { id: Arc::from(identifier), connection: connection.with_application_name("rehearsal") })
        };
        Ok(Self {
            source: find(source).ok_or(RehearseError::Missing("source database"))?,
            target: find(target).ok_or(RehearseError::Missing("target database"))?,
        })
    }
}
