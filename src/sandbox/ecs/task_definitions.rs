//! Task definitions.

use std::collections::BTreeMap;

use aws_sdk_ecs::operation::delete_task_definitions::{
    DeleteTaskDefinitionsError, DeleteTaskDefinitionsInput, DeleteTaskDefinitionsOutput,
};
use aws_sdk_ecs::operation::deregister_task_definition::{
    DeregisterTaskDefinitionError, DeregisterTaskDefinitionInput, DeregisterTaskDefinitionOutput,
};
use aws_sdk_ecs::operation::describe_task_definition::{
    DescribeTaskDefinitionError, DescribeTaskDefinitionInput, DescribeTaskDefinitionOutput,
};
use aws_sdk_ecs::operation::list_task_definitions::{
    ListTaskDefinitionsError, ListTaskDefinitionsInput, ListTaskDefinitionsOutput,
};
use aws_sdk_ecs::operation::register_task_definition::{
    RegisterTaskDefinitionError, RegisterTaskDefinitionInput, RegisterTaskDefinitionOutput,
};
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, Failure, HealthCheck as SdkHealthCheck, KeyValuePair, LogConfiguration,
    LogDriver, NetworkMode, PortMapping, SortOrder, TaskDefinitionField, TaskDefinitionStatus, TransportProtocol,
};

use super::names::is_name;
use super::tags::{sdk_tags, tags_from_sdk};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ecs::{Container, HealthCheck, TaskDefinition};

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "family",
        "cpu",
        "memory",
        "execution_role_arn",
        "task_role_arn",
        "network_mode",
        "requires_compatibilities",
        "container_definitions",
        "tags",
    ];
    registry.on("ecs", "RegisterTaskDefinition", fields, RegisterTaskDefinitionError::generic, register_revision);
    registry.on(
        "ecs",
        "ListTaskDefinitions",
        &["family_prefix", "status", "sort"],
        ListTaskDefinitionsError::generic,
        list,
    );
    registry.on(
        "ecs",
        "DescribeTaskDefinition",
        &["task_definition", "include"],
        DescribeTaskDefinitionError::generic,
        describe,
    );
    registry.on(
        "ecs",
        "DeregisterTaskDefinition",
        &["task_definition"],
        DeregisterTaskDefinitionError::generic,
        deregister,
    );
    registry.on("ecs", "DeleteTaskDefinitions", &["task_definitions"], DeleteTaskDefinitionsError::generic, delete);
}

/// Returns whether Fargate on Linux supports a pair of CPU and memory ("Task CPU and memory", ECS
/// developer guide).
fn fargate_has(cpu: &str, memory: &str) -> bool {
    let Ok(memory) = memory.parse::<u32>() else { return false };
    let gigabytes = |range: std::ops::RangeInclusive<u32>| memory % 1024 == 0 && range.contains(&(memory / 1024));
    match cpu {
        "256" => matches!(memory, 512 | 1024 | 2048),
        "512" => gigabytes(1..=4),
        "1024" => gigabytes(2..=8),
        "2048" => gigabytes(4..=16),
        "4096" => gigabytes(8..=30),
        // "Between 16 GB and 60 GB in 4 GB increments", "between 32 GB and 120 GB in 8 GB increments".
        "8192" => gigabytes(16..=60) && memory % 4096 == 0,
        "16384" => gigabytes(32..=120) && memory % 8192 == 0,
        _ => false,
    }
}

fn client<T>(message: impl Into<String>) -> Result<T, Rejection> {
    refuse("ClientException", message)
}

fn container_from_sdk(definition: &ContainerDefinition) -> Container {
    let pair =
        |pair: &KeyValuePair| (pair.name().unwrap_or_default().to_owned(), pair.value().unwrap_or_default().to_owned());
    let logs = definition.log_configuration().and_then(|logs| logs.options());
    Container {
        name: definition.name().unwrap_or_default().to_owned(),
        image: definition.image().unwrap_or_default().to_owned(),
        command: definition.command().to_vec(),
        port: definition.port_mappings().first().and_then(aws_sdk_ecs::types::PortMapping::container_port),
        environment: definition.environment().iter().map(pair).collect(),
        log_options: logs
            .map(|options| options.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<BTreeMap<_, _>>()),
        health_check: definition.health_check().map(|check| HealthCheck {
            command: check.command().to_vec(),
            interval: check.interval(),
            timeout: check.timeout(),
            retries: check.retries(),
            start_period: check.start_period(),
        }),
    }
}

fn container_to_sdk(container: &Container) -> ContainerDefinition {
    let mapping = |port: &i32| {
        PortMapping::builder().container_port(*port).host_port(*port).protocol(TransportProtocol::Tcp).build()
    };
    let pair = |(name, value): &(String, String)| KeyValuePair::builder().name(name).value(value).build();
    let logs = container.log_options.as_ref().and_then(|options| {
        let options = options.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        LogConfiguration::builder().log_driver(LogDriver::Awslogs).set_options(Some(options)).build().ok()
    });
    let health = container.health_check.as_ref().and_then(|check| {
        let printed = SdkHealthCheck::builder()
            .set_command(Some(check.command.clone()))
            .set_interval(check.interval)
            .set_timeout(check.timeout);
        printed.set_retries(check.retries).set_start_period(check.start_period).build().ok()
    });
    ContainerDefinition::builder()
        .name(&container.name)
        .image(&container.image)
        .essential(true)
        .set_command((!container.command.is_empty()).then(|| container.command.clone()))
        .set_port_mappings(Some(container.port.iter().map(mapping).collect()))
        .set_environment(Some(container.environment.iter().map(pair).collect()))
        .set_log_configuration(logs)
        .set_health_check(health)
        .build()
}

fn register_revision(
    call: &mut Call<'_>,
    input: &RegisterTaskDefinitionInput,
) -> Result<RegisterTaskDefinitionOutput, Rejection> {
    let family = input.family().unwrap_or_default();
    if !is_name(family) {
        return client("Family should match [a-zA-Z0-9-_] and be at most 255 characters long.");
    }
    if input.network_mode() != Some(&NetworkMode::Awsvpc)
        || input.requires_compatibilities() != [Compatibility::Fargate]
    {
        return client("Fargate only supports network mode 'awsvpc'.");
    }
    let (cpu, memory) = (input.cpu().unwrap_or_default(), input.memory().unwrap_or_default());
    if !fargate_has(cpu, memory) {
        return client(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS \
             documentation for the valid values."
        ));
    }
    let [definition] = input.container_definitions() else {
        return refuse("SandboxUnknownMember", "the sandbox models only task definitions with one container");
    };
    let container = container_from_sdk(definition);
    if container_to_sdk(&container) != *definition {
        return refuse("SandboxUnknownMember", "the sandbox does not model everything in this container definition");
    }
    if !is_name(&container.name) || container.image.is_empty() {
        return client("Container.name and Container.image should not be null or empty.");
    }
    // "Up to 255 letters (uppercase and lowercase), numbers, hyphens, underscores, colons, periods, forward slashes,
    // and number signs are allowed" (`image` of ContainerDefinition); a digest has an `@`.
    let in_image = |one: char| one.is_ascii_alphanumeric() || "-_:./#@".contains(one);
    if container.image.len() > 255 || !container.image.chars().all(in_image) {
        return client("Container.image contains invalid characters or is too long.");
    }
    // "awslogs-group", "awslogs-region" and for Fargate "awslogs-stream-prefix" are required (LogConfiguration).
    if let Some(options) = &container.log_options {
        if let Some(missing) = ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"]
            .into_iter()
            .find(|key| !options.contains_key(*key))
        {
            return client(format!("Log driver awslogs requires options: {missing}"));
        }
        if input.execution_role_arn().is_none() {
            return client(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            );
        }
    }
    if container
        .health_check
        .as_ref()
        .is_some_and(|check| !matches!(check.command.first().map(String::as_str), Some("CMD" | "CMD-SHELL" | "NONE")))
    {
        return client("The health check command must begin with CMD, CMD-SHELL or NONE.");
    }
    let revisions = &mut call.region_state().ecs.revisions;
    let revision = revisions.get(family).copied().unwrap_or(0) + 1;
    revisions.insert(family.to_owned(), revision);
    let definition = TaskDefinition {
        arn: call.arn("ecs", &format!("task-definition/{family}:{revision}")),
        family: family.to_owned(),
        revision,
        status: "ACTIVE".to_owned(),
        cpu: cpu.to_owned(),
        memory: memory.to_owned(),
        execution_role_arn: input.execution_role_arn().map(str::to_owned),
        task_role_arn: input.task_role_arn().map(str::to_owned),
        container,
        tags: tags_from_sdk(input.tags()),
    };
    let answer = RegisterTaskDefinitionOutput::builder()
        .task_definition(to_sdk(&definition))
        .set_tags(Some(sdk_tags(&definition.tags)))
        .build();
    call.region_state().ecs.task_definitions.insert(definition.arn.clone(), definition);
    Ok(answer)
}

fn to_sdk(definition: &TaskDefinition) -> aws_sdk_ecs::types::TaskDefinition {
    aws_sdk_ecs::types::TaskDefinition::builder()
        .task_definition_arn(&definition.arn)
        .family(&definition.family)
        .revision(definition.revision)
        .status(TaskDefinitionStatus::from(definition.status.as_str()))
        .cpu(&definition.cpu)
        .memory(&definition.memory)
        .set_execution_role_arn(definition.execution_role_arn.clone())
        .set_task_role_arn(definition.task_role_arn.clone())
        .network_mode(NetworkMode::Awsvpc)
        .requires_compatibilities(Compatibility::Fargate)
        .container_definitions(container_to_sdk(&definition.container))
        .build()
}

fn list(call: &mut Call<'_>, input: &ListTaskDefinitionsInput) -> Result<ListTaskDefinitionsOutput, Rejection> {
    // "By default, only ACTIVE task definitions are listed" (ListTaskDefinitions).
    let status = input.status().unwrap_or(&TaskDefinitionStatus::Active).as_str();
    let definitions = call.region_state().ecs.task_definitions.values();
    let mut found: Vec<&TaskDefinition> = definitions
        .filter(|definition| {
            definition.status == status && input.family_prefix().is_none_or(|family| definition.family == family)
        })
        .collect();
    found.sort_by_key(|definition| (&definition.family, definition.revision));
    if input.sort() == Some(&SortOrder::Desc) {
        found.reverse();
    }
    let arns = found.into_iter().map(|definition| definition.arn.clone()).collect();
    Ok(ListTaskDefinitionsOutput::builder().set_task_definition_arns(Some(arns)).build())
}

/// Finds a task definition by ARN or by `family:revision`.
fn find<'a>(call: &'a mut Call<'_>, name: &str) -> Option<&'a mut TaskDefinition> {
    let by_name = |definition: &TaskDefinition| format!("{}:{}", definition.family, definition.revision) == name;
    call.region_state()
        .ecs
        .task_definitions
        .values_mut()
        .find(|definition| definition.arn == name || by_name(definition))
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeTaskDefinitionInput,
) -> Result<DescribeTaskDefinitionOutput, Rejection> {
    let Some(definition) = find(call, input.task_definition().unwrap_or_default()) else {
        return client("Unable to describe task definition.");
    };
    let tags = input.include().contains(&TaskDefinitionField::Tags).then(|| sdk_tags(&definition.tags));
    Ok(DescribeTaskDefinitionOutput::builder().task_definition(to_sdk(definition)).set_tags(tags).build())
}

fn deregister(
    call: &mut Call<'_>,
    input: &DeregisterTaskDefinitionInput,
) -> Result<DeregisterTaskDefinitionOutput, Rejection> {
    match find(call, input.task_definition().unwrap_or_default()).filter(|definition| definition.status == "ACTIVE") {
        Some(definition) => {
            "INACTIVE".clone_into(&mut definition.status);
            Ok(DeregisterTaskDefinitionOutput::builder().task_definition(to_sdk(definition)).build())
        }
        None => client("The specified task definition does not exist or is not active."),
    }
}

fn delete(call: &mut Call<'_>, input: &DeleteTaskDefinitionsInput) -> Result<DeleteTaskDefinitionsOutput, Rejection> {
    // "You can specify up to 10 task definitions as a comma separated list" (DeleteTaskDefinitions).
    if !(1..=10).contains(&input.task_definitions().len()) {
        return refuse("InvalidParameterException", "Specify between 1 and 10 task definitions.");
    }
    let mut answer = DeleteTaskDefinitionsOutput::builder();
    for name in input.task_definitions() {
        answer = match find(call, name) {
            None => answer.failures(Failure::builder().arn(name).reason("MISSING").build()),
            // "You must deregister a task definition revision before you delete it" (DeleteTaskDefinitions).
            Some(definition) if definition.status == "ACTIVE" => {
                let reason = "The specified task definition is still in ACTIVE status. Please deregister the target \
                 and try again.";
                answer.failures(Failure::builder().arn(name).reason(reason).build())
            }
            Some(definition) => {
                "DELETE_IN_PROGRESS".clone_into(&mut definition.status);
                answer.task_definitions(to_sdk(definition))
            }
        };
    }
    Ok(answer.build())
}
