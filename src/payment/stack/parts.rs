//! Typed handles to the resources that replication, traffic shifts and the cutover work with.

use std::collections::BTreeSet;

use super::layout;
use infra_base::address::Address;
use infra_config::Side;
use infra_core::resource::{Handle, RefersTo, Spec};
use infra_kinds::cloudwatch::Alarm;
use infra_kinds::dms::{Endpoint, ReplicationInstance, ReplicationTask};
use infra_kinds::ecs::{Cluster, Service};
use infra_kinds::elbv2::{Fence, ForwardRule, LoadBalancer, TargetGroup};
use infra_kinds::rds::DbInstance;
use infra_kinds::route53::{HealthCheck, HostedZone, WeightedRecord};
use infra_kinds::secretsmanager::Secret;

/// Handles to the parts of a stack, in the order of their addresses.
///
/// [`assemble`](super::assemble) returns the parts of a configuration. [`Parts::find`] returns the parts that a state
/// still has: they may have been taken out of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The routing between the environments.
    pub routing: RoutingParts,
    /// The service of each environment, the source first.
    pub services: Vec<ServiceParts>,
    /// The databases.
    pub databases: Vec<DatabaseParts>,
    /// The replications of databases.
    pub replications: Vec<ReplicationParts>,
    /// The alarms of all environments, without the alarm of the emergency switch.
    pub alarms: Vec<Handle<Alarm>>,
}

/// The routing: one domain name, weighted between the environments.
#[derive(Clone, Debug, Default)]
pub struct RoutingParts {
    /// The hosted zone, if the stack creates one.
    pub zone: Option<Handle<HostedZone>>,
    /// The weighted record of each environment.
    pub records: Vec<(Side, Handle<WeightedRecord>)>,
    /// The health check of each environment's load balancer.
    pub health_checks: Vec<(Side, Handle<HealthCheck>)>,
    /// The alarm of the emergency switch.
    pub switch_alarm: Option<Handle<Alarm>>,
}

/// The service of an environment and what leads requests to it.
#[derive(Clone, Debug)]
pub struct ServiceParts {
    /// The environment.
    pub side: Side,
    /// The cluster.
    pub cluster: Handle<Cluster>,
    /// The ECS service.
    pub service: Handle<Service>,
    /// The load balancer.
    pub load_balancer: Handle<LoadBalancer>,
    /// The target group.
    pub target_group: Handle<TargetGroup>,
    /// The fence of the load balancer. Stacks of earlier versions have none.
    pub fence: Handle<Fence>,
    /// The second service, which uses the database of the other environment. Not every stack has one.
    pub link: LinkServiceParts,
}

/// The second service of an environment, and what leads requests to it.
#[derive(Clone, Debug)]
pub struct LinkServiceParts {
    /// The ECS service.
    pub service: Handle<Service>,
    /// The target group.
    pub target_group: Handle<TargetGroup>,
    /// The rule of the listener.
    pub rule: Handle<ForwardRule>,
}

/// A database and its credentials.
#[derive(Clone, Debug)]
pub struct DatabaseParts {
    /// The role of the database, for example `source`.
    pub role: String,
    /// The database instance.
    pub instance: Handle<DbInstance>,
    /// The secret with the master credentials.
    pub secret: Handle<Secret>,
}

/// The replication of a database with AWS DMS.
#[derive(Clone, Debug)]
pub struct ReplicationParts {
    /// The task.
    pub task: Handle<ReplicationTask>,
    /// The replication instance that runs it.
    pub instance: Handle<ReplicationInstance>,
    /// The endpoint that it reads.
    pub source_endpoint: Handle<Endpoint>,
    /// The endpoint that it writes.
    pub target_endpoint: Handle<Endpoint>,
    /// The alarm on the lag of the task. Full loads have none.
    pub lag_alarm: Handle<Alarm>,
    /// The fallback replication to the source. Full loads and stacks of earlier versions have none.
    pub fallback_to_source: FallbackParts,
    /// The fallback replication to the target.
    pub fallback_to_target: FallbackParts,
}

/// A change-only replication from the new primary to the old one, which a switchover starts.
#[derive(Clone, Debug)]
pub struct FallbackParts {
    /// The task.
    pub task: Handle<ReplicationTask>,
    /// The endpoint that it reads, on the new primary.
    pub source_endpoint: Handle<Endpoint>,
    /// The endpoint that it writes, on the old primary.
    pub target_endpoint: Handle<Endpoint>,
}

impl ServiceParts {
    fn of(side: Side) -> Self {
        let environment = side.as_str();
        Self {
            side,
            cluster: handle(environment, layout::SERVICE, layout::CLUSTER),
            service: handle(environment, layout::SERVICE, layout::ECS_SERVICE),
            load_balancer: handle(environment, layout::SERVICE, layout::LOAD_BALANCER),
            target_group: handle(environment, layout::SERVICE, layout::TARGET_GROUP),
            fence: handle(environment, layout::SERVICE, layout::FENCE),
            link: LinkServiceParts {
                service: handle(environment, layout::LINK_SERVICE, layout::ECS_SERVICE),
                target_group: handle(environment, layout::LINK_SERVICE, layout::TARGET_GROUP),
                rule: handle(environment, layout::LINK_SERVICE, layout::LINK_RULE),
            },
        }
    }
}

impl DatabaseParts {
    fn of(instance: &Address) -> Self {
        let (environment, part) = (instance.environment(), instance.part());
        Self {
            role: layout::database_role(instance).to_owned(),
            instance: RefersTo::to(instance.clone()),
            secret: handle(environment, part, layout::SECRET),
        }
    }
}

impl ReplicationParts {
    fn of(task: &Address) -> Self {
        let (environment, part) = (task.environment(), task.part());
        Self {
            task: RefersTo::to(task.clone()),
            instance: handle(environment, part, layout::REPLICATION_INSTANCE),
            source_endpoint: handle(environment, part, layout::SOURCE_ENDPOINT),
            target_endpoint: handle(environment, part, layout::TARGET_ENDPOINT),
            lag_alarm: handle(environment, layout::MONITORING, layout::LAG_ALARM),
            fallback_to_source: FallbackParts {
                task: handle(environment, part, layout::FALLBACK_TASK),
                source_endpoint: handle(environment, part, layout::FALLBACK_SOURCE_ENDPOINT),
                target_endpoint: handle(environment, part, layout::FALLBACK_TARGET_ENDPOINT),
            },
            fallback_to_target: FallbackParts {
                task: handle(environment, part, layout::FORWARD_TASK),
                source_endpoint: handle(environment, part, layout::FORWARD_SOURCE_ENDPOINT),
                target_endpoint: handle(environment, part, layout::TARGET_ENDPOINT),
            },
        }
    }
}

impl Parts {
    /// Finds the parts among resources of which address and kind are known, for example those of a state.
    ///
    /// Retired resources, which wait for their deletion after a replacement, are not parts.
    pub fn find<'a>(resources: impl IntoIterator<Item = (&'a Address, &'a str)>) -> Self {
        let resources: BTreeSet<(&Address, &str)> =
            resources.into_iter().filter(|(address, _)| address.retired_from().is_none()).collect();
        let mut parts = Self::default();
        for (address, kind) in resources {
            parts.add(address, kind);
        }
        parts
    }

    fn add(&mut self, address: &Address, kind: &str) {
        match kind {
            HostedZone::KIND => self.routing.zone = Some(RefersTo::to(address.clone())),
            WeightedRecord::KIND => {
                let side = layout::routed_side(address);
                self.routing.records.extend(side.map(|side| (side, RefersTo::to(address.clone()))));
            }
            HealthCheck::KIND => {
                let side = layout::routed_side(address);
                self.routing.health_checks.extend(side.map(|side| (side, RefersTo::to(address.clone()))));
            }
            Alarm::KIND if *address == layout::routing(layout::SWITCH_ALARM) => {
                self.routing.switch_alarm = Some(RefersTo::to(address.clone()));
            }
            Alarm::KIND => self.alarms.push(RefersTo::to(address.clone())),
            DbInstance::KIND => self.databases.push(DatabaseParts::of(address)),
            // It belongs to the replication between the same databases.
            ReplicationTask::KIND if layout::is_fallback_task(address) => {}
            ReplicationTask::KIND => self.replications.push(ReplicationParts::of(address)),
            Service::KIND if address.part() == layout::SERVICE => {
                self.services.extend(layout::side(address.environment()).map(ServiceParts::of));
            }
            _ => {}
        }
    }
}

fn handle<H: RefersTo>(environment: &str, part: &str, name: &str) -> H {
    H::to(Address::of(environment, part, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the configuration, the addresses and kinds in a state are enough.
    #[test]
    fn parts_are_found_by_address_and_kind() {
        let resources = [
            ("routing/dns/source-record", WeightedRecord::KIND),
            ("routing/dns/target-health-check", HealthCheck::KIND),
            ("routing/dns/target-switch-alarm", Alarm::KIND),
            ("source/monitoring/db-cpu-source", Alarm::KIND),
            ("source/database-source/instance", DbInstance::KIND),
            ("source/database-source/instance~old", DbInstance::KIND),
            ("source/service/service", Service::KIND),
            ("target/replication/fallback-task", ReplicationTask::KIND),
            ("target/replication/forward-task", ReplicationTask::KIND),
            ("target/replication/task", ReplicationTask::KIND),
        ]
        .map(|(address, kind)| (Address::new(address), kind));
        let parts = Parts::find(resources.iter().map(|(address, kind)| (address, *kind)));
        assert_eq!(parts.routing.records.iter().map(|(side, _)| *side).collect::<Vec<_>>(), [Side::Source]);
        assert_eq!(parts.routing.health_checks.iter().map(|(side, _)| *side).collect::<Vec<_>>(), [Side::Target]);
        assert!(parts.routing.switch_alarm.is_some() && parts.routing.zone.is_none());
        assert_eq!(parts.alarms.len(), 1);
        assert_eq!(parts.databases.iter().map(|database| database.role.as_str()).collect::<Vec<_>>(), ["source"]);
        assert_eq!(parts.databases[0].secret.address().as_str(), "source/database-source/secret");
        assert_eq!(parts.services[0].load_balancer.address().as_str(), "source/service/load-balancer");
        let [replication] = parts.replications.as_slice() else { panic!("{:?}", parts.replications) };
        assert_eq!(replication.target_endpoint.address().as_str(), "target/replication/target-endpoint");
        assert_eq!(replication.fallback_to_source.task.address().as_str(), "target/replication/fallback-task");
    }
}
