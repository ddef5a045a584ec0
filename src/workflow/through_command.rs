//! Databases that are reached through the command of `[databases] via`.

use std::time::Duration;

use async_trait::async_trait;
use infra_base::child_environment::child_environment;
use infra_config::DatabaseAccess;
use infra_connect::Endpoint;
use infra_migration::topology::Database;
use infra_tunnel::{Place, Tunnels};

use crate::workspace::DatabaseLocator;

/// The databases are at the other end of tunnels. These are open until it is dropped.
#[derive(Debug)]
pub struct ThroughCommand {
    tunnels: Tunnels,
}

impl ThroughCommand {
    /// Creates it; no tunnel is opened. `notice` gets a line when a tunnel has ended. `None` if no command is
    /// configured.
    pub fn of(access: &DatabaseAccess, notice: fn(&str)) -> Option<Self> {
        if access.via.is_empty() {
            return None;
        }
        let limit = Duration::from_secs(access.via_timeout_seconds.into());
        let environment = child_environment(std::env::vars_os(), &access.pass_environment);
        Some(Self { tunnels: Tunnels::new(access.via.clone(), environment, limit, notice) })
    }
}

#[async_trait]
impl DatabaseLocator for ThroughCommand {
    fn have_data(&self) -> bool {
        true
    }

    async fn locate(&self, database: &Database, endpoint: Endpoint) -> Result<Endpoint, String> {
        let place = Place {
            host: endpoint.host.clone(),
            port: endpoint.port,
            region: database.location.region.to_string(),
            environment: database.address.environment().to_owned(),
        };
        match self.tunnels.to(&place).await {
            Ok(address) => Ok(endpoint.through(address)),
            Err(error) => Err(format!("no tunnel to the database of the {}: {error}", place.environment)),
        }
    }
}
