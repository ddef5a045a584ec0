//! `[environments.NAME]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::credentials::AssumeRole;
use super::database::{Database, Secrets};
use super::encryption::Encryption;
use super::iam::Iam;
use super::monitoring::Monitoring;
use super::network::Network;
use super::replication::Replication;
use super::service::Service;
use super::storage::Storage;

/// One environment: its own keys, and sections that override the global sections.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawEnvironment {
    /// Region of all resources in this environment.
    pub region: String,
    /// Profile of the AWS configuration files with the credentials of this environment, which can be in another account
    /// than the other environment. Empty: the default credentials, or those of `AWS_PROFILE`.
    pub profile: String,
    /// Role to assume for this environment, with the credentials of the profile:
    /// `assume_role = { role_arn = "arn:aws:iam::444455556666:role/migrate", external_id = "…" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
    /// Address range of the VPC, /16 to /20. If one environment replicates a database from the other, the ranges must
    /// not overlap, because the VPCs are peered.
    pub vpc_cidr: String,
    /// Whether the resources of this environment must never be deleted or replaced. If true, `down` refuses to run.
    pub protect: bool,
    /// Roles of the databases in this environment: `source`, `target`, both, or none (`[]`).
    pub databases: Vec<String>,
    /// Roles of the buckets in this environment: `source`, `target`, both, or none (`[]`).
    pub buckets: Vec<String>,
    /// The replications into this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicates: Option<RawLinks>,
    /// Overrides `[encryption]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Overrides `[iam]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iam: Option<Iam>,
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
            profile: String::new(),
            assume_role: None,
            vpc_cidr: "10.0.0.0/16".into(),
            protect: false,
            databases: Vec::new(),
            buckets: Vec::new(),
            replicates: None,
            encryption: None,
            iam: None,
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

/// The replications into an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawLinks {
    /// The database that DMS replicates from another database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<RawLink>,
    /// The bucket that S3 replicates from another bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<RawLink>,
}

/// One replication, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLink {
    /// The role to replicate from: "source" is a role of this environment, "source/source" a role of another one.
    pub from: String,
    /// The role to replicate to, in this environment.
    pub to: String,
}
