//! Which database the service of an environment uses, and whether its tasks can serve.

use super::recorded;
use super::retry_idempotent::retry_idempotent;
use super::topology::{LinkService, Service};
use infra_base::address::Address;
use infra_config::Side;
use infra_core::engine::{Context, ReadContext};
use infra_core::resource::{Error, Result, StepContext};
use infra_kinds::elbv2::forward_rule;
use infra_kinds::elbv2::health::{TargetHealth, targets};
use infra_kinds::elbv2::rule_scope::RuleScope;
use infra_switchover::Direction;

/// Returns the address under which calls about the rule of the second service are shown.
fn rule_address(side: Side) -> Address {
    Address::of(side.as_str(), "link-service", "rule")
}

/// Returns the side whose database the service of an environment uses. `None` if something has changed the rule that
/// decides it.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn database_side(context: &ReadContext, service: &Service) -> Result<Option<Side>> {
    let Some(link) = &service.link else { return Ok(Some(service.side)) };
    let cx = context.reader(&rule_address(service.side), &service.location);
    Ok(forward_rule::scope(&cx, &link.rule).await?.map(|scope| match scope {
        RuleScope::Nothing => service.side,
        RuleScope::Everything => Direction::to_side(service.side).from(),
    }))
}

/// The service that gets the requests of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving<'a> {
    /// The ARN of its target group.
    pub target_group: &'a str,
    /// Its name in ECS.
    pub service: &'a str,
}

/// Returns the service that gets the requests of an environment.
///
/// # Errors
/// The error of Elastic Load Balancing.
pub async fn serving<'a>(context: &ReadContext, service: &'a Service) -> Result<Serving<'a>> {
    let uses = database_side(context, service).await?;
    Ok(match service.link.as_ref().filter(|_| uses.is_some_and(|side| side != service.side)) {
        Some(link) => Serving { target_group: &link.target_group, service: &link.service },
        None => Serving { target_group: &service.target_group, service: &service.service },
    })
}

/// Makes the service of an environment use the database of a side. The operation is recorded before the call is sent.
pub(super) async fn use_database_of(context: &Context, service: &Service, side: Side) -> Result<()> {
    let Some(link) = &service.link else {
        let other =
            || Error::Refused(format!("the {} has no service that uses the database of the {side}", service.side));
        return if side == service.side { Ok(()) } else { Err(other()) };
    };
    let to = if side == service.side { RuleScope::Nothing } else { RuleScope::Everything };
    set_scope(context, service, link, to).await
}

async fn set_scope(context: &Context, service: &Service, link: &LinkService, to: RuleScope) -> Result<()> {
    let address = rule_address(service.side);
    let reader = context.read_context().reader(&address, &service.location);
    let is_set = forward_rule::scope(&reader, &link.rule).await? == Some(to);
    let what = describe(service.side, to);
    let send = |cx: StepContext| async move {
        let send = || forward_rule::set_scope(&cx, &link.rule, to);
        retry_idempotent(&cx, "sending the conditions of the rule again", send).await
    };
    recorded::set(context, &address, &service.location, &what, is_set, send).await.map(drop)
}

fn describe(side: Side, to: RuleScope) -> String {
    match to {
        RuleScope::Nothing => format!("send requests of the {side} to the service that uses its own database"),
        RuleScope::Everything => format!("send requests of the {side} to the service that uses the other database"),
    }
}

/// Returns the health of the tasks that use the database of a side. Without such tasks, none is healthy.
pub(super) async fn health(context: &ReadContext, service: &Service, side: Side) -> Result<TargetHealth> {
    let group = match &service.link {
        Some(link) if side != service.side => Some(&link.target_group),
        _ if side == service.side => Some(&service.target_group),
        _ => None,
    };
    let Some(group) = group else { return Ok(TargetHealth::default()) };
    targets(&context.reader(&rule_address(service.side), &service.location), group).await
}
