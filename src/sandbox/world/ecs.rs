//! ECS: clusters, task definitions, services and tasks.
//!
//! A deployment starts its tasks when ECS can assume their roles. It fails if ECS cannot do so for too long. It is
//! complete when its tasks have been healthy behind the load balancer; then the tasks of the previous deployment stop.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ec2::Ec2;
use super::iam::Iam;
use super::tags::Tags;

/// When the circuit breaker fails a deployment: after at least three failed tasks ("Deployment circuit breaker", ECS
/// developer guide), one per minute.
const CIRCUIT_BREAKER_AFTER: u64 = 180_000;
/// How long the tasks of a replaced deployment take to stop.
const REPLACED_TASK_STOP: u64 = 60_000;
/// The principal that task roles trust.
const TASK_PRINCIPAL: &str = "ecs-tasks.amazonaws.com";

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
    /// Returns the status that ECS reports.
    pub fn status(&self) -> &'static str {
        match (self.deleted, self.drained_at) {
            (true, _) => "INACTIVE",
            (false, Some(_)) => "DRAINING",
            (false, None) => "ACTIVE",
        }
    }
}

impl Ecs {
    /// Advances the time.
    pub fn advance(&mut self, now: u64, iam: &Iam, ec2: &mut Ec2) {
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
            let tasks = &mut self.tasks;
            let mut stop = |deployment: &str, at: u64| {
                for task in tasks.values_mut().filter(|task| task.deployment == deployment && task.removed_at.is_none())
                {
                    task.removed_at = Some(at);
                    ec2.release_interfaces(&task.attachment, at);
                }
            };
            let Some(primary) = service.deployments.first_mut() else { continue };
            if primary.steady_at.is_none() && !primary.failed {
                let definition = definitions.get(&primary.task_definition);
                let roles = definition
                    .into_iter()
                    .flat_map(|definition| [&definition.execution_role_arn, &definition.task_role_arn])
                    .flatten();
                match roles.into_iter().find(|role| !iam.can_assume(role, TASK_PRINCIPAL, now)) {
                    None => primary.steady_at = Some((now + primary.startup_millis).max(primary.not_before)),
                    Some(role)
                        if now >= primary.created_at + CIRCUIT_BREAKER_AFTER && service.settings.circuit_breaker =>
                    {
                        primary.failed = true;
                        let message = format!(
                            "(service {}) was unable to place a task. Reason: ECS was unable to assume the role \
                             '{role}' that was provided for this task. Please verify that the role being passed has \
                             the proper trust relationship and permissions and that your IAM user has permissions to \
                             pass this role..",
                            service.name
                        );
                        service.events.insert(0, (now, message));
                        stop(&primary.id, now);
                    }
                    Some(_) => {}
                }
            }
            let failed = primary.failed;
            let steady_at = primary.steady_at.filter(|at| now >= *at);
            service.steady_since = service.steady_since.or(steady_at);
            if failed && service.settings.rollback && service.deployments.len() > 1 {
                // "Rolling back to the last completed deployment": its tasks still exist and continue to run.
                let failed = service.deployments.remove(0);
                service.deployments.truncate(1);
                service.settings.task_definition.clone_from(&service.deployments[0].task_definition);
                service.events.insert(
                    0,
                    (
                        now,
                        format!("(service {}) rolling back to deployment {}.", service.name, service.deployments[0].id),
                    ),
                );
                service.deployments.push(failed);
            } else if let Some(at) = steady_at {
                for old in service.deployments.drain(1..) {
                    stop(&old.id, at + REPLACED_TASK_STOP);
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
