//! The metrics that AWS's services send by themselves, reckoned from the world whenever somebody asks.
//!
//! Each has one point a minute, as it is at the end of that minute, and only as long as what it is about exists. Their dimensions are
//! those of the services' documents; with others there are no points.

use crate::sandbox::world::dms::{Dms, Run, Task};
use crate::sandbox::world::elbv2::{LoadBalancer, TargetGroup};
use crate::sandbox::world::health::{Health, Target};
use crate::sandbox::world::metrics::{Measured, MetricName};
use crate::sandbox::world::rds::Instance;
use crate::sandbox::world::timeline::Timeline;
use crate::sandbox::world::{RegionWorld, World};

/// How many milliseconds a point covers.
pub(super) const MINUTE: u64 = 60_000;

/// A database at ease: its load in percent, its connections, and how much of its storage is free.
const CPU_PERCENT: f64 = 20.0;
const CONNECTIONS: f64 = 25.0;
const FREE_STORAGE: f64 = 0.6;
/// How much write-ahead log a slot keeps whose reader keeps up, and by how much that grows in each minute in which nobody reads.
const SLOT_LAG: f64 = 1_048_576.0;
const SLOT_GROWTH: f64 = 16_777_216.0;
/// How many changes wait for each second that the replication is behind.
const CHANGES_PER_SECOND: f64 = 50.0;
/// How long a target takes to answer, in seconds.
const RESPONSE_TIME: f64 = 0.05;
const GIBIBYTE: f64 = 1_073_741_824.0;

/// A look at one region of the world.
pub(super) struct Produced<'a> {
    world: &'a World,
    here: &'a RegionWorld,
    timeline: &'a Timeline<'a>,
}

fn one(value: f64) -> Option<Measured> {
    Some(Measured::Values(vec![(value, 1.0)]))
}

/// "This metric is reported when there is a nonzero value" ("CloudWatch metrics for your Application Load Balancer"). Each request counts
/// as one sample with the value 1.
fn counted(count: f64) -> Option<Measured> {
    (count > 0.0).then(|| Measured::Values(vec![(1.0, count)]))
}

impl<'a> Produced<'a> {
    pub(super) fn new(world: &'a World, here: &'a RegionWorld, timeline: &'a Timeline<'a>) -> Self {
        Self { world, here, timeline }
    }

    /// Returns what a service reports of the minute that ends at `at`.
    pub(super) fn at(&self, metric: &MetricName, at: u64) -> Option<Measured> {
        let name = metric.name.as_str();
        match metric.namespace.as_str() {
            "AWS/DMS" => {
                let [instance, task] = metric.values(["ReplicationInstanceIdentifier", "ReplicationTaskIdentifier"])?;
                self.task(task_of(&self.here.dms, instance, task)?, name, at)
            }
            "AWS/RDS" => {
                let [identifier] = metric.values(["DBInstanceIdentifier"])?;
                self.database(self.here.rds.instances.get(identifier)?, name, at)
            }
            "AWS/ApplicationELB" => {
                let balancers = |full_name: &str| self.here.elbv2.load_balancers.values().find(|one| one.full_name == full_name);
                if let Some([balancer]) = metric.values(["LoadBalancer"]) {
                    return self.balancer(balancers(balancer)?, None, name, at);
                }
                let [balancer, group] = metric.values(["LoadBalancer", "TargetGroup"])?;
                let balancer = balancers(balancer)?;
                let groups = self.here.groups_of(balancer);
                self.balancer(balancer, Some(groups.into_iter().find(|one| one.full_name() == group)?), name, at)
            }
            _ => None,
        }
    }

    /// "Replication task metrics" ("Monitoring AWS DMS tasks"). Latencies are sent while changes are captured.
    fn task(&self, task: &Task, name: &str, at: u64) -> Option<Measured> {
        if !task.captures(at) {
            return None;
        }
        let lag = self.timeline.at(at).lag_seconds().unwrap_or(0.0);
        match name {
            "CDCLatencySource" | "CDCLatencyTarget" => one(lag),
            "CDCIncomingChanges" => one((lag * CHANGES_PER_SECOND).round()),
            _ => None,
        }
    }

    /// "Amazon CloudWatch instance-level metrics for Amazon RDS".
    fn database(&self, database: &Instance, name: &str, at: u64) -> Option<Measured> {
        if at < database.created_at || database.status(at) == "creating" {
            return None;
        }
        let (scripted, identifier) = (self.timeline.at(at), database.identifier.as_str());
        match name {
            "CPUUtilization" => one(scripted.cpu_percent(identifier).unwrap_or(CPU_PERCENT)),
            "DatabaseConnections" => one(CONNECTIONS),
            "FreeStorageSpace" => {
                let free = f64::from(database.settings.allocated_storage) * GIBIBYTE * FREE_STORAGE;
                one(scripted.free_storage_bytes(identifier).unwrap_or(free))
            }
            // There is a slot once a task has begun to capture changes, and as long as that task exists.
            "OldestReplicationSlotLag" => one(scripted.slot_lag_bytes(identifier).or_else(|| self.slot(database, at))?),
            "TransactionLogsDiskUsage" => {
                let slot = scripted.slot_lag_bytes(identifier).or_else(|| self.slot(database, at));
                one(SLOT_LAG + slot.unwrap_or(0.0))
            }
            _ => None,
        }
    }

    /// Returns how much write-ahead log the slot of the task that reads a database keeps.
    fn slot(&self, database: &Instance, at: u64) -> Option<f64> {
        let began = |run: &&Run| run.cdc_from.is_some() && run.from <= at;
        let reads = |dms: &Dms, here: &RegionWorld, task: &Task| {
            let endpoint = dms.endpoints.values().find(|one| one.arn == task.source_endpoint_arn);
            endpoint.is_some_and(|endpoint| leads_to(here, &endpoint.secret_id, &database.host))
        };
        let tasks = self.world.regions.values().flat_map(|here| here.dms.tasks.values().map(move |task| (here, task)));
        let mut of_database = tasks.filter(|(here, task)| reads(&here.dms, here, task));
        let last = of_database.find_map(|(_, task)| task.progress.runs.iter().rev().find(began))?;
        let idle = last.to.filter(|to| *to <= at).map_or(0.0, |to| std::time::Duration::from_millis(at - to).as_secs_f64() / 60.0);
        Some(SLOT_LAG + idle * SLOT_GROWTH)
    }

    /// "CloudWatch metrics for your Application Load Balancer". Counts of hosts have the dimension of a target group; errors of the load
    /// balancer itself do not.
    fn balancer(&self, balancer: &LoadBalancer, group: Option<&TargetGroup>, name: &str, at: u64) -> Option<Measured> {
        if at < balancer.active_at {
            return None;
        }
        let scripted = self.timeline.at(at);
        let targets = |group: &TargetGroup| self.here.targets(group, &scripted, at, self.world.now);
        let count = |wanted: Health, all: &[Target]| all.iter().filter(|target| target.health == wanted).fold(0.0, |sum, _| sum + 1.0);
        let hosts = |wanted: Health| {
            let all = targets(group?);
            let registered = all.iter().any(|target| target.health != Health::Unused);
            if registered { one(count(wanted, &all)) } else { None }
        };
        match name {
            "HealthyHostCount" => return hosts(Health::Healthy),
            "UnHealthyHostCount" => return hosts(Health::Unhealthy),
            _ => {}
        }
        let requests = self.world.requests(self.timeline, balancer, at);
        let environment = self.world.environment_of(balancer).unwrap_or_default();
        // Without a healthy target the load balancer answers by itself, with 503.
        let answers = self.here.groups_of(balancer).into_iter().any(|group| count(Health::Healthy, &targets(group)) > 0.0);
        let served = if answers { requests } else { 0.0 };
        match name {
            "RequestCount" if group.is_some() => counted(served),
            "RequestCount" => counted(requests),
            "HTTPCode_Target_5XX_Count" => counted((served * scripted.error_percent(environment).unwrap_or(0.0) / 100.0).round()),
            "HTTPCode_ELB_5XX_Count" if group.is_none() => counted(requests - served),
            "TargetResponseTime" if served > 0.0 => {
                Some(Measured::Values(vec![(scripted.latency_seconds(environment).unwrap_or(RESPONSE_TIME), served)]))
            }
            _ => None,
        }
    }
}

fn task_of<'a>(dms: &'a Dms, instance: &str, task: &str) -> Option<&'a Task> {
    let instance = dms.instances.get(instance)?;
    dms.tasks.values().find(|one| one.instance_arn == instance.arn && one.resource_identifier() == task)
}

/// Whether a secret names this host.
fn leads_to(here: &RegionWorld, secret: &str, host: &str) -> bool {
    let found = here.secretsmanager.secrets.values().find(|one| one.arn == secret || one.name == secret);
    let value = found.and_then(|secret| secret.version("AWSCURRENT")).and_then(|(_, version)| serde_json::from_str(&version.value).ok());
    value.is_some_and(|value: serde_json::Value| value.get("host").and_then(serde_json::Value::as_str) == Some(host))
}
