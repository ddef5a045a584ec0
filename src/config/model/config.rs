//! The validated configuration, with all overrides applied.

use std::collections::BTreeMap;

use infra_base::address::{Address, Region};
use infra_base::side::Side;
use ipnet::Ipv4Net;
use serde::Serialize;

use super::credentials::{Accounts, Credentials};
use super::cutover::{Cutover, Strategy};
use super::database::{Database, Secrets};
use super::databases::DatabaseAccess;
use super::drift::DriftConfig;
use super::encryption::Encryption;
use super::iam::Iam;
use super::monitoring::Monitoring;
use super::moved::MovedBlock;
use super::network::Network;
use super::notify::Notify;
use super::policy::Policy;
use super::protect::Resources;
use super::replication::{MigrationType, Replication};
use super::routing::Routing;
use super::service::Service;
use super::stack::Stack;
use super::state::StateConfig;
use super::storage::Storage;
use crate::gate::Gate;

/// The validated configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// The name of the stack.
    pub stack: Stack,
    /// Tags of all resources.
    pub tags: BTreeMap<String, String>,
    /// The environments, ordered by name.
    pub environments: Vec<EnvironmentConfig>,
    /// The routing. `None` if it is disabled, or if an environment that it requires is not configured.
    pub routing: Option<Routing>,
    /// How the databases are reached.
    pub databases: DatabaseAccess,
    /// The settings of a cutover.
    pub cutover: Cutover,
    /// The enabled gates.
    pub gates: Vec<Gate>,
    /// The rules that every plan must follow.
    pub policy: Policy,
    /// The state backend.
    pub state: StateConfig,
    /// Drift that is accepted.
    pub drift: DriftConfig,
    /// Notifications of the end of runs.
    pub notify: Notify,
    /// Addresses that have changed.
    pub moved: Vec<MovedBlock>,
    /// Credentials of accounts without an environment, by account number.
    pub accounts: Accounts,
    /// Options of single resources.
    pub resources: Resources,
    /// Whether there is no usable file: it describes no resources, and only what exists can be deleted.
    #[serde(skip)]
    pub is_from_state: bool,
}

impl Config {
    /// Returns the environment with this name.
    pub fn environment(&self, name: &str) -> Option<&EnvironmentConfig> {
        self.environments.iter().find(|environment| environment.name == name)
    }

    /// Returns the region of the bucket that contains the state.
    pub fn state_region(&self) -> Region {
        match self.state.region.as_str() {
            "" => self.home_region(),
            named => named.into(),
        }
    }

    /// Returns the region of the first environment, for calls that do not belong to an environment.
    pub fn home_region(&self) -> Region {
        self.environments.first().map_or_else(|| "us-east-1".into(), |environment| environment.region.clone())
    }

    /// Returns the credentials of the routing.
    pub fn routing_credentials(&self) -> Credentials {
        let own = self.routing.as_ref().and_then(Routing::credentials);
        own.unwrap_or_else(|| self.environments.first().map(|first| first.credentials.clone()).unwrap_or_default())
    }

    /// Returns the configuration key that protects a resource from deletion, if there is one.
    pub fn protection_of(&self, address: &Address) -> Option<String> {
        let of = self.environment(address.environment()).filter(|environment| environment.protect);
        let by_environment = of.map(|environment| format!("environments.{}.protect", environment.name));
        by_environment.or_else(|| {
            let mut protecting = self.resources.iter().filter(|(_, options)| options.protect);
            protecting
                .find(|(pattern, _)| address.matches(pattern))
                .map(|(pattern, _)| format!("resources.\"{pattern}\".protect"))
        })
    }

    /// Returns the patterns of `[resources]` that match none of these addresses.
    pub fn unmatched_resources(&self, addresses: &[&Address]) -> Vec<&str> {
        self.resources
            .keys()
            .filter(|pattern| !addresses.iter().any(|address| address.matches(pattern)))
            .map(String::as_str)
            .collect()
    }

    /// Returns the reason why changes to a field are ignored, if a rule covers it.
    pub fn ignore_reason(&self, address: &Address, field: &str) -> Option<&str> {
        self.drift.ignore_reason(address, field)
    }

    /// Returns the addresses that have changed, as pairs of old and new address.
    pub fn moved_addresses(&self) -> Vec<(Address, Address)> {
        self.moved.iter().map(|moved| (Address::new(&moved.from), Address::new(&moved.to))).collect()
    }

    /// Returns whether any environment continuously replicates changes of a database.
    pub fn replicates_changes(&self) -> bool {
        DatabaseReplication::of(&self.environments) == DatabaseReplication::Continuous
    }

    /// Returns how the migration keeps to one primary. `None` if it moves traffic, but no database: without routing, or
    /// when the database of the target is not replicated from the source.
    pub fn strategy(&self) -> Option<Strategy> {
        self.routing.as_ref()?;
        let (source, target) = (Side::Source.as_str(), self.environment(Side::Target.as_str())?);
        self.environment(source)?;
        let link = target.replicates.database.as_ref()?;
        (link.from_environment == source).then_some(self.cutover.strategy)
    }
}

/// The validated configuration of one environment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `RawEnvironment`, with the overrides applied")]
pub struct EnvironmentConfig {
    pub name: String,
    pub region: Region,
    pub credentials: Credentials,
    pub vpc_cidr: Ipv4Net,
    pub protect: bool,
    pub databases: Vec<String>,
    pub buckets: Vec<String>,
    pub replicates: ReplicationLinks,
    pub encryption: Encryption,
    pub iam: Iam,
    pub network: Network,
    pub database: Database,
    pub secrets: Secrets,
    pub storage: Storage,
    pub service: Service,
    pub replication: Replication,
    pub monitoring: Monitoring,
}

/// The replications into an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplicationLinks {
    /// The replication of a database.
    pub database: Option<ReplicationLink>,
    /// The replication of a bucket.
    pub bucket: Option<ReplicationLink>,
}

/// One replication, from a role of any environment to a role of the environment that contains the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplicationLink {
    /// The source environment, which can be the same environment.
    pub from_environment: String,
    /// The role in the source environment.
    pub from: String,
    /// The role in this environment.
    pub to: String,
}

/// The database replication of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseReplication {
    /// At least one database is replicated continuously.
    Continuous,
    /// Databases are only copied once.
    FullLoadOnly,
    /// No database is replicated.
    None,
}

impl DatabaseReplication {
    /// Returns the database replication of these environments.
    pub(crate) fn of(environments: &[EnvironmentConfig]) -> Self {
        let all = || environments.iter().filter(|environment| environment.replicates.database.is_some());
        match all().any(|environment| environment.replication.migration_type != MigrationType::FullLoad) {
            true => Self::Continuous,
            false if all().next().is_some() => Self::FullLoadOnly,
            false => Self::None,
        }
    }
}
