//! ECS: clusters, task definitions, services and tasks.
//!
//! A deployment starts its tasks when nothing keeps them from it (`task_start`), and fails if something does
//! for too long. It is complete when its tasks have been healthy behind the load balancer; then the tasks of the
//! previous deployment stop.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ec2::Ec2;
use super::tags::Tags;

/// When the circuit breaker fails a deployment: after at least three failed tasks ("Deployment circuit breaker", ECS
/// developer guide), one per minute.
const CIRCUIT_BREAKER_AFTER: u64 = 180_000;
/// How long the tasks of a replaced deployment take to stop.
const REPLACED_TASK_STOP: u64 = 60_000;
/// "Stopped tasks currently appear in the returned results for at least one hour" (DescribeTasks).
const STOPPED_TASK_SHOWN: u64 = 60 * 60 * 1000;

/// The state of ECS in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ecs {
    /// Clusters by name, including deleted ones.
    pub clusters: BTreeMap<String, Cluster>,
    /// Task definitions by ARN.
    pub task_definitions: BTreeMap<String, TaskDefinition>,
    /// The last revision of each family. Numbers are never reused.
    pub revisions: BTreeMap<String, i32>,
    /// Services by ARN, including deleted ones.
    pub services: BTreeMap<String, Service>,
    /// Tasks by ARN.
    pub tasks: BTreeMap<String, Task>,
    /// The request that was made with each client token.
    pub tokens: BTreeMap<String, String>,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the ECS API's `Cluster`")]
pub struct Cluster {
    pub name: String,
    pub arn: String,
    /// `false` when it has been deleted.
    pub active: bool,
    pub container_insights: String,
    pub tags: Tags,
}

/// One revision of a task definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the ECS API's `TaskDefinition`")]
pub struct TaskDefinition {
    pub arn: String,
    pub family: String,
    pub revision: i32,
    /// `ACTIVE`, `INACTIVE` or `DELETE_IN_PROGRESS`.
    pub status: String,
    pub cpu: String,
    pub memory: String,
    pub execution_role_arn: Option<String>,
    pub task_role_arn: Option<String>,
    pub container: Container,
    pub tags: Tags,
}

/// The container of a task definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the ECS API's `ContainerDefinition`")]
pub struct Container {
    pub name: String,
    pub image: String,
    pub command: Vec<String>,
    pub port: Option<i32>,
    pub environment: Vec<(String, String)>,
    pub log_options: Option<BTreeMap<String, String>>,
    pub health_check: Option<HealthCheck>,
}

/// The health check of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the ECS API's `HealthCheck`")]
pub struct HealthCheck {
    pub command: Vec<String>,
    pub interval: Option<i32>,
    pub timeout: Option<i32>,
    pub retries: Option<i32>,
    pub start_period: Option<i32>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the ECS API's `Service`")]
pub struct Service {
    pub arn: String,
    pub name: String,
    /// The cluster's name.
    pub cluster: String,
    pub desired_count: i32,
    pub settings: Settings,
    pub tags: Tags,
    /// Newest first; the first is the primary one.
    pub deployments: Vec<Deployment>,
    /// When its tasks first became healthy.
    #[serde(default)]
    pub steady_since: Option<u64>,
    /// When the tasks of a service that is being deleted have stopped.
    pub drained_at: Option<u64>,
    pub deleted: bool,
    /// Time and message, newest first.
    pub events: Vec<(u64, String)>,
    /// Tasks that have stopped by themselves, while they are shown.
    #[serde(default)]
    pub stopped: Vec<StoppedTask>,
}

/// A task that has stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedTask {
    /// Its ARN.
    pub arn: String,
    /// Its deployment.
    pub deployment: String,
    /// The task definition that it ran.
    pub task_definition: String,
    /// Why it has stopped.
    pub reason: String,
    /// When it has stopped.
    pub at: u64,
}

/// The settings of a service that can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the ECS API's `Service`")]
pub struct Settings {
    pub task_definition: String,
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub target_group_arn: String,
    pub container_name: String,
    pub container_port: i32,
    pub health_check_grace_period_seconds: i32,
    pub circuit_breaker: bool,
    pub rollback: bool,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/…`
    pub id: String,
    /// The task definition that its tasks run.
    pub task_definition: String,
    /// When it was requested.
    pub created_at: u64,
    /// How long its tasks take from their start until they are healthy.
    #[serde(rename = "takes")]
    pub startup_millis: u64,
    /// Its tasks cannot be healthy before this time, when the load balancer begins its health checks.
    pub not_before: u64,
    /// When its tasks become healthy, once they could be started.
    pub steady_at: Option<u64>,
    /// Whether the circuit breaker has failed it.
    pub failed: bool,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// Its service's ARN.
    pub service_arn: String,
    /// Its deployment.
    pub deployment: String,
    /// The task definition that it runs.
    pub task_definition: String,
    /// The address under which load balancers reach it.
    pub address: String,
    /// The description of its network interface.
    pub attachment: String,
    /// When it becomes healthy, if it was started after its deployment; `None`: with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_at: Option<u64>,
    /// When it has stopped, once a stop was requested.
    #[serde(rename = "gone_at")]
    pub removed_at: Option<u64>,
}

/// Why the tasks of a deployment do not become healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No task is started. An event of the service says why.
    NotPlaced(String),
    /// Tasks start and stop, for this reason.
    Stopped(String),
}

/// The progress of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Not all of its tasks have been healthy yet.
    InProgress,
    /// Its tasks have been healthy.
    Completed,
    /// The circuit breaker has failed it.
    Failed,
}

impl Deployment {
    /// Returns its progress.
    pub fn rollout(&self, now: u64) -> Rollout {
        match self.steady_at {
            _ if self.failed => Rollout::Failed,
            Some(at) if now >= at => Rollout::Completed,
            _ => Rollout::InProgress,
        }
    }
}

impl Service {
    /// Returns whether the tasks of its primary deployment have not started.
    pub fn is_starting(&self) -> bool {
        let primary = self.deployments.first();
        self.status() == "ACTIVE" && primary.is_some_and(|primary| primary.steady_at.is_none() && !primary.failed)
    }

    /// Returns the status that ECS reports.
    pub fn status(&self) -> &'static str {
        match (self.deleted, self.drained_at) {
            (true, _) => "INACTIVE",
            (false, Some(_)) => "DRAINING",
            (false, None) => "ACTIVE",
        }
    }
}

impl StoppedTask {
    fn of(task: &Task, reason: &str, at: u64) -> Self {
        Self {
            arn: task.arn.clone(),
            deployment: task.deployment.clone(),
            task_definition: task.task_definition.clone(),
            reason: reason.to_owned(),
            at,
        }
    }
}

/// Stops the tasks of a deployment at a time.
fn stop(tasks: &mut BTreeMap<String, Task>, ec2: &mut Ec2, deployment: &str, at: u64) {
    for task in tasks.values_mut().filter(|task| task.deployment == deployment && task.removed_at.is_none()) {
        task.removed_at = Some(at);
        ec2.release_interfaces(&task.attachment, at);
    }
}

/// "Rolling back to the last completed deployment": its tasks still exist and continue to run. "You also can't update
/// an existing service to reference an `INACTIVE` task definition revision" ("Deregistering an Amazon ECS task
/// definition revision"), so without its revision the failed deployment stays.
fn roll_back(service: &mut Service, definitions: &BTreeMap<String, TaskDefinition>, now: u64) {
    let last = &service.deployments[1];
    let is_active = definitions.get(&last.task_definition).is_some_and(|one| one.status == "ACTIVE");
    let message = if is_active {
        format!("(service {}) rolling back to deployment {}.", service.name, last.id)
    } else {
        format!("(service {}) cannot roll back to {}: TaskDefinition is inactive", service.name, last.task_definition)
    };
    if is_active {
        service.settings.task_definition.clone_from(&last.task_definition);
        let failed = service.deployments.remove(0);
        service.deployments.truncate(1);
        service.deployments.push(failed);
    } else if service.events.first().is_some_and(|(_, last)| *last == message) {
        return;
    }
    service.events.insert(0, (now, message));
}

impl Ecs {
    /// Advances the time.
    pub fn advance(&mut self, now: u64, obstacles: &BTreeMap<String, Obstacle>, ec2: &mut Ec2) {
        let definitions = &self.task_definitions;
        for service in self.services.values_mut().filter(|service| !service.deleted) {
            if service.drained_at.is_some_and(|at| now >= at) {
                service.deleted = true;
                service.deployments.clear();
                continue;
            }
            if service.drained_at.is_some() {
                continue;
            }
            let Some(primary) = service.deployments.first_mut() else { continue };
            if primary.steady_at.is_none() && !primary.failed {
                match obstacles.get(&service.arn) {
                    None => primary.steady_at = Some((now + primary.startup_millis).max(primary.not_before)),
                    Some(obstacle)
                        if now >= primary.created_at + CIRCUIT_BREAKER_AFTER && service.settings.circuit_breaker =>
                    {
                        primary.failed = true;
                        let message = match obstacle {
                            Obstacle::NotPlaced(event) => event.clone(),
                            Obstacle::Stopped(reason) => {
                                let stopped = self.tasks.values().filter(|task| task.deployment == primary.id);
                                service.stopped.extend(stopped.map(|task| StoppedTask::of(task, reason, now)));
                                format!(
                                    "(service {}) (deployment {}) deployment failed: tasks failed to start.",
                                    service.name, primary.id
                                )
                            }
                        };
                        service.events.insert(0, (now, message));
                        stop(&mut self.tasks, ec2, &primary.id, now);
                    }
                    Some(_) => {}
                }
            }
            service.stopped.retain(|task| now < task.at + STOPPED_TASK_SHOWN);
            let failed = primary.failed;
            let steady_at = primary.steady_at.filter(|at| now >= *at);
            service.steady_since = service.steady_since.or(steady_at);
            if failed && service.settings.rollback && service.deployments.len() > 1 {
                roll_back(service, definitions, now);
            } else if let Some(at) = steady_at {
                for old in service.deployments.drain(1..) {
                    stop(&mut self.tasks, ec2, &old.id, at + REPLACED_TASK_STOP);
                }
            }
        }
        self.tasks.retain(|_, task| task.removed_at.is_none_or(|at| at > now));
    }

    /// Returns the ids of all existing resources. Tasks are represented by their network interfaces.
    pub fn inventory(&self) -> Vec<String> {
        let clusters = self.clusters.values().filter(|cluster| cluster.active).map(|cluster| &cluster.arn);
        let definitions = self
            .task_definitions
            .values()
            .filter(|definition| definition.status != "DELETE_IN_PROGRESS")
            .map(|definition| &definition.arn);
        let services = self.services.values().filter(|service| !service.deleted).map(|service| &service.arn);
        clusters.chain(definitions).chain(services).cloned().collect()
    }
}

impl Ecs {
    /// Returns the ARNs and tags of all taggable resources that are not deleted.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        let clusters = self.clusters.values().filter(|one| one.active).map(|one| (one.arn.clone(), one.tags.clone()));
        let definitions = self
            .task_definitions
            .values()
            .filter(|one| one.status != "DELETE_IN_PROGRESS")
            .map(|one| (one.arn.clone(), one.tags.clone()));
        let services = self.services.values().filter(|one| !one.deleted).map(|one| (one.arn.clone(), one.tags.clone()));
        clusters.chain(definitions).chain(services).collect()
    }
}
