//! What can be configured. The doc comments are what `migrate-infra init` writes beside each key.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::{Drift, Renamed};
use super::cutover::Cutover;
use super::gate::Gate;
use super::gates::RawGates;
use super::keeping::{Keeping, Resources};
use crate::address::Region;

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

/// The name of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stack {
    /// Name of the stack: lower-case letters, digits and hyphens.
    pub name: String,
    /// Tells copies of the stack apart; `--suffix` overrides it. Lower-case letters, digits and hyphens.
    pub suffix: String,
}

impl Default for Stack {
    fn default() -> Self {
        Self { name: "payment-migration".into(), suffix: "dev-001".into() }
    }
}

impl Stack {
    /// Returns the stack's identity, as it stands in the ownership tags.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.suffix)
    }
}

/// Encryption at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Encryption {
    /// ARN of a KMS key of yours for databases, buckets, secrets and logs; empty means AWS's own keys.
    pub kms_key_arn: String,
}

impl Encryption {
    /// Returns the customer key, if there is one.
    pub fn key(&self) -> Option<String> {
        (!self.kms_key_arn.is_empty()).then(|| self.kms_key_arn.clone())
    }
}

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

/// How many NAT gateways an environment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NatGateways {
    /// One for all zones: cheaper, and a zone's failure can cut off the others.
    One,
    /// One in each zone.
    PerZone,
}

/// Network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// How many availability zones to use, 2 or 3; load balancers and databases need at least two.
    #[schemars(range(min = 2, max = 3))]
    pub availability_zones: u8,
    /// `one` NAT gateway for all zones, or one `per-zone`.
    pub nat_gateways: NatGateways,
}

impl Default for Network {
    fn default() -> Self {
        Self { availability_zones: 2, nat_gateways: NatGateways::One }
    }
}

/// Databases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// PostgreSQL version: a major version such as "16", or an exact one such as "16.4".
    pub engine_version: String,
    /// Instance class.
    pub instance_class: String,
    /// Storage in GiB, 20 to 65536.
    #[schemars(range(min = 20, max = 65536))]
    pub allocated_storage_gb: i32,
    /// Storage type: `gp2` or `gp3`.
    pub storage_type: String,
    /// Name of the database inside the instance.
    pub name: String,
    /// Master user. The password is generated by Secrets Manager and known to nobody.
    pub username: String,
    /// Whether a standby runs in a second zone.
    pub multi_az: bool,
    /// Whether the storage is encrypted. The policy `encryption` refuses false unless it has an exception.
    pub storage_encrypted: bool,
    /// Address ranges, besides the service and the replication, that may reach the database, for example that of a VPN.
    pub allowed_cidrs: Vec<String>,
    /// Days that automated backups are kept; replication needs at least 1.
    #[schemars(range(min = 1, max = 35))]
    pub backup_retention_days: i32,
    /// Logs sent to CloudWatch Logs.
    pub log_exports: Vec<String>,
    /// Days that Performance Insights keeps its data; 0 turns it off, 7 is free.
    #[schemars(range(min = 0, max = 731))]
    pub performance_insights_days: i32,
    /// Whether AWS refuses to delete the database. `down` then refuses too.
    pub deletion_protection: bool,
    /// Whether `down` takes a final snapshot.
    pub final_snapshot: bool,
    /// Whether changes of class, storage and version are made at once. When false, RDS makes them in the next maintenance window.
    pub apply_immediately: bool,
    /// Parameters of the engine besides those that replication needs, for example `{ log_min_duration_statement = "500" }`. Static ones take
    /// effect when the database restarts.
    pub parameters: BTreeMap<String, String>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            engine_version: "16".into(),
            instance_class: "db.r5.large".into(),
            allocated_storage_gb: 100,
            storage_type: "gp2".into(),
            name: "paymentdb".into(),
            username: "dbadmin".into(),
            multi_az: false,
            storage_encrypted: true,
            allowed_cidrs: Vec::new(),
            backup_retention_days: 7,
            log_exports: vec!["postgresql".into(), "upgrade".into()],
            performance_insights_days: 7,
            deletion_protection: false,
            final_snapshot: false,
            apply_immediately: true,
            parameters: BTreeMap::new(),
        }
    }
}

/// Database credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// Days between two rotations of the password, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub rotation_days: i64,
    /// Days for which a deleted secret can be restored, 7 to 30; 0 deletes it at once.
    #[schemars(range(min = 0, max = 30))]
    pub recovery_window_days: i64,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { rotation_days: 30, recovery_window_days: 0 }
    }
}

/// Buckets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Days after which an old version of an object goes to Glacier.
    #[schemars(range(min = 1, max = 36500))]
    pub noncurrent_to_glacier_days: i32,
    /// Days after which an old version of an object is deleted.
    #[schemars(range(min = 2, max = 36500))]
    pub noncurrent_expire_days: i32,
    /// Days after which an incomplete upload is aborted.
    #[schemars(range(min = 1, max = 365))]
    pub abort_upload_days: i32,
    /// Whether every way to make a bucket public is blocked. The policy `public-exposure` refuses false unless it has an exception.
    pub block_public_access: bool,
    /// Whether `down` deletes what is in the buckets. When false, `down` refuses to delete a bucket that is not empty.
    pub empty_on_down: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self { noncurrent_to_glacier_days: 90, noncurrent_expire_days: 365, abort_upload_days: 7, block_public_access: true, empty_on_down: false }
    }
}

/// The default container: a few lines of Python that listen on the port and answer `/health`, so that a new environment is
/// healthy before your own image is there.
const PLACEHOLDER: &str = "import http.server as h\nclass S(h.BaseHTTPRequestHandler):\n    def do_GET(self):\n        self.send_response(200 if self.path == '/health' else 404)\n        self.end_headers()\nh.ThreadingHTTPServer(('', 8080), S).serve_forever()\n";

/// The payment service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// Container image.
    pub image: String,
    /// Command that the container runs; an empty list means the image's own.
    pub command: Vec<String>,
    /// Port that the container listens on.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Fargate CPU units: 256, 512, 1024, 2048 or 4096.
    #[schemars(range(min = 256, max = 16384))]
    pub cpu: i32,
    /// Fargate memory in MiB; it must fit the CPU units.
    #[schemars(range(min = 512, max = 122_880))]
    pub memory: i32,
    /// Number of tasks to begin with.
    #[schemars(range(min = 0, max = 1000))]
    pub desired_count: i32,
    /// Least number of tasks when scaling.
    #[schemars(range(min = 0, max = 1000))]
    pub min_count: i32,
    /// Largest number of tasks when scaling.
    #[schemars(range(min = 1, max = 1000))]
    pub max_count: i32,
    /// Average CPU utilization to scale for, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub cpu_target_percent: f64,
    /// Average memory utilization to scale for, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub memory_target_percent: f64,
    /// Seconds between two scaling steps.
    #[schemars(range(min = 0, max = 3600))]
    pub scaling_cooldown_seconds: i32,
    /// Path that the load balancer asks to learn whether a task is healthy.
    pub health_check_path: String,
    /// Seconds that a new task has before failed health checks count.
    #[schemars(range(min = 0, max = 2_147_483))]
    pub health_check_grace_seconds: i32,
    /// Seconds that the load balancer lets requests finish on a task that goes.
    #[schemars(range(min = 0, max = 3600))]
    pub deregistration_delay_seconds: i32,
    /// ARN of an issued ACM certificate in the environment's region; empty means HTTP only.
    pub certificate_arn: String,
    /// Days that the service's logs are kept: one of the values that CloudWatch Logs allows.
    #[schemars(range(min = 1, max = 3653))]
    pub log_retention_days: i32,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            image: "public.ecr.aws/docker/library/python:3.13-slim".into(),
            command: vec!["python".into(), "-c".into(), PLACEHOLDER.into()],
            port: 8080,
            cpu: 512,
            memory: 1024,
            desired_count: 2,
            min_count: 2,
            max_count: 10,
            cpu_target_percent: 70.0,
            memory_target_percent: 80.0,
            scaling_cooldown_seconds: 60,
            health_check_path: "/health".into(),
            health_check_grace_seconds: 60,
            deregistration_delay_seconds: 30,
            certificate_arn: String::new(),
            log_retention_days: 7,
        }
    }
}

/// What a replication does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationType {
    /// Copy what is there, then stop.
    FullLoad,
    /// Carry over changes only.
    Cdc,
    /// Copy what is there, then carry over changes.
    FullLoadAndCdc,
}

impl MigrationType {
    /// The value that DMS takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullLoad => "full-load",
            Self::Cdc => "cdc",
            Self::FullLoadAndCdc => "full-load-and-cdc",
        }
    }
}

/// What happens to tables that exist in the target database when a full load begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TablePreparation {
    /// They are dropped and made again.
    DropAndCreate,
    /// They are emptied.
    Truncate,
    /// They are left as they are.
    DoNothing,
}

/// Database replication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replication {
    /// Version of the replication engine.
    pub engine_version: String,
    /// Class of the replication instance.
    pub instance_class: String,
    /// Storage of the replication instance in GiB, for logs and changes that wait: 5 to 6144.
    #[schemars(range(min = 5, max = 6144))]
    pub allocated_storage_gb: i32,
    /// Whether a standby runs in a second zone.
    pub multi_az: bool,
    /// `full-load-and-cdc` (copy, then carry over changes), `full-load` or `cdc`.
    pub migration_type: MigrationType,
    /// Tables to replicate, as `schema.table`; `%` stands for any text.
    pub tables: Vec<String>,
    /// Tables of these to leave out, written alike.
    pub excluded_tables: Vec<String>,
    /// What happens to tables in the target when a full load begins: `drop-and-create`, `truncate` or `do-nothing`.
    pub table_preparation: TablePreparation,
    /// Tables that are loaded at the same time, 1 to 49.
    #[schemars(range(min = 1, max = 49))]
    pub full_load_subtasks: i32,
    /// Least seconds between two batches of changes that are applied.
    #[schemars(range(min = 1, max = 3600))]
    pub batch_apply_least_seconds: i32,
    /// Most seconds between two batches of changes that are applied.
    #[schemars(range(min = 1, max = 3600))]
    pub batch_apply_most_seconds: i32,
    /// Least number of changes in a transaction on the target.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub least_transaction_size: i32,
    /// Most seconds for which changes are collected before they are written.
    #[schemars(range(min = 1, max = 3600))]
    pub commit_timeout_seconds: i32,
    /// Memory for transactions that are under way, in MiB, before they go to disk.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub memory_limit_mb: i32,
    /// Seconds for which a transaction is kept in memory before it goes to disk.
    #[schemars(range(min = 1, max = 86400))]
    pub memory_keep_seconds: i32,
    /// Schema in the target database where DMS keeps its own tables.
    pub control_schema: String,
    /// Minutes that one row of DMS's history covers.
    #[schemars(range(min = 1, max = 60))]
    pub history_minutes: i32,
    /// Whether DMS compares the rows of both databases.
    pub validation: bool,
}

impl Default for Replication {
    fn default() -> Self {
        Self {
            engine_version: "3.6.1".into(),
            instance_class: "dms.c5.large".into(),
            allocated_storage_gb: 100,
            multi_az: false,
            migration_type: MigrationType::FullLoadAndCdc,
            tables: vec!["public.%".into()],
            excluded_tables: Vec::new(),
            table_preparation: TablePreparation::DropAndCreate,
            full_load_subtasks: 8,
            batch_apply_least_seconds: 1,
            batch_apply_most_seconds: 30,
            least_transaction_size: 1000,
            commit_timeout_seconds: 1,
            memory_limit_mb: 1024,
            memory_keep_seconds: 60,
            control_schema: "dms_control".into(),
            history_minutes: 5,
            validation: true,
        }
    }
}

/// Dashboard and alarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// ARN of an SNS topic that alarms are sent to; empty means nobody is told.
    pub alarm_topic_arn: String,
    /// Database CPU in percent above which an alarm is raised.
    #[schemars(range(min = 1, max = 100))]
    pub database_cpu_percent: f64,
    /// Replication lag in seconds above which an alarm is raised.
    #[schemars(range(min = 1, max = 86400))]
    pub replication_lag_seconds: f64,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { alarm_topic_arn: String::new(), database_cpu_percent: 80.0, replication_lag_seconds: 60.0 }
    }
}

/// DNS in front of both environments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// Whether the routing is part of the stack. It needs the target; when the source is gone, all traffic goes there.
    pub enabled: bool,
    /// Name of the hosted zone.
    pub zone_name: String,
    /// Id of a hosted zone of that name that you have; empty means that one is created.
    pub zone_id: String,
    /// The name inside the zone that clients use.
    pub record: String,
    /// Seconds between two health checks of a load balancer: 10 or 30.
    #[schemars(range(min = 10, max = 30))]
    pub health_check_interval_seconds: i32,
    /// Health checks in a row that must fail, or succeed, to change the verdict.
    #[schemars(range(min = 1, max = 10))]
    pub health_check_failures: i32,
    /// Whether a switch is made that takes the target out of the answers without Route 53's control plane, for `traffic emergency`: an
    /// alarm, and two health checks.
    pub emergency_switch: bool,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            enabled: true,
            zone_name: "payment-migration.internal".into(),
            zone_id: String::new(),
            record: "api".into(),
            health_check_interval_seconds: 30,
            health_check_failures: 3,
            emergency_switch: true,
        }
    }
}

impl Routing {
    /// The name that clients use.
    pub fn domain_name(&self) -> String {
        format!("{}.{}", self.record, self.zone_name)
    }
}

/// What every plan must fulfil.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Tags that everything which can have tags must have.
    pub required_tags: Vec<String>,
    /// Where a rule does not count, each with a reason:
    /// `exceptions = [{ rule = "encryption", address = "source/database-source/instance", reason = "test data" }]`.
    pub exceptions: Vec<Exception>,
}

impl Default for Policy {
    fn default() -> Self {
        let required_tags = ["Environment", "MigrationPhase", "CostCenter"].map(str::to_owned).into();
        Self { required_tags, exceptions: Vec::new() }
    }
}

/// A rule that every plan must fulfil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Whatever stores data encrypts it.
    Encryption,
    /// Whatever can have tags has the required ones.
    RequiredTags,
    /// Nothing is open to the world but the ports of the load balancer.
    PublicExposure,
}

impl Rule {
    /// The name that the configuration uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encryption => "encryption",
            Self::RequiredTags => "required-tags",
            Self::PublicExposure => "public-exposure",
        }
    }
}

/// Where a rule does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// `encryption`, `required-tags` or `public-exposure`.
    pub rule: Rule,
    /// The address of the resource, as `plan` shows it.
    pub address: String,
    /// Why it is allowed here.
    pub reason: String,
}

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
