//! A task definition: what a Fargate task runs.
//!
//! A revision cannot be changed. A changed specification registers a new revision of the same family, which gives the
//! resource a new ARN, and takes the old one out of use. Registering takes no idempotency token, so the identity is the
//! family together with the tags, and of several revisions the one that equals the specification is the one we want.
//! Revisions that are out of use stay until the resource is deleted, because a running service may still need them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, HealthCheck, KeyValuePair, LogConfiguration, LogDriver, NetworkMode, PortMapping, SortOrder,
    TaskDefinition as Shown, TaskDefinitionField, TaskDefinitionStatus, TransportProtocol,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use crate::address::Arn;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// The specification of a task definition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// The name under which its revisions are counted.
    pub family: String,
    /// CPU units, 1024 for a whole one. Fargate knows certain pairs of this and `memory`.
    pub cpu: String,
    /// Memory in MiB.
    pub memory: String,
    /// The role with which ECS pulls the image and writes logs.
    pub execution_role: Input<Arn>,
    /// The role that the container's program has.
    pub task_role: Input<Arn>,
    /// The container.
    pub container: Container,
    /// The policies of the two roles. Their values are not used: without them tasks would start and then fail.
    pub policies: Vec<Input<String>>,
}

/// The one container of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// What is run; empty for what the image says.
    pub command: Vec<String>,
    /// The port that it listens on.
    pub port: i32,
    /// Its environment. It is not secret.
    pub environment: BTreeMap<String, Input<String>>,
    /// The log group that its output goes to, in the same region.
    pub log_group: Input<String>,
    /// How ECS asks the container whether it is well, for example `["CMD-SHELL", "…"]`.
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
    /// The role that the container's program has.
    pub task_role: Arn,
    /// The container's name.
    pub name: String,
    /// The container's image.
    pub image: String,
    /// What is run.
    pub command: Vec<String>,
    /// The port that the container listens on.
    pub port: i32,
    /// The container's environment.
    pub environment: BTreeMap<String, String>,
    /// The log group of the container's output.
    pub log_group: String,
    /// How ECS asks the container whether it is well.
    pub health_check_command: Option<Vec<String>>,
}

/// What is known of a task definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinitionAttrs {
    /// The ARN of the revision, which ends with its number.
    pub arn: Arn,
    /// Whether tasks and services can be started with it.
    pub active: bool,
    /// What it runs. `None` when it is something that this kind never registers.
    pub content: Option<Content>,
    /// Other active revisions of ours, left by a run that was stopped between registering one and taking out the other.
    pub superseded: Vec<Arn>,
}

impl Handle<TaskDefinition> {
    /// The ARN of the revision.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }
}

#[async_trait]
impl Resource for TaskDefinition {
    const KIND: &'static str = "ecs.task_definition";
    const ABOUT: About = About {
        summary: "a Fargate task definition with one container",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "ecs:RegisterTaskDefinition",
            "ecs:ListTaskDefinitions",
            "ecs:DescribeTaskDefinition",
            "ecs:DeregisterTaskDefinition",
            "ecs:DeleteTaskDefinitions",
            "ecs:TagResource",
            "ecs:UntagResource",
            "iam:PassRole",
        ],
        creates: &["ecs:RegisterTaskDefinition"],
        changes: &["ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:TagResource", "ecs:UntagResource"],
        deletes: &["ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"],
        immutable: &["family"],
        tagged: true,
        blocked_by: "nothing; tasks that run a deleted revision go on",
        unique: &[&["family"]],
        mentions: &["execution_role", "task_role", "container"],
        waits_for: &["policies"],
        renews: &["arn"],
        ..About::PLAIN
    };
    type Attrs = TaskDefinitionAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&TaskDefinitionAttrs>) -> Result<Observed<TaskDefinitionAttrs>> {
        let wanted = self.content()?;
        let (mut ours, foreign) = self.revisions(cx, TaskDefinitionStatus::Active).await?;
        if ours.is_empty() {
            if let Some(foreign) = foreign {
                return Ok(foreign);
            }
            // Out of use, but not yet deleted: a run that was to delete them was killed in between.
            let (inactive, _) = self.revisions(cx, TaskDefinitionStatus::Inactive).await?;
            return Ok(inactive.into_iter().next().map_or(Observed::Absent, Observed::Ours));
        }
        let equal = ours.iter().position(|attrs| attrs.content.as_ref() == Some(&wanted));
        let remembered = || known.and_then(|known| ours.iter().position(|attrs| attrs.arn == known.arn));
        let mut chosen = ours.remove(equal.or_else(remembered).unwrap_or(0));
        chosen.superseded = ours.into_iter().map(|attrs| attrs.arn).collect();
        chosen.superseded.sort();
        Ok(Observed::Ours(chosen))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<TaskDefinitionAttrs>) -> Result<TaskDefinitionAttrs> {
        let wanted = self.content()?;
        let (arn, out) = match seen {
            Some(seen) if seen.active && seen.content.as_ref() == Some(&wanted) => (seen.arn, seen.superseded),
            Some(seen) => {
                let mut out = seen.superseded;
                if seen.active {
                    out.push(seen.arn);
                }
                (self.register(cx, &wanted).await?, out)
            }
            None => (self.register(cx, &wanted).await?, Vec::new()),
        };
        for old in out {
            deregister(cx, &old).await?;
        }
        Ok(TaskDefinitionAttrs { arn, active: true, content: Some(wanted), superseded: Vec::new() })
    }

    async fn delete(&self, cx: &Cx, attrs: &TaskDefinitionAttrs) -> Result<()> {
        let (active, _) = self.revisions(cx, TaskDefinitionStatus::Active).await?;
        for revision in &active {
            deregister(cx, &revision.arn).await?;
        }
        // What was taken out of use just now may not be listed as such yet.
        let (mut inactive, _) = self.revisions(cx, TaskDefinitionStatus::Inactive).await?;
        let unlisted: Vec<_> = active.into_iter().filter(|one| inactive.iter().all(|other| other.arn != one.arn)).collect();
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
        // The lists above may be some seconds old and leave out the very revision that is to go.
        cx.wait(Wait::new(format!("task definition {} to be deleted", attrs.arn), 2, 60), || push_out(cx, &attrs.arn)).await
    }

    async fn retag(&self, cx: &Cx, attrs: &TaskDefinitionAttrs) -> Result<()> {
        tagging::retag(cx, attrs.arn.as_str()).await
    }

    fn as_inputs(attrs: &TaskDefinitionAttrs) -> Vec<(&'static str, Value)> {
        let revision = attrs.arn.as_str().split_once(":task-definition/").and_then(|(_, revision)| revision.split_once(':'));
        revision.map(|(family, _)| ("family", family.into())).into_iter().collect()
    }

    fn id(attrs: &TaskDefinitionAttrs) -> String {
        attrs.arn.0.clone()
    }
}

impl TaskDefinition {
    fn content(&self) -> Result<Content> {
        let container = &self.container;
        let environment = container.environment.iter().map(|(key, value)| Ok((key.clone(), value.get()?.clone()))).collect::<Result<_>>()?;
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

    async fn register(&self, cx: &Cx, content: &Content) -> Result<Arn> {
        let container = definition(cx, content);
        let tags = tagging::all(cx);
        let call = || {
            let call = cx.aws.ecs.register_task_definition().family(&self.family).cpu(&self.cpu).memory(&self.memory);
            let call = call.execution_role_arn(&content.execution_role).task_role_arn(&content.task_role).network_mode(NetworkMode::Awsvpc);
            call.requires_compatibilities(Compatibility::Fargate).container_definitions(container.clone()).set_tags(Some(tags.clone())).send()
        };
        // For some seconds IAM does not know that a role made just now may be passed (terraform-aws-modules/terraform-aws-ecs
        // pull request 415 shows it in CloudTrail).
        let made = cx.retry("the new roles to be visible to ECS", &["AccessDeniedException"], 30, || async {
            cx.mutate("ecs:RegisterTaskDefinition", call).await
        });
        let made = made.await?.task_definition;
        let arn = made.and_then(|made| made.task_definition_arn);
        arn.map(Arn).ok_or(Error::Incomplete { call: "ecs:RegisterTaskDefinition", what: "the ARN" })
    }

    /// The revisions in this status that are ours, newest first, and somebody else's newest if there is one.
    async fn revisions(&self, cx: &Cx, status: TaskDefinitionStatus) -> Result<(Vec<TaskDefinitionAttrs>, Option<Observed<TaskDefinitionAttrs>>)> {
        let (mut ours, mut foreign) = (Vec::new(), None);
        let mut token = None;
        loop {
            let call = cx.aws.ecs.list_task_definitions().family_prefix(&self.family).status(status.clone()).sort(SortOrder::Desc);
            let page = cx.read("ecs:ListTaskDefinitions", call.set_next_token(token).send()).await?;
            for arn in page.task_definition_arns() {
                let call = cx.aws.ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags).send();
                // A revision that went away in between is answered with the service's general refusal.
                let found = settled(cx.read("ecs:DescribeTaskDefinition", call).await, &["ClientException"])?;
                let Some(found) = found else { continue };
                let Some(shown) = found.task_definition else { continue };
                match tagging::judge(cx, found.tags.as_deref().unwrap_or_default(), arn, attrs(shown)) {
                    Observed::Ours(attrs) => ours.push(attrs),
                    other => foreign = foreign.or(Some(other)),
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok((ours, foreign));
            }
        }
    }
}

async fn deregister(cx: &Cx, arn: &Arn) -> Result<()> {
    let call = || cx.aws.ecs.deregister_task_definition().task_definition(arn).send();
    cx.mutate("ecs:DeregisterTaskDefinition", call).await.map(drop)
}

/// Brings one revision a step further out, and tells whether it is on its way.
async fn push_out(cx: &Cx, arn: &Arn) -> Result<Progress<()>> {
    let call = cx.aws.ecs.describe_task_definition().task_definition(arn.as_str()).send();
    let found = settled(cx.read("ecs:DescribeTaskDefinition", call).await, &["ClientException"])?;
    let status = found.and_then(|found| found.task_definition?.status);
    match &status {
        None | Some(TaskDefinitionStatus::DeleteInProgress) => return Ok(Progress::Reached(())),
        Some(TaskDefinitionStatus::Active) => {
            let call = || cx.aws.ecs.deregister_task_definition().task_definition(arn.as_str()).send();
            settled(cx.mutate("ecs:DeregisterTaskDefinition", call).await, &["ClientException"])?;
        }
        Some(_) => {
            let call = || cx.aws.ecs.delete_task_definitions().task_definitions(arn.as_str()).send();
            cx.mutate("ecs:DeleteTaskDefinitions", call).await?;
        }
    }
    Ok(Progress::Pending(status.map_or_else(|| "unknown".to_owned(), |status| status.as_str().to_owned())))
}

fn definition(cx: &Cx, content: &Content) -> ContainerDefinition {
    let port = PortMapping::builder().container_port(content.port).host_port(content.port).protocol(TransportProtocol::Tcp).build();
    let environment = content.environment.iter().map(|(name, value)| KeyValuePair::builder().name(name).value(value).build()).collect();
    let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs).options("awslogs-group", &content.log_group);
    let logs = logs.options("awslogs-region", cx.region.as_str()).options("awslogs-stream-prefix", &content.name);
    let health = content
        .health_check_command
        .as_ref()
        .map(|command| HealthCheck::builder().set_command(Some(command.clone())).interval(30).timeout(5).retries(3).start_period(60));
    ContainerDefinition::builder()
        .name(&content.name)
        .image(&content.image)
        .essential(true)
        .set_command((!content.command.is_empty()).then(|| content.command.clone()))
        .port_mappings(port)
        .set_environment(Some(environment))
        // Both are given what they require, just above.
        .set_log_configuration(logs.build().ok())
        .set_health_check(health.and_then(|health| health.build().ok()))
        .build()
}

fn attrs(shown: Shown) -> TaskDefinitionAttrs {
    TaskDefinitionAttrs {
        active: shown.status() == Some(&TaskDefinitionStatus::Active),
        content: content(&shown),
        arn: Arn(shown.task_definition_arn.unwrap_or_default()),
        superseded: Vec::new(),
    }
}

fn content(shown: &Shown) -> Option<Content> {
    let [container] = shown.container_definitions() else { return None };
    let environment =
        container.environment().iter().map(|pair| (pair.name().unwrap_or_default().to_owned(), pair.value().unwrap_or_default().to_owned()));
    Some(Content {
        cpu: shown.cpu()?.to_owned(),
        memory: shown.memory()?.to_owned(),
        execution_role: shown.execution_role_arn()?.into(),
        task_role: shown.task_role_arn()?.into(),
        name: container.name()?.to_owned(),
        image: container.image()?.to_owned(),
        command: container.command().to_vec(),
        port: container.port_mappings().first()?.container_port()?,
        environment: environment.collect(),
        log_group: container.log_configuration()?.options()?.get("awslogs-group")?.clone(),
        health_check_command: container.health_check().map(|check| check.command().to_vec()),
    })
}
