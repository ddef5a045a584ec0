//! A Fargate service behind a load balancer.
//!
//! Its name is its identity in its cluster. The circuit breaker stops a deployment whose tasks do not become healthy,
//! and rolls back to the last working one; the step then fails with the reason that ECS gives. The deployment that an
//! answer names is the one that counts: "the Amazon ECS API follows an eventual consistency model", so a description
//! can still show the deployment before. Auto scaling manages the number of tasks: the count is set at creation, to at
//! least the count of the service that it replaces, and raised when the specification asks for more. It is never
//! lowered here, and never changed because AWS shows another count.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, Deployment, DeploymentCircuitBreaker, DeploymentConfiguration,
    DeploymentRolloutState, DesiredStatus, LaunchType, LoadBalancer, NetworkConfiguration, PropagateTags,
    Service as Description, ServiceField,
};
use serde::{Deserialize, Serialize};

use super::{revisions, tagging};
use crate::inputs::sorted;
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, SecurityGroupId, SubnetId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, describe, ignore_codes};
use infra_macros::{Attrs, Spec};

/// How long one stage of a deployment or of draining can last.
const PATIENCE_SECONDS: u64 = 25 * 60;
/// How long a description can lack the deployment that a call has started: "starting with a couple of seconds of wait
/// time and increasing gradually up to five minutes of wait time" (`RunTask`, on eventual consistency).
const UNSEEN: Duration = Duration::from_mins(5);
/// How many of the latest events an error contains.
const EVENTS: usize = 3;

/// The specification of a service.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ecs.service",
    summary = "a Fargate service behind a load balancer",
    repeat = "name",
    arns("ecs:service/"),
    create_seconds = 1,
    ready_seconds = 65,
    delete_seconds = 160,
    tagger = tagging::Ecs,
    delete_blockers = "its tasks, which finish their requests before they stop",
    unique("cluster", "name"),
    reads(
        "ecs:DescribeServices",
        "ecs:ListTasks",
        "ecs:DescribeTasks",
        "ecs:ListTaskDefinitions",
        "ecs:DescribeTaskDefinition"
    ),
    creates("ecs:CreateService"),
    updates("ecs:UpdateService", "ecs:DeregisterTaskDefinition"),
    deletes("ecs:DeleteService"),
)]
pub struct Service {
    /// Its name.
    #[immutable]
    pub name: String,
    /// The name of its cluster.
    #[immutable]
    pub cluster: Input<String>,
    /// The task definition of its tasks.
    #[weak_ref]
    #[update(seconds = 65)]
    #[interrupts("tasks are replaced one after another")]
    pub task_definition: Input<Arn>,
    /// The initial number of tasks. Auto scaling changes it later.
    #[update(seconds = 65)]
    #[interrupts("no task is stopped for it: only auto scaling lowers the count")]
    pub desired_count: i32,
    /// The private subnets of its tasks.
    #[same_scope]
    #[update(seconds = 65)]
    pub subnets: Vec<Input<SubnetId>>,
    /// The security groups of its tasks.
    #[update(seconds = 65)]
    #[interrupts("tasks are replaced one after another")]
    pub security_groups: Vec<Input<SecurityGroupId>>,
    /// The target group of its tasks.
    #[update(seconds = 65)]
    pub target_group: Input<Arn>,
    /// The container that receives the traffic.
    pub container_name: String,
    /// The port that receives the traffic.
    pub container_port: i32,
    /// How long a new task can fail the health checks of the load balancer.
    pub health_check_grace_seconds: i32,
    /// The listener that forwards to the target group. It only sets the order: ECS refuses a service whose target group
    /// is not attached to a load balancer.
    #[order_only]
    pub listener: Input<String>,
    /// Routes and gateways. They only set the order: without them, tasks cannot pull images.
    #[order_only]
    pub egress: Vec<Input<String>>,
    /// The databases of the program. They only set the order: without them, tasks would start and then fail.
    #[order_only]
    pub database_ready: Vec<Input<String>>,
}

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ServiceAttrs {
    /// Its name.
    #[output(created)]
    #[output(ready, name = "ready_name", doc = "The service's name, once its tasks run and are healthy.")]
    pub name: String,
    /// Its ARN.
    #[id]
    #[output(created)]
    pub arn: Arn,
    /// The name of its cluster.
    pub cluster: String,
    /// The last requested count. The number of running tasks can differ, because auto scaling changes it.
    #[computed]
    pub asked_count: i32,
    /// The last count that ECS showed.
    #[serde(default)]
    #[computed]
    pub live_count: i32,
    /// Whether the last deployment failed.
    pub deployment_failed: bool,
    /// The id of its primary deployment, as the last call that changed the service returned it.
    #[serde(default)]
    #[computed]
    pub deployment: Option<String>,
    /// What can be changed in place.
    pub settings: Settings,
}

/// What can be changed in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The task definition of its tasks.
    pub task_definition: Arn,
    /// The subnets of its tasks, sorted.
    pub subnets: Vec<SubnetId>,
    /// The security groups of its tasks, sorted.
    pub security_groups: Vec<SecurityGroupId>,
    /// The target group of its tasks.
    pub target_group: Arn,
    /// The container that receives the traffic.
    pub container_name: String,
    /// The port that receives the traffic.
    pub container_port: i32,
    /// How long a new task can fail the health checks of the load balancer.
    pub health_check_grace_seconds: i32,
    /// Whether the circuit breaker rolls back deployments that fail.
    pub circuit_breaker: bool,
    /// Whether its tasks have public addresses; never with this tool.
    #[serde(default)]
    pub public_addresses: bool,
}

#[async_trait]
impl Resource for Service {
    async fn observe(&self, cx: &StepContext, known: Option<&ServiceAttrs>) -> Result<Observed<ServiceAttrs>> {
        let cluster = self.cluster.get()?;
        let current = find(cx, cluster, &self.name).await?;
        let Some(current) = current else {
            // A run that was killed after the deletion may have left tasks that are still stopping.
            if let Some(attrs) = known {
                wait_gone(cx, attrs).await?;
            }
            return Ok(Observed::Absent);
        };
        let draining = current.status() == Some("DRAINING");
        let tags = current.tags.clone().unwrap_or_default();
        let mut attrs = attrs(current, cluster);
        if let Some(known) = known {
            attrs.asked_count = known.asked_count;
        }
        match tagging::classify(cx, &tags, &self.name, attrs) {
            // It is already deleted and cannot be adopted.
            Observed::Ours(attrs) if draining => {
                wait_gone(cx, &attrs).await?;
                Ok(Observed::Absent)
            }
            observed => Ok(observed),
        }
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let Some((cluster, name)) = arn.id_after("ecs:service/").and_then(|id| id.split_once('/')) else {
            return Ok(true);
        };
        Ok(find(cx, cluster, name).await?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<ServiceAttrs>) -> Result<ServiceAttrs> {
        let wanted = self.settings()?;
        match seen {
            None => self.create(cx, wanted).await,
            Some(seen) => self.update(cx, seen, wanted).await,
        }
    }

    async fn ready(&self, cx: &StepContext, attrs: ServiceAttrs) -> Result<ServiceAttrs> {
        let wanted = self.task_definition.get()?;
        let started = cx.clock.now();
        cx.wait(Wait::new(format!("service {} to run its tasks", self.name), 5, PATIENCE_SECONDS), || async {
            let Some(current) = find(cx, &attrs.cluster, &attrs.name).await? else {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            };
            let is_patient = cx.clock.now().saturating_sub(started) < UNSEEN;
            Ok(match progress(&current, wanted, attrs.deployment.as_deref().filter(|_| is_patient)) {
                Progress::Failed { status, .. } => {
                    let reason = Some(complaint(cx, &current, &attrs.cluster).await);
                    Progress::Failed { status, reason }
                }
                other => other,
            })
        })
        .await?;
        // Only a deployment replaces another one.
        if cx.has_called("ecs:UpdateService") {
            revisions::deregister_replaced(cx, wanted).await?;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &ServiceAttrs) -> Result<()> {
        // With `force`, the service is deleted without being scaled to zero tasks first.
        let call = || cx.aws.ecs.delete_service().cluster(&attrs.cluster).service(&attrs.name).force(true).send();
        ignore_codes(
            cx.mutate("ecs:DeleteService", call).await,
            &["ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"],
        )?;
        wait_gone(cx, attrs).await
    }
}

impl Service {
    fn settings(&self) -> Result<Settings> {
        Ok(Settings {
            task_definition: self.task_definition.get()?.clone(),
            subnets: sorted(&self.subnets)?,
            security_groups: sorted(&self.security_groups)?,
            target_group: self.target_group.get()?.clone(),
            container_name: self.container_name.clone(),
            container_port: self.container_port,
            health_check_grace_seconds: self.health_check_grace_seconds,
            circuit_breaker: true,
            public_addresses: false,
        })
    }

    async fn create(&self, cx: &StepContext, wanted: Settings) -> Result<ServiceAttrs> {
        let cluster = self.cluster.get()?;
        let network = network(&wanted);
        let tags = tagging::to_sdk(cx.identity.all_tags());
        // A replacement takes over the load, too.
        let count = match cx.replaced.as_ref().and_then(|attrs| ServiceAttrs::deserialize(attrs).ok()) {
            Some(replaced) => self.desired_count.max(count_of(cx, &replaced).await?),
            None => self.desired_count,
        };
        let call = || {
            let call = cx
                .aws
                .ecs
                .create_service()
                .cluster(cluster)
                .service_name(&self.name)
                .task_definition(&wanted.task_definition);
            let call =
                call.desired_count(count).launch_type(LaunchType::Fargate).network_configuration(network.clone());
            let call = call
                .load_balancers(load_balancer(&wanted))
                .health_check_grace_period_seconds(wanted.health_check_grace_seconds);
            let call = call.deployment_configuration(with_circuit_breaker()).propagate_tags(PropagateTags::Service);
            call.client_token(&cx.identity.token).set_tags(Some(tags.clone())).send()
        };
        // ECS can take some seconds to see a new cluster, listener or role.
        let unseen = &["ClusterNotFoundException", "InvalidParameterException"];
        let created = cx
            .retry("the dependencies of the service to be visible", unseen, 20, || async {
                cx.mutate("ecs:CreateService", call).await
            })
            .await?;
        let current = created.service.ok_or(Error::MissingField { call: "ecs:CreateService", what: "the service" })?;
        let deployment = primary(&current).and_then(|primary| primary.id.clone());
        let arn =
            current.service_arn.map(Arn).ok_or(Error::MissingField { call: "ecs:CreateService", what: "the ARN" })?;
        let (name, cluster) = (self.name.clone(), cluster.clone());
        Ok(ServiceAttrs {
            name,
            arn,
            cluster,
            asked_count: self.desired_count,
            live_count: count,
            deployment_failed: false,
            deployment,
            settings: wanted,
        })
    }

    async fn update(&self, cx: &StepContext, seen: ServiceAttrs, wanted: Settings) -> Result<ServiceAttrs> {
        let mut after = ServiceAttrs {
            asked_count: self.desired_count,
            settings: wanted,
            deployment_failed: false,
            ..seen.clone()
        };
        if after == seen {
            return Ok(seen);
        }
        let count = Some(after.asked_count).filter(|asked| seen.asked_count != *asked && seen.live_count < *asked);
        after.live_count = count.unwrap_or(seen.live_count);
        if after == (ServiceAttrs { asked_count: after.asked_count, ..seen.clone() }) {
            return Ok(after);
        }
        let (old, new) = (&seen.settings, &after.settings);
        let task_definition = (old.task_definition != new.task_definition).then(|| new.task_definition.0.clone());
        let moved = old.subnets != new.subnets || old.security_groups != new.security_groups || old.public_addresses;
        let network = moved.then(|| network(new));
        let other_targets = (&old.target_group, &old.container_name, old.container_port)
            != (&new.target_group, &new.container_name, new.container_port);
        let load_balancers = other_targets.then(|| vec![load_balancer(new)]);
        let grace = (old.health_check_grace_seconds != new.health_check_grace_seconds)
            .then_some(new.health_check_grace_seconds);
        let breaker = (old.circuit_breaker != new.circuit_breaker).then(with_circuit_breaker);
        // ECS does not retry a failed deployment, although the cause may be fixed by now.
        let again = seen.deployment_failed.then_some(true);
        let call = || {
            let call = cx
                .aws
                .ecs
                .update_service()
                .cluster(&seen.cluster)
                .service(&seen.name)
                .set_task_definition(task_definition.clone());
            let call = call
                .set_network_configuration(network.clone())
                .set_load_balancers(load_balancers.clone())
                .set_desired_count(count);
            let call = call.set_health_check_grace_period_seconds(grace).set_deployment_configuration(breaker.clone());
            call.set_force_new_deployment(again).send()
        };
        let updated = cx.mutate("ecs:UpdateService", call).await?.service;
        let deployment = updated.as_ref().and_then(primary).and_then(|primary| primary.id.clone());
        after.deployment = deployment.or(after.deployment);
        after.deployment_failed = false;
        Ok(after)
    }
}

fn network(settings: &Settings) -> NetworkConfiguration {
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(settings.subnets.iter().map(Into::into).collect()))
        .set_security_groups(Some(settings.security_groups.iter().map(Into::into).collect()))
        .assign_public_ip(AssignPublicIp::Disabled);
    // The only required member is set: the subnets.
    NetworkConfiguration::builder().set_awsvpc_configuration(vpc.build().ok()).build()
}

fn load_balancer(settings: &Settings) -> LoadBalancer {
    let target = LoadBalancer::builder().target_group_arn(&settings.target_group);
    target.container_name(&settings.container_name).container_port(settings.container_port).build()
}

fn with_circuit_breaker() -> DeploymentConfiguration {
    DeploymentConfiguration::builder()
        .deployment_circuit_breaker(DeploymentCircuitBreaker::builder().enable(true).rollback(true).build())
        .build()
}

/// Finds a service that is not deleted. ECS reports a service that never existed as a failure with the reason
/// `MISSING`.
async fn find(cx: &StepContext, cluster: &str, name: &str) -> Result<Option<Description>> {
    let call = cx.aws.ecs.describe_services().cluster(cluster).services(name).include(ServiceField::Tags).send();
    let found = ignore_codes(cx.read("ecs:DescribeServices", call).await, &["ClusterNotFoundException"])?;
    let services = found.and_then(|found| found.services).unwrap_or_default();
    Ok(services.into_iter().find(|service| service.status() != Some("INACTIVE")))
}

fn primary(current: &Description) -> Option<&Deployment> {
    current.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// Returns how far a deployment is. Without its id, or when ECS has not shown it for long, the primary deployment
/// counts.
fn progress(current: &Description, task_definition: &Arn, deployment: Option<&str>) -> Progress<()> {
    let Some(primary) = primary(current) else { return Progress::Pending("no deployment yet".to_owned()) };
    let is_current = primary.task_definition() == Some(task_definition.as_str());
    let has_failed = |one: &Deployment| one.rollout_state() == Some(&DeploymentRolloutState::Failed);
    let started = current.deployments().iter().find(|one| one.id() == deployment);
    let judged = match (deployment, started) {
        (Some(id), None) => return Progress::Pending(format!("deployment {id} is not visible yet")),
        // Another deployment of the same revision has replaced it.
        (Some(_), Some(started)) if has_failed(started) => started,
        _ => primary,
    };
    let failed = |status: &str| Progress::Failed { status: status.to_owned(), reason: None };
    let (running, desired) = (current.running_count(), current.desired_count());
    match judged.rollout_state() {
        // Somebody else has deployed another revision since.
        _ if !is_current && started.is_some_and(|started| !has_failed(started)) => failed("REPLACED"),
        _ if !is_current => failed("ROLLED_BACK"),
        Some(DeploymentRolloutState::Failed) => failed("FAILED"),
        Some(DeploymentRolloutState::Completed) if running >= desired => Progress::Reached(()),
        state => Progress::Pending(format!(
            "{}, {running} of {desired} tasks running",
            state.map_or("?", |state| state.as_str())
        )),
    }
}

/// Returns the number of tasks of the replaced service: its current number while it runs, else its last one.
async fn count_of(cx: &StepContext, replaced: &ServiceAttrs) -> Result<i32> {
    let current =
        find(cx, &replaced.cluster, &replaced.name).await?.filter(|current| current.status() == Some("ACTIVE"));
    Ok(current.map_or(replaced.live_count, |current| current.desired_count()))
}

fn attrs(current: Description, cluster: &str) -> ServiceAttrs {
    let target = current.load_balancers().first();
    let vpc = current.network_configuration().and_then(|network| network.awsvpc_configuration());
    let mut subnets: Vec<SubnetId> =
        vpc.map(|vpc| vpc.subnets().iter().map(|id| id.as_str().into()).collect()).unwrap_or_default();
    subnets.sort();
    let mut security_groups: Vec<SecurityGroupId> =
        vpc.map(|vpc| vpc.security_groups().iter().map(|id| id.as_str().into()).collect()).unwrap_or_default();
    security_groups.sort();
    let breaker =
        current.deployment_configuration().and_then(|configuration| configuration.deployment_circuit_breaker());
    let primary = primary(&current);
    ServiceAttrs {
        cluster: cluster.to_owned(),
        asked_count: current.desired_count(),
        live_count: current.desired_count(),
        deployment_failed: primary
            .is_some_and(|primary| primary.rollout_state() == Some(&DeploymentRolloutState::Failed)),
        deployment: primary.and_then(|primary| primary.id.clone()),
        settings: Settings {
            task_definition: current.task_definition().unwrap_or_default().into(),
            subnets,
            security_groups,
            target_group: target.and_then(|target| target.target_group_arn()).unwrap_or_default().into(),
            container_name: target.and_then(|target| target.container_name()).unwrap_or_default().to_owned(),
            container_port: target.and_then(aws_sdk_ecs::types::LoadBalancer::container_port).unwrap_or_default(),
            health_check_grace_seconds: current.health_check_grace_period_seconds().unwrap_or_default(),
            circuit_breaker: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback()),
            public_addresses: vpc.is_some_and(|vpc| vpc.assign_public_ip() == Some(&AssignPublicIp::Enabled)),
        },
        name: current.service_name.unwrap_or_default(),
        arn: Arn(current.service_arn.unwrap_or_default()),
    }
}

/// Returns why a deployment failed: the reason that ECS gives, why its tasks have stopped, and the latest events.
async fn complaint(cx: &StepContext, current: &Description, cluster: &str) -> String {
    let has_failed = |one: &&Deployment| one.rollout_state() == Some(&DeploymentRolloutState::Failed);
    let failed = current.deployments().iter().find(has_failed);
    let reason = failed.and_then(|deployment| deployment.rollout_state_reason()).map(str::to_owned);
    let stopped = match failed.and_then(|deployment| deployment.id()) {
        Some(deployment) => {
            let found = stopped_reasons(cx, cluster, current.service_name().unwrap_or_default(), deployment).await;
            // The failure of the deployment matters more than that of this read.
            found.unwrap_or_else(|error| {
                BTreeSet::from([format!("why its tasks have stopped cannot be read: {}", describe(&error))])
            })
        }
        None => BTreeSet::new(),
    };
    let events = current.events().iter().take(EVENTS).filter_map(|event| event.message()).map(str::to_owned);
    reason.into_iter().chain(stopped).chain(events).collect::<Vec<_>>().join("; ")
}

/// Returns why tasks of a deployment have stopped. Events do not say it: "Viewing Amazon ECS stopped task errors".
async fn stopped_reasons(cx: &StepContext, cluster: &str, service: &str, deployment: &str) -> Result<BTreeSet<String>> {
    let call = cx.aws.ecs.list_tasks().cluster(cluster).service_name(service).desired_status(DesiredStatus::Stopped);
    let gone = &["ClusterNotFoundException", "ServiceNotFoundException"];
    let listed = ignore_codes(cx.read("ecs:ListTasks", call.send()).await, gone)?;
    let arns = listed.and_then(|listed| listed.task_arns).unwrap_or_default();
    if arns.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found = cx.read("ecs:DescribeTasks", cx.aws.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns)).send());
    let mut reasons = BTreeSet::new();
    for task in found.await?.tasks().iter().filter(|task| task.started_by() == Some(deployment)) {
        reasons.extend(task.stopped_reason().map(str::to_owned));
        reasons.extend(task.containers().iter().filter_map(|container| container.reason()).map(str::to_owned));
    }
    Ok(reasons)
}

/// Waits until the service no longer exists and its tasks have released their network interfaces.
async fn wait_gone(cx: &StepContext, attrs: &ServiceAttrs) -> Result<()> {
    cx.wait(Wait::new(format!("service {} to stop its tasks", attrs.name), 10, PATIENCE_SECONDS), || async {
        if let Some(current) = find(cx, &attrs.cluster, &attrs.name).await? {
            return Ok(Progress::Pending(format!(
                "{}, {} tasks running",
                current.status().unwrap_or_default(),
                current.running_count()
            )));
        }
        Ok(match tasks_left(cx, attrs).await? {
            0 => Progress::Reached(()),
            remaining => Progress::Pending(format!("{remaining} tasks stopping")),
        })
    })
    .await
}

/// Returns the number of tasks of the service that have not stopped. It finds them by their family, because ECS refuses
/// to list the tasks of an inactive service.
async fn tasks_left(cx: &StepContext, attrs: &ServiceAttrs) -> Result<usize> {
    let family = revisions::family(attrs.settings.task_definition.as_str());
    let group = format!("service:{}", attrs.name);
    let mut remaining = 0;
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        let mut token = None;
        loop {
            let call = cx
                .aws
                .ecs
                .list_tasks()
                .cluster(&attrs.cluster)
                .family(family)
                .desired_status(status.clone())
                .set_next_token(token)
                .send();
            let Some(page) = ignore_codes(cx.read("ecs:ListTasks", call).await, &["ClusterNotFoundException"])? else {
                return Ok(0);
            };
            if !page.task_arns().is_empty() {
                let call = cx.aws.ecs.describe_tasks().cluster(&attrs.cluster).set_tasks(page.task_arns.clone()).send();
                let found = cx.read("ecs:DescribeTasks", call).await?;
                remaining += found
                    .tasks()
                    .iter()
                    .filter(|task| task.group() == Some(group.as_str()) && task.last_status() != Some("STOPPED"))
                    .count();
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
    }
    Ok(remaining)
}
