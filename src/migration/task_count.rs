//! The number of tasks that an environment needs before it gets traffic: as many as serve it now.
//!
//! Autoscaling follows load, so a service without requests stays at its smallest number of tasks, however many serve in
//! the other environment. It would also remove the tasks that are added here, so scale-in is suspended first.

use super::recorded;
use super::retry_idempotent::retry_idempotent;
use super::scale_in;
use super::serving::serving;
use super::topology::{Service, Topology};
use infra_base::address::Address;
use infra_config::Side;
use infra_core::engine::{Context, ReadContext};
use infra_core::resource::{Result, StepContext};
use infra_kinds::autoscaling::scale_in::{ScaleIn, largest_count, resource_id};
use infra_kinds::ecs::desired_count::{desired_count, set_desired_count};

/// Makes sure that all services of an environment have as many tasks as serve the traffic now, up to the limit of their
/// autoscaling. If it adds tasks, it suspends scale-in. It never removes tasks, and does not wait until the new ones
/// are healthy. Each operation is recorded before the call is sent. It can be repeated.
///
/// # Errors
/// The error of ECS, Elastic Load Balancing, or Application Auto Scaling.
pub async fn match_serving(context: &Context, topology: &Topology, side: Side) -> Result<()> {
    let Some(service) = topology.service(side) else { return Ok(()) };
    let wanted = serve_now(&context.read_context(), topology).await?;
    for (address, name) in services(service) {
        set_at_least(context, service, &address, name, wanted).await?;
    }
    Ok(())
}

/// Returns the addresses under which calls about task counts are shown, with the names of the services.
fn services(service: &Service) -> impl Iterator<Item = (Address, &str)> {
    let own = (address(service.side, "service"), service.service.as_str());
    let link = service.link.as_ref().map(|link| (address(service.side, "link-service"), link.service.as_str()));
    std::iter::once(own).chain(link)
}

fn address(side: Side, part: &str) -> Address {
    Address::of(side.as_str(), part, "task-count")
}

/// Returns how many tasks serve in the environment that has most of them.
async fn serve_now(context: &ReadContext, topology: &Topology) -> Result<u32> {
    let mut most = 0;
    for service in &topology.services {
        let name = serving(context, service).await?.service;
        let reader = context.reader(&address(service.side, "service"), &service.region);
        most = most.max(desired_count(&reader, &service.cluster, name).await?);
    }
    Ok(most)
}

async fn set_at_least(context: &Context, service: &Service, address: &Address, name: &str, wanted: u32) -> Result<()> {
    let reader = context.read_context().reader(address, &service.region);
    let found = desired_count(&reader, &service.cluster, name).await?;
    // The limit is read only if it matters.
    let limit = if found < wanted { largest_count(&reader, &resource_id(&service.cluster, name)).await? } else { None };
    let wanted = limit.map_or(wanted, |limit| limit.min(wanted));
    if found < wanted {
        scale_in::set_position(context, service, ScaleIn::Suspended).await?;
    }
    let what = format!("set the number of tasks of {name} to {wanted}");
    let send = |cx: StepContext| async move {
        let set = || set_desired_count(&cx, &service.cluster, name, wanted);
        retry_idempotent(&cx, "sending the number of tasks again", set).await
    };
    recorded::set(context, address, &service.region, &what, found >= wanted, send).await.map(drop)
}
