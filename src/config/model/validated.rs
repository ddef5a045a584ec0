//! The configuration as the rest of the program sees it: validated, with every override applied.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::Serialize;

use super::{Database, Encryption, Monitoring, Network, Policy, Replication, Routing, Secrets, Service, Stack, Storage};
use crate::address::Region;
use crate::config::{Cutover, Drift, Gate, Keeping, Renamed, Resources};

/// The configuration, validated, with every override applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// The name of the stack.
    pub stack: Stack,
    /// Tags on everything.
    pub tags: BTreeMap<String, String>,
    /// The environments, by name.
    pub environments: Vec<EnvironmentConfig>,
    /// The routing, unless it is off or an environment that it needs is not configured.
    pub routing: Option<Routing>,
    /// How traffic is shifted.
    pub cutover: Cutover,
    /// What must hold meanwhile.
    pub gates: Vec<Gate>,
    /// What every plan must fulfil.
    pub policy: Policy,
    /// Where the state is kept.
    pub state: Keeping,
    /// What may be changed outside of this tool.
    pub drift: Drift,
    /// Addresses that were renamed.
    pub moved: Vec<Renamed>,
    /// What counts for single resources.
    pub resources: Resources,
}

impl Config {
    /// Returns the environment of this name.
    pub fn environment(&self, name: &str) -> Option<&EnvironmentConfig> {
        self.environments.iter().find(|environment| environment.name == name)
    }
}

/// One environment, validated.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `RawEnvironment`, with the overrides applied")]
pub struct EnvironmentConfig {
    pub name: String,
    pub region: Region,
    pub vpc_cidr: Ipv4Net,
    pub protect: bool,
    pub databases: Vec<String>,
    pub buckets: Vec<String>,
    pub replicates: Links,
    pub encryption: Encryption,
    pub network: Network,
    pub database: Database,
    pub secrets: Secrets,
    pub storage: Storage,
    pub service: Service,
    pub replication: Replication,
    pub monitoring: Monitoring,
}

/// What is replicated into an environment, validated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Links {
    /// The databases.
    pub database: Option<Link>,
    /// The buckets.
    pub bucket: Option<Link>,
}

/// One replication: from a role of an environment to a role of the environment that has the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The environment that it comes from, which may be the same.
    pub from_environment: String,
    /// The role there.
    pub from: String,
    /// The role in the own environment.
    pub to: String,
}
