//! The desired number of tasks of a service. The autoscaler changes it, so it is read and not remembered; `up` and
//! `drift` leave it alone.

use infra_core::resource::{Error, Result, StepContext};

/// Returns the desired number of tasks.
///
/// # Errors
/// The error of ECS, or that the service does not exist.
pub async fn desired_count(cx: &StepContext, cluster: &str, service: &str) -> Result<u32> {
    let call = cx.aws.ecs.describe_services().cluster(cluster).services(service).send();
    let found = cx.read("ecs:DescribeServices", call).await?;
    let described = found.services().iter().find(|described| described.status() != Some("INACTIVE"));
    let described =
        described.ok_or_else(|| Error::Refused(format!("there is no service {service} in the cluster {cluster}")))?;
    Ok(u32::try_from(described.desired_count()).unwrap_or_default())
}

/// Sets the desired number of tasks. It can be repeated.
///
/// # Errors
/// The error of ECS.
pub async fn set_desired_count(cx: &StepContext, cluster: &str, service: &str, count: u32) -> Result<()> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let call = || cx.aws.ecs.update_service().cluster(cluster).service(service).desired_count(count).send();
    cx.mutate("ecs:UpdateService", call).await.map(drop)
}
