//! One environment without its links to others.

use super::builder::Builder;
use super::database::{self, Database};
use super::network::{self, Network};
use super::security::{self, SecurityGroups};
use super::service::{self, Service};
use super::storage::{self, Storage};
use infra_base::address::Location;
use infra_config::EnvironmentConfig;

/// The resources of an environment that links, monitoring and routing refer to.
pub(super) struct Environment {
    pub(super) config: EnvironmentConfig,
    pub(super) location: Location,
    pub(super) network: Network,
    pub(super) groups: SecurityGroups,
    pub(super) databases: Vec<Database>,
    pub(super) buckets: Vec<Storage>,
    pub(super) service: Service,
}

impl Environment {
    /// Returns the database with this role.
    pub(super) fn database(&self, role: &str) -> Option<&Database> {
        self.databases.iter().find(|database| database.role == role)
    }

    /// Returns the bucket with this role.
    pub(super) fn bucket(&self, role: &str) -> Option<&Storage> {
        self.buckets.iter().find(|bucket| bucket.role == role)
    }
}

/// Adds the environment.
pub(super) fn add(builder: &mut Builder<'_>) -> Environment {
    let network = network::add(builder);
    let groups = security::add(builder, &network);
    let databases = database::add(builder, &network, &groups);
    let buckets = storage::add(builder);
    let service = service::add(builder, &network, &groups, &databases, &buckets);
    let location = builder.location.clone();
    Environment { config: builder.config.clone(), location, network, groups, databases, buckets, service }
}
