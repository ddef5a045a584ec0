//! A task definition: what a Fargate task runs.
//!
//! A revision cannot be changed. A changed specification registers a new revision of the same family, which gives the
//! resource a new ARN. The registration accepts no idempotency token. So the identity is the family together with the
//! tags, and of several revisions the one that matches the specification counts.
//!
//! The old revision stays registered, because the circuit breaker of the service rolls back to it. The service
//! deregisters it when the deployment of the new one has completed (`revisions`). Deregistered revisions stay until the
//! resource is deleted, because tasks may still use them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, HealthCheck, KeyValuePair, LogConfiguration, LogDriver, NetworkMode,
    PortMapping, TaskDefinition as Description, TaskDefinitionStatus, TransportProtocol,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{revisions, tagging};
use infra_aws::{Progress, Wait};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a task definition.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ecs.task_definition",
    summary = "a Fargate task definition with one container",
    repeat = "setting",
    arns("ecs:task-definition/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Ecs,
    delete_blockers = "nothing; tasks of a deleted revision continue to run",
    reads("ecs:ListTaskDefinitions", "ecs:DescribeTaskDefinition"),
    creates("ecs:RegisterTaskDefinition"),
    updates("ecs:RegisterTaskDefinition"),
    deletes("ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"),
    permissions("iam:PassRole"),
)]
pub struct TaskDefinition {
    /// The name of the family of its revisions.
    #[immutable]
    #[unique]
    pub family: String,
    /// CPU units; 1024 is one vCPU. Fargate supports certain pairs of this and `memory`.
    pub cpu: String,
    /// Memory in MiB.
    pub memory: String,
    /// The role with which ECS pulls the image and writes logs.
    #[weak_ref]
    pub execution_role: Input<Arn>,
    /// The role of the program in the container.
    #[weak_ref]
    pub task_role: Input<Arn>,
    /// The container.
    #[weak_ref]
    pub container: Container,
    /// The policies of the two roles. They only set the order: without them, tasks would start and then fail.
    #[order_only]
    pub policies: Vec<Input<String>>,
}

/// The one container of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// The command; the default of the image when empty.
    pub command: Vec<String>,
    /// The port that it listens on.
    pub port: i32,
    /// Its environment. It is not secret.
    pub environment: BTreeMap<String, Input<String>>,
    /// The log group that its output goes to, in the same region.
    pub log_group: Input<String>,
    /// The health check of the container, for example `["CMD-SHELL", "…"]`.
    pub health_check_command: Option<Vec<String>>,
}

/// What a revision runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// CPU units.
    pub cpu: String,
    /// Memory in MiB.
    pub memory: String,
    /// The role with which ECS pulls the image and writes logs.
    pub execution_role: Arn,
    /// The role of the program in the container.
    pub task_role: Arn,
    /// The container's name.
    pub name: String,
    /// The container's image.
    pub image: String,
    /// The command.
    pub command: Vec<String>,
    /// The port that the container listens on.
    pub port: i32,
    /// The container's environment.
    pub environment: BTreeMap<String, String>,
    /// The log group of the container's output.
    pub log_group: String,
    /// The health check of the container.
    pub health_check_command: Option<Vec<String>>,
}

/// What is known of a task definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct TaskDefinitionAttrs {
    /// The ARN of the revision, which ends with its number.
    #[id]
    #[regenerates]
    #[output(created)]
    pub arn: Arn,
    /// Whether tasks and services can start with it.
    pub active: bool,
    /// What it runs; `None` for a revision that this kind never registers.
    pub content: Option<Content>,
}

#[async_trait]
impl Resource for TaskDefinition {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&TaskDefinitionAttrs>,
    ) -> Result<Observed<TaskDefinitionAttrs>> {
        let wanted = self.content()?;
        let (mut ours, foreign) = self.revisions(cx, TaskDefinitionStatus::Active).await?;
        if ours.is_empty() {
            if let Some(foreign) = foreign {
                return Ok(foreign);
            }
            // Deregistered, but not deleted: a run was killed in between.
            let (inactive, _) = self.revisions(cx, TaskDefinitionStatus::Inactive).await?;
            return Ok(inactive.into_iter().next().map_or(Observed::Absent, Observed::Ours));
        }
        let equal = ours.iter().position(|attrs| attrs.content.as_ref() == Some(&wanted));
        let remembered = || known.and_then(|known| ours.iter().position(|attrs| attrs.arn == known.arn));
        Ok(Observed::Ours(ours.remove(equal.or_else(remembered).unwrap_or(0))))
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let call = cx.aws.ecs.describe_task_definition().task_definition(arn.as_str()).send();
        // "ClientException" for a revision that ECS has deleted; a deregistered one is `INACTIVE` until then.
        let found = ignore_codes(cx.read("ecs:DescribeTaskDefinition", call).await, &["ClientException"])?;
        let status = found.and_then(|found| found.task_definition?.status);
        Ok(status == Some(TaskDefinitionStatus::Active))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<TaskDefinitionAttrs>) -> Result<TaskDefinitionAttrs> {
        let wanted = self.content()?;
        let arn = match seen {
            Some(seen) if seen.active && seen.content.as_ref() == Some(&wanted) => seen.arn,
            _ => self.register(cx, &wanted).await?,
        };
        Ok(TaskDefinitionAttrs { arn, active: true, content: Some(wanted) })
    }

    async fn delete(&self, cx: &StepContext, attrs: &TaskDefinitionAttrs) -> Result<()> {
        let (active, _) = self.revisions(cx, TaskDefinitionStatus::Active).await?;
        for revision in &active {
            deregister(cx, &revision.arn).await?;
        }
        // The list may not show the latest deregistrations yet.
        let (mut inactive, _) = self.revisions(cx, TaskDefinitionStatus::Inactive).await?;
        let unlisted: Vec<_> =
            active.into_iter().filter(|one| inactive.iter().all(|other| other.arn != one.arn)).collect();
        inactive.extend(unlisted);
        // "You can delete a maximum of 10 task definition revisions" in a call (DeleteTaskDefinitions).
        for some in inactive.chunks(10) {
            let arns: Vec<String> = some.iter().map(|revision| revision.arn.0.clone()).collect();
            let call = || cx.aws.ecs.delete_task_definitions().set_task_definitions(Some(arns.clone())).send();
            let answer = cx.mutate("ecs:DeleteTaskDefinitions", call).await?;
            if let Some(failure) = answer.failures().first() {
                let what = format!("the deletion of task definition {}", failure.arn().unwrap_or(&self.family));
                return Err(Error::Failed {
                    what,
                    status: failure.reason().unwrap_or("FAILED").to_owned(),
                    reason: failure.detail().map(str::to_owned),
                });
            }
        }
        // The lists above can be some seconds old and lack the revision that is to be deleted.
        cx.wait(Wait::new(format!("task definition {} to be deleted", attrs.arn), 2, 60), || push_out(cx, &attrs.arn))
            .await
    }

    fn inputs_from_attrs(attrs: &TaskDefinitionAttrs) -> Vec<(&'static str, Value)> {
        let revision =
            attrs.arn.as_str().split_once(":task-definition/").and_then(|(_, revision)| revision.split_once(':'));
        revision.map(|(family, _)| ("family", family.into())).into_iter().collect()
    }
}

impl TaskDefinition {
    fn content(&self) -> Result<Content> {
        let container = &self.container;
        let environment = container
            .environment
            .iter()
            .map(|(key, value)| Ok((key.clone(), value.get()?.clone())))
            .collect::<Result<_>>()?;
        Ok(Content {
            cpu: self.cpu.clone(),
            memory: self.memory.clone(),
            execution_role: self.execution_role.get()?.clone(),
            task_role: self.task_role.get()?.clone(),
            name: container.name.clone(),
            image: container.image.clone(),
            command: container.command.clone(),
            port: container.port,
            environment,
            log_group: container.log_group.get()?.clone(),
            health_check_command: container.health_check_command.clone(),
        })
    }

    async fn register(&self, cx: &StepContext, content: &Content) -> Result<Arn> {
        let container = definition(cx, content);
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let call = || {
            let call = cx.aws.ecs.register_task_definition().family(&self.family).cpu(&self.cpu).memory(&self.memory);
            let call = call
                .execution_role_arn(&content.execution_role)
                .task_role_arn(&content.task_role)
                .network_mode(NetworkMode::Awsvpc);
            call.requires_compatibilities(Compatibility::Fargate)
                .container_definitions(container.clone())
                .set_tags(Some(tags.clone()))
                .send()
        };
        // IAM can take some seconds to allow that a new role is passed (terraform-aws-modules/terraform-aws-ecs pull
        // request 415 shows it in CloudTrail).
        let created = cx.retry("the new roles to be visible to ECS", &["AccessDeniedException"], 30, || async {
            cx.mutate("ecs:RegisterTaskDefinition", call).await
        });
        let created = created.await?.task_definition;
        let arn = created.and_then(|created| created.task_definition_arn);
        arn.map(Arn).ok_or(Error::MissingField { call: "ecs:RegisterTaskDefinition", what: "the ARN" })
    }

    /// Returns the revisions of this resource in this status, newest first, and the newest foreign one, if any.
    async fn revisions(
        &self,
        cx: &StepContext,
        status: TaskDefinitionStatus,
    ) -> Result<(Vec<TaskDefinitionAttrs>, Option<Observed<TaskDefinitionAttrs>>)> {
        let (mut ours, mut foreign) = (Vec::new(), None);
        for revision in revisions::of_family(cx, &self.family, status).await? {
            match tagging::classify(cx, &revision.tags, &revision.arn, attrs(revision.definition)) {
                Observed::Ours(attrs) => ours.push(attrs),
                other => foreign = foreign.or(Some(other)),
            }
        }
        Ok((ours, foreign))
    }
}

async fn deregister(cx: &StepContext, arn: &Arn) -> Result<()> {
    let call = || cx.aws.ecs.deregister_task_definition().task_definition(arn).send();
    cx.mutate("ecs:DeregisterTaskDefinition", call).await.map(drop)
}

/// Deregisters or deletes one revision, and returns whether its deletion is in progress.
async fn push_out(cx: &StepContext, arn: &Arn) -> Result<Progress<()>> {
    let call = cx.aws.ecs.describe_task_definition().task_definition(arn.as_str()).send();
    let found = ignore_codes(cx.read("ecs:DescribeTaskDefinition", call).await, &["ClientException"])?;
    let status = found.and_then(|found| found.task_definition?.status);
    match &status {
        None | Some(TaskDefinitionStatus::DeleteInProgress) => return Ok(Progress::Reached(())),
        Some(TaskDefinitionStatus::Active) => {
            let call = || cx.aws.ecs.deregister_task_definition().task_definition(arn.as_str()).send();
            ignore_codes(cx.mutate("ecs:DeregisterTaskDefinition", call).await, &["ClientException"])?;
        }
        Some(_) => {
            let call = || cx.aws.ecs.delete_task_definitions().task_definitions(arn.as_str()).send();
            cx.mutate("ecs:DeleteTaskDefinitions", call).await?;
        }
    }
    Ok(Progress::Pending(status.map_or_else(|| "unknown".to_owned(), |status| status.as_str().to_owned())))
}

fn definition(cx: &StepContext, content: &Content) -> ContainerDefinition {
    let port = PortMapping::builder()
        .container_port(content.port)
        .host_port(content.port)
        .protocol(TransportProtocol::Tcp)
        .build();
    let environment = content
        .environment
        .iter()
        .map(|(name, value)| KeyValuePair::builder().name(name).value(value).build())
        .collect();
    let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs).options("awslogs-group", &content.log_group);
    let logs = logs.options("awslogs-region", cx.region.as_str()).options("awslogs-stream-prefix", &content.name);
    let health = content.health_check_command.as_ref().map(|command| {
        HealthCheck::builder().set_command(Some(command.clone())).interval(30).timeout(5).retries(3).start_period(60)
    });
    ContainerDefinition::builder()
        .name(&content.name)
        .image(&content.image)
        .essential(true)
        .set_command((!content.command.is_empty()).then(|| content.command.clone()))
        .port_mappings(port)
        .set_environment(Some(environment))
        // Both required members are set above.
        .set_log_configuration(logs.build().ok())
        .set_health_check(health.and_then(|health| health.build().ok()))
        .build()
}

fn attrs(current: Description) -> TaskDefinitionAttrs {
    TaskDefinitionAttrs {
        active: current.status() == Some(&TaskDefinitionStatus::Active),
        content: content(&current),
        arn: Arn(current.task_definition_arn.unwrap_or_default()),
    }
}

fn content(current: &Description) -> Option<Content> {
    let [container] = current.container_definitions() else { return None };
    let environment = container
        .environment()
        .iter()
        .map(|pair| (pair.name().unwrap_or_default().to_owned(), pair.value().unwrap_or_default().to_owned()));
    Some(Content {
        cpu: current.cpu()?.to_owned(),
        memory: current.memory()?.to_owned(),
        execution_role: current.execution_role_arn()?.into(),
        task_role: current.task_role_arn()?.into(),
        name: container.name()?.to_owned(),
        image: container.image()?.to_owned(),
        command: container.command().to_vec(),
        port: container.port_mappings().first()?.container_port()?,
        environment: environment.collect(),
        log_group: container.log_configuration()?.options()?.get("awslogs-group")?.clone(),
        health_check_command: container.health_check().map(|check| check.command().to_vec()),
    })
}
