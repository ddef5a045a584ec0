//! Tasks of services: starting, stopping and describing them.

use aws_sdk_ecs::operation::describe_tasks::{DescribeTasksError, DescribeTasksInput, DescribeTasksOutput};
use aws_sdk_ecs::operation::list_tasks::{ListTasksError, ListTasksInput, ListTasksOutput};
use aws_sdk_ecs::types::{DesiredStatus, Failure};

use super::names::resource_name;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ecs::{Service, Task};

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "ecs",
        "ListTasks",
        &["cluster", "service_name", "family", "desired_status"],
        ListTasksError::generic,
        list,
    );
    registry.on("ecs", "DescribeTasks", &["cluster", "tasks"], DescribeTasksError::generic, describe);
}

/// Returns whether the task has reached `RUNNING`: halfway between its start and its first healthy moment.
pub(super) fn is_running(service: Option<&Service>, task: &Task, now: u64) -> bool {
    // Those that were added later are running when they are healthy.
    if task.healthy_at.is_some_and(|healthy| now < healthy) {
        return false;
    }
    let deployment =
        service.and_then(|service| service.deployments.iter().find(|deployment| deployment.id == task.deployment));
    deployment.is_none_or(|deployment| deployment.steady_at.is_some_and(|at| now + deployment.startup_millis / 2 >= at))
}

fn cluster_name(call: &mut Call<'_>, cluster: Option<&str>) -> Result<String, Rejection> {
    let name = resource_name(cluster.unwrap_or("default")).to_owned();
    match call.region_state().ecs.clusters.get(&name) {
        Some(cluster) if cluster.active => Ok(name),
        _ => refuse("ClusterNotFoundException", "Cluster not found."),
    }
}

fn list(call: &mut Call<'_>, input: &ListTasksInput) -> Result<ListTasksOutput, Rejection> {
    let cluster = cluster_name(call, input.cluster())?;
    let ecs = &call.region_state().ecs;
    let service = match input.service_name() {
        None => None,
        Some(name) => match ecs.services.values().find(|service| service.cluster == cluster && service.name == name) {
            None => return refuse("ServiceNotFoundException", "Service not found."),
            Some(service) => Some(&service.arn),
        },
    };
    // "The default status filter is RUNNING" (ListTasks). The filter applies to the desired status, not to the last
    // status.
    let stopping = input.desired_status() == Some(&DesiredStatus::Stopped);
    let requested = |task: &&Task| {
        task.arn.contains(&format!(":task/{cluster}/"))
            && task.removed_at.is_some() == stopping
            && service.is_none_or(|arn| task.service_arn == *arn)
            && input
                .family()
                .is_none_or(|family| resource_name(&task.task_definition).split(':').next() == Some(family))
    };
    let mut arns: Vec<String> = ecs.tasks.values().filter(requested).map(|task| task.arn.clone()).collect();
    let of = |other: &&Service| other.cluster == cluster && service.is_none_or(|arn| other.arn == *arn);
    let stopped = ecs.services.values().filter(of).flat_map(|service| &service.stopped).filter(|_| stopping);
    let in_family = |definition: &str| {
        input.family().is_none_or(|family| resource_name(definition).split(':').next() == Some(family))
    };
    arns.extend(stopped.filter(|task| in_family(&task.task_definition)).map(|task| task.arn.clone()));
    Ok(ListTasksOutput::builder().set_task_arns(Some(arns)).build())
}

fn describe(call: &mut Call<'_>, input: &DescribeTasksInput) -> Result<DescribeTasksOutput, Rejection> {
    cluster_name(call, input.cluster())?;
    // "A list of up to 100 task IDs or full ARN entries" (DescribeTasks).
    if !(1..=100).contains(&input.tasks().len()) {
        return refuse("InvalidParameterException", "Specify between 1 and 100 tasks.");
    }
    let now = call.now();
    let ecs = &call.region_state().ecs;
    let mut answer = DescribeTasksOutput::builder();
    for arn in input.tasks() {
        let stopped = ecs
            .services
            .values()
            .find_map(|service| Some((service, service.stopped.iter().find(|task| task.arn == *arn)?)));
        if let Some((service, task)) = stopped {
            let described = aws_sdk_ecs::types::Task::builder()
                .task_arn(arn)
                .task_definition_arn(&task.task_definition)
                .group(format!("service:{}", service.name))
                .started_by(&task.deployment)
                .last_status("STOPPED")
                .desired_status("STOPPED")
                .stopped_reason(&task.reason);
            answer = answer.tasks(described.build());
            continue;
        }
        let Some(task) = ecs.tasks.get(arn) else {
            answer = answer.failures(Failure::builder().arn(arn).reason("MISSING").build());
            continue;
        };
        let service = ecs.services.get(&task.service_arn);
        let last = match task.removed_at {
            Some(_) => "DEPROVISIONING",
            None if is_running(service, task, now) => "RUNNING",
            None => "PENDING",
        };
        let printed = aws_sdk_ecs::types::Task::builder()
            .task_arn(&task.arn)
            .task_definition_arn(&task.task_definition)
            .group(format!("service:{}", service.map(|service| service.name.as_str()).unwrap_or_default()))
            .started_by(&task.deployment)
            .last_status(last)
            .desired_status(if task.removed_at.is_some() { "STOPPED" } else { "RUNNING" });
        answer = answer.tasks(printed.build());
    }
    Ok(answer.build())
}
