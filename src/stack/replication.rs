//! Database replication with AWS DMS: from a database of this or another environment into one of this.

use super::build::Builder;
use super::database::Database;
use super::environment::Environment;
use super::task_settings::{settings, table_mappings};
use crate::address::Arn;
use crate::config::Link;
use crate::graph::Input;
use crate::naming::DMS_ACCOUNT_ROLES;
use crate::resource::Handle;
use crate::resources::dms::{AccountRole, Endpoint, EndpointDirection, ReplicationInstance, ReplicationSubnetGroup, ReplicationTask};
use crate::resources::ec2::Subnet;
use crate::resources::iam::{Role, RolePolicy, Statement};
use crate::resources::logs::LogGroup;
use crate::resources::secretsmanager::SecretReplica;

const PART: &str = "replication";

/// What monitoring needs of the replication.
pub(super) struct Replication {
    pub(super) instance: Handle<ReplicationInstance>,
    pub(super) task: Handle<ReplicationTask>,
}

/// One end of the replication: the credentials as they can be read in the region of the replication.
struct End<'a> {
    database: &'a Database,
    secret: Input<Arn>,
    /// There once the secret is complete.
    content: Input<String>,
}

/// Adds the replication. `ways` are what lets it reach the databases of the other environment.
pub(super) fn add(builder: &mut Builder<'_>, own: &Environment, from: &Environment, link: &Link, ways: Vec<Input<String>>) -> Option<Replication> {
    let source = source_end(builder, own, from, from.database(&link.from)?);
    let database = own.database(&link.to)?;
    let target = End { database, secret: database.secret.arn(), content: database.content.done() };
    let config = builder.config.replication.clone();
    let instance = instance(builder, own);
    let (role, permission) = access(builder, from, &[&source, &target]);
    let mut endpoint = |name: &str, direction: EndpointDirection, end: &End<'_>, database_name: String| {
        let spec = Endpoint {
            identifier: builder.names.endpoint(name),
            direction,
            engine: "postgres".to_owned(),
            database_name,
            secret: end.secret.clone(),
            access_role: role.clone(),
            ssl_mode: "require".to_owned(),
            kms_key: builder.config.encryption.key(),
            permission: permission.clone(),
            content: end.content.clone(),
        };
        builder.add(PART, &format!("{name}-endpoint"), &spec)
    };
    let source_endpoint = endpoint("source", EndpointDirection::Source, &source, from.config.database.name.clone());
    let target_endpoint = endpoint("target", EndpointDirection::Target, &target, own.config.database.name.clone());
    let logs = logs(builder);
    let ready = [&source, &target].map(|end| end.database.instance.endpoint_address());
    let task = ReplicationTask {
        identifier: builder.names.replication_task(),
        resource_identifier: builder.names.replication_task_id(),
        source_endpoint: source_endpoint.usable_arn(),
        target_endpoint: target_endpoint.usable_arn(),
        instance: instance.usable_arn(),
        migration_type: config.migration_type.as_str().to_owned(),
        table_mappings: table_mappings(&config),
        settings: settings(&config),
        log_group: logs,
        // The instance can be made without a way out, which takes minutes to build; the task is what uses it, for the secrets and the logs.
        ways: [ways, own.groups.ways_of_the_replication.clone(), own.network.private_ways.clone(), own.network.public_ways.clone(), ready.into()]
            .concat(),
    };
    let task = builder.add(PART, "task", &task);
    Some(Replication { instance, task })
}

/// The source's credentials. In another region they are read from a replica, since an endpoint takes a secret of its own region
/// only.
fn source_end<'a>(builder: &mut Builder<'_>, own: &Environment, from: &Environment, database: &'a Database) -> End<'a> {
    if own.config.region == from.config.region {
        return End { database, secret: database.secret.arn(), content: database.content.done() };
    }
    let spec = SecretReplica {
        secret: database.secret.arn(),
        name: database.secret_name.clone(),
        region: own.config.region.to_string(),
        kms_key: builder.config.encryption.key(),
        content: database.content.done(),
    };
    // Only the primary is asked for replicas, so this belongs to the primary's region.
    let replica = builder.add_in(&from.config.region, PART, "source-secret", &spec);
    End { database, secret: replica.arn(), content: replica.arn().text() }
}

/// The replication instance in the private subnets, and the roles that DMS wants in every account.
fn instance(builder: &mut Builder<'_>, own: &Environment) -> Handle<ReplicationInstance> {
    let mut account = |name: &str, managed: &str| {
        let spec = AccountRole { name: name.to_owned(), managed_policy: format!("arn:{{partition}}:iam::aws:policy/service-role/{managed}") };
        builder.add(PART, name, &spec).done()
    };
    let [for_vpc, for_logs] = DMS_ACCOUNT_ROLES;
    let vpc_role = account(for_vpc, "AmazonDMSVPCManagementRole");
    let logs_role = account(for_logs, "AmazonDMSCloudWatchLogsRole");
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
    builder.add(PART, "instance", &spec)
}

/// The role that DMS reads the credentials with, and what lets it. Returns the role, and what to wait for before it works.
fn access(builder: &mut Builder<'_>, from: &Environment, ends: &[&End<'_>]) -> (Input<Arn>, Input<String>) {
    let role = Role {
        name: builder.names.replication_role(),
        description: "Lets DMS read the credentials of both databases".to_owned(),
        // The principal of the region, not the global one ("Using secrets to access AWS DMS endpoints").
        trust: vec![format!("dms.{}.amazonaws.com", builder.config.region)],
        source_account_condition: false,
    };
    let role = builder.add(PART, "secrets-role", &role);
    let secrets = ends.iter().map(|end| end.secret.clone().text()).collect();
    let mut statements = vec![Statement::allow("Secrets", &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], secrets)];
    // A replica is encrypted by the key of its region.
    let far = (from.config.region == builder.config.region).then(|| from.config.encryption.key()).flatten();
    let mut keys: Vec<String> = builder.config.encryption.key().into_iter().chain(far).collect();
    keys.dedup();
    if !keys.is_empty() {
        statements.push(Statement::allow("Keys", &["kms:Decrypt", "kms:DescribeKey"], keys.into_iter().map(Input::Value).collect()));
    }
    let policy = RolePolicy { role: role.name(), name: "read-credentials".to_owned(), statements };
    let policy = builder.add(PART, "secrets-policy", &policy);
    (role.arn(), policy.done())
}

/// The log group of the task, made here with its retention: one that DMS makes by itself is kept for ever and outlives the stack.
fn logs(builder: &mut Builder<'_>) -> Input<String> {
    let spec = LogGroup {
        name: builder.names.replication_logs(),
        retention_days: builder.config.service.log_retention_days,
        kms_key: builder.config.encryption.key(),
    };
    builder.add(PART, "logs", &spec).name()
}
