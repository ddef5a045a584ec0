//! The metrics that AWS's services publish, computed from the world on each read.
//!
//! Each metric has one point per minute, with the value at the end of that minute, and only while the resource exists.
//! The dimensions are those of the services' documentation; with other dimensions there are no points.

use crate::world::dms::{Dms, Run, Task};
use crate::world::elbv2::{LoadBalancer, TargetGroup};
use crate::world::health::{Health, Target};
use crate::world::metrics::{Measured, MetricName};
use crate::world::rds::Instance;
use crate::world::real_data::{LiveTask, RequestMinute, Server};
use crate::world::timeline::Timeline;
use crate::world::{RegionState, World};

/// An idle database: its CPU load in percent, its connections, and the free fraction of its storage.
const CPU_PERCENT: f64 = 20.0;
const CONNECTIONS: f64 = 25.0;
const FREE_STORAGE: f64 = 0.6;
/// How much write-ahead log a slot retains while its reader keeps up, and by how much it grows per minute without a
/// reader.
const SLOT_LAG: f64 = 1_048_576.0;
const SLOT_GROWTH: f64 = 16_777_216.0;
/// How many changes are pending for each second of replication lag.
const CHANGES_PER_SECOND: f64 = 50.0;
/// How long a target takes to respond, in seconds.
const RESPONSE_TIME: f64 = 0.05;
const GIBIBYTE: f64 = 1_073_741_824.0;

/// The metrics of one region of the world.
pub(super) struct ServiceMetrics<'a> {
    world: &'a World,
    region: &'a RegionState,
    timeline: &'a Timeline<'a>,
}

fn single(value: f64) -> Option<Measured> {
    Some(Measured::Values(vec![(value, 1.0)]))
}

/// "This metric is reported when there is a nonzero value" ("CloudWatch metrics for your Application Load Balancer").
/// Each request counts as one sample with the value 1.
fn request_sample(count: f64) -> Option<Measured> {
    (count > 0.0).then(|| Measured::Values(vec![(1.0, count)]))
}

impl<'a> ServiceMetrics<'a> {
    pub(super) fn new(world: &'a World, region: &'a RegionState, timeline: &'a Timeline<'a>) -> Self {
        Self { world, region, timeline }
    }

    /// Returns what a service reports for the minute that ends at `at`.
    pub(super) fn at(&self, metric: &MetricName, at: u64) -> Option<Measured> {
        let name = metric.name.as_str();
        match metric.namespace.as_str() {
            "AWS/DMS" => {
                let [instance, task] =
                    metric.dimension_values(["ReplicationInstanceIdentifier", "ReplicationTaskIdentifier"])?;
                self.task(task_of(&self.region.dms, instance, task)?, name, at)
            }
            "AWS/RDS" => {
                let [identifier] = metric.dimension_values(["DBInstanceIdentifier"])?;
                self.database(self.region.rds.instances.get(identifier)?, name, at)
            }
            "AWS/ApplicationELB" => {
                let balancers =
                    |full_name: &str| self.region.elbv2.load_balancers.values().find(|one| one.full_name == full_name);
                if let Some([balancer]) = metric.dimension_values(["LoadBalancer"]) {
                    return self.balancer(balancers(balancer)?, None, name, at);
                }
                let [balancer, group] = metric.dimension_values(["LoadBalancer", "TargetGroup"])?;
                let balancer = balancers(balancer)?;
                let groups = self.region.target_groups_of(balancer);
                self.balancer(balancer, Some(groups.into_iter().find(|one| one.full_name() == group)?), name, at)
            }
            "AWS/Usage" => {
                let values = metric.dimension_values(["Class", "Resource", "Service", "Type"])?;
                let is_fargate = values == ["Standard/OnDemand", "vCPU", "Fargate", "Resource"];
                if is_fargate && name == "ResourceCount" { self.fargate_cpus(at) } else { None }
            }
            _ => None,
        }
    }

    /// "The total number of the specified resource running on your account" ("AWS Fargate usage metrics").
    fn fargate_cpus(&self, at: u64) -> Option<Measured> {
        let ecs = &self.region.ecs;
        let running = ecs.tasks.values().filter(|task| task.removed_at.is_none_or(|gone| gone > at));
        let definitions = running.filter_map(|task| ecs.task_definitions.get(&task.task_definition));
        let units: f64 = definitions.filter_map(|definition| definition.cpu.parse::<f64>().ok()).sum();
        single(units / 1024.0).filter(|_| units > 0.0)
    }

    /// "Replication task metrics" ("Monitoring AWS DMS tasks"). Latencies are published while changes are captured.
    fn task(&self, task: &Task, name: &str, at: u64) -> Option<Measured> {
        if let Some(live) = &task.live {
            return live_task(live, name, at);
        }
        if !task.captures(at) {
            return None;
        }
        let lag = self.timeline.at(at).lag_seconds().unwrap_or(0.0);
        match name {
            "CDCLatencySource" | "CDCLatencyTarget" => single(lag),
            "CDCIncomingChanges" => single((lag * CHANGES_PER_SECOND).round()),
            _ => None,
        }
    }

    /// "Amazon CloudWatch instance-level metrics for Amazon RDS".
    fn database(&self, database: &Instance, name: &str, at: u64) -> Option<Measured> {
        if at < database.created_at || database.status(at) == "creating" {
            return None;
        }
        let (active, identifier) = (self.timeline.at(at), database.identifier.as_str());
        let scripted = match name {
            "FreeStorageSpace" => active.free_storage_bytes(identifier),
            "OldestReplicationSlotLag" | "TransactionLogsDiskUsage" => active.slot_lag_bytes(identifier),
            _ => None,
        };
        if let (Some(server), None) = (&database.server, scripted)
            && name != "CPUUtilization"
        {
            return live_server(server, database, name, at);
        }
        match name {
            "CPUUtilization" => single(active.cpu_percent(identifier).unwrap_or(CPU_PERCENT)),
            "DatabaseConnections" => single(CONNECTIONS),
            "FreeStorageSpace" => {
                let free = f64::from(database.settings.allocated_storage) * GIBIBYTE * FREE_STORAGE;
                single(active.free_storage_bytes(identifier).unwrap_or(free))
            }
            // A slot exists from the moment a task begins to capture changes until that task is deleted.
            "OldestReplicationSlotLag" => {
                single(active.slot_lag_bytes(identifier).or_else(|| self.slot(database, at))?)
            }
            "TransactionLogsDiskUsage" => {
                let slot = active.slot_lag_bytes(identifier).or_else(|| self.slot(database, at));
                single(SLOT_LAG + slot.unwrap_or(0.0))
            }
            _ => None,
        }
    }

    /// Returns how much write-ahead log is retained by the slot of the task that reads a database.
    fn slot(&self, database: &Instance, at: u64) -> Option<f64> {
        let began = |run: &&Run| run.cdc_from.is_some() && run.from <= at;
        let reads = |dms: &Dms, region: &RegionState, task: &Task| {
            let endpoint = dms.endpoints.values().find(|one| one.arn == task.source_endpoint_arn);
            endpoint.is_some_and(|endpoint| secret_names_host(region, &endpoint.secret_id, &database.host))
        };
        let tasks =
            self.world.regions.values().flat_map(|region| region.dms.tasks.values().map(move |task| (region, task)));
        let mut of_database = tasks.filter(|(region, task)| reads(&region.dms, region, task));
        let last = of_database.find_map(|(_, task)| task.progress.runs.iter().rev().find(began))?;
        let idle = last
            .to
            .filter(|to| *to <= at)
            .map_or(0.0, |to| std::time::Duration::from_millis(at - to).as_secs_f64() / 60.0);
        Some(SLOT_LAG + idle * SLOT_GROWTH)
    }

    /// "CloudWatch metrics for your Application Load Balancer". Host counts have the dimension of a target group;
    /// errors of the load balancer itself do not.
    fn balancer(&self, balancer: &LoadBalancer, group: Option<&TargetGroup>, name: &str, at: u64) -> Option<Measured> {
        if at < balancer.active_at {
            return None;
        }
        let active = self.timeline.at(at);
        let targets = |group: &TargetGroup| self.region.targets(group, &active, at, self.world.now);
        let count = |wanted: Health, all: &[Target]| {
            all.iter().filter(|target| target.health == wanted).fold(0.0, |sum, _| sum + 1.0)
        };
        let hosts = |wanted: Health| {
            let all = targets(group?);
            let registered = all.iter().any(|target| target.health != Health::Unused);
            if registered { single(count(wanted, &all)) } else { None }
        };
        match name {
            "HealthyHostCount" => return hosts(Health::Healthy),
            "UnHealthyHostCount" => return hosts(Health::Unhealthy),
            _ => {}
        }
        let probes = self.world.probes_per_minute(balancer);
        let is_fenced = self.region.elbv2.answers_itself(&balancer.arn, at);
        if let Some(observed) = &self.world.requests {
            let minute = observed.get(&balancer.arn).and_then(|minutes| minutes.at(at));
            let probes = if is_fenced { 0.0 } else { probes };
            return observed_requests(minute.unwrap_or(&RequestMinute::default()), probes, group.is_some(), name);
        }
        let clients = self.world.requests(self.timeline, balancer, at);
        let requests = clients + probes;
        if is_fenced {
            return fixed_responses(requests, group.is_some(), name);
        }
        let environment = self.world.environment_of(balancer).unwrap_or_default();
        // Without a healthy target, the load balancer itself responds with 503.
        let answers = self
            .region
            .target_groups_of(balancer)
            .into_iter()
            .any(|group| count(Health::Healthy, &targets(group)) > 0.0);
        let served = if answers { requests } else { 0.0 };
        match name {
            "RequestCount" if group.is_some() => request_sample(served),
            "RequestCount" => request_sample(requests),
            "HTTPCode_Target_5XX_Count" => {
                let of_clients = if answers { clients } else { 0.0 };
                request_sample((of_clients * active.error_percent(environment).unwrap_or(0.0) / 100.0).round())
            }
            "HTTPCode_ELB_5XX_Count" if group.is_none() => request_sample(requests - served),
            "TargetResponseTime" if served > 0.0 => {
                let of_clients = active.latency_seconds(environment).unwrap_or(RESPONSE_TIME);
                Some(Measured::Values(response_times(vec![(of_clients, clients)], probes)))
            }
            _ => None,
        }
    }
}

/// Returns what was measured of a replication task.
fn live_task(live: &LiveTask, name: &str, at: u64) -> Option<Measured> {
    let minute = live.minutes.at(at)?;
    match name {
        "CDCLatencySource" => single(minute.latency_source),
        "CDCLatencyTarget" => single(minute.latency_target),
        "CDCIncomingChanges" => single(minute.incoming_changes),
        _ => None,
    }
}

/// Returns what was measured of a database server. The load of the processor is not measured: the servers share this
/// machine with everything else.
fn live_server(server: &Server, database: &Instance, name: &str, at: u64) -> Option<Measured> {
    let minute = server.minutes.at(at)?;
    match name {
        "DatabaseConnections" => single(minute.connections),
        "FreeStorageSpace" => {
            let size = f64::from(database.settings.allocated_storage) * GIBIBYTE;
            single((size - minute.data_bytes - minute.wal_bytes).max(0.0))
        }
        "OldestReplicationSlotLag" => single(minute.oldest_slot_lag_bytes?),
        "TransactionLogsDiskUsage" => single(minute.wal_bytes),
        _ => None,
    }
}

/// Returns the metrics of requests that real clients made, and of the probes of health checkers.
fn observed_requests(minute: &RequestMinute, probes: f64, of_group: bool, name: &str) -> Option<Measured> {
    let count = |number: u64| request_sample(as_f64(number));
    match name {
        "RequestCount" if of_group => request_sample(as_f64(minute.served) + probes),
        "RequestCount" => request_sample(as_f64(minute.requests - minute.fixed) + probes),
        "HTTPCode_Target_5XX_Count" => count(minute.target_5xx),
        "HTTPCode_ELB_5XX_Count" if !of_group => count(minute.balancer_5xx),
        "HTTP_Fixed_Response_Count" if !of_group => count(minute.fixed),
        "TargetResponseTime" if minute.served > 0 || probes > 0.0 => {
            let of_clients = minute.millis.iter().map(|(millis, count)| (as_f64(*millis) / 1000.0, as_f64(*count)));
            Some(Measured::Values(response_times(of_clients.collect(), probes)))
        }
        _ => None,
    }
}

/// Returns the metrics of requests that are all answered by a fixed response: "`HTTP_Fixed_Response_Count`: The number
/// of fixed-response actions that were successful". `RequestCount` "is only incremented for requests where the load
/// balancer node was able to choose a target" ("CloudWatch metrics for your Application Load Balancer").
fn fixed_responses(requests: f64, of_group: bool, name: &str) -> Option<Measured> {
    match name {
        "HTTP_Fixed_Response_Count" | "HTTPCode_ELB_5XX_Count" if !of_group => request_sample(requests),
        _ => None,
    }
}

/// Adds the response times of the probes of health checkers.
fn response_times(mut of_clients: Vec<(f64, f64)>, probes: f64) -> Vec<(f64, f64)> {
    of_clients.push((RESPONSE_TIME, probes));
    of_clients.retain(|(_, count)| *count > 0.0);
    of_clients
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

fn task_of<'a>(dms: &'a Dms, instance: &str, task: &str) -> Option<&'a Task> {
    let instance = dms.instances.get(instance)?;
    dms.tasks.values().find(|one| one.instance_arn == instance.arn && one.resource_identifier() == task)
}

/// Returns whether a secret names this host.
fn secret_names_host(region: &RegionState, secret: &str, host: &str) -> bool {
    let found = region.secretsmanager.secrets.values().find(|one| one.arn == secret || one.name == secret);
    let value = found
        .and_then(|secret| secret.version("AWSCURRENT"))
        .and_then(|(_, version)| serde_json::from_str(&version.value).ok());
    value.is_some_and(|value: serde_json::Value| value.get("host").and_then(serde_json::Value::as_str) == Some(host))
}
