//! EC2 answers from many places: what was made a moment ago may not be known everywhere yet.

use crate::resource::{Cx, Result};

/// How long EC2 may take to know of a new thing everywhere.
const SECONDS: u64 = 60;

/// Makes a call that refers to things made a moment ago, and makes it again while EC2 answers that one of them does not exist
/// ("Eventual consistency in the Amazon EC2 API").
///
/// # Errors
/// What `attempt` returns, at the latest after a minute.
pub(super) async fn once_visible<T, Fut>(cx: &Cx, attempt: impl Fn() -> Fut + Send) -> Result<T>
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
    cx.retry("EC2 to know of what this refers to", NOT_YET, SECONDS, attempt).await
}
