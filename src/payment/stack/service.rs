//! The payment service: Fargate tasks behind a load balancer, with auto scaling.

use std::collections::BTreeMap;

use super::builder::Builder;
use super::database::Database;
use super::layout::{self, SERVICE as PART};
use super::network::Network;
use super::security::SecurityGroups;
use super::storage::Storage;
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::autoscaling::{ScalableTarget, ScalingPolicy};
use infra_kinds::ec2::Subnet;
use infra_kinds::ecs::{Cluster, Container, Service as EcsService, TaskDefinition};
use infra_kinds::elbv2::{Action, Fence, Listener, LoadBalancer, Protocol, TargetGroup};
use infra_kinds::iam::{Role, RolePolicy, RolePolicyAttachment, Statement};
use infra_kinds::logs::LogGroup;

const CONTAINER: &str = "payment-service";
/// "Supports TLS 1.3 and 1.2 with forward secrecy" (Elastic Load Balancing, "Security policies").
const TLS_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

/// The rule with the lowest priority is evaluated first ("Listener rules for your Application Load Balancer").
const FENCE_PRIORITY: i32 = 1;
/// What clients read while a fence is closed.
const CLOSED: &str = "The service is being moved and accepts no requests. Try again in a minute.";

/// The resources of the service that monitoring and routing refer to.
pub(super) struct Service {
    pub(super) cluster: Handle<Cluster>,
    pub(super) service: Handle<EcsService>,
    pub(super) load_balancer: Handle<LoadBalancer>,
    pub(super) target_group: Handle<TargetGroup>,
    /// Ready when the load balancer forwards requests.
    pub(super) listener: Input<String>,
}

/// Adds the service and the resources that it depends on.
pub(super) fn add(
    builder: &mut Builder<'_>,
    network: &Network,
    groups: &SecurityGroups,
    databases: &[Database],
    buckets: &[Storage],
) -> Service {
    let insights = LogGroup {
        name: format!("/aws/ecs/containerinsights/{}/performance", builder.names.cluster()),
        retention_days: builder.config.service.log_retention_days,
        kms_key: builder.config.encryption.key(),
    };
    let insights = builder.add(PART, "insights-logs", &insights);
    let cluster = Cluster { name: builder.names.cluster(), container_insights: true, log_group: Some(insights.name()) };
    let cluster = builder.add(PART, layout::CLUSTER, &cluster);
    let (load_balancer, target_group, listener) = load_balancing(builder, network, groups);
    let task_definition = task_definition(builder, databases, buckets);
    let service = &builder.config.service;
    let spec = EcsService {
        name: builder.names.service(),
        cluster: cluster.name(),
        task_definition: task_definition.arn(),
        desired_count: service.desired_count,
        subnets: network.private.iter().map(Handle::<Subnet>::id).collect(),
        security_groups: vec![groups.ecs.id()],
        target_group: target_group.arn(),
        container_name: CONTAINER.to_owned(),
        container_port: service.port,
        health_check_grace_seconds: service.health_check_grace_seconds,
        listener: listener.clone(),
        egress: [&network.private_routes, &network.public_routes, &groups.service_rules]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        // The service reads the secret of its database when it starts, so the secret must be complete.
        database_ready: databases.iter().map(|database| database.content.done()).collect(),
    };
    let service = builder.add(PART, layout::ECS_SERVICE, &spec);
    scaling(builder, &cluster, &service);
    Service { cluster, service, load_balancer, target_group, listener }
}

/// Adds the load balancer with its target group, listeners and fence. The third value is ready when a listener forwards
/// to the target group, which the ECS service depends on.
fn load_balancing(
    builder: &mut Builder<'_>,
    network: &Network,
    groups: &SecurityGroups,
) -> (Handle<LoadBalancer>, Handle<TargetGroup>, Input<String>) {
    let service = builder.config.service.clone();
    let load_balancer = LoadBalancer {
        name: builder.names.load_balancer(),
        subnets: network.public.iter().map(Handle::<Subnet>::id).collect(),
        security_groups: vec![groups.alb.id()],
        internet_gateway: network.gateway.id(),
        deletion_protection: false,
        idle_timeout_seconds: 60,
        client_keep_alive_seconds: service.client_keep_alive_seconds,
        drop_invalid_headers: true,
    };
    let load_balancer = builder.add(PART, layout::LOAD_BALANCER, &load_balancer);
    let target_group = TargetGroup {
        name: builder.names.target_group(),
        vpc: network.vpc.id(),
        port: service.port,
        health_check_path: service.health_check_path,
        health_check_interval_seconds: 30,
        health_check_timeout_seconds: 5,
        healthy_threshold: 2,
        unhealthy_threshold: 3,
        deregistration_delay_seconds: service.deregistration_delay_seconds,
    };
    let target_group = builder.add(PART, layout::TARGET_GROUP, &target_group);
    let forward = || Action::Forward(target_group.arn());
    let mut listener = |name: &str, port: i32, protocol: Protocol, action: Action| {
        builder.add(PART, name, &Listener { load_balancer: load_balancer.arn(), port, protocol, action })
    };
    let forwarding = if service.certificate_arn.is_empty() {
        listener("listener-http", 80, Protocol::Http, forward())
    } else {
        listener("listener-http", 80, Protocol::Http, Action::RedirectToHttps);
        let protocol = Protocol::Https { certificate_arn: service.certificate_arn, ssl_policy: TLS_POLICY.to_owned() };
        listener("listener-https", 443, protocol, forward())
    };
    let fence = Fence { listener: forwarding.arn(), priority: FENCE_PRIORITY, message: CLOSED.to_owned() };
    builder.add(PART, layout::FENCE, &fence);
    (load_balancer, target_group, forwarding.done())
}

/// Adds the task definition, its two roles and its log group.
fn task_definition(builder: &mut Builder<'_>, databases: &[Database], buckets: &[Storage]) -> Handle<TaskDefinition> {
    let service = builder.config.service.clone();
    let logs = LogGroup {
        name: builder.names.log_group(),
        retention_days: service.log_retention_days,
        kms_key: builder.config.encryption.key(),
    };
    let logs = builder.add(PART, "logs", &logs);
    let names = builder.names.clone();
    let mut role = |name: &str, aws_name: String, description: &str| {
        let spec = Role {
            name: aws_name,
            description: description.to_owned(),
            trust: vec!["ecs-tasks.amazonaws.com".to_owned()],
            source_account_condition: true,
        };
        builder.add(PART, name, &spec)
    };
    let execution = role(
        "execution-role",
        names.execution_role(),
        "Lets ECS pull the image and write the logs of the payment service",
    );
    let task = role("task-role", names.task_role(), "What the payment service itself may do");
    let managed = RolePolicyAttachment {
        role: execution.name(),
        policy_arn: "arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy".to_owned(),
    };
    let mut policies = vec![builder.add(PART, "execution-policy", &managed).done()];
    let statements = statements(builder, databases, buckets);
    if !statements.is_empty() {
        let own = RolePolicy { role: task.name(), name: "own-secrets-and-buckets".to_owned(), statements };
        policies.push(builder.add(PART, "task-policy", &own).done());
    }
    let mut environment: BTreeMap<String, Input<String>> =
        [("ENVIRONMENT".to_owned(), builder.config.name.as_str().into())].into();
    // An environment with both databases uses the one with its own name.
    let own = databases.iter().find(|database| database.role == builder.config.name).or(databases.first());
    if let Some(database) = own {
        environment.insert("DB_SECRET_ARN".to_owned(), database.secret.arn().text());
    }
    let definition = TaskDefinition {
        family: builder.names.service(),
        cpu: service.cpu.to_string(),
        memory: service.memory.to_string(),
        execution_role: execution.arn(),
        task_role: task.arn(),
        container: Container {
            name: CONTAINER.to_owned(),
            image: service.image,
            command: service.command,
            port: service.port,
            environment,
            log_group: logs.name(),
            health_check_command: None,
        },
        policies,
    };
    builder.add(PART, "task-definition", &definition)
}

/// Returns the permissions of the tasks: they read only their own secrets, and read and write only their own buckets.
fn statements(builder: &Builder<'_>, databases: &[Database], buckets: &[Storage]) -> Vec<Statement> {
    let mut statements = Vec::new();
    if !databases.is_empty() {
        let secrets = databases.iter().map(|database| database.secret.arn().text()).collect();
        statements.push(Statement::allow(
            "Secrets",
            &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
            secrets,
        ));
    }
    if !buckets.is_empty() {
        statements.push(Statement::allow(
            "Buckets",
            &["s3:ListBucket"],
            buckets.iter().map(|storage| storage.bucket.arn().text()).collect(),
        ));
        let objects = buckets.iter().map(|storage| Input::concat([storage.bucket.arn().text(), "/*".into()])).collect();
        statements.push(Statement::allow("Objects", &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects));
    }
    if let (Some(key), false) = (builder.config.encryption.key(), statements.is_empty()) {
        statements.push(Statement::allow("Key", &["kms:Decrypt", "kms:GenerateDataKey"], vec![key.into()]));
    }
    statements
}

/// Adds auto scaling by CPU and by memory.
fn scaling(builder: &mut Builder<'_>, cluster: &Handle<Cluster>, service: &Handle<EcsService>) {
    let config = builder.config.service.clone();
    let target = ScalableTarget {
        cluster_name: cluster.name(),
        service_name: service.name(),
        min: config.min_count,
        max: config.max_count,
    };
    let target = builder.add(PART, "scaling-target", &target);
    let policies = [
        ("cpu", "ECSServiceAverageCPUUtilization", config.cpu_target_percent),
        ("memory", "ECSServiceAverageMemoryUtilization", config.memory_target_percent),
    ];
    for (name, metric, target_percent) in policies {
        let policy = ScalingPolicy {
            name: format!("{}-{name}", builder.names.service()),
            resource_id: target.resource_id(),
            metric: metric.to_owned(),
            target_percent,
            scale_in_cooldown_seconds: config.scaling_cooldown_seconds,
            scale_out_cooldown_seconds: config.scaling_cooldown_seconds,
        };
        builder.add(PART, &format!("scaling-{name}"), &policy);
    }
}
