//! What can be configured, a section a file. The doc comments are what `migrate-infra init` writes beside each key.

mod database;
mod environment;
mod monitoring;
mod network;
mod policy;
mod replication;
mod routing;
mod service;
mod stack;
mod storage;
mod validated;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::database::{Database, Secrets};
pub use self::environment::{Pair, RawEnvironment, Replicates};
pub use self::monitoring::Monitoring;
pub use self::network::{NatGateways, Network};
pub use self::policy::{Exception, Policy, Rule};
pub use self::replication::{MigrationType, Replication, TablePreparation};
pub use self::routing::Routing;
pub use self::service::Service;
pub use self::stack::{Encryption, Stack};
pub use self::storage::Storage;
pub use self::validated::{Config, EnvironmentConfig, Link, Links};
use super::change::{Drift, Renamed};
use super::cutover::Cutover;
use super::gates::RawGates;
use super::keeping::{Keeping, Resources};

/// The file as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawConfig {
    /// Addresses that were renamed, so that what exists is kept: `moved = [{ from = "source/old/name", to = "source/new/name" }]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Renamed>,
    /// What this stack is called. Name and suffix are part of every AWS name, and of the tags that mark what is ours.
    pub stack: Stack,
    /// Tags on everything, besides `Environment` and the two ownership tags.
    pub tags: BTreeMap<String, String>,
    /// Encryption at rest. It is always on; a key of your own is optional.
    pub encryption: Encryption,
    /// The environments. Every section below may also stand inside one of them, and then counts for that one alone, for
    /// example `[environments.target.database]`.
    pub environments: BTreeMap<String, RawEnvironment>,
    /// Network, in every environment.
    pub network: Network,
    /// Databases.
    pub database: Database,
    /// Database credentials in Secrets Manager.
    pub secrets: Secrets,
    /// Buckets.
    pub storage: Storage,
    /// The payment service on Fargate, and its load balancer.
    pub service: Service,
    /// Database replication with AWS DMS, where an environment replicates a database.
    pub replication: Replication,
    /// Dashboard and alarms.
    pub monitoring: Monitoring,
    /// DNS in front of both environments: one name, weighted between the two load balancers.
    pub routing: Routing,
    /// How `cutover` shifts traffic from the source to the target, step by step. It needs the routing.
    pub cutover: Cutover,
    /// What must hold before, during and after each step of a cutover. A gate without data, or without an answer, never counts as passed.
    pub gates: RawGates,
    /// What every plan must fulfil; a plan that does not is refused before anything is called.
    pub policy: Policy,
    /// Where the state is kept.
    pub state: Keeping,
    /// What may be changed outside of this tool.
    pub drift: Drift,
    /// What counts for single resources, by address; `*` stands for any text. What is protected is never deleted or replaced:
    /// `[resources."source/database-source/*"]`, `protect = true`.
    pub resources: Resources,
}

/// How databases and buckets are spread over the environments. Both layouts are configurations of the same mechanism.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// The source environment holds the source database and bucket, the target environment those of the target.
    #[default]
    Paired,
    /// Each environment holds both databases, both buckets and the replication between them.
    SelfContained,
}

impl Layout {
    fn environments(self) -> BTreeMap<String, RawEnvironment> {
        let environment = |cidr: &str, roles: &[&str], from: Option<&str>| {
            let pair = || from.map(|from| Pair { from: from.to_owned(), to: "target".to_owned() });
            let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
            RawEnvironment {
                vpc_cidr: cidr.to_owned(),
                databases: roles.clone(),
                buckets: roles,
                replicates: from.map(|_| Replicates { database: pair(), bucket: pair() }),
                ..RawEnvironment::default()
            }
        };
        let (source, target) = match self {
            Self::Paired => (environment("10.0.0.0/16", &["source"], None), environment("10.1.0.0/16", &["target"], Some("source/source"))),
            Self::SelfContained => {
                let both = |cidr| environment(cidr, &["source", "target"], Some("source"));
                (both("10.0.0.0/16"), both("10.1.0.0/16"))
            }
        };
        [("source".to_owned(), source), ("target".to_owned(), target)].into()
    }
}

impl RawConfig {
    /// The defaults of a layout.
    pub fn of(layout: Layout) -> Self {
        let tags = [("MigrationPhase", "setup"), ("CostCenter", "payment-processing")];
        Self {
            moved: Vec::new(),
            stack: Stack::default(),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            encryption: Encryption::default(),
            environments: layout.environments(),
            network: Network::default(),
            database: Database::default(),
            secrets: Secrets::default(),
            storage: Storage::default(),
            service: Service::default(),
            replication: Replication::default(),
            monitoring: Monitoring::default(),
            routing: Routing::default(),
            cutover: Cutover::default(),
            gates: RawGates::default(),
            policy: Policy::default(),
            state: Keeping::default(),
            drift: Drift::default(),
            resources: Resources::new(),
        }
    }
}

impl Default for RawConfig {
    fn default() -> Self {
        Self::of(Layout::default())
    }
}
