//! How many tasks a service is to have just now. The autoscaler changes that, so it is asked and not remembered.

use crate::resource::{Cx, Error, Result};

/// Returns the number of tasks that are wanted.
///
/// # Errors
/// What ECS answered, or that the service is not there.
pub async fn wanted(cx: &Cx, cluster: &str, service: &str) -> Result<u32> {
    let call = cx.aws.ecs.describe_services().cluster(cluster).services(service).send();
    let found = cx.read("ecs:DescribeServices", call).await?;
    let shown = found.services().iter().find(|shown| shown.status() != Some("INACTIVE"));
    let shown = shown.ok_or_else(|| Error::Refused(format!("there is no service {service} in the cluster {cluster}")))?;
    Ok(u32::try_from(shown.desired_count()).unwrap_or_default())
}
