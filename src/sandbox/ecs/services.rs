//! Services.

use std::collections::BTreeSet;

use aws_sdk_ecs::operation::create_service::{CreateServiceError, CreateServiceInput, CreateServiceOutput};
use aws_sdk_ecs::operation::delete_service::{DeleteServiceError, DeleteServiceInput, DeleteServiceOutput};
use aws_sdk_ecs::operation::describe_services::{DescribeServicesError, DescribeServicesInput, DescribeServicesOutput};
use aws_sdk_ecs::operation::list_services::{ListServicesError, ListServicesInput, ListServicesOutput};
use aws_sdk_ecs::operation::update_service::{UpdateServiceError, UpdateServiceInput, UpdateServiceOutput};
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentRolloutState,
    Failure, LaunchType, LoadBalancer, NetworkConfiguration, PropagateTags, ServiceEvent, ServiceField,
};

use super::names::{is_name, resource_name};
use super::tags::{sdk_tags, tags_from_sdk};
use super::tasks;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ecs::{Deployment, Ecs, Rollout, Service, Settings};

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "cluster",
        "service_name",
        "task_definition",
        "desired_count",
        "launch_type",
        "network_configuration",
        "load_balancers",
        "health_check_grace_period_seconds",
        "deployment_configuration",
        "propagate_tags",
        "client_token",
        "tags",
    ];
    registry.on("ecs", "CreateService", fields, CreateServiceError::generic, create);
    registry.on(
        "ecs",
        "DescribeServices",
        &["cluster", "services", "include"],
        DescribeServicesError::generic,
        describe,
    );
    registry.on("ecs", "ListServices", &["cluster"], ListServicesError::generic, list);
    let fields = &[
        "cluster",
        "service",
        "task_definition",
        "desired_count",
        "network_configuration",
        "load_balancers",
        "health_check_grace_period_seconds",
        "deployment_configuration",
        "force_new_deployment",
    ];
    registry.on("ecs", "UpdateService", fields, UpdateServiceError::generic, update);
    registry.on("ecs", "DeleteService", &["cluster", "service", "force"], DeleteServiceError::generic, delete);
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Rejection> {
    refuse("InvalidParameterException", message)
}

fn cluster_name(call: &mut Call<'_>, cluster: Option<&str>) -> Result<String, Rejection> {
    let name = resource_name(cluster.unwrap_or("default")).to_owned();
    match call.region_state().ecs.clusters.get(&name) {
        Some(cluster) if cluster.active => Ok(name),
        _ => refuse("ClusterNotFoundException", "Cluster not found."),
    }
}

/// The settings that a call requests; `None` for those that it omits.
struct RequestedSettings<'a> {
    task_definition: Option<&'a str>,
    network: Option<&'a NetworkConfiguration>,
    load_balancers: &'a [LoadBalancer],
    grace: Option<i32>,
    deployment: Option<&'a DeploymentConfiguration>,
}

/// Returns the requested settings after validation. Omitted ones are taken from `before`.
fn settings(
    call: &mut Call<'_>,
    before: Option<&Settings>,
    requested: &RequestedSettings<'_>,
) -> Result<Settings, Rejection> {
    let vpc = requested.network.and_then(|network| network.awsvpc_configuration());
    let target = match requested.load_balancers {
        [] => None,
        [one] => Some(one),
        _ => return refuse("SandboxUnknownMember", "the sandbox models only services with one load balancer"),
    };
    if vpc.is_some_and(|vpc| vpc.assign_public_ip() == Some(&AssignPublicIp::Enabled)) {
        return refuse("SandboxUnknownMember", "the sandbox models only services without public addresses");
    }
    let breaker = requested.deployment.and_then(|deployment| deployment.deployment_circuit_breaker());
    let text = |requested: Option<&str>, before: Option<&String>| {
        requested.map(str::to_owned).or(before.cloned()).unwrap_or_default()
    };
    let settings = Settings {
        task_definition: text(requested.task_definition, before.map(|before| &before.task_definition)),
        subnets: vpc
            .map(|vpc| vpc.subnets().to_vec())
            .or(before.map(|before| before.subnets.clone()))
            .unwrap_or_default(),
        security_groups: vpc
            .map(|vpc| vpc.security_groups().to_vec())
            .or(before.map(|before| before.security_groups.clone()))
            .unwrap_or_default(),
        target_group_arn: text(
            target.and_then(|target| target.target_group_arn()),
            before.map(|before| &before.target_group_arn),
        ),
        container_name: text(
            target.and_then(|target| target.container_name()),
            before.map(|before| &before.container_name),
        ),
        container_port: target
            .and_then(aws_sdk_ecs::types::LoadBalancer::container_port)
            .or(before.map(|before| before.container_port))
            .unwrap_or_default(),
        health_check_grace_period_seconds: requested
            .grace
            .or(before.map(|before| before.health_check_grace_period_seconds))
            .unwrap_or_default(),
        circuit_breaker: breaker.map_or_else(
            || before.is_some_and(|before| before.circuit_breaker),
            aws_sdk_ecs::types::DeploymentCircuitBreaker::enable,
        ),
        rollback: breaker.map_or_else(
            || before.is_some_and(|before| before.rollback),
            aws_sdk_ecs::types::DeploymentCircuitBreaker::rollback,
        ),
    };
    check_network(call, &settings)?;
    let region_state = call.region_state();
    let Some(group) = region_state.elbv2.target_groups.get(&settings.target_group_arn) else {
        return invalid(format!("The target group with targetGroupArn {} does not exist.", settings.target_group_arn));
    };
    if region_state.elbv2.attached_load_balancers(&group.arn).is_empty() {
        return invalid(format!(
            "The target group with targetGroupArn {} does not have an associated load balancer.",
            group.arn
        ));
    }
    // "Services with tasks that use the awsvpc network mode … choose ip as the target type" (CreateService).
    if group.target_type != "ip" {
        return invalid(format!(
            "The provided target group {} has target type {}, which is incompatible with the awsvpc network mode",
            group.arn, group.target_type
        ));
    }
    match region_state.ecs.task_definitions.get(&settings.task_definition) {
        None => return refuse("ClientException", "Unable to describe task definition."),
        Some(definition)
            if definition.status != "ACTIVE"
                && before.is_none_or(|before| before.task_definition != settings.task_definition) =>
        {
            return refuse("ClientException", "TaskDefinition is inactive");
        }
        Some(definition) if definition.container.name != settings.container_name => {
            return invalid(format!(
                "The container {} does not exist in the task definition.",
                settings.container_name
            ));
        }
        Some(definition) if definition.container.port != Some(settings.container_port) => {
            return invalid(format!(
                "The container {} did not have a container port {} defined.",
                settings.container_name, settings.container_port
            ));
        }
        Some(_) => {}
    }
    Ok(settings)
}

fn check_network(call: &mut Call<'_>, settings: &Settings) -> Result<(), Rejection> {
    let ec2 = &call.region_state().ec2;
    if settings.subnets.is_empty() {
        return invalid("subnets can not be empty.");
    }
    let mut vpcs = BTreeSet::new();
    for id in &settings.subnets {
        let Some(subnet) = ec2.subnets.get(id) else {
            return invalid(format!(
                "Error retrieving subnet information for [{id}]: The subnet ID '{id}' does not exist (ErrorCode: \
                 InvalidSubnetID.NotFound)"
            ));
        };
        vpcs.insert(subnet.vpc_id.as_str());
    }
    for id in &settings.security_groups {
        let Some(group) = ec2.security_groups.get(id) else {
            return invalid(format!(
                "Error retrieving security group information for [{id}]: The security group '{id}' does not exist \
                 (ErrorCode: InvalidGroup.NotFound)"
            ));
        };
        vpcs.insert(group.vpc_id.as_str());
    }
    if vpcs.len() > 1 {
        return invalid("The subnets and security groups must be in the same VPC.");
    }
    Ok(())
}

fn create(call: &mut Call<'_>, input: &CreateServiceInput) -> Result<CreateServiceOutput, Rejection> {
    let cluster = cluster_name(call, input.cluster())?;
    let name = input.service_name().unwrap_or_default();
    if !is_name(name) {
        return invalid("Invalid service name.");
    }
    if input.launch_type() != Some(&LaunchType::Fargate) || input.propagate_tags() != Some(&PropagateTags::Service) {
        return refuse(
            "SandboxUnknownMember",
            "the sandbox models only Fargate services that propagate their tags to their tasks",
        );
    }
    let desired_count = input.desired_count().unwrap_or_default();
    let token = input.client_token().unwrap_or_default().to_owned();
    // "Up to 36 ASCII characters in the range of 33-126 (inclusive) are allowed" (CreateService).
    if token.len() > 36 {
        return invalid("clientToken is longer than 36 characters.");
    }
    let arn = call.arn("ecs", &format!("service/{cluster}/{name}"));
    let requested = RequestedSettings {
        task_definition: input.task_definition(),
        network: input.network_configuration(),
        load_balancers: input.load_balancers(),
        grace: input.health_check_grace_period_seconds(),
        deployment: input.deployment_configuration(),
    };
    let request = format!("{input:?}");
    let ecs = &call.region_state().ecs;
    let existing = ecs.services.get(&arn).filter(|service| !service.deleted).cloned();
    match (ecs.tokens.get(&token), &existing) {
        (Some(before), Some(existing)) if *before == request && existing.status() == "ACTIVE" => {
            return Ok(CreateServiceOutput::builder().service(to_sdk(call, existing)).build());
        }
        (_, Some(existing)) if existing.status() == "DRAINING" => {
            return invalid("Unable to Start a service that is still Draining.");
        }
        (Some(_), _) | (_, Some(_)) => return invalid("Creation of service was not idempotent."),
        (None, None) => {}
    }
    let settings = settings(call, None, &requested)?;
    let mut service = Service {
        arn: arn.clone(),
        name: name.to_owned(),
        cluster,
        desired_count,
        settings,
        tags: tags_from_sdk(input.tags()),
        deployments: Vec::new(),
        steady_since: None,
        drained_at: None,
        deleted: false,
        events: Vec::new(),
        stopped: Vec::new(),
    };
    deploy(call, &mut service);
    let ecs = &mut call.region_state().ecs;
    if !token.is_empty() {
        ecs.tokens.insert(token, request);
    }
    ecs.services.insert(arn, service.clone());
    Ok(CreateServiceOutput::builder().service(to_sdk(call, &service)).build())
}

/// Creates a new primary deployment and its tasks.
fn deploy(call: &mut Call<'_>, service: &mut Service) {
    let now = call.now();
    let startup_millis = call.completion_time(45.0, 65.0, 130.0) - now;
    let number: String = call.world.random_hex().chars().filter(char::is_ascii_digit).take(19).collect();
    let users = call.region_state().elbv2.attached_load_balancers(&service.settings.target_group_arn);
    // A load balancer that is still provisioning does not check its targets.
    let not_before = users.iter().map(|balancer| balancer.active_at + 20_000).min().unwrap_or(now);
    let task_definition = service.settings.task_definition.clone();
    let deployment = Deployment {
        id: format!("ecs-svc/{number}"),
        task_definition,
        created_at: now,
        startup_millis,
        not_before,
        steady_at: None,
        failed: false,
    };
    service.deployments.insert(0, deployment);
    let count = usize::try_from(service.desired_count).unwrap_or_default();
    call.world.start_tasks(&call.world.key(call.region.as_str()), service, count, None);
}

/// Deleted services are not listed, even while they drain.
fn list(call: &mut Call<'_>, input: &ListServicesInput) -> Result<ListServicesOutput, Rejection> {
    let cluster = resource_name(input.cluster().unwrap_or("default")).to_owned();
    let living = call
        .region_state()
        .ecs
        .services
        .values()
        .filter(|service| service.cluster == cluster && service.status() == "ACTIVE");
    Ok(ListServicesOutput::builder()
        .set_service_arns(Some(living.map(|service| service.arn.clone()).collect()))
        .build())
}

fn to_sdk(call: &mut Call<'_>, service: &Service) -> aws_sdk_ecs::types::Service {
    let now = call.now();
    let cluster_arn = call.arn("ecs", &format!("cluster/{}", service.cluster));
    let ecs = &call.region_state().ecs;
    let (running, pending) = counts(ecs, service, None, now);
    let settings = &service.settings;
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(settings.subnets.clone()))
        .set_security_groups(Some(settings.security_groups.clone()))
        .assign_public_ip(AssignPublicIp::Disabled);
    let target =
        LoadBalancer::builder().target_group_arn(&settings.target_group_arn).container_name(&settings.container_name);
    let breaker =
        DeploymentCircuitBreaker::builder().enable(settings.circuit_breaker).rollback(settings.rollback).build();
    let deployments = service.deployments.iter().enumerate().map(|(index, deployment)| {
        let (running, pending) = counts(ecs, service, Some(&deployment.id), now);
        let (state, reason) = match deployment.rollout(now) {
            Rollout::InProgress => (DeploymentRolloutState::InProgress, "in progress."),
            Rollout::Completed => (DeploymentRolloutState::Completed, "completed."),
            Rollout::Failed => (DeploymentRolloutState::Failed, "failed: tasks failed to start."),
        };
        aws_sdk_ecs::types::Deployment::builder()
            .id(&deployment.id)
            .status(if index == 0 { "PRIMARY" } else { "ACTIVE" })
            .task_definition(&deployment.task_definition)
            .desired_count(if index == 0 { service.desired_count } else { 0 })
            .running_count(running)
            .pending_count(pending)
            .rollout_state(state)
            .rollout_state_reason(format!("ECS deployment {} {reason}", deployment.id))
            .build()
    });
    let event = |(at, message): &(u64, String)| {
        ServiceEvent::builder()
            .created_at(DateTime::from_millis(i64::try_from(*at).unwrap_or_default()))
            .message(message)
            .build()
    };
    aws_sdk_ecs::types::Service::builder()
        .service_arn(&service.arn)
        .service_name(&service.name)
        .cluster_arn(cluster_arn)
        .status(service.status())
        .desired_count(if service.status() == "ACTIVE" { service.desired_count } else { 0 })
        .running_count(running)
        .pending_count(pending)
        .launch_type(LaunchType::Fargate)
        .task_definition(&settings.task_definition)
        .network_configuration(NetworkConfiguration::builder().set_awsvpc_configuration(vpc.build().ok()).build())
        .load_balancers(target.container_port(settings.container_port).build())
        .health_check_grace_period_seconds(settings.health_check_grace_period_seconds)
        .deployment_configuration(DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build())
        .set_deployments(Some(deployments.collect()))
        .set_events(Some(service.events.iter().map(event).collect()))
        .propagate_tags(PropagateTags::Service)
        .set_tags(Some(sdk_tags(&service.tags)))
        .build()
}

/// Returns the numbers of running and of pending tasks.
fn counts(ecs: &Ecs, service: &Service, deployment: Option<&str>, now: u64) -> (i32, i32) {
    let mut counts = (0, 0);
    for task in ecs
        .tasks
        .values()
        .filter(|task| task.service_arn == service.arn && deployment.is_none_or(|id| task.deployment == id))
    {
        if tasks::is_running(Some(service), task, now) {
            counts.0 += 1;
        } else {
            counts.1 += 1;
        }
    }
    counts
}

fn describe(call: &mut Call<'_>, input: &DescribeServicesInput) -> Result<DescribeServicesOutput, Rejection> {
    let cluster = cluster_name(call, input.cluster())?;
    // "You may specify up to 10 services to describe in a single operation" (DescribeServices).
    if !(1..=10).contains(&input.services().len()) {
        return invalid("Specify between 1 and 10 services.");
    }
    let mut answer = DescribeServicesOutput::builder();
    for requested in input.services() {
        let arn = call.arn("ecs", &format!("service/{cluster}/{}", resource_name(requested)));
        // Deleted services are described for some time, as INACTIVE (DeleteService).
        answer = match call.region_state().ecs.services.get(&arn).cloned() {
            Some(service) => {
                let mut printed = to_sdk(call, &service);
                printed.tags = printed.tags.filter(|_| input.include().contains(&ServiceField::Tags));
                answer.services(printed)
            }
            None => answer.failures(Failure::builder().arn(arn).reason("MISSING").build()),
        };
    }
    Ok(answer.build())
}

fn find(call: &mut Call<'_>, cluster: Option<&str>, service: Option<&str>) -> Result<Service, Rejection> {
    let cluster = cluster_name(call, cluster)?;
    let arn = call.arn("ecs", &format!("service/{cluster}/{}", resource_name(service.unwrap_or_default())));
    match call.region_state().ecs.services.get(&arn).cloned() {
        None => refuse("ServiceNotFoundException", "Service not found."),
        Some(service) if service.status() != "ACTIVE" => refuse("ServiceNotActiveException", "Service was not ACTIVE."),
        Some(service) => Ok(service),
    }
}

fn update(call: &mut Call<'_>, input: &UpdateServiceInput) -> Result<UpdateServiceOutput, Rejection> {
    let mut service = find(call, input.cluster(), input.service())?;
    let requested = RequestedSettings {
        task_definition: input.task_definition(),
        network: input.network_configuration(),
        load_balancers: input.load_balancers(),
        grace: input.health_check_grace_period_seconds(),
        deployment: input.deployment_configuration(),
    };
    let before = service.settings.clone();
    service.settings = settings(call, Some(&before), &requested)?;
    let after = &service.settings;
    let count = service.desired_count;
    service.desired_count = input.desired_count().unwrap_or(count);
    // A change of what the tasks are started with requires a new deployment; other changes do not (UpdateService).
    let tasks_differ = (&before.task_definition, &before.subnets, &before.security_groups)
        != (&after.task_definition, &after.subnets, &after.security_groups)
        || (&before.target_group_arn, before.container_port) != (&after.target_group_arn, after.container_port);
    if tasks_differ || input.force_new_deployment() == Some(true) {
        deploy(call, &mut service);
    } else if service.desired_count > count {
        let added = usize::try_from(service.desired_count - count).unwrap_or_default();
        let healthy_at = call.completion_time(45.0, 65.0, 130.0);
        call.world.start_tasks(&call.world.key(call.region.as_str()), &service, added, Some(healthy_at));
    } else {
        let removed_at = call.completion_time(30.0, 45.0, 60.0);
        let removed = usize::try_from(count - service.desired_count).unwrap_or_default();
        call.region_state().stop_tasks(&service.arn, removed, removed_at);
    }
    let answer = to_sdk(call, &service);
    call.region_state().ecs.services.insert(service.arn.clone(), service);
    Ok(UpdateServiceOutput::builder().service(answer).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteServiceInput) -> Result<DeleteServiceOutput, Rejection> {
    let mut service = find(call, input.cluster(), input.service())?;
    // "You can't delete a service that still runs tasks without scaling it down first, unless you set force"
    // (DeleteService).
    if service.desired_count > 0 && input.force() != Some(true) {
        return invalid("The service cannot be stopped while it is scaled above 0.");
    }
    let drained_at = call.completion_time(30.0, 160.0, 330.0);
    service.drained_at = Some(drained_at);
    call.region_state().stop_tasks(&service.arn, usize::MAX, drained_at);
    let answer = to_sdk(call, &service);
    call.region_state().ecs.services.insert(service.arn.clone(), service);
    Ok(DeleteServiceOutput::builder().service(answer).build())
}
