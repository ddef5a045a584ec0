//! The resources that a migration works with, as the state has them: records, services, databases, replications and
//! alarms.
//!
//! The stack knows which address stands for which part ([`Parts`]). This module reads the attributes of these parts
//! from the state, each once and with its type. It reads the state and not the configuration, so that it also finds
//! resources that were taken out of the configuration.

use infra_base::address::{Address, Arn, Location};
use infra_config::Side;
use infra_core::graph::Input;
use infra_core::resource::Resource;
use infra_core::state::{Entry, State};
use infra_kinds::cloudwatch::Alarm;
use infra_kinds::dms::task_status::TaskStatus;
use infra_kinds::dms::{Endpoint, ReplicationInstance, ReplicationTask};
use infra_kinds::ecs;
use infra_kinds::elbv2::{Fence, ForwardRule, LoadBalancer, TargetGroup};
use infra_kinds::rds::DbInstance;
use infra_kinds::route53::{HealthCheck, WeightedRecord};
use infra_payment::stack::{DatabaseParts, FallbackParts, LinkServiceParts, Parts, ReplicationParts, ServiceParts};

use super::records::RecordName;
use super::switchover::{Carrier, SwitchoverRecord};

/// The resources that a migration works with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// The domain name that clients use, once its records exist.
    pub record_name: Option<RecordName>,
    /// The environments that have a weighted record for this name.
    pub records: Vec<Side>,
    /// The id of the health check of each load balancer.
    pub health_checks: Vec<(Side, String)>,
    /// The service of each environment that has one.
    pub services: Vec<Service>,
    /// The databases.
    pub databases: Vec<Database>,
    /// The replications of databases from the source to the target, with the tasks that carry changes there now. After
    /// a way back, that is a fallback.
    pub replications: Vec<Replication>,
    /// The same replications, with the tasks that load tables.
    pub loads: Vec<Replication>,
    /// The interval of each health check of a load balancer, in seconds.
    pub probe_intervals: Vec<(Side, i32)>,
    /// The alarms of what is at work.
    pub alarms: Vec<AlarmName>,
    /// The alarm of the emergency switch.
    pub switch: Option<AlarmName>,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmName {
    /// Where it is.
    pub location: Location,
    /// Its name.
    pub name: String,
    /// The environment that it belongs to. `None` for the routing.
    pub side: Option<Side>,
}

/// Returns the environment that a resource belongs to.
fn side_of(address: &Address) -> Option<Side> {
    [Side::Source, Side::Target].into_iter().find(|side| side.as_str() == address.environment())
}

/// The service of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The environment.
    pub side: Side,
    /// Where it is.
    pub location: Location,
    /// The ARN of the target group.
    pub target_group: String,
    /// The ARN of the rule that is the fence of the load balancer. Stacks of earlier versions have none.
    pub fence: Option<String>,
    /// The name of the load balancer in CloudWatch.
    pub load_balancer: String,
    /// The DNS name of the load balancer.
    pub dns_name: String,
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the service.
    pub service: String,
    /// The second service, which uses the database of the other environment.
    pub link: Option<LinkService>,
}

/// The second service of an environment: it uses the database of the other environment.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkService {
    /// The ARN of its target group.
    pub target_group: String,
    /// The ARN of the rule that leads requests to it.
    pub rule: String,
    /// The name of the service.
    pub service: String,
}

/// A database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// The address of the instance.
    pub address: Address,
    /// Where it is.
    pub location: Location,
    /// The name of the instance.
    pub identifier: String,
    /// The secret with its credentials.
    pub secret: Option<String>,
    /// The name of the database inside the instance.
    pub name: Option<String>,
    /// The host to connect to.
    pub host: Option<String>,
    /// The port to connect to.
    pub port: Option<u16>,
    /// The master user.
    pub username: Option<String>,
    /// Gigabytes of storage.
    pub storage_gb: Option<u64>,
}

/// The replication of a database.
#[derive(Clone, Debug, PartialEq)]
pub struct Replication {
    /// The address of the task that loads the tables. It identifies the replication, whatever carries changes now.
    pub load: Address,
    /// The address of the task.
    pub address: Address,
    /// The region of the task.
    pub location: Location,
    /// The ARN of the task.
    pub task: String,
    /// The last segment of that ARN, which identifies the task in CloudWatch.
    pub task_id: String,
    /// The ARN of the replication instance.
    pub instance: String,
    /// The name of the replication instance, which identifies it in CloudWatch.
    pub instance_id: String,
    /// The ARN of the source endpoint.
    pub source: String,
    /// The ARN of the target endpoint.
    pub target: String,
    /// The secrets of the source endpoint and of the target endpoint.
    pub secrets: [Option<String>; 2],
    /// `full-load`, `cdc` or `full-load-and-cdc`.
    pub migration_type: String,
    /// The fallback to the source. Full loads and stacks of earlier versions have none.
    pub fallback_to_source: Option<Fallback>,
    /// The fallback to the target.
    pub fallback_to_target: Option<Fallback>,
}

/// A change-only replication from the new primary to the old one, which a switchover starts. It runs on the replication
/// instance of the replication between the same databases.
#[derive(Clone, Debug, PartialEq)]
pub struct Fallback {
    /// The address of the task.
    pub address: Address,
    /// The region of the task.
    pub location: Location,
    /// The ARN of the replication instance.
    pub instance: String,
    /// The ARN of the task.
    pub task: String,
    /// The last segment of that ARN, which identifies the task in CloudWatch.
    pub task_id: String,
    /// The ARN of the endpoint that it reads, on the new primary.
    pub source: String,
    /// The ARN of the endpoint that it writes, on the old primary.
    pub target: String,
    /// The slot that it reads.
    pub slot: String,
}

impl Replication {
    /// Returns whether the task replicates ongoing changes, in contrast to a full load only.
    pub fn replicates_changes(&self) -> bool {
        self.migration_type != "full-load"
    }

    /// Returns the fallback that writes the database of a side.
    pub fn fallback_to(&self, side: Side) -> Option<&Fallback> {
        match side {
            Side::Source => self.fallback_to_source.as_ref(),
            Side::Target => self.fallback_to_target.as_ref(),
        }
    }

    /// Returns the replication from the source to the target, given what carries the changes now.
    fn carried_by(self, carrier: Carrier) -> Self {
        let Some(fallback) = self.fallback_to_target.clone().filter(|_| carrier == Carrier::Fallback) else {
            return self;
        };
        Self {
            address: fallback.address,
            task: fallback.task,
            task_id: fallback.task_id,
            source: fallback.source,
            target: fallback.target,
            migration_type: "cdc".to_owned(),
            ..self
        }
    }

    /// Returns whether the task should replicate changes but does not run.
    pub fn is_idle(&self, task: &TaskStatus) -> bool {
        self.replicates_changes() && !task.is_at_work()
    }
}

impl Topology {
    /// Reads the topology from a state.
    pub fn of(state: &State) -> Self {
        let parts = recorded_parts(state);
        let routing = &parts.routing;
        let records = routing.records.iter();
        let records: Vec<_> = records
            .filter_map(|(side, record)| Some((*side, Recorded::<WeightedRecord>::at(state, record.address())?)))
            .collect();
        let checks = routing.health_checks.iter();
        let checks: Vec<_> = checks
            .filter_map(|(side, check)| Some((*side, Recorded::<HealthCheck>::at(state, check.address())?.attrs)))
            .collect();
        let probe_intervals = checks.iter().map(|(side, check)| (*side, check.interval_seconds)).collect();
        let replications = parts.replications.iter();
        let loads: Vec<_> = replications.filter_map(|parts| Replication::resolve(state, parts)).collect();
        // What cannot be read is refused before anything acts on it (`saved_records::verify`).
        let carrier = SwitchoverRecord::of(state).ok().flatten().map(|record| record.carrier_to_target());
        let carrier = carrier.unwrap_or_default();
        // The alarm on the lag of a task that is at rest has no data.
        let is_at_rest = |address: &Address| {
            carrier == Carrier::Fallback && parts.replications.iter().any(|one| one.lag_alarm.address() == address)
        };
        let alarm = |address: &Address| {
            let alarm = Recorded::<Alarm>::at(state, address)?;
            Some(AlarmName { location: alarm.location(), name: alarm.attrs.name, side: side_of(address) })
        };
        Self {
            record_name: records.first().map(|(_, record)| RecordName {
                zone: record.attrs.zone_id.to_string(),
                name: record.attrs.name.clone(),
                asks_name_servers: false,
            }),
            records: records.iter().map(|(side, _)| *side).collect(),
            health_checks: checks.into_iter().map(|(side, check)| (side, check.health_check_id.into())).collect(),
            probe_intervals,
            services: parts.services.iter().filter_map(|parts| Service::resolve(state, parts)).collect(),
            databases: parts.databases.iter().filter_map(|parts| Database::resolve(state, parts)).collect(),
            replications: loads.iter().cloned().map(|one| one.carried_by(carrier)).collect(),
            loads,
            alarms: parts
                .alarms
                .iter()
                .filter(|part| !is_at_rest(part.address()))
                .filter_map(|part| alarm(part.address()))
                .collect(),
            switch: routing.switch_alarm.as_ref().and_then(|part| alarm(part.address())),
        }
    }

    /// Returns whether the source was taken out: only the target has a record, so traffic cannot return to the source.
    pub fn lacks_source(&self) -> bool {
        self.record_name.is_some() && !self.records.contains(&Side::Source)
    }

    /// Returns the service of an environment.
    pub fn service(&self, side: Side) -> Option<&Service> {
        self.services.iter().find(|service| service.side == side)
    }

    /// Returns the database whose credentials are in a secret or in a replica of it. The ARNs of a secret and its
    /// replicas differ only in the region.
    pub fn database_of(&self, secret: &str) -> Option<&Database> {
        const REGION: usize = 3;
        let without_region = |arn: &str| {
            let segments = arn.split(':').enumerate().filter(|(index, _)| *index != REGION);
            segments.map(|(_, text)| text.to_owned()).collect::<Vec<_>>()
        };
        let wanted = without_region(secret);
        self.databases
            .iter()
            .find(|database| database.secret.as_deref().is_some_and(|other| without_region(other) == wanted))
    }
}

/// Returns whether the state has a replication task.
pub fn has_replication(state: &State) -> bool {
    !recorded_parts(state).replications.is_empty()
}

/// Returns where the weighted records are, according to the state: the account, and the region of the Route 53 control
/// plane.
pub fn routing_location(state: &State) -> Option<Location> {
    let routing = recorded_parts(state).routing;
    let (_, record) = routing.records.first()?;
    state.get(record.address()).map(Entry::location)
}

fn recorded_parts(state: &State) -> Parts {
    Parts::find(state.resources.iter().map(|(address, entry)| (address, entry.kind.as_str())))
}

/// A resource of kind `R` in the state, with its attributes.
struct Recorded<'a, R: Resource> {
    entry: &'a Entry,
    attrs: R::Attrs,
}

impl<'a, R: Resource> Recorded<'a, R> {
    /// Returns the resource at an address, if it has attributes and they are those of the kind.
    fn at(state: &'a State, address: &Address) -> Option<Self> {
        state.get(address).and_then(Self::of)
    }

    fn of(entry: &'a Entry) -> Option<Self> {
        let attrs = entry.attrs.as_ref().filter(|_| entry.kind == R::KIND)?;
        serde_json::from_value(attrs.clone()).ok().map(|attrs| Self { entry, attrs })
    }

    /// Returns the resource at an address that `matches`. During a replacement it may already be retired.
    fn matching(state: &'a State, address: &Address, matches: impl Fn(&R::Attrs) -> bool) -> Option<Self> {
        let entries = state.resources.iter();
        entries
            .filter(|(other, _)| *other == address || other.retired_from().as_ref() == Some(address))
            .filter_map(|(_, entry)| Self::of(entry))
            .find(|resource| matches(&resource.attrs))
    }

    fn location(&self) -> Location {
        self.entry.location()
    }

    /// Returns the specification as last applied.
    fn spec(&self) -> Option<R> {
        serde_json::from_value(self.entry.spec.clone()).ok()
    }
}

impl Service {
    fn resolve(state: &State, parts: &ServiceParts) -> Option<Self> {
        let target_group = Recorded::<TargetGroup>::at(state, parts.target_group.address())?;
        let load_balancer = Recorded::<LoadBalancer>::at(state, parts.load_balancer.address())?;
        let service = Recorded::<ecs::Service>::at(state, parts.service.address())?;
        Some(Self {
            side: parts.side,
            location: service.location(),
            target_group: target_group.attrs.arn.into(),
            fence: Recorded::<Fence>::at(state, parts.fence.address()).map(|fence| fence.attrs.arn.into()),
            load_balancer: load_balancer.attrs.full_name,
            dns_name: load_balancer.attrs.dns_name,
            cluster: service.attrs.cluster,
            service: service.attrs.name,
            link: LinkService::resolve(state, &parts.link),
        })
    }
}

impl LinkService {
    fn resolve(state: &State, parts: &LinkServiceParts) -> Option<Self> {
        Some(Self {
            target_group: Recorded::<TargetGroup>::at(state, parts.target_group.address())?.attrs.arn.into(),
            rule: Recorded::<ForwardRule>::at(state, parts.rule.address())?.attrs.arn.into(),
            service: Recorded::<ecs::Service>::at(state, parts.service.address())?.attrs.name,
        })
    }
}

impl Database {
    /// Returns the environment of the instance.
    pub fn side(&self) -> Option<Side> {
        side_of(&self.address)
    }

    fn resolve(state: &State, parts: &DatabaseParts) -> Option<Self> {
        let instance = Recorded::<DbInstance>::at(state, parts.instance.address())?;
        let spec = instance.spec();
        let location = instance.location();
        let attrs = instance.attrs;
        Some(Self {
            address: parts.instance.address().clone(),
            location,
            identifier: attrs.identifier,
            secret: attrs.master_secret.map(String::from),
            name: spec.as_ref().map(|spec| spec.db_name.clone()),
            host: attrs.endpoint_address,
            port: attrs.endpoint_port.and_then(|port| u16::try_from(port).ok()),
            username: spec.map(|spec| spec.master_username),
            storage_gb: u64::try_from(attrs.allocated_storage_gb).ok(),
        })
    }
}

impl Replication {
    fn resolve(state: &State, parts: &ReplicationParts) -> Option<Self> {
        let task = Recorded::<ReplicationTask>::at(state, parts.task.address())?;
        let spec = task.spec()?;
        let (instance, source, target) =
            (known(spec.instance)?, known(spec.source_endpoint)?, known(spec.target_endpoint)?);
        let running_on =
            Recorded::<ReplicationInstance>::matching(state, parts.instance.address(), |attrs| attrs.arn == instance)?;
        let secret = |endpoint: &Address, arn: &Arn| {
            let endpoint = Recorded::<Endpoint>::matching(state, endpoint, |attrs| attrs.arn == *arn)?;
            Some(endpoint.attrs.secret)
        };
        let secrets =
            [secret(parts.source_endpoint.address(), &source), secret(parts.target_endpoint.address(), &target)];
        Some(Self {
            load: parts.task.address().clone(),
            address: parts.task.address().clone(),
            location: task.location(),
            task_id: last_segment(&task.attrs.arn),
            task: task.attrs.arn.into(),
            instance_id: running_on.attrs.identifier,
            fallback_to_source: Fallback::resolve(state, &parts.fallback_to_source, &instance),
            fallback_to_target: Fallback::resolve(state, &parts.fallback_to_target, &instance),
            instance: instance.into(),
            source: source.into(),
            target: target.into(),
            secrets,
            migration_type: task.attrs.migration_type,
        })
    }
}

impl Fallback {
    fn resolve(state: &State, parts: &FallbackParts, instance: &Arn) -> Option<Self> {
        let task = Recorded::<ReplicationTask>::at(state, parts.task.address())?;
        let spec = task.spec()?;
        let (source, target) = (known(spec.source_endpoint)?, known(spec.target_endpoint)?);
        let endpoint =
            Recorded::<Endpoint>::matching(state, parts.source_endpoint.address(), |attrs| attrs.arn == source)?;
        Some(Self {
            address: parts.task.address().clone(),
            location: task.location(),
            instance: instance.to_string(),
            task_id: last_segment(&task.attrs.arn),
            task: task.attrs.arn.into(),
            source: source.into(),
            target: target.into(),
            slot: endpoint.attrs.slot_name?,
        })
    }
}

fn known(input: Input<Arn>) -> Option<Arn> {
    match input {
        Input::Value(arn) => Some(arn),
        Input::Output(_) | Input::Concat(_) => None,
    }
}

fn last_segment(arn: &Arn) -> String {
    arn.as_str().rsplit(':').next().unwrap_or_default().to_owned()
}
