//! The databases of an environment: credentials, subnets, parameters, the instance, and password rotation.

use std::collections::BTreeMap;

use super::builder::Builder;
use super::layout;
use super::network::Network;
use super::security::SecurityGroups;
use super::trust::Trust;
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::ec2::Subnet;
use infra_kinds::iam::{RolePolicy, Statement};
use infra_kinds::lambda::{Function, Package, Permission};
use infra_kinds::logs::LogGroup;
use infra_kinds::rds::{DbInstance, DbParameterGroup, DbSubnetGroup, FinalSnapshot};
use infra_kinds::secretsmanager::{Secret, SecretContent, SecretRotation};

/// Length of generated passwords. RDS for PostgreSQL accepts up to 128 characters.
const PASSWORD_LENGTH: i64 = 32;

/// A database.
pub(super) struct Database {
    pub(super) role: String,
    pub(super) secret: Handle<Secret>,
    pub(super) secret_name: String,
    pub(super) content: Handle<SecretContent>,
    pub(super) instance: Handle<DbInstance>,
}

/// Adds each database that the environment lists.
pub(super) fn add(builder: &mut Builder<'_>, network: &Network, groups: &SecurityGroups) -> Vec<Database> {
    let roles = builder.config.databases.clone();
    roles.into_iter().map(|role| database(builder, network, groups, role)).collect()
}

fn database(builder: &mut Builder<'_>, network: &Network, groups: &SecurityGroups, role: String) -> Database {
    let part = layout::database(&role);
    let config = &builder.config.database;
    let key = builder.config.encryption.key();
    let environment = builder.config.name.clone();

    let secret = Secret {
        name: builder.names.database(&role),
        description: format!("Master credentials of the {role} payment database in {environment}"),
        username: config.username.clone(),
        password_length: PASSWORD_LENGTH,
        kms_key: key.clone(),
        recovery_window_days: (builder.config.secrets.recovery_window_days > 0)
            .then_some(builder.config.secrets.recovery_window_days),
    };
    let subnets = DbSubnetGroup {
        name: builder.names.subnet_group(&role),
        description: format!("Private subnets of the {role} payment database"),
        subnets: network.private.iter().map(Handle::<Subnet>::id).collect(),
    };
    let parameters = DbParameterGroup {
        name: builder.names.parameter_group(&role),
        family: format!("postgres{}", config.engine_version.split('.').next().unwrap_or_default()),
        description: format!("Logical replication and TLS for the {role} payment database"),
        // All but `rds.force_ssl` are static parameters. They are set before the instance is created, so that no
        // reboot is necessary.
        parameters: parameters(&config.parameters),
    };
    let secret_name = secret.name.clone();
    let secret = builder.add(&part, layout::SECRET, &secret);
    let subnets = builder.add(&part, "subnet-group", &subnets);
    let parameters = builder.add(&part, "parameter-group", &parameters);
    let identifier = builder.names.database(&role);
    let log_groups = builder
        .config
        .database
        .log_exports
        .clone()
        .iter()
        .map(|log| log_group(builder, &part, &identifier, log))
        .collect();
    let config = &builder.config.database;
    let instance = DbInstance {
        identifier,
        engine: "postgres".to_owned(),
        engine_version: config.engine_version.clone(),
        instance_class: config.instance_class.clone(),
        allocated_storage_gb: config.allocated_storage_gb,
        storage_type: config.storage_type.clone(),
        db_name: config.name.clone(),
        master_username: config.username.clone(),
        master_secret: secret.arn(),
        subnet_group: subnets.name(),
        parameter_group: parameters.name(),
        security_groups: vec![groups.db.id()],
        encrypted: config.storage_encrypted,
        kms_key: key,
        multi_az: config.multi_az,
        backup_retention_days: config.backup_retention_days,
        log_exports: config.log_exports.clone(),
        log_groups,
        performance_insights_days: (config.performance_insights_days > 0).then_some(config.performance_insights_days),
        deletion_protection: config.deletion_protection,
        final_snapshot: if config.final_snapshot { FinalSnapshot::Take } else { FinalSnapshot::Skip },
        apply_immediately: config.apply_immediately,
    };
    let instance = builder.add(&part, layout::INSTANCE, &instance);
    let content = SecretContent {
        secret: secret.arn(),
        engine: "postgres".to_owned(),
        host: instance.endpoint_address(),
        port: instance.endpoint_port(),
        username: builder.config.database.username.clone(),
        dbname: builder.config.database.name.clone(),
    };
    let content = builder.add(&part, "secret-content", &content);
    let database = Database { role, secret, secret_name, content, instance };
    rotation(builder, &part, &database);
    database
}

/// Returns the engine parameters that replication requires, with those of the configuration on top.
fn parameters(configured: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let required = [
        ("rds.logical_replication", "1"),
        ("max_replication_slots", "10"),
        ("max_wal_senders", "10"),
        ("rds.force_ssl", "1"),
    ];
    let required = required.map(|(name, value)| (name.to_owned(), value.to_owned()));
    required.into_iter().chain(configured.clone()).collect()
}

/// Adds the log group that RDS exports a log to ("Publishing database logs to Amazon CloudWatch Logs").
fn log_group(builder: &mut Builder<'_>, part: &str, identifier: &str, log: &str) -> Input<String> {
    let spec = LogGroup {
        name: format!("/aws/rds/instance/{identifier}/{log}"),
        retention_days: builder.config.service.log_retention_days,
        kms_key: builder.config.encryption.key(),
    };
    builder.add(part, &format!("logs-{log}"), &spec).name()
}

/// Adds the function that rotates the password, its permissions and its schedule. The rotation starts once the database
/// exists and its secret is complete.
fn rotation(builder: &mut Builder<'_>, part: &str, database: &Database) {
    let name = builder.names.rotation(&database.role);
    // The stack creates the log group, with a retention. Lambda would create one that never expires and that outlives
    // the stack.
    let logs = builder.add(
        part,
        "rotation-logs",
        &LogGroup {
            name: format!("/aws/lambda/{name}"),
            retention_days: builder.config.service.log_retention_days,
            kms_key: builder.config.encryption.key(),
        },
    );
    let description = format!("Rotates the password of the {} payment database", database.role);
    let role = builder.role(name.clone(), description, Trust::lambda());
    let role = builder.add(part, "rotation-role", &role);
    let policy =
        RolePolicy { role: role.name(), name: "rotate".to_owned(), statements: statements(builder, database, &logs) };
    let policy = builder.add(part, "rotation-policy", &policy);
    let function = Function {
        name,
        description: format!("Rotates the password of the {} payment database", database.role),
        role: role.arn(),
        package: Package::DbSecretRotation,
        timeout_seconds: 600,
        memory_mb: 128,
        environment: [("DB_INSTANCE_IDENTIFIER".to_owned(), builder.names.database(&database.role))].into(),
    };
    let function = builder.add(part, "rotation-function", &function);
    let permission = Permission {
        function: function.name(),
        statement_id: "secrets-manager".to_owned(),
        principal: "secretsmanager.amazonaws.com".to_owned(),
        source_arn: Some(database.secret.arn()),
        source_account: Some(true),
    };
    let permission = builder.add(part, "rotation-permission", &permission);
    let rotation = SecretRotation {
        secret: database.secret.arn(),
        function: function.usable_arn(),
        every_days: builder.config.secrets.rotation_days,
        content: database.content.done(),
        permission: Input::concat([permission.done(), policy.done()]),
    };
    builder.add(part, "rotation", &rotation);
}

fn statements(builder: &Builder<'_>, database: &Database, logs: &Handle<LogGroup>) -> Vec<Statement> {
    let mut statements = vec![
        Statement::allow(
            "Secret",
            &[
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            vec![database.secret.arn().text()],
        ),
        // It acts on no resource, so IAM knows none for it ("Actions, resources, and condition keys for AWS Secrets
        // Manager").
        Statement::allow("Password", &["secretsmanager:GetRandomPassword"], vec!["*".into()]),
        Statement::allow(
            "Database",
            &["rds:DescribeDBInstances", "rds:ModifyDBInstance"],
            vec![database.instance.arn().text()],
        ),
        // The resources are the streams of the group, whose names Lambda chooses.
        Statement::allow(
            "Logs",
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            vec![Input::concat([logs.arn().text(), ":*".into()])],
        ),
    ];
    if let Some(key) = builder.config.encryption.key() {
        statements.push(Statement::allow("Key", &["kms:Decrypt", "kms:GenerateDataKey"], vec![key.into()]));
    }
    statements
}
