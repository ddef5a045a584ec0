//! Fences: opens and closes an environment to clients.

use super::recorded;
use super::retry_idempotent::retry_idempotent;
use super::topology::Service;
use infra_base::address::Address;
use infra_config::Side;
use infra_core::engine::{Context, ReadContext};
use infra_core::resource::{Result, StepContext};
use infra_kinds::elbv2::fence_position::{self, FencePosition};

/// Returns the address under which calls about the fence of an environment are shown.
pub fn fence_address(side: Side) -> Address {
    Address::of(side.as_str(), "service", "fence")
}

/// Returns the position of the fence of a service. `None` if it has no fence, or something has changed it.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn position(context: &ReadContext, service: &Service) -> Result<Option<FencePosition>> {
    let Some(fence) = &service.fence else { return Ok(None) };
    fence_position::position(&context.reader(&fence_address(service.side), &service.location), fence).await
}

/// Opens or closes a fence. The operation is recorded before the call is sent. Returns whether the position was another
/// one before.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn set_position(context: &Context, service: &Service, fence: &str, to: FencePosition) -> Result<bool> {
    let address = fence_address(service.side);
    let reader = context.read_context().reader(&address, &service.location);
    let is_set = fence_position::position(&reader, fence).await? == Some(to);
    let what = describe(service.side, to);
    let send = |cx: StepContext| async move {
        let send = || fence_position::set_position(&cx, fence, to);
        retry_idempotent(&cx, "sending the position of the fence again", send).await
    };
    recorded::set(context, &address, &service.location, &what, is_set, send).await
}

fn describe(side: Side, to: FencePosition) -> String {
    match to {
        FencePosition::Open => format!("open the fence of the {side}"),
        FencePosition::Closed => format!("close the fence of the {side}"),
    }
}
