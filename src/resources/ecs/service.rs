//! A Fargate service behind a load balancer.
//!
//! Its name is its identity in its cluster. A deployment that cannot get its tasks healthy is given up by the circuit
//! breaker, which goes back to the last one that worked; that fails the step with what ECS says about it. How many tasks run
//! belongs to auto scaling: the count is set when the service is made, to no less than the one that it replaces had, and raised
//! when the specification asks for more than there are. It is never lowered here, and never changed because AWS shows another one.

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentRolloutState, DesiredStatus, LaunchType,
    LoadBalancer, NetworkConfiguration, PropagateTags, Service as Shown, ServiceField,
};
use serde::{Deserialize, Serialize};

use super::tagging;
use crate::address::{Arn, SecurityGroupId, SubnetId};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::inputs::sorted;

/// How long one stage of a deployment or of draining may last.
const PATIENCE_SECONDS: u64 = 25 * 60;
/// How many of the service's last events an error tells.
const EVENTS: usize = 3;

/// The specification of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The name of its cluster.
    pub cluster: Input<String>,
    /// What its tasks run.
    pub task_definition: Input<Arn>,
    /// How many tasks it begins with; auto scaling may change that later.
    pub desired_count: i32,
    /// The private subnets of its tasks.
    pub subnets: Vec<Input<SubnetId>>,
    /// The security groups of its tasks.
    pub security_groups: Vec<Input<SecurityGroupId>>,
    /// The target group that its tasks are put into.
    pub target_group: Input<Arn>,
    /// The container that receives the traffic.
    pub container_name: String,
    /// The port that it receives it on.
    pub container_port: i32,
    /// How long a new task may fail the load balancer's health checks.
    pub health_check_grace_seconds: i32,
    /// The listener that forwards to the target group. Its value is not used: ECS refuses a service whose target group is
    /// not attached to a load balancer.
    pub listener: Input<String>,
    /// Routes and gateways. Their values are not used: without them images cannot be pulled.
    pub egress: Vec<Input<String>>,
    /// The databases that the program needs. Their values are not used: without them tasks would start and then fail.
    pub database_ready: Vec<Input<String>>,
}

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Arn,
    /// The name of its cluster.
    pub cluster: String,
    /// The count that was asked for last. What runs may differ, because auto scaling changes it.
    pub asked_count: i32,
    /// The count that ECS showed last.
    #[serde(default)]
    pub live_count: i32,
    /// Whether the last deployment was given up.
    pub deployment_failed: bool,
    /// What can be changed in place.
    pub settings: Settings,
}

/// What can be changed in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What its tasks run.
    pub task_definition: Arn,
    /// The subnets of its tasks, sorted.
    pub subnets: Vec<SubnetId>,
    /// The security groups of its tasks, sorted.
    pub security_groups: Vec<SecurityGroupId>,
    /// The target group that its tasks are put into.
    pub target_group: Arn,
    /// The container that receives the traffic.
    pub container_name: String,
    /// The port that it receives it on.
    pub container_port: i32,
    /// How long a new task may fail the load balancer's health checks.
    pub health_check_grace_seconds: i32,
    /// Whether deployments that do not work are given up and taken back.
    pub circuit_breaker: bool,
    /// Whether its tasks have public addresses; never with this tool.
    #[serde(default)]
    pub public_addresses: bool,
}

impl Handle<Service> {
    /// The service's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }

    /// The service's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The service's name, once its tasks run and are healthy.
    pub fn ready_name(&self) -> Input<String> {
        self.ready("name")
    }
}

#[async_trait]
impl Resource for Service {
    const KIND: &'static str = "ecs.service";
    const ABOUT: About = About {
        summary: "a Fargate service behind a load balancer",
        create_seconds: 1,
        ready_seconds: 65,
        delete_seconds: 160,
        operations: &[
            "ecs:CreateService",
            "ecs:DescribeServices",
            "ecs:UpdateService",
            "ecs:DeleteService",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "ecs:TagResource",
            "ecs:UntagResource",
        ],
        creates: &["ecs:CreateService"],
        changes: &["ecs:UpdateService", "ecs:TagResource", "ecs:UntagResource"],
        deletes: &["ecs:DeleteService"],
        immutable: &["name", "cluster"],
        tagged: true,
        blocked_by: "its tasks, which finish their requests before they stop",
        unique: &[&["cluster", "name"]],
        mentions: &["task_definition"],
        waits_for: &["listener", "egress", "database_ready"],
        within_vpc: &["subnets"],
        change_seconds: &[("task_definition", 65), ("subnets", 65), ("security_groups", 65), ("target_group", 65), ("desired_count", 65)],
        computed: &["asked_count", "live_count"],
        interrupts: &[
            ("task_definition", "tasks are replaced one after another"),
            ("security_groups", "tasks are replaced one after another"),
            ("desired_count", "no task is stopped for it: only auto scaling lowers the count"),
        ],
        ..About::PLAIN
    };
    type Attrs = ServiceAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&ServiceAttrs>) -> Result<Observed<ServiceAttrs>> {
        let cluster = self.cluster.get()?;
        let shown = find(cx, cluster, &self.name).await?;
        let Some(shown) = shown else {
            // A run that was killed after deleting it may have left its tasks on their way out.
            if let Some(attrs) = known {
                wait_gone(cx, attrs).await?;
            }
            return Ok(Observed::Absent);
        };
        let draining = shown.status() == Some("DRAINING");
        let tags = shown.tags.clone().unwrap_or_default();
        let mut attrs = attrs(shown, cluster);
        if let Some(known) = known {
            attrs.asked_count = known.asked_count;
        }
        match tagging::judge(cx, &tags, &self.name, attrs) {
            // It has been deleted already, and is not to be adopted: what it will leave is nothing.
            Observed::Ours(attrs) if draining => {
                wait_gone(cx, &attrs).await?;
                Ok(Observed::Absent)
            }
            judged => Ok(judged),
        }
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ServiceAttrs>) -> Result<ServiceAttrs> {
        let wanted = self.settings()?;
        match seen {
            None => self.create(cx, wanted).await,
            Some(seen) => self.update(cx, seen, wanted).await,
        }
    }

    async fn ready(&self, cx: &Cx, attrs: ServiceAttrs) -> Result<ServiceAttrs> {
        let wanted = self.task_definition.get()?;
        cx.wait(Wait::new(format!("service {} to run its tasks", self.name), 5, PATIENCE_SECONDS), || async {
            let Some(shown) = find(cx, &attrs.cluster, &attrs.name).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            let primary = shown.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"));
            let Some(primary) = primary else { return Ok(Progress::Pending("no deployment yet".to_owned())) };
            if primary.task_definition() != Some(wanted.as_str()) {
                return Ok(Progress::Failed { status: "ROLLED_BACK".to_owned(), reason: Some(complaint(&shown)) });
            }
            let (running, desired) = (shown.running_count(), shown.desired_count());
            Ok(match primary.rollout_state() {
                Some(DeploymentRolloutState::Failed) => Progress::Failed { status: "FAILED".to_owned(), reason: Some(complaint(&shown)) },
                Some(DeploymentRolloutState::Completed) if running >= desired => Progress::Reached(()),
                state => Progress::Pending(format!("{}, {running} of {desired} tasks running", state.map_or("?", |state| state.as_str()))),
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &ServiceAttrs) -> Result<()> {
        // With `force` the service goes without being scaled down to no tasks first.
        let call = || cx.aws.ecs.delete_service().cluster(&attrs.cluster).service(&attrs.name).force(true).send();
        settled(cx.mutate("ecs:DeleteService", call).await, &["ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"])?;
        wait_gone(cx, attrs).await
    }

    async fn retag(&self, cx: &Cx, attrs: &ServiceAttrs) -> Result<()> {
        tagging::retag(cx, attrs.arn.as_str()).await
    }

    fn id(attrs: &ServiceAttrs) -> String {
        attrs.arn.0.clone()
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

    async fn create(&self, cx: &Cx, wanted: Settings) -> Result<ServiceAttrs> {
        let cluster = self.cluster.get()?;
        let network = network(&wanted);
        let tags = tagging::all(cx);
        // One that takes the place of another has its load, too.
        let count = match cx.replaced.as_ref().and_then(|attrs| ServiceAttrs::deserialize(attrs).ok()) {
            Some(replaced) => self.desired_count.max(count_of(cx, &replaced).await?),
            None => self.desired_count,
        };
        let call = || {
            let call = cx.aws.ecs.create_service().cluster(cluster).service_name(&self.name).task_definition(&wanted.task_definition);
            let call = call.desired_count(count).launch_type(LaunchType::Fargate).network_configuration(network.clone());
            let call = call.load_balancers(load_balancer(&wanted)).health_check_grace_period_seconds(wanted.health_check_grace_seconds);
            let call = call.deployment_configuration(with_circuit_breaker()).propagate_tags(PropagateTags::Service);
            call.client_token(&cx.identity.token).set_tags(Some(tags.clone())).send()
        };
        // A cluster, a listener and a role that were made just now may take some seconds to be seen by ECS.
        let unseen = &["ClusterNotFoundException", "InvalidParameterException"];
        let made = cx.retry("what the service stands on to be visible", unseen, 20, || async { cx.mutate("ecs:CreateService", call).await }).await?;
        let shown = made.service.ok_or(Error::Incomplete { call: "ecs:CreateService", what: "the service" })?;
        let arn = shown.service_arn.map(Arn).ok_or(Error::Incomplete { call: "ecs:CreateService", what: "the ARN" })?;
        let (name, cluster) = (self.name.clone(), cluster.clone());
        Ok(ServiceAttrs { name, arn, cluster, asked_count: self.desired_count, live_count: count, deployment_failed: false, settings: wanted })
    }

    async fn update(&self, cx: &Cx, seen: ServiceAttrs, wanted: Settings) -> Result<ServiceAttrs> {
        let mut after = ServiceAttrs { asked_count: self.desired_count, settings: wanted, deployment_failed: false, ..seen.clone() };
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
        let other_targets =
            (&old.target_group, &old.container_name, old.container_port) != (&new.target_group, &new.container_name, new.container_port);
        let load_balancers = other_targets.then(|| vec![load_balancer(new)]);
        let grace = (old.health_check_grace_seconds != new.health_check_grace_seconds).then_some(new.health_check_grace_seconds);
        let breaker = (old.circuit_breaker != new.circuit_breaker).then(with_circuit_breaker);
        // ECS does not try again by itself what it has given up, though what stood in its way may be mended by now.
        let again = seen.deployment_failed.then_some(true);
        let call = || {
            let call = cx.aws.ecs.update_service().cluster(&seen.cluster).service(&seen.name).set_task_definition(task_definition.clone());
            let call = call.set_network_configuration(network.clone()).set_load_balancers(load_balancers.clone()).set_desired_count(count);
            let call = call.set_health_check_grace_period_seconds(grace).set_deployment_configuration(breaker.clone());
            call.set_force_new_deployment(again).send()
        };
        cx.mutate("ecs:UpdateService", call).await?;
        after.deployment_failed = false;
        Ok(after)
    }
}

fn network(settings: &Settings) -> NetworkConfiguration {
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(settings.subnets.iter().map(Into::into).collect()))
        .set_security_groups(Some(settings.security_groups.iter().map(Into::into).collect()))
        .assign_public_ip(AssignPublicIp::Disabled);
    // It is given its subnets, which are all that it requires.
    NetworkConfiguration::builder().set_awsvpc_configuration(vpc.build().ok()).build()
}

fn load_balancer(settings: &Settings) -> LoadBalancer {
    let target = LoadBalancer::builder().target_group_arn(&settings.target_group);
    target.container_name(&settings.container_name).container_port(settings.container_port).build()
}

fn with_circuit_breaker() -> DeploymentConfiguration {
    DeploymentConfiguration::builder().deployment_circuit_breaker(DeploymentCircuitBreaker::builder().enable(true).rollback(true).build()).build()
}

/// Looks for a service that is not deleted. One that never was comes back as a failure with the reason `MISSING`.
async fn find(cx: &Cx, cluster: &str, name: &str) -> Result<Option<Shown>> {
    let call = cx.aws.ecs.describe_services().cluster(cluster).services(name).include(ServiceField::Tags).send();
    let found = settled(cx.read("ecs:DescribeServices", call).await, &["ClusterNotFoundException"])?;
    let services = found.and_then(|found| found.services).unwrap_or_default();
    Ok(services.into_iter().find(|service| service.status() != Some("INACTIVE")))
}

/// How many tasks a service has that is replaced: now, while it runs beside the new one, or at last.
async fn count_of(cx: &Cx, replaced: &ServiceAttrs) -> Result<i32> {
    let shown = find(cx, &replaced.cluster, &replaced.name).await?.filter(|shown| shown.status() == Some("ACTIVE"));
    Ok(shown.map_or(replaced.live_count, |shown| shown.desired_count()))
}

fn attrs(shown: Shown, cluster: &str) -> ServiceAttrs {
    let target = shown.load_balancers().first();
    let vpc = shown.network_configuration().and_then(|network| network.awsvpc_configuration());
    let mut subnets: Vec<SubnetId> = vpc.map(|vpc| vpc.subnets().iter().map(|id| id.as_str().into()).collect()).unwrap_or_default();
    subnets.sort();
    let mut security_groups: Vec<SecurityGroupId> =
        vpc.map(|vpc| vpc.security_groups().iter().map(|id| id.as_str().into()).collect()).unwrap_or_default();
    security_groups.sort();
    let breaker = shown.deployment_configuration().and_then(|configuration| configuration.deployment_circuit_breaker());
    let primary = shown.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"));
    ServiceAttrs {
        cluster: cluster.to_owned(),
        asked_count: shown.desired_count(),
        live_count: shown.desired_count(),
        deployment_failed: primary.is_some_and(|primary| primary.rollout_state() == Some(&DeploymentRolloutState::Failed)),
        settings: Settings {
            task_definition: shown.task_definition().unwrap_or_default().into(),
            subnets,
            security_groups,
            target_group: target.and_then(|target| target.target_group_arn()).unwrap_or_default().into(),
            container_name: target.and_then(|target| target.container_name()).unwrap_or_default().to_owned(),
            container_port: target.and_then(aws_sdk_ecs::types::LoadBalancer::container_port).unwrap_or_default(),
            health_check_grace_seconds: shown.health_check_grace_period_seconds().unwrap_or_default(),
            circuit_breaker: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback()),
            public_addresses: vpc.is_some_and(|vpc| vpc.assign_public_ip() == Some(&AssignPublicIp::Enabled)),
        },
        name: shown.service_name.unwrap_or_default(),
        arn: Arn(shown.service_arn.unwrap_or_default()),
    }
}

/// What ECS says about a deployment that did not work: the reason that it gives, and the last events.
fn complaint(shown: &Shown) -> String {
    let failed = shown.deployments().iter().find(|deployment| deployment.rollout_state() == Some(&DeploymentRolloutState::Failed));
    let reason = failed.and_then(|deployment| deployment.rollout_state_reason());
    let events = shown.events().iter().take(EVENTS).filter_map(|event| event.message());
    reason.into_iter().chain(events).collect::<Vec<_>>().join("; ")
}

/// Waits until the service is gone and its tasks have given up their network interfaces.
async fn wait_gone(cx: &Cx, attrs: &ServiceAttrs) -> Result<()> {
    cx.wait(Wait::new(format!("service {} to stop its tasks", attrs.name), 10, PATIENCE_SECONDS), || async {
        if let Some(shown) = find(cx, &attrs.cluster, &attrs.name).await? {
            return Ok(Progress::Pending(format!("{}, {} tasks running", shown.status().unwrap_or_default(), shown.running_count())));
        }
        Ok(match tasks_left(cx, attrs).await? {
            0 => Progress::Reached(()),
            left => Progress::Pending(format!("{left} tasks stopping")),
        })
    })
    .await
}

/// How many tasks of the service have not stopped yet. They are found by the family that they run, because ECS refuses to
/// list the tasks of a service that is not active.
async fn tasks_left(cx: &Cx, attrs: &ServiceAttrs) -> Result<usize> {
    let definition = attrs.settings.task_definition.as_str();
    let family = definition.rsplit_once('/').map_or(definition, |(_, name)| name).split(':').next().unwrap_or_default();
    let group = format!("service:{}", attrs.name);
    let mut left = 0;
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        let mut token = None;
        loop {
            let call = cx.aws.ecs.list_tasks().cluster(&attrs.cluster).family(family).desired_status(status.clone()).set_next_token(token).send();
            let Some(page) = settled(cx.read("ecs:ListTasks", call).await, &["ClusterNotFoundException"])? else { return Ok(0) };
            if !page.task_arns().is_empty() {
                let call = cx.aws.ecs.describe_tasks().cluster(&attrs.cluster).set_tasks(page.task_arns.clone()).send();
                let found = cx.read("ecs:DescribeTasks", call).await?;
                left += found.tasks().iter().filter(|task| task.group() == Some(group.as_str()) && task.last_status() != Some("STOPPED")).count();
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
    }
    Ok(left)
}
