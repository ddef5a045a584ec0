//! Scale-in during a cutover: the tasks of both environments stay, so that each can take back all traffic.

use std::sync::Arc;

use super::recorded;
use super::retry_idempotent::retry_idempotent;
use super::topology::Service;
use infra_base::address::{Address, Location};
use infra_config::Side;
use infra_core::engine::{Context, NoLog, ReadContext};
use infra_core::resource::{Result, StepContext};
use infra_kinds::autoscaling::scale_in::{self, ScaleIn};

/// Returns the address under which calls about the scale-in of an environment are shown.
pub fn scale_in_address(side: Side) -> Address {
    Address::of(side.as_str(), "service", "scale-in")
}

/// Returns whether tasks of an environment may be removed. `None` if none of its services scales.
///
/// # Errors
/// The error of Application Auto Scaling.
pub async fn position(context: &ReadContext, service: &Service) -> Result<Option<ScaleIn>> {
    let mut all = None;
    for one in scaling(service) {
        match position_of(context, &one).await? {
            Some(ScaleIn::Allowed) => return Ok(Some(ScaleIn::Allowed)),
            Some(ScaleIn::Suspended) => all = Some(ScaleIn::Suspended),
            None => {}
        }
    }
    Ok(all)
}

/// Suspends scale-in of all services of an environment, or allows it again. Each operation is recorded before the call
/// is sent. Returns whether it was otherwise before. A service that does not scale stays as it is.
///
/// # Errors
/// The error of Application Auto Scaling.
pub async fn set_position(context: &Context, service: &Service, to: ScaleIn) -> Result<bool> {
    let mut changed = false;
    for one in scaling(service) {
        changed |= set_position_of(context, &one, to).await?;
    }
    Ok(changed)
}

/// Does the same without a state: nothing is recorded.
///
/// # Errors
/// The error of Application Auto Scaling.
pub async fn set_position_without_state(context: &ReadContext, service: &Service, to: ScaleIn) -> Result<bool> {
    let mut changed = false;
    for one in scaling(service) {
        if position_of(context, &one).await?.is_some_and(|found| found != to) {
            let cx = context.writer(&one.address, one.location, Arc::new(NoLog));
            send(&cx, &one, to).await?;
            changed = true;
        }
    }
    Ok(changed)
}

/// One ECS service that scales.
pub(super) struct Scaling<'a> {
    side: Side,
    pub(super) location: &'a Location,
    /// The address under which calls about its tasks are shown and recorded.
    pub(super) address: Address,
    /// Its name.
    pub(super) name: &'a str,
    pub(super) resource_id: String,
}

/// Returns the service of an environment, and its second one.
pub(super) fn scaling(service: &Service) -> Vec<Scaling<'_>> {
    let of = |address: Address, name| Scaling {
        side: service.side,
        location: &service.location,
        address,
        name,
        resource_id: scale_in::resource_id(&service.cluster, name),
    };
    let own = of(scale_in_address(service.side), &service.service);
    let link_address = Address::of(service.side.as_str(), "link-service", "scale-in");
    let link = service.link.as_ref().map(|link| of(link_address, &link.service));
    [own].into_iter().chain(link).collect()
}

async fn position_of(context: &ReadContext, one: &Scaling<'_>) -> Result<Option<ScaleIn>> {
    scale_in::scale_in(&context.reader(&one.address, one.location), &one.resource_id).await
}

async fn set_position_of(context: &Context, one: &Scaling<'_>, to: ScaleIn) -> Result<bool> {
    let is_set = position_of(&context.read_context(), one).await?.is_none_or(|found| found == to);
    let what = describe(one.side, to);
    let send = |cx: StepContext| async move { send(&cx, one, to).await };
    recorded::set(context, &one.address, one.location, &what, is_set, send).await
}

async fn send(cx: &StepContext, one: &Scaling<'_>, to: ScaleIn) -> Result<()> {
    let set = || scale_in::set_scale_in(cx, &one.resource_id, to);
    retry_idempotent(cx, "sending the suspension again", set).await
}

fn describe(side: Side, to: ScaleIn) -> String {
    match to {
        ScaleIn::Allowed => format!("allow scale-in of the {side}"),
        ScaleIn::Suspended => format!("suspend scale-in of the {side}"),
    }
}
