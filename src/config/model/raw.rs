//! The configuration file, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::credentials::Accounts;
use super::cutover::Cutover;
use super::database::{Database, Secrets};
use super::databases::DatabaseAccess;
use super::drift::DriftConfig;
use super::encryption::Encryption;
use super::environment::RawEnvironment;
use super::gates::RawGates;
use super::iam::Iam;
use super::layout::Layout;
use super::monitoring::Monitoring;
use super::moved::MovedBlock;
use super::network::Network;
use super::notify::Notify;
use super::policy::Policy;
use super::protect::Resources;
use super::replication::Replication;
use super::routing::Routing;
use super::service::Service;
use super::stack::Stack;
use super::state::StateConfig;
use super::storage::Storage;

/// The configuration file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawConfig {
    /// Addresses that have changed. An entry keeps the existing resource:
    /// `moved = [{ from = "source/old/name", to = "source/new/name" }]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<MovedBlock>,
    /// The name of the stack. Name and suffix are part of all AWS names and of the ownership tags.
    pub stack: Stack,
    /// Tags of all resources, in addition to `Environment` and the two ownership tags.
    pub tags: BTreeMap<String, String>,
    /// Encryption at rest. It is on by default; a customer managed key is optional.
    pub encryption: Encryption,
    /// What an organization requires of IAM roles.
    pub iam: Iam,
    /// The environments. An environment can override each section from `[encryption]` to `[monitoring]`, for example
    /// with `[environments.target.database]`.
    pub environments: BTreeMap<String, RawEnvironment>,
    /// The network of each environment.
    pub network: Network,
    /// The databases.
    pub database: Database,
    /// The database credentials in Secrets Manager.
    pub secrets: Secrets,
    /// The buckets.
    pub storage: Storage,
    /// The payment service on Fargate, and its load balancer.
    pub service: Service,
    /// The database replication with AWS DMS, for environments that replicate a database.
    pub replication: Replication,
    /// The dashboard and the alarms.
    pub monitoring: Monitoring,
    /// The DNS name in front of both environments. Its records distribute the traffic by weight between the two load
    /// balancers.
    pub routing: Routing,
    /// How this program reaches the databases, for what it does inside them: checks, comparisons, the switchover. By
    /// default, it connects to their endpoints with the credentials in their secrets.
    pub databases: DatabaseAccess,
    /// How `cutover` shifts traffic from the source to the target, step by step. Requires `[routing]`.
    pub cutover: Cutover,
    /// The conditions that must hold before, during and after each step of a cutover. A gate that has no data, or that
    /// cannot be read, never passes.
    pub gates: RawGates,
    /// The rules that every plan must follow. A plan that violates a rule is rejected before any change.
    // Only a generated configuration has exceptions: a file without this section has none.
    #[serde(default)]
    pub policy: Policy,
    /// The state backend.
    pub state: StateConfig,
    /// Drift that is accepted.
    pub drift: DriftConfig,
    /// Notifications: a command that gets an event when a run ends, or waits for an operator.
    pub notify: Notify,
    /// Credentials of accounts in which resources are left, but no environment of the configuration any more:
    /// `[accounts.111122223333]`, `profile = "payments-old"`.
    pub accounts: Accounts,
    /// Options of single resources, by address. Addresses support `*` wildcards. A protected resource is never deleted
    /// or replaced. Example: `[resources."source/database-source/*"]`, `protect = true`.
    pub resources: Resources,
}

impl RawConfig {
    /// Returns the defaults of a layout.
    pub fn of(layout: Layout) -> Self {
        let tags = [("MigrationPhase", "setup"), ("CostCenter", "payment-processing")];
        Self {
            moved: Vec::new(),
            stack: Stack::default(),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            encryption: Encryption::default(),
            iam: Iam::default(),
            environments: layout.environments(),
            network: Network::default(),
            database: Database::default(),
            secrets: Secrets::default(),
            storage: Storage::default(),
            service: Service::default(),
            replication: Replication::default(),
            monitoring: Monitoring::default(),
            routing: Routing::default(),
            databases: DatabaseAccess::default(),
            cutover: Cutover::default(),
            gates: RawGates::default(),
            policy: Policy::of_layout(layout),
            state: StateConfig::default(),
            drift: DriftConfig::default(),
            notify: Notify::default(),
            accounts: Accounts::new(),
            resources: Resources::new(),
        }
    }
}

impl Default for RawConfig {
    fn default() -> Self {
        Self::of(Layout::default())
    }
}
