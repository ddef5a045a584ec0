//! The number of tasks that an environment needs before it gets traffic: as many as serve it now.
//!
//! Autoscaling follows load, so a service without requests stays at its smallest number of tasks, however many serve in
//! the other environment. It would also remove the tasks that are added here, so scale-in is suspended first. Both are
//! recorded at the same address: whoever allows scale-in again also ends what was killed here.

use super::recorded;
use super::retry_idempotent::retry_idempotent;
use super::scale_in::{self, Scaling, scale_in_address, scaling};
use super::serving::serving;
use super::topology::{Service, Topology};
use infra_config::Side;
use infra_core::engine::{Context, ReadContext};
use infra_core::resource::{Result, StepContext};
use infra_kinds::autoscaling::scale_in::{ScaleIn, largest_count};
use infra_kinds::ecs::desired_count::{desired_count, set_desired_count};

/// How many tasks an environment will have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    /// How many serve now, in the environment that has most of them.
    pub serving: u32,
    /// The limit of the autoscaling of a service, if it is below that.
    pub limit: Option<u32>,
}

/// Makes sure that all services of an environment have as many tasks as serve the traffic now, up to the limit of their
/// autoscaling. If it adds tasks, it suspends scale-in. It never removes tasks, and does not wait until the new ones
/// are healthy. Each operation is recorded before the call is sent. It can be repeated.
///
/// # Errors
/// The error of ECS, Elastic Load Balancing, or Application Auto Scaling.
pub async fn match_serving(context: &Context, topology: &Topology, side: Side) -> Result<Matched> {
    let mut matched = Matched { serving: serve_now(&context.read_context(), topology).await?, limit: None };
    let Some(service) = topology.service(side) else { return Ok(matched) };
    for one in scaling(service) {
        let limit = set_at_least(context, service, &one, matched.serving).await?;
        matched.limit = matched.limit.into_iter().chain(limit).min();
    }
    Ok(matched)
}

/// Returns how many tasks serve in the environment that has most of them.
async fn serve_now(context: &ReadContext, topology: &Topology) -> Result<u32> {
    let mut most = 0;
    for service in &topology.services {
        let name = serving(context, service).await?.service;
        let reader = context.reader(&scale_in_address(service.side), &service.location);
        most = most.max(desired_count(&reader, &service.cluster, name).await?);
    }
    Ok(most)
}

/// Returns the limit, if it is below what is wanted.
async fn set_at_least(context: &Context, service: &Service, one: &Scaling<'_>, wanted: u32) -> Result<Option<u32>> {
    let reader = context.read_context().reader(&one.address, one.location);
    let found = desired_count(&reader, &service.cluster, one.name).await?;
    if found >= wanted {
        return Ok(None);
    }
    let limit = largest_count(&reader, &one.resource_id).await?.filter(|limit| *limit < wanted);
    let count = limit.unwrap_or(wanted);
    if found < count {
        scale_in::set_position(context, service, ScaleIn::Suspended).await?;
    }
    let what = format!("set the number of tasks of {} to {count}", one.name);
    let send = |cx: StepContext| async move {
        let set = || set_desired_count(&cx, &service.cluster, one.name, count);
        retry_idempotent(&cx, "sending the number of tasks again", set).await
    };
    recorded::set(context, &one.address, one.location, &what, found >= count, send).await?;
    Ok(limit)
}
