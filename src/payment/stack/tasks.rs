//! The tasks of a service: the roles, the log group and the task definition.

use std::collections::BTreeMap;

use super::builder::Builder;
use super::layout::{self, SERVICE};
use super::storage::Storage;
use super::trust::Trust;
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::ecs::{Container, TaskDefinition};
use infra_kinds::iam::{Role, RolePolicy, RolePolicyAttachment, Statement};
use infra_kinds::logs::LogGroup;

/// The name of the container.
pub(super) const CONTAINER: &str = "payment-service";

/// The secret of the database that tasks use, the only one that they may read; `None` for a service without a database.
pub(super) type TaskSecret = Option<Input<Arn>>;

/// What all tasks of an environment share.
pub(super) struct Shared {
    logs: Handle<LogGroup>,
    execution_role: Handle<Role>,
    execution_policy: Input<String>,
}

/// What is specific to the tasks of one service.
pub(super) struct Tasks {
    /// The part of the environment that they belong to.
    pub(super) part: &'static str,
    /// The name of the role, and its description.
    pub(super) role: String,
    pub(super) description: String,
    /// The family of the task definitions.
    pub(super) family: String,
    /// The secret of the database that they use.
    pub(super) secret: TaskSecret,
    /// The key of another environment in the same region, with which that secret is encrypted.
    pub(super) far_key: Option<String>,
}

/// Adds the role with which ECS starts tasks, and the log group.
pub(super) fn shared(builder: &mut Builder<'_>) -> Shared {
    let logs = LogGroup {
        name: builder.names.log_group(),
        retention_days: builder.config.service.log_retention_days,
        kms_key: builder.config.encryption.key(),
    };
    let logs = builder.add(SERVICE, "logs", &logs);
    let description = "Lets ECS pull the image and write the logs of the payment service";
    let execution_role = role(builder, builder.names.execution_role(), description);
    let execution_role = builder.add(SERVICE, "execution-role", &execution_role);
    let managed = RolePolicyAttachment {
        role: execution_role.name(),
        policy_arn: "arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy".to_owned(),
    };
    let execution_policy = builder.add(SERVICE, "execution-policy", &managed).done();
    Shared { logs, execution_role, execution_policy }
}

/// Adds the role of the tasks with its permissions, and the task definition.
pub(super) fn add(
    builder: &mut Builder<'_>,
    shared: &Shared,
    tasks: Tasks,
    buckets: &[Storage],
) -> Handle<TaskDefinition> {
    let role = role(builder, tasks.role.clone(), &tasks.description);
    let role = builder.add(tasks.part, "task-role", &role);
    let mut policies = vec![shared.execution_policy.clone()];
    let statements = statements(builder, &tasks, buckets);
    if !statements.is_empty() {
        let own = RolePolicy { role: role.name(), name: "own-secrets-and-buckets".to_owned(), statements };
        policies.push(builder.add(tasks.part, "task-policy", &own).done());
    }
    let mut environment: BTreeMap<String, Input<String>> =
        [("ENVIRONMENT".to_owned(), builder.config.name.as_str().into())].into();
    environment.extend(tasks.secret.map(|secret| ("DB_SECRET_ARN".to_owned(), secret.text())));
    let service = &builder.config.service;
    let definition = TaskDefinition {
        family: tasks.family,
        cpu: service.cpu.to_string(),
        memory: service.memory.to_string(),
        execution_role: shared.execution_role.arn(),
        task_role: role.arn(),
        container: Container {
            name: CONTAINER.to_owned(),
            image: service.image.clone(),
            command: service.command.clone(),
            port: service.port,
            environment,
            log_group: shared.logs.name(),
            health_check_command: None,
        },
        policies,
    };
    builder.add(tasks.part, layout::TASK_DEFINITION, &definition)
}

fn role(builder: &Builder<'_>, name: String, description: &str) -> Role {
    builder.role(name, description, Trust::ecs_tasks(&builder.config.region))
}

/// Returns the permissions of the tasks: they read only the secret of their database, and list, read and write only the
/// buckets of their environment. They delete objects only if the configuration says so.
fn statements(builder: &Builder<'_>, tasks: &Tasks, buckets: &[Storage]) -> Vec<Statement> {
    let mut statements = Vec::new();
    if let Some(secret) = &tasks.secret {
        statements.push(Statement::allow(
            "Secrets",
            &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
            vec![secret.clone().text()],
        ));
    }
    if !buckets.is_empty() {
        statements.push(Statement::allow(
            "Buckets",
            &["s3:ListBucket"],
            buckets.iter().map(|storage| storage.bucket.arn().text()).collect(),
        ));
        let objects = buckets.iter().map(|storage| Input::concat([storage.bucket.arn().text(), "/*".into()])).collect();
        let mut actions = vec!["s3:GetObject", "s3:PutObject"];
        if builder.config.service.may_delete_objects {
            actions.push("s3:DeleteObject");
        }
        statements.push(Statement::allow("Objects", &actions, objects));
    }
    statements.extend(key_statements(builder, tasks, !buckets.is_empty()));
    statements
}

/// Returns the permissions to use keys: to decrypt the secret and objects, and to encrypt objects, which takes
/// `kms:GenerateDataKey` ("Using server-side encryption with AWS KMS keys", Amazon S3 User Guide).
fn key_statements(builder: &Builder<'_>, tasks: &Tasks, writes_objects: bool) -> Vec<Statement> {
    let own = builder.config.encryption.key().filter(|_| tasks.secret.is_some() || writes_objects);
    let far = tasks.far_key.clone().filter(|far| own.as_ref() != Some(far));
    let actions: &[&str] = if writes_objects { &["kms:Decrypt", "kms:GenerateDataKey"] } else { &["kms:Decrypt"] };
    let own = own.map(|key| Statement::allow("Key", actions, vec![key.into()]));
    let far = far.map(|key| Statement::allow("SecretKey", &["kms:Decrypt"], vec![key.into()]));
    own.into_iter().chain(far).collect()
}
