//! Database replication with AWS DMS: from a database of this or another environment to a database of this one.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::builder::Builder;
use super::database::Database;
use super::environment::Environment;
use super::facts::KnownReplication;
use super::layout::{self, REPLICATION as PART};
use super::task_settings::{settings, table_mappings};
use super::trust::Trust;
use infra_base::address::Arn;
use infra_config::naming::DMS_ACCOUNT_ROLES;
use infra_config::{MigrationType, ReplicationLink};
use infra_connect::rds_roots_pem;
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::dms::{
    AccountRole, Certificate, Endpoint, EndpointDirection, ReplicationInstance, ReplicationSubnetGroup, ReplicationTask,
};
use infra_kinds::ec2::Subnet;
use infra_kinds::iam::{RolePolicy, Statement};
use infra_kinds::logs::LogGroup;
use infra_kinds::secretsmanager::{SecretPolicy, SecretReplica};

/// The resources of the replication that other parts refer to.
pub(super) struct Replication<'a> {
    pub(super) base: Base<'a>,
    pub(super) task: Handle<ReplicationTask>,
    /// The endpoint that writes the target.
    pub(super) target_endpoint: Handle<Endpoint>,
}

/// The credentials of the source database, which can be read in the region of the replication.
pub(super) struct SourceSecret {
    pub(super) arn: Input<Arn>,
    /// Ready when the secret is complete.
    pub(super) content: Input<String>,
}

/// One end of the replication, with the credentials that can be read in the region of the replication.
pub(super) struct End<'a> {
    database: &'a Database,
    secret: Input<Arn>,
    /// Ready when the secret is complete.
    content: Input<String>,
    /// The name of the database inside the instance.
    name: String,
}

/// What both directions of the replication use.
pub(super) struct Base<'a> {
    /// The database of the source environment.
    pub(super) source: End<'a>,
    /// The database of the target environment.
    pub(super) target: End<'a>,
    pub(super) instance: Handle<ReplicationInstance>,
    pub(super) log_group: Input<String>,
    /// Ready when the instance can connect to both databases, and to AWS.
    pub(super) ways: Vec<Input<String>>,
    role: Input<Arn>,
    /// The authorities of both databases; `None` if those of a region are not known.
    certificates: Option<Input<Arn>>,
    /// Ready when the role can read the secrets.
    permission: Input<String>,
}

/// Makes the sessions of DMS in a target what replication needs: triggers and foreign keys of the user do not fire
/// again, and the guard of a database that is not the primary does not apply.
///
/// DMS runs it in each session: "Specifies a script to run immediately after AWS DMS connects to the endpoint. Valid
/// values: Any SQL statement separated by a semi-colon" ("Using extra connection attributes", `afterConnectScript`,
/// there of MySQL). `rds_superuser` may set `session_replication_role` ("Using a PostgreSQL database as a target"). DMS
/// logs in with the role of the service, so the guard, which is a default of this role, is also its default; a session
/// may change it.
const WRITES_ALWAYS: &str = "SET session_replication_role = 'replica'; SET default_transaction_read_only = off";

/// Keeps values of a source as they are: "columns with unbounded NUMERIC data types as STRING in order to successfully
/// migrate without losing precision", and texts without a length up to the largest size instead of 8000 bytes. The API
/// has no fields for them ("Endpoint settings and Extra Connection Attributes (ECAs) when using PostgreSQL as a DMS
/// source").
const EXACT_VALUES: &str = "MapUnboundedNumericAsString=true;unboundedVarcharMaxSize=10485760";

impl Base<'_> {
    /// Returns the credentials of the source database.
    pub(super) fn source_secret(&self) -> SourceSecret {
        SourceSecret { arn: self.source.secret.clone(), content: self.source.content.clone() }
    }

    /// Returns the endpoint `name` that reads an end.
    pub(super) fn source_endpoint(&self, builder: &Builder<'_>, name: &str, end: &End<'_>) -> Endpoint {
        Endpoint {
            identifier: builder.names.endpoint(name),
            direction: EndpointDirection::Source,
            engine: "postgres".to_owned(),
            database_name: end.name.clone(),
            secret: end.secret.clone(),
            access_role: self.role.clone(),
            // PostgreSQL endpoints support all modes; `require` encrypts, but "no CA verification is made" ("Using SSL
            // with AWS Database Migration Service").
            ssl_mode: if self.certificates.is_some() { "verify-full" } else { "require" }.to_owned(),
            certificate: self.certificates.clone(),
            kms_key: builder.config.encryption.key(),
            after_connect_script: None,
            fail_on_lob_truncation: true,
            extra_connection_attributes: Some(EXACT_VALUES.to_owned()),
            slot_name: None,
            plugin_name: None,
            capture_ddls: true,
            permission: self.permission.clone(),
            content: end.content.clone(),
        }
    }

    /// Returns the endpoint `name` that writes an end.
    pub(super) fn target_endpoint(&self, builder: &Builder<'_>, name: &str, end: &End<'_>) -> Endpoint {
        // "For use with change data capture (CDC) only" (PostgreSQLSettings, AfterConnectScript).
        let replicates_changes = builder.config.replication.migration_type != MigrationType::FullLoad;
        Endpoint {
            direction: EndpointDirection::Target,
            after_connect_script: replicates_changes.then(|| WRITES_ALWAYS.to_owned()),
            fail_on_lob_truncation: false,
            extra_connection_attributes: None,
            ..self.source_endpoint(builder, name, end)
        }
    }
}

/// Adds the replication. `link_ready` is what must be ready before it can connect to the databases of `from`, and
/// `known` what the migration has found out.
pub(super) fn add<'a>(
    builder: &mut Builder<'_>,
    own: &'a Environment,
    from: &'a Environment,
    link: &ReplicationLink,
    known: KnownReplication<'_>,
    link_ready: Vec<Input<String>>,
) -> Option<Replication<'a>> {
    let source = source_end(builder, own, from, from.database(&link.from)?);
    let database = own.database(&link.to)?;
    let target = End {
        database,
        secret: database.secret.arn(),
        content: database.content.done(),
        name: own.config.database.name.clone(),
    };
    let instance = instance(builder, own);
    let (role, permission) = access(builder, from, &[&source, &target]);
    let certificates = certificates(builder, own, from);
    let log_group = logs(builder);
    // Only the tasks depend on the routes, which they use for secrets and logs. The instance does not wait for them,
    // because their creation takes minutes.
    let ways = [
        link_ready,
        own.groups.replication_rules.clone(),
        own.network.private_routes.clone(),
        own.network.public_routes.clone(),
        [&source, &target].map(|end| end.database.instance.endpoint_address()).into(),
    ];
    let base = Base { source, target, instance, log_group, ways: ways.concat(), role, certificates, permission };
    let config = builder.config.replication.clone();
    let source_endpoint = base.source_endpoint(builder, "source", &base.source);
    let source_endpoint = builder.add(PART, layout::SOURCE_ENDPOINT, &source_endpoint);
    let target_endpoint = base.target_endpoint(builder, "target", &base.target);
    let target_endpoint = builder.add(PART, layout::TARGET_ENDPOINT, &target_endpoint);
    let task = ReplicationTask {
        identifier: builder.names.replication_task(),
        resource_identifier: builder.names.replication_task_id(),
        source_endpoint: source_endpoint.usable_arn(),
        target_endpoint: target_endpoint.usable_arn(),
        instance: base.instance.usable_arn(),
        migration_type: config.migration_type.as_str().to_owned(),
        table_mappings: table_mappings(&config, known.measured),
        settings: settings(&config, known),
        started_by: None,
        log_group: base.log_group.clone(),
        ways: base.ways.clone(),
    };
    let task = builder.add(PART, layout::TASK, &task);
    Some(Replication { base, task, target_endpoint })
}

/// Returns the source's credentials. In another region they come from a replica of the secret, because an endpoint
/// accepts only secrets of its own region.
fn source_end<'a>(builder: &mut Builder<'_>, own: &Environment, from: &Environment, database: &'a Database) -> End<'a> {
    let name = from.config.database.name.clone();
    if own.config.region == from.config.region {
        return End { database, secret: database.secret.arn(), content: database.content.done(), name };
    }
    let spec = SecretReplica {
        secret: database.secret.arn(),
        name: database.secret_name.clone(),
        region: own.config.region.to_string(),
        kms_key: builder.config.encryption.key(),
        content: database.content.done(),
    };
    // Replicas are managed through the primary secret, so this resource is in the region of the primary.
    let replica = builder.add_in(&from.location, PART, "source-secret", &spec);
    End { database, secret: replica.arn(), content: replica.arn().text(), name }
}

/// Adds the replication instance in the private subnets, and the roles that DMS requires in each account.
fn instance(builder: &mut Builder<'_>, own: &Environment) -> Handle<ReplicationInstance> {
    let mut account_role = |name: &str, managed: &str| {
        let spec = AccountRole {
            name: name.to_owned(),
            managed_policy: format!("arn:{{partition}}:iam::aws:policy/service-role/{managed}"),
            permissions_boundary: builder.config.iam.boundary(),
        };
        builder.add(PART, name, &spec).done()
    };
    let [for_vpc, for_logs] = DMS_ACCOUNT_ROLES;
    let vpc_role = account_role(for_vpc, "AmazonDMSVPCManagementRole");
    let logs_role = account_role(for_logs, "AmazonDMSCloudWatchLogsRole");
    let subnets = ReplicationSubnetGroup {
        identifier: builder.names.replication_subnet_group(),
        description: "Private subnets of the replication instance".to_owned(),
        subnets: own.network.private.iter().map(Handle::<Subnet>::id).collect(),
        vpc_role,
    };
    let subnets = builder.add(PART, "subnet-group", &subnets);
    let config = &builder.config.replication;
    let spec = ReplicationInstance {
        identifier: builder.names.replication_instance(),
        instance_class: config.instance_class.clone(),
        allocated_storage_gb: config.allocated_storage_gb,
        engine_version: config.engine_version.clone(),
        subnet_group: subnets.identifier(),
        security_groups: vec![own.groups.dms.id()],
        kms_key: builder.config.encryption.key(),
        multi_az: config.multi_az,
        logs_role,
    };
    builder.add(PART, layout::REPLICATION_INSTANCE, &spec)
}

/// Adds the root certificates of RDS in the regions of both databases, which are public. One resource holds them all:
/// "If you use Amazon RDS, you can download the root CA and certificate bundle provided by Amazon RDS" ("Using SSL with
/// AWS Database Migration Service"). This program does not have those of some regions: China, GovCloud, and regions
/// opened since August 2023. The endpoints then encrypt their connections without verifying the server.
fn certificates(builder: &mut Builder<'_>, own: &Environment, from: &Environment) -> Option<Input<Arn>> {
    let regions: BTreeSet<&str> = [own, from].map(|environment| environment.config.region.as_str()).into();
    let pem: String = regions.into_iter().map(rds_roots_pem).collect::<Option<_>>()?;
    let key = builder.config.encryption.key();
    // Another key makes another certificate, which can be created before the old one is deleted.
    let content = format!("{pem}{}", key.as_deref().unwrap_or_default());
    let fingerprint: String = Sha256::digest(content).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let spec = Certificate { identifier: builder.names.database_certificates(&fingerprint), pem, kms_key: key };
    Some(builder.add(PART, "certificates", &spec).arn())
}

/// Adds the role with which DMS reads the credentials, and its policy. Returns the role, and what must be ready before
/// the role can be used.
fn access(builder: &mut Builder<'_>, from: &Environment, ends: &[&End<'_>]) -> (Input<Arn>, Input<String>) {
    let description = "Lets DMS read the credentials of both databases";
    let role = builder.role(builder.names.replication_role(), description, Trust::dms(&builder.config.region));
    let role = builder.add(PART, "secrets-role", &role);
    let secrets = ends.iter().map(|end| end.secret.clone().text()).collect();
    let mut statements =
        vec![Statement::allow("Secrets", &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], secrets)];
    // A replica is encrypted with a key of its own region.
    let far = (from.config.region == builder.config.region).then(|| from.config.encryption.key()).flatten();
    let mut keys: Vec<String> = builder.config.encryption.key().into_iter().chain(far).collect();
    keys.dedup();
    if !keys.is_empty() {
        statements.push(Statement::allow(
            "Keys",
            &["kms:Decrypt", "kms:DescribeKey"],
            keys.into_iter().map(Input::Value).collect(),
        ));
    }
    let policy = RolePolicy { role: role.name(), name: "read-credentials".to_owned(), statements };
    let policy = builder.add(PART, "secrets-policy", &policy);
    let permission = match share_secret(builder, from, &ends[0].database.secret.arn()) {
        None => policy.done(),
        Some(shared) => Input::concat([policy.done(), shared]),
    };
    (role.arn(), permission)
}

/// Lets DMS and the second service read the secret of the source database, if it is in another account.
fn share_secret(builder: &mut Builder<'_>, from: &Environment, secret: &Input<Arn>) -> Option<Input<String>> {
    let account = builder.account_of(&builder.location)?;
    if from.location.account == builder.location.account {
        return None;
    }
    let roles = [builder.names.replication_role(), builder.names.link_task_role()];
    let readers = roles.map(|name| format!("role{}{name}", builder.config.iam.path)).to_vec();
    let policy = SecretPolicy { secret: secret.clone(), account, readers };
    Some(builder.add_in(&from.location, PART, "source-secret-policy", &policy).done())
}

/// Adds the log group of the task, with a retention. DMS would create one that never expires and that outlives the
/// stack.
fn logs(builder: &mut Builder<'_>) -> Input<String> {
    let spec = LogGroup {
        name: builder.names.replication_logs(),
        retention_days: builder.config.service.log_retention_days,
        kms_key: builder.config.encryption.key(),
    };
    builder.add(PART, "logs", &spec).name()
}
