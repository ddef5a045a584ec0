//! Fences: opens and closes an environment to clients.

use std::sync::Arc;

use super::retry_idempotent::retry_idempotent;
use super::topology::Service;
use infra_aws::CallOutcome;
use infra_base::address::Address;
use infra_config::Side;
use infra_core::engine::{Context, Operation, ReadContext};
use infra_core::resource::{Result, StepContext};
use infra_core::state::Record;
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
    fence_position::position(&context.reader(&fence_address(service.side), &service.region), fence).await
}

/// Opens or closes a fence. The operation is recorded before the call is sent. Returns whether the position was another
/// one before.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn set_position(context: &Context, service: &Service, fence: &str, to: FencePosition) -> Result<bool> {
    let read_context = context.read_context();
    let address = fence_address(service.side);
    let reader = read_context.reader(&address, &service.region);
    if fence_position::position(&reader, fence).await? == Some(to) {
        // A killed run may have left its operation open, although it had its effect.
        if context.journal.read(|state| state.migration.operations.contains_key(&address)) {
            context.journal.write(vec![Record::OperationEnded { address }]).await?;
        }
        return Ok(false);
    }
    let intent = Record::OperationIntent { address: address.clone(), what: describe(service.side, to) };
    let of_call = address.clone();
    let call = move |call: &str| Record::OperationCall { address: of_call.clone(), call: call.to_owned() };
    let cx = read_context.writer(&address, &service.region, Arc::new(Operation::new(&context.journal, intent, call)));
    let result = send(&cx, fence, to).await;
    // Every call that was sent has a result, so nothing is open.
    if result.as_ref().err().is_none_or(|error| error.outcome() != CallOutcome::Unknown) {
        context.journal.write(vec![Record::OperationEnded { address }]).await?;
    }
    result.map(|()| true)
}

async fn send(cx: &StepContext, fence: &str, to: FencePosition) -> Result<()> {
    retry_idempotent(cx, "sending the position of the fence again", || fence_position::set_position(cx, fence, to))
        .await
}

fn describe(side: Side, to: FencePosition) -> String {
    match to {
        FencePosition::Open => format!("open the fence of the {side}"),
        FencePosition::Closed => format!("close the fence of the {side}"),
    }
}
