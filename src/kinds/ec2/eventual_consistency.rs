//! EC2 is eventually consistent: a new object may not be visible everywhere yet.

use infra_core::resource::{Result, StepContext};

/// How long EC2 can take to show a new object everywhere.
const SECONDS: u64 = 60;

/// Repeats a call that refers to new objects while EC2 reports that one of them does not exist ("Eventual consistency
/// in the Amazon EC2 API").
///
/// # Errors
/// The error of `attempt`, at the latest after a minute.
pub(super) async fn retry_until_visible<T, Fut>(cx: &StepContext, attempt: impl Fn() -> Fut + Send) -> Result<T>
where
    Fut: Future<Output = Result<T>> + Send,
{
    const NOT_YET: &[&str] = &[
        "InvalidVpcID.NotFound",
        "InvalidSubnetID.NotFound",
        "InvalidInternetGatewayID.NotFound",
        "InvalidGatewayID.NotFound",
        "InvalidAllocationID.NotFound",
        "InvalidNatGatewayID.NotFound",
        "InvalidRouteTableID.NotFound",
        "InvalidRouteTableId.NotFound",
        "InvalidGroup.NotFound",
        "InvalidVpcPeeringConnectionID.NotFound",
    ];
    cx.retry("EC2 to see the resources that this refers to", NOT_YET, SECONDS, attempt).await
}
