//! Deletion of a group that instances may still use.

use aws_sdk_rds::types::DbInstance;

use infra_aws::{Progress, Wait};
use infra_core::resource::{Blocker, Error, Result, StepContext};

/// Deletes a group. While AWS returns `in_use`, it waits for the deletion of the instances that use the group. The
/// error names an instance that is not being deleted.
///
/// # Errors
/// [`Error::Blocked`] when an instance remains, or the error of `delete`.
pub(super) async fn delete_when_free<Fut>(
    cx: &StepContext,
    name: &str,
    in_use: &str,
    uses: impl Fn(&DbInstance) -> bool + Sync,
    delete: impl Fn() -> Fut + Send + Sync,
) -> Result<()>
where
    Fut: Future<Output = Result<()>> + Send,
{
    let attempt = || async {
        match delete().await {
            Ok(()) => Ok(Progress::Reached(())),
            Err(error) if error.is_code(in_use) => {
                let users = users(cx, &uses).await?;
                match users.iter().all(|(_, leaving)| *leaving) {
                    true => Ok(Progress::Pending("in use by an instance that is being deleted".to_owned())),
                    false => Err(Error::Blocked(users.into_iter().map(|(blocker, _)| blocker).collect())),
                }
            }
            Err(error) => Err(error),
        }
    };
    cx.wait(Wait::new(format!("the instances that use {name} to be deleted"), 15, 15 * 60), attempt).await
}

/// Returns the instances that use a group, and whether each is being deleted.
async fn users(cx: &StepContext, uses: &(impl Fn(&DbInstance) -> bool + Sync)) -> Result<Vec<(Blocker, bool)>> {
    let mut users = Vec::new();
    let mut marker = None;
    loop {
        let page =
            cx.read("rds:DescribeDBInstances", cx.aws.rds.describe_db_instances().set_marker(marker).send()).await?;
        for instance in page.db_instances().iter().filter(|instance| uses(instance)) {
            let status = instance.db_instance_status().unwrap_or_default();
            let blocker = Blocker {
                id: instance.db_instance_identifier().unwrap_or("a database instance").to_owned(),
                what: format!("database instance in status `{status}`"),
            };
            users.push((blocker, status == "deleting"));
        }
        marker = page.marker;
        if marker.is_none() {
            return Ok(users);
        }
    }
}
