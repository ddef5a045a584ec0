//! What of a stack a migration is about, as the state knows it: load balancers, databases, replications, alarms, and the name that clients
//! use.

use serde_json::Value;

use super::traffic::Place;
use crate::address::{Address, Region};
use crate::config::Side;
use crate::resources::dms::running::Standing;
use crate::state::{Entry, State};

/// The address of the emergency switch's alarm.
const SWITCH_ALARM: &str = "routing/dns/target-switch-alarm";

/// Everything that a migration is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// The name that clients use, once it exists.
    pub place: Option<Place>,
    /// The environments that have a weighted record of this name.
    pub records: Vec<Side>,
    /// The id of each health check of a load balancer.
    pub health_checks: Vec<(Side, String)>,
    /// The name servers of the zone, when this stack made it.
    pub name_servers: Vec<String>,
    /// The service of each environment that has one.
    pub services: Vec<Service>,
    /// The databases.
    pub databases: Vec<Database>,
    /// The replications of databases.
    pub replications: Vec<Replication>,
    /// The alarms, with the region that they are in.
    pub alarms: Vec<(Region, String)>,
    /// The alarm of the emergency switch, with its region.
    pub switch: Option<(Region, String)>,
}

/// The service of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The environment.
    pub side: Side,
    /// Its region.
    pub region: Region,
    /// The ARN of the target group.
    pub target_group: String,
    /// The load balancer as CloudWatch names it.
    pub load_balancer: String,
    /// The load balancer's own name in DNS.
    pub dns_name: String,
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
}

/// A database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// Its address.
    pub address: Address,
    /// Its region.
    pub region: Region,
    /// Its name.
    pub identifier: String,
    /// The secret with its credentials.
    pub secret: Option<String>,
    /// The database inside of it.
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

/// A replication of a database.
#[derive(Clone, Debug, PartialEq)]
pub struct Replication {
    /// The address of the task.
    pub address: Address,
    /// The region of the task.
    pub region: Region,
    /// The task's ARN.
    pub task: String,
    /// The last segment of that ARN, as CloudWatch knows the task.
    pub task_id: String,
    /// The replication instance's ARN.
    pub instance: String,
    /// The replication instance as CloudWatch knows it.
    pub instance_id: String,
    /// The ARN of the endpoint that data comes from.
    pub source: String,
    /// The ARN of the endpoint that data goes to.
    pub target: String,
    /// The secrets that both endpoints read, source first.
    pub secrets: [Option<String>; 2],
    /// `full-load`, `cdc` or `full-load-and-cdc`.
    pub migration_type: String,
}

impl Replication {
    /// Returns whether changes are carried over, and not only what is there copied once.
    pub fn carries_changes_over(&self) -> bool {
        self.migration_type != "full-load"
    }

    /// Returns whether changes may wait to be carried over and the task is not at work.
    pub fn is_idle(&self, standing: &Standing) -> bool {
        self.carries_changes_over() && !standing.is_at_work()
    }
}

impl Scene {
    /// Finds it in a state.
    pub fn of(state: &State) -> Self {
        let mut scene = Self::default();
        for (address, entry) in state.resources.iter().filter(|(address, _)| address.made_way().is_none()) {
            match entry.kind.as_str() {
                "route53.weighted_record" => {
                    let place = || Some(Place { zone: text(entry, "zone_id")?, name: text(entry, "name")?, servers: Vec::new() });
                    scene.place = scene.place.take().or_else(place);
                    scene.records.extend(
                        [Side::Source, Side::Target].into_iter().find(|side| text(entry, "set_identifier").as_deref() == Some(side.as_str())),
                    );
                }
                "route53.health_check" => {
                    let side = if address.as_str().contains("/source-") { Side::Source } else { Side::Target };
                    scene.health_checks.extend(text(entry, "health_check_id").map(|id| (side, id)));
                }
                "route53.hosted_zone" => {
                    let servers = entry.attrs.as_ref().and_then(|attrs| attrs.get("name_servers")?.as_array());
                    scene.name_servers.extend(servers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
                }
                "cloudwatch.alarm" if address.as_str() == SWITCH_ALARM => scene.switch = text(entry, "name").map(|name| (entry.region.clone(), name)),
                "cloudwatch.alarm" => scene.alarms.extend(text(entry, "name").map(|name| (entry.region.clone(), name))),
                "rds.db_instance" => scene.databases.extend(database(address, entry)),
                "dms.replication_task" => scene.replications.extend(replication(state, address, entry)),
                _ => {}
            }
        }
        scene.services = [Side::Source, Side::Target].into_iter().filter_map(|side| service(state, side)).collect();
        scene
    }

    /// Returns whether the source has been taken out: the target alone has a record, and there is nowhere to go back to.
    pub fn is_without_source(&self) -> bool {
        self.place.is_some() && !self.records.contains(&Side::Source)
    }

    /// Returns the service of an environment.
    pub fn service(&self, side: Side) -> Option<&Service> {
        self.services.iter().find(|service| service.side == side)
    }

    /// Returns the database whose credentials are in a secret, or in a replica of it: that has the same ARN but for the region.
    pub fn database_of(&self, secret: &str) -> Option<&Database> {
        let anywhere = |arn: &str| arn.split(':').enumerate().filter(|(part, _)| *part != 3).map(|(_, text)| text.to_owned()).collect::<Vec<_>>();
        self.databases.iter().find(|database| database.secret.as_deref().is_some_and(|other| anywhere(other) == anywhere(secret)))
    }
}

fn text(entry: &Entry, attribute: &str) -> Option<String> {
    entry.attrs.as_ref()?.get(attribute)?.as_str().map(str::to_owned)
}

fn input(entry: &Entry, name: &str) -> Option<String> {
    entry.spec.get(name)?.as_str().map(str::to_owned)
}

fn service(state: &State, side: Side) -> Option<Service> {
    let part = |name: &str| state.get(&Address::of(side.as_str(), "service", name));
    let (group, balancer, service) = (part("target-group")?, part("load-balancer")?, part("service")?);
    Some(Service {
        side,
        region: service.region.clone(),
        target_group: text(group, "arn")?,
        load_balancer: text(balancer, "full_name")?,
        dns_name: text(balancer, "dns_name")?,
        cluster: text(service, "cluster")?,
        service: text(service, "name")?,
    })
}

fn database(address: &Address, entry: &Entry) -> Option<Database> {
    Some(Database {
        address: address.clone(),
        region: entry.region.clone(),
        identifier: text(entry, "identifier")?,
        secret: text(entry, "master_secret"),
        name: input(entry, "db_name"),
        host: text(entry, "endpoint_address"),
        port: entry.attrs.as_ref().and_then(|attrs| attrs.get("endpoint_port")?.as_u64()).and_then(|port| u16::try_from(port).ok()),
        username: input(entry, "master_username"),
        storage_gb: entry.attrs.as_ref().and_then(|attrs| attrs.get("allocated_storage_gb")?.as_u64()),
    })
}

fn replication(state: &State, address: &Address, entry: &Entry) -> Option<Replication> {
    let task = text(entry, "arn")?;
    let (instance, source, target) = (input(entry, "instance")?, input(entry, "source_endpoint")?, input(entry, "target_endpoint")?);
    let known_as = |kind: &str, arn: &str, attribute: &str| {
        let all = state.resources.values().filter(|other| other.kind == kind);
        all.into_iter().find(|other| text(other, "arn").as_deref() == Some(arn)).and_then(|other| text(other, attribute))
    };
    Some(Replication {
        address: address.clone(),
        region: entry.region.clone(),
        task_id: task.rsplit(':').next().unwrap_or_default().to_owned(),
        instance_id: known_as("dms.replication_instance", &instance, "identifier")?,
        secrets: [known_as("dms.endpoint", &source, "secret"), known_as("dms.endpoint", &target, "secret")],
        migration_type: text(entry, "migration_type")?,
        task,
        instance,
        source,
        target,
    })
}
