//! Finding and naming what stands in the way of a deletion: the network interfaces, and whose they are.

use aws_sdk_ec2::types::{Filter, NetworkInterface};

use crate::aws::{Progress, Wait};
use crate::resource::{Blocker, Cx, Error, Result};

/// How long interfaces of deleted things may linger: those of load balancers and Fargate tasks for up to 20 minutes.
pub(in crate::resources) const LINGER_SECONDS: u64 = 25 * 60;

/// Deletes something that lingering network interfaces may hold for a while: tries, and while AWS answers that there are
/// dependencies, waits for the interfaces to go. When they do not, the error names them and their owners.
///
/// # Errors
/// [`Error::Blocked`] when they stay, or what `delete` returns.
pub(super) async fn delete_when_free<Fut>(cx: &Cx, filter: &str, id: &str, delete: impl Fn() -> Fut + Send + Sync) -> Result<()>
where
    Fut: Future<Output = Result<()>> + Send,
{
    let look = || async {
        match delete().await {
            Ok(()) => Ok(Progress::Reached(Ok(()))),
            Err(error) if error.is_code("DependencyViolation") => match name_them(cx, filter, id, error).await {
                Error::Blocked(blockers) => Ok(Progress::Pending(format!("used by {}", blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))),
                // Nothing that goes away by itself.
                other => Ok(Progress::Reached(Err(other))),
            },
            Err(error) => Err(error),
        }
    };
    match cx.wait(Wait::new(format!("what uses {id} to go away"), 10, LINGER_SECONDS), look).await {
        Ok(result) => result,
        Err(Error::Timeout { .. }) => Err(match delete().await {
            Ok(()) => return Ok(()),
            Err(error) => name_them(cx, filter, id, error).await,
        }),
        Err(other) => Err(other),
    }
}

/// Replaces AWS's "has dependencies" by the list of what depends. `filter` is `vpc-id`, `subnet-id` or `group-id`.
/// Returns the original error when nothing is found.
pub(super) async fn name_them(cx: &Cx, filter: &str, id: &str, error: Error) -> Error {
    let filter = Filter::builder().name(filter).values(id).build();
    let call = cx.aws.ec2.describe_network_interfaces().filters(filter).send();
    match cx.read("ec2:DescribeNetworkInterfaces", call).await {
        Ok(found) if !found.network_interfaces().is_empty() => Error::Blocked(found.network_interfaces().iter().map(blocker).collect()),
        _ => error,
    }
}

/// Says what an interface is and which service it belongs to.
pub(in crate::resources) fn blocker(interface: &NetworkInterface) -> Blocker {
    let description = interface.description().filter(|text| !text.is_empty()).unwrap_or("no description");
    let owner = interface.requester_id().map(|owner| format!(", made by {owner}")).unwrap_or_default();
    Blocker { id: interface.network_interface_id().unwrap_or("a network interface").to_owned(), what: format!("{description}{owner}") }
}
