//! Finding and naming the instances that still use a group.

use aws_sdk_rds::types::DbInstance;

use crate::aws::{Progress, Wait};
use crate::resource::{Blocker, Cx, Error, Result};

/// Deletes a group: while AWS answers with `in_use`, waits for the instances that use it and are being deleted. An instance
/// that is not being deleted is named in the error.
///
/// # Errors
/// [`Error::Blocked`] when an instance stays, or what `delete` returns.
pub(super) async fn delete_when_free<Fut>(
    cx: &Cx,
    name: &str,
    in_use: &str,
    uses: impl Fn(&DbInstance) -> bool + Sync,
    delete: impl Fn() -> Fut + Send + Sync,
) -> Result<()>
where
    Fut: Future<Output = Result<()>> + Send,
{
    let look = || async {
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
    cx.wait(Wait::new(format!("what uses {name} to go away"), 15, 15 * 60), look).await
}

/// Returns the instances that use a group, and whether each is being deleted.
async fn users(cx: &Cx, uses: &(impl Fn(&DbInstance) -> bool + Sync)) -> Result<Vec<(Blocker, bool)>> {
    let mut users = Vec::new();
    let mut marker = None;
    loop {
        let page = cx.read("rds:DescribeDBInstances", cx.aws.rds.describe_db_instances().set_marker(marker).send()).await?;
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
