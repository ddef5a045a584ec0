//! Scale-in during a cutover: the tasks of both environments stay, so that each can take back all traffic.

use std::sync::Arc;

use super::retry_idempotent::retry_idempotent;
use super::topology::Service;
use infra_aws::CallOutcome;
use infra_base::address::Address;
use infra_config::Side;
use infra_core::engine::{Context, NoLog, Operation, ReadContext};
use infra_core::resource::{Result, StepContext};
use infra_core::state::Record;
use infra_kinds::autoscaling::scale_in::{self, ScaleIn};

/// Returns the address under which calls about the scale-in of an environment are shown.
pub fn scale_in_address(side: Side) -> Address {
    Address::of(side.as_str(), "service", "scale-in")
}

/// Returns whether the tasks of a service may be removed. `None` if the service does not scale.
///
/// # Errors
/// The error of Application Auto Scaling.
pub async fn position(context: &ReadContext, service: &Service) -> Result<Option<ScaleIn>> {
    let cx = context.reader(&scale_in_address(service.side), &service.region);
    scale_in::scale_in(&cx, &resource_id(service)).await
}

/// Suspends scale-in, or allows it again. The operation is recorded before the call is sent. Returns whether it was
/// otherwise before. A service that does not scale stays as it is.
///
/// # Errors
/// The error of Application Auto Scaling.
pub async fn set_position(context: &Context, service: &Service, to: ScaleIn) -> Result<bool> {
    let read_context = context.read_context();
    let address = scale_in_address(service.side);
    let found = position(&read_context, service).await?;
    if found.is_none_or(|found| found == to) {
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
    let result = send(&cx, service, to).await;
    // Every call that was sent has a result, so nothing is open.
    if result.as_ref().err().is_none_or(|error| error.outcome() != CallOutcome::Unknown) {
        context.journal.write(vec![Record::OperationEnded { address }]).await?;
    }
    result.map(|()| true)
}

/// Does the same without a state: nothing is recorded.
///
/// # Errors
/// The error of Application Auto Scaling.
pub async fn set_position_without_state(context: &ReadContext, service: &Service, to: ScaleIn) -> Result<bool> {
    if position(context, service).await?.is_none_or(|found| found == to) {
        return Ok(false);
    }
    let cx = context.writer(&scale_in_address(service.side), &service.region, Arc::new(NoLog));
    send(&cx, service, to).await.map(|()| true)
}

async fn send(cx: &StepContext, service: &Service, to: ScaleIn) -> Result<()> {
    let id = resource_id(service);
    retry_idempotent(cx, "sending the suspension again", || scale_in::set_scale_in(cx, &id, to)).await
}

fn resource_id(service: &Service) -> String {
    scale_in::resource_id(&service.cluster, &service.service)
}

fn describe(side: Side, to: ScaleIn) -> String {
    match to {
        ScaleIn::Allowed => format!("allow scale-in of the {side}"),
        ScaleIn::Suspended => format!("suspend scale-in of the {side}"),
    }
}
