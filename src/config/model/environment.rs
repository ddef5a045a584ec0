//! An environment as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Database, Encryption, Monitoring, Network, Replication, Secrets, Service, Storage};

/// One environment as it is written: its own keys, and sections that override the global ones.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawEnvironment {
    /// Region of everything in this environment.
    pub region: String,
    /// Address range of the VPC, /16 to /20. The ranges of two environments that replicate must not overlap: their VPCs are peered.
    pub vpc_cidr: String,
    /// Never delete or replace anything of this environment. `down` then refuses, before it changes anything.
    pub protect: bool,
    /// Roles of the databases in this environment: `source`, `target`, both or none.
    pub databases: Vec<String>,
    /// Roles of the buckets in this environment: `source`, `target`, both or none.
    pub buckets: Vec<String>,
    /// What is replicated into this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicates: Option<Replicates>,
    /// Overrides `[encryption]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Overrides `[network]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Overrides `[database]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// Overrides `[secrets]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Secrets>,
    /// Overrides `[storage]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Overrides `[service]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Overrides `[replication]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// Overrides `[monitoring]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
}

impl Default for RawEnvironment {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            vpc_cidr: "10.0.0.0/16".into(),
            protect: false,
            databases: Vec::new(),
            buckets: Vec::new(),
            replicates: None,
            encryption: None,
            network: None,
            database: None,
            secrets: None,
            storage: None,
            service: None,
            replication: None,
            monitoring: None,
        }
    }
}

/// What is replicated into an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replicates {
    /// The database that DMS keeps up to date from another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Pair>,
    /// The bucket that S3 keeps up to date from another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Pair>,
}

/// What feeds what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Where it comes from: a role of this environment such as "source", or one of another environment, such as "source/source".
    pub from: String,
    /// Where it goes: a role of this environment.
    pub to: String,
}
