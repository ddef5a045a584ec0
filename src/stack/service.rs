//! The payment service: tasks on Fargate behind a load balancer, scaled by use.

use std::collections::BTreeMap;

use super::build::Builder;
use super::database::Database;
use super::network::Network;
use super::security::Groups;
use super::storage::Storage;
use crate::graph::Input;
use crate::resource::Handle;
use crate::resources::autoscaling::{ScalableTarget, ScalingPolicy};
use crate::resources::ec2::Subnet;
use crate::resources::ecs::{Cluster, Container, Service as EcsService, TaskDefinition};
use crate::resources::elbv2::{Action, Listener, LoadBalancer, Protocol, TargetGroup};
use crate::resources::iam::{Role, RolePolicy, RolePolicyAttachment, Statement};
use crate::resources::logs::LogGroup;

const CONTAINER: &str = "payment-service";
/// "Supports TLS 1.3 and 1.2 with forward secrecy" (Elastic Load Balancing, "Security policies").
const TLS_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

/// What monitoring and routing need of the service.
pub(super) struct Service {
    pub(super) cluster: Handle<Cluster>,
    pub(super) service: Handle<EcsService>,
    pub(super) load_balancer: Handle<LoadBalancer>,
    pub(super) target_group: Handle<TargetGroup>,
    /// There once the load balancer forwards requests.
    pub(super) listener: Input<String>,
}

/// Adds the service and everything that it stands on.
pub(super) fn add(builder: &mut Builder<'_>, network: &Network, groups: &Groups, databases: &[Database], buckets: &[Storage]) -> Service {
    let insights = LogGroup {
        name: format!("/aws/ecs/containerinsights/{}/performance", builder.names.cluster()),
        retention_days: builder.config.service.log_retention_days,
        kms_key: builder.config.encryption.key(),
    };
    let insights = builder.add("service", "insights-logs", &insights);
    let cluster = Cluster { name: builder.names.cluster(), container_insights: true, log_group: Some(insights.name()) };
    let cluster = builder.add("service", "cluster", &cluster);
    let (load_balancer, target_group, listener) = balancing(builder, network, groups);
    let task_definition = tasks(builder, databases, buckets);
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
        egress: [&network.private_ways, &network.public_ways, &groups.ways_of_the_service].into_iter().flatten().cloned().collect(),
        // The service reads its database's secret when it starts: it must be complete by then.
        database_ready: databases.iter().map(|database| database.content.done()).collect(),
    };
    let service = builder.add("service", "service", &spec);
    scaling(builder, &cluster, &service);
    Service { cluster, service, load_balancer, target_group, listener }
}

/// The load balancer with its target group and listeners. Returns what a service must wait for: the listener that forwards.
fn balancing(builder: &mut Builder<'_>, network: &Network, groups: &Groups) -> (Handle<LoadBalancer>, Handle<TargetGroup>, Input<String>) {
    let service = builder.config.service.clone();
    let load_balancer = LoadBalancer {
        name: builder.names.load_balancer(),
        subnets: network.public.iter().map(Handle::<Subnet>::id).collect(),
        security_groups: vec![groups.alb.id()],
        internet_gateway: network.gateway.id(),
        deletion_protection: false,
        idle_timeout_seconds: 60,
        drop_invalid_headers: true,
    };
    let load_balancer = builder.add("service", "load-balancer", &load_balancer);
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
    let target_group = builder.add("service", "target-group", &target_group);
    let forward = || Action::Forward(target_group.arn());
    let mut listener = |name: &str, port: i32, protocol: Protocol, action: Action| {
        builder.add("service", name, &Listener { load_balancer: load_balancer.arn(), port, protocol, action }).done()
    };
    let forwarding = if service.certificate_arn.is_empty() {
        listener("listener-http", 80, Protocol::Http, forward())
    } else {
        listener("listener-http", 80, Protocol::Http, Action::RedirectToHttps);
        let protocol = Protocol::Https { certificate_arn: service.certificate_arn, ssl_policy: TLS_POLICY.to_owned() };
        listener("listener-https", 443, protocol, forward())
    };
    (load_balancer, target_group, forwarding)
}

/// The task definition, its two roles and its log group.
fn tasks(builder: &mut Builder<'_>, databases: &[Database], buckets: &[Storage]) -> Handle<TaskDefinition> {
    let service = builder.config.service.clone();
    let logs = LogGroup { name: builder.names.log_group(), retention_days: service.log_retention_days, kms_key: builder.config.encryption.key() };
    let logs = builder.add("service", "logs", &logs);
    let names = builder.names.clone();
    let mut role = |name: &str, aws_name: String, description: &str| {
        let spec = Role {
            name: aws_name,
            description: description.to_owned(),
            trust: vec!["ecs-tasks.amazonaws.com".to_owned()],
            source_account_condition: true,
        };
        builder.add("service", name, &spec)
    };
    let execution = role("execution-role", names.execution_role(), "Lets ECS pull the image and write the logs of the payment service");
    let task = role("task-role", names.task_role(), "What the payment service itself may do");
    let managed = RolePolicyAttachment {
        role: execution.name(),
        policy_arn: "arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy".to_owned(),
    };
    let mut policies = vec![builder.add("service", "execution-policy", &managed).done()];
    let statements = statements(builder, databases, buckets);
    if !statements.is_empty() {
        let own = RolePolicy { role: task.name(), name: "own-secrets-and-buckets".to_owned(), statements };
        policies.push(builder.add("service", "task-policy", &own).done());
    }
    let mut environment: BTreeMap<String, Input<String>> = [("ENVIRONMENT".to_owned(), builder.config.name.as_str().into())].into();
    // The database of this environment; in an environment with both, the one of the same name.
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
    builder.add("service", "task-definition", &definition)
}

/// What tasks may do: read just their secrets, read and write just their buckets.
fn statements(builder: &Builder<'_>, databases: &[Database], buckets: &[Storage]) -> Vec<Statement> {
    let mut statements = Vec::new();
    if !databases.is_empty() {
        let secrets = databases.iter().map(|database| database.secret.arn().text()).collect();
        statements.push(Statement::allow("Secrets", &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], secrets));
    }
    if !buckets.is_empty() {
        statements.push(Statement::allow("Buckets", &["s3:ListBucket"], buckets.iter().map(|storage| storage.bucket.arn().text()).collect()));
        let objects = buckets.iter().map(|storage| Input::concat([storage.bucket.arn().text(), "/*".into()])).collect();
        statements.push(Statement::allow("Objects", &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects));
    }
    if let (Some(key), false) = (builder.config.encryption.key(), statements.is_empty()) {
        statements.push(Statement::allow("Key", &["kms:Decrypt", "kms:GenerateDataKey"], vec![key.into()]));
    }
    statements
}

/// Scaling by CPU and by memory.
fn scaling(builder: &mut Builder<'_>, cluster: &Handle<Cluster>, service: &Handle<EcsService>) {
    let config = builder.config.service.clone();
    let target = ScalableTarget { cluster_name: cluster.name(), service_name: service.name(), min: config.min_count, max: config.max_count };
    let target = builder.add("service", "scaling-target", &target);
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
        builder.add("service", &format!("scaling-{name}"), &policy);
    }
}
