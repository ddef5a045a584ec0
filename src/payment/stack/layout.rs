//! The addresses of the resources that other crates look up: which part and which name each one has.
//!
//! The builders and [`Parts`](super::Parts) share these names, so that a resource that was taken out of the
//! configuration is still recognized by its address in the state.

use infra_base::address::Address;
use infra_config::Side;

const SIDES: [Side; 2] = [Side::Source, Side::Target];

/// The pseudo environment of the routing.
pub const ROUTING: &str = "routing";

/// The part of the records, their zone and their health checks.
pub(super) const DNS: &str = "dns";
pub(super) const ZONE: &str = "zone";
pub(super) const SWITCH_ALARM: &str = "target-switch-alarm";

/// The part of the service and its load balancer.
pub(super) const SERVICE: &str = "service";
pub(super) const CLUSTER: &str = "cluster";
pub(super) const ECS_SERVICE: &str = "service";
pub(super) const LOAD_BALANCER: &str = "load-balancer";
pub(super) const TARGET_GROUP: &str = "target-group";
pub(super) const FENCE: &str = "fence";
pub(super) const TASK_DEFINITION: &str = "task-definition";

/// The part of the second service, which uses the database of the other environment.
pub(super) const LINK_SERVICE: &str = "link-service";
pub(super) const LINK_RULE: &str = "rule";

/// The part of a database is this prefix and the role of the database.
const DATABASE: &str = "database-";
pub(super) const INSTANCE: &str = "instance";
pub(super) const SECRET: &str = "secret";

/// The part of the replication of a database.
pub(super) const REPLICATION: &str = "replication";
pub(super) const REPLICATION_INSTANCE: &str = "instance";
pub(super) const SOURCE_ENDPOINT: &str = "source-endpoint";
pub(super) const TARGET_ENDPOINT: &str = "target-endpoint";
pub(super) const TASK: &str = "task";
/// The fallback replication to the source, in the same part.
pub(super) const FALLBACK_SOURCE_ENDPOINT: &str = "fallback-source-endpoint";
pub(super) const FALLBACK_TARGET_ENDPOINT: &str = "fallback-target-endpoint";
pub(super) const FALLBACK_TASK: &str = "fallback-task";
/// The fallback replication to the target, after a way back. It writes through the target endpoint of the replication.
pub(super) const FORWARD_SOURCE_ENDPOINT: &str = "forward-source-endpoint";
pub(super) const FORWARD_TASK: &str = "forward-task";

/// The part of alarms and dashboards.
pub(super) const MONITORING: &str = "monitoring";
pub(super) const LAG_ALARM: &str = "replication-lag";

/// Returns whether this is the address of the task of a fallback replication.
pub(super) fn is_fallback_task(address: &Address) -> bool {
    [FALLBACK_TASK, FORWARD_TASK].iter().any(|task| *address == Address::of(address.environment(), REPLICATION, task))
}

/// Returns the address of a resource of the routing.
pub(super) fn routing(name: &str) -> Address {
    Address::of(ROUTING, DNS, name)
}

/// Returns the name of the weighted record of an environment.
pub(super) fn record(environment: &str) -> String {
    format!("{environment}-record")
}

/// Returns the name of the health check of an environment's load balancer.
pub(super) fn health_check(environment: &str) -> String {
    format!("{environment}-health-check")
}

/// Returns the name of the health check that lets the record of an environment follow the emergency switch.
pub(super) fn switched(environment: &str) -> String {
    format!("{environment}-switched")
}

/// A part of the routing that follows the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutingPart {
    /// The weighted record of an environment.
    Record,
    /// The health check that lets the record of an environment follow the emergency switch.
    Switched,
}

/// Returns which part of the routing that follows the primary has this address, if it is one.
pub fn routing_part(address: &Address) -> Option<RoutingPart> {
    let is = |name: fn(&str) -> String| SIDES.iter().any(|side| *address == routing(&name(side.as_str())));
    match (is(record), is(switched)) {
        (true, _) => Some(RoutingPart::Record),
        (_, true) => Some(RoutingPart::Switched),
        _ => None,
    }
}

/// Returns the environment whose record or health check has this address.
pub(super) fn routed_side(address: &Address) -> Option<Side> {
    SIDES.into_iter().find(|side| {
        let environment = side.as_str();
        *address == routing(&record(environment)) || *address == routing(&health_check(environment))
    })
}

/// Returns the side of an environment.
pub(super) fn side(environment: &str) -> Option<Side> {
    SIDES.into_iter().find(|side| side.as_str() == environment)
}

/// Returns the part of the database with this role.
pub(super) fn database(role: &str) -> String {
    format!("{DATABASE}{role}")
}

/// Returns the role of the database that a resource belongs to.
pub(super) fn database_role(address: &Address) -> &str {
    address.part().strip_prefix(DATABASE).unwrap_or(address.part())
}
