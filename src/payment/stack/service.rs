//! The payment service: Fargate tasks behind a load balancer, with auto scaling.

use super::builder::Builder;
use super::database::Database;
use super::layout::{self, SERVICE as PART};
use super::network::Network;
use super::security::SecurityGroups;
use super::storage::Storage;
use super::tasks::{self, CONTAINER, Shared, TaskSecret, Tasks};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::Handle;
use infra_kinds::autoscaling::{ScalableTarget, ScalingPolicy};
use infra_kinds::ec2::Subnet;
use infra_kinds::ecs::{Cluster, Service as EcsService, TaskDefinition};
use infra_kinds::elbv2::{Action, Fence, Listener, LoadBalancer, Protocol, TargetGroup};
use infra_kinds::logs::LogGroup;

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
    /// The listener that forwards requests.
    pub(super) listener_arn: Input<Arn>,
    /// What all tasks of the environment share.
    pub(super) tasks: Shared,
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
    let shared = tasks::shared(builder);
    let tasks = Tasks {
        part: PART,
        role: builder.names.task_role(),
        description: "What the payment service itself may do".to_owned(),
        family: builder.names.service(),
        secret: own_secret(builder, databases),
        far_key: None,
    };
    let task_definition = tasks::add(builder, &shared, tasks, buckets);
    let service = Running {
        part: PART,
        name: builder.names.service(),
        cluster: &cluster,
        task_definition,
        target_group: &target_group,
        listener: listener.done(),
        rules: groups.service_rules.clone(),
        // The service reads the secret of its database when it starts, so the secret must be complete.
        database_ready: databases.iter().map(|database| database.content.done()).collect(),
    };
    let service = run(builder, network, groups, service);
    let (listener_arn, listener) = (listener.arn(), listener.done());
    Service { cluster, service, load_balancer, target_group, listener, listener_arn, tasks: shared }
}

/// Returns the secret of the database that the service uses. An environment with both databases uses the one with its
/// own name.
fn own_secret(builder: &Builder<'_>, databases: &[Database]) -> TaskSecret {
    let own = databases.iter().find(|database| database.role == builder.config.name).or(databases.first());
    own.map(|database| database.secret.arn())
}

/// An ECS service and what its tasks need.
pub(super) struct Running<'a> {
    /// The part of the environment that it belongs to.
    pub(super) part: &'static str,
    pub(super) name: String,
    pub(super) cluster: &'a Handle<Cluster>,
    pub(super) task_definition: Handle<TaskDefinition>,
    pub(super) target_group: &'a Handle<TargetGroup>,
    /// Ready when the load balancer can forward requests to the target group.
    pub(super) listener: Input<String>,
    /// Ready when the rules of its tasks are in effect.
    pub(super) rules: Vec<Input<String>>,
    /// Ready when the secret of the database is complete.
    pub(super) database_ready: Vec<Input<String>>,
}

/// Adds an ECS service with auto scaling.
pub(super) fn run(
    builder: &mut Builder<'_>,
    network: &Network,
    groups: &SecurityGroups,
    running: Running<'_>,
) -> Handle<EcsService> {
    let config = &builder.config.service;
    let spec = EcsService {
        name: running.name.clone(),
        cluster: running.cluster.name(),
        task_definition: running.task_definition.arn(),
        desired_count: config.desired_count,
        subnets: network.private.iter().map(Handle::<Subnet>::id).collect(),
        security_groups: vec![groups.ecs.id()],
        target_group: running.target_group.arn(),
        container_name: CONTAINER.to_owned(),
        container_port: config.port,
        health_check_grace_seconds: config.health_check_grace_seconds,
        listener: running.listener,
        egress: [&network.private_routes, &network.public_routes, &running.rules]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        database_ready: running.database_ready,
    };
    let service = builder.add(running.part, layout::ECS_SERVICE, &spec);
    scaling(builder, running.part, &running.name, running.cluster, &service);
    service
}

/// Adds the load balancer with its target group, listeners and fence. The listener forwards to the target group.
fn load_balancing(
    builder: &mut Builder<'_>,
    network: &Network,
    groups: &SecurityGroups,
) -> (Handle<LoadBalancer>, Handle<TargetGroup>, Handle<Listener>) {
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
    let target_group = target_group(builder, network, builder.names.target_group());
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
    (load_balancer, target_group, forwarding)
}

/// Returns a target group for tasks of the service.
pub(super) fn target_group(builder: &Builder<'_>, network: &Network, name: String) -> TargetGroup {
    let service = &builder.config.service;
    TargetGroup {
        name,
        vpc: network.vpc.id(),
        port: service.port,
        health_check_path: service.health_check_path.clone(),
        health_check_interval_seconds: 30,
        health_check_timeout_seconds: 5,
        healthy_threshold: 2,
        unhealthy_threshold: 3,
        deregistration_delay_seconds: service.deregistration_delay_seconds,
    }
}

/// Adds auto scaling by CPU and by memory.
fn scaling(
    builder: &mut Builder<'_>,
    part: &str,
    service_name: &str,
    cluster: &Handle<Cluster>,
    service: &Handle<EcsService>,
) {
    let config = builder.config.service.clone();
    let target = ScalableTarget {
        cluster_name: cluster.name(),
        service_name: service.name(),
        min: config.min_count,
        max: config.max_count,
    };
    let target = builder.add(part, "scaling-target", &target);
    let policies = [
        ("cpu", "ECSServiceAverageCPUUtilization", config.cpu_target_percent),
        ("memory", "ECSServiceAverageMemoryUtilization", config.memory_target_percent),
    ];
    for (name, metric, target_percent) in policies {
        let policy = ScalingPolicy {
            name: format!("{service_name}-{name}"),
            resource_id: target.resource_id(),
            metric: metric.to_owned(),
            target_percent,
            scale_in_cooldown_seconds: config.scaling_cooldown_seconds,
            scale_out_cooldown_seconds: config.scaling_cooldown_seconds,
        };
        builder.add(part, &format!("scaling-{name}"), &policy);
    }
}
