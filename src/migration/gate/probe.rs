//! Measures what gates evaluate. All gates are measured concurrently. The evaluation is pure and separate.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::context::EvalContext;
use super::evaluate::evaluate;
use super::minutes::DELIVERY;
use super::probes::probes_per_minute;
use super::reading::{Alarm, Point, Reading, Requests, Series, Table, TableState, Targets};
use super::side_health::{SideHealth, side_health};
use super::verdict::Judgement;
use crate::serving::serving;
use crate::topology::{Database, Replication, Service, Topology};
use crate::validation::Validation;
use crate::{TrafficSplit, fence, shift};
use infra_base::address::Location;
use infra_config::{Check, CustomCheck, Gate, Limit, Metric, Query, Side, Statistic};
use infra_core::engine::ReadContext;
use infra_core::events::Event;
use infra_core::resource::{Result, StepContext, describe};
use infra_core::state::State;
use infra_kinds::cloudwatch::alarm_state::{self, AlarmState};
use infra_kinds::cloudwatch::metric::{Asked, Value, read};
use infra_kinds::dms::task_status;
use infra_kinds::elbv2::fence_position::FencePosition;
use infra_kinds::{ecs, elbv2};

/// Measures what gates evaluate.
pub struct Probe<'a> {
    /// Access to AWS, for reads.
    pub read_context: &'a ReadContext,
    /// The resources to measure.
    pub topology: &'a Topology,
    /// The current time, in seconds since 1970.
    pub now: i64,
    /// The tables that `replication validate` has found equal, by the task that replicates them.
    compared: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Probe<'a> {
    /// Returns a probe. `state` says what `replication validate` has found before.
    pub fn new(read_context: &'a ReadContext, topology: &'a Topology, state: &State, now: i64) -> Self {
        // Gates watch the way there, before which the source is the primary.
        let last = |one| Validation::of(state, one, Side::Source).map(|last| (last.task, last.tables));
        let compared = topology.replications.iter().filter_map(last).collect();
        Self { read_context, topology, now, compared }
    }
}

impl Probe<'_> {
    /// Measures and evaluates all gates. Also returns the health of both environments, if a gate measures it.
    pub async fn evaluate(&self, gates: &[Gate], context: &EvalContext) -> (Vec<Judgement>, Vec<Targets>) {
        let readings = join_all(gates.iter().map(|gate| self.measure(gate, context))).await;
        let judgements = gates.iter().zip(&readings).map(|(gate, reading)| evaluate(gate, reading, context)).collect();
        let health =
            readings.into_iter().find_map(|reading| if let Reading::Targets(all) = reading { Some(all) } else { None });
        (judgements, health.unwrap_or_default())
    }

    /// Returns the health of an environment at this moment. Its targets are measured even if no gate does it.
    pub async fn health(&self, side: Side, gates: &[Gate], context: &EvalContext) -> SideHealth {
        let targets = async {
            match self.topology.service(side) {
                Some(service) => self.targets_of(service).await.map_err(|error| describe(&error)),
                None => Err(format!("the state has no service of the {side}")),
            }
        };
        // Its targets are judged even if it has no traffic yet.
        let next = match side {
            Side::Source => TrafficSplit::SOURCE,
            Side::Target => TrafficSplit::TARGET,
        };
        let context = EvalContext { next, ..*context };
        let (targets, (judgements, _)) = futures::join!(targets, self.evaluate(gates, &context));
        side_health(side, targets, &judgements)
    }

    /// Measures for one gate. A failed measurement is a reading as well.
    pub async fn measure(&self, gate: &Gate, context: &EvalContext) -> Reading {
        let reading = match &gate.check {
            Check::ReplicationLag(limit) => self.lag(limit).await,
            Check::HealthyTargets | Check::Capacity => self.targets().await,
            Check::ErrorRate(limit) => self.requests(pooled(limit.window_seconds, context)).await,
            Check::TrafficShare { window_seconds, .. } => self.requests(pooled(*window_seconds, context)).await,
            Check::Latency { seconds, share } => self.latency(*seconds, pooled(share.window_seconds, context)).await,
            Check::DatabaseCpu(limit) => self.cpu(limit).await,
            Check::Validation { .. } => self.validation().await,
            Check::Alarms => self.alarms().await,
            Check::Custom(custom) => self.custom(custom, &gate.name).await,
        };
        reading.unwrap_or_else(|error| Reading::Unknown(describe(&error)))
    }

    fn cx(&self, location: &Location) -> StepContext {
        self.read_context.reader(&shift::traffic_address(), location)
    }

    /// Reads metrics of one region, from one period before the window until now.
    async fn values(
        &self,
        location: &Location,
        queries: &[(String, Query)],
        limit: &Limit,
    ) -> Result<BTreeMap<String, Vec<Point>>> {
        let queries: Vec<Asked> = queries
            .iter()
            .map(|(id, query)| Asked { id: id.clone(), query: query.clone(), period_seconds: limit.period_seconds })
            .collect();
        let (period, window) = (i64::from(limit.period_seconds), i64::from(limit.window_seconds));
        let from = (self.now - window - period).div_euclid(period) * period;
        let found = read(&self.cx(location), &queries, from, self.now + period).await?;
        let points = |values: Vec<Value>| values.into_iter().map(|(at, value)| Point { at, value }).collect();
        Ok(found.into_iter().map(|(id, values)| (id, points(values))).collect())
    }

    async fn custom(&self, custom: &CustomCheck, name: &str) -> Result<Reading> {
        let side = custom.environment;
        let service = self.topology.services.iter().find(|service| side == Some(service.side));
        let account = service.and_then(|service| service.location.account.clone());
        let location = Location { region: custom.region.clone(), account };
        let mut found = self.values(&location, &[("gate".to_owned(), custom.query.clone())], &custom.limit).await?;
        let points = found.remove("gate").unwrap_or_default();
        Ok(Reading::Series(vec![Series { of: name.to_owned(), side: None, points }]))
    }

    async fn lag(&self, limit: &Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for replication in self.topology.replications.iter().filter(|replication| replication.replicates_changes()) {
            if let Some(failure) = self.failure_of(replication).await? {
                return Ok(Reading::Broken(failure));
            }
            let query = lag_metric(replication, "CDCLatencyTarget");
            let mut found = self.values(&replication.location, &[("lag".to_owned(), query)], limit).await?;
            all.push(Series {
                of: replication.task_id.clone(),
                side: None,
                points: found.remove("lag").unwrap_or_default(),
            });
        }
        Ok(Reading::Series(all))
    }

    /// Returns why a replication does not replicate changes, if it does not.
    async fn failure_of(&self, replication: &Replication) -> Result<Option<String>> {
        let cx = self.cx(&replication.location);
        let Some(task) = task_status::read(&cx, &replication.task).await? else {
            return Ok(Some(format!("the replication task {} no longer exists", replication.task_id)));
        };
        if !replication.is_idle(&task) {
            return Ok(None);
        }
        let why = task.last_failure.or(task.stop_reason).map(|why| format!(": {why}")).unwrap_or_default();
        Ok(Some(format!("the replication {} is `{}`{why}", replication.address, task.status)))
    }

    async fn targets(&self) -> Result<Reading> {
        let mut all = Vec::new();
        for service in &self.topology.services {
            all.push(self.targets_of(service).await?);
        }
        Ok(Reading::Targets(all))
    }

    async fn targets_of(&self, service: &Service) -> Result<Targets> {
        let cx = self.cx(&service.location);
        let serving = serving(self.read_context, service).await?;
        let health = elbv2::health::targets(&cx, serving.target_group).await?;
        let desired = ecs::desired_count::desired_count(&cx, &service.cluster, serving.service).await?;
        Ok(Targets {
            side: service.side,
            healthy: health.healthy,
            initial: health.initial,
            unhealthy: u32::try_from(health.unhealthy.len()).unwrap_or(u32::MAX),
            desired,
            is_fenced: self.is_fenced(service).await?,
        })
    }

    async fn is_fenced(&self, service: &Service) -> Result<bool> {
        Ok(fence::position(self.read_context, service).await? == Some(FencePosition::Closed))
    }

    /// Reads the requests of both environments, and those that failed.
    ///
    /// The answers of a closed fence are not errors of the service: "`HTTP_Fixed_Response_Count`: The number of
    /// fixed-response actions that were successful" ("CloudWatch metrics for your Application Load Balancer"). The
    /// fence is the only fixed response of these load balancers, so their number is subtracted.
    async fn requests(&self, limit: Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for service in &self.topology.services {
            let queries = [
                ("all", "RequestCount"),
                ("target", "HTTPCode_Target_5XX_Count"),
                ("balancer", "HTTPCode_ELB_5XX_Count"),
                ("fixed", "HTTP_Fixed_Response_Count"),
            ];
            let queries = queries.map(|(id, name)| (id.to_owned(), balancer_metric(service, name, statistic("Sum"))));
            let mut found = self.values(&service.location, &queries, &limit).await?;
            let mut of_balancer = by_minute(found.remove("balancer"));
            for (at, fixed) in by_minute(found.remove("fixed")) {
                of_balancer.entry(at).and_modify(|errors| *errors = (*errors - fixed).max(0.0));
            }
            let mut hits = by_minute(found.remove("target"));
            for (at, errors) in of_balancer {
                *hits.entry(at).or_default() += errors;
            }
            let all_requests = found.remove("all").unwrap_or_default();
            all.push(self.requests_of(service, all_requests, hits).await?);
        }
        Ok(Reading::Requests(all))
    }

    /// Reads the requests of both environments, and those that took longer than a limit.
    async fn latency(&self, seconds: f64, limit: Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for service in &self.topology.services {
            let metric = |statistic| balancer_metric(service, "TargetResponseTime", statistic);
            let queries = [
                ("all".to_owned(), metric(statistic("SampleCount"))),
                ("fast".to_owned(), metric(Statistic::count_up_to(seconds))),
            ];
            let mut found = self.values(&service.location, &queries, &limit).await?;
            let fast = by_minute(found.remove("fast"));
            let all_requests = found.remove("all").unwrap_or_default();
            let slow = |point: &Point| (point.at, point.value - fast.get(&point.at).copied().unwrap_or_default());
            let hits = all_requests.iter().map(slow).collect();
            all.push(self.requests_of(service, all_requests, hits).await?);
        }
        Ok(Reading::Requests(all))
    }

    async fn requests_of(&self, service: &Service, all: Vec<Point>, hits: BTreeMap<i64, f64>) -> Result<Requests> {
        let checks = self.topology.probe_intervals.iter().filter(|(side, _)| *side == service.side);
        Ok(Requests {
            side: service.side,
            all,
            hits: hits.into_iter().map(|(at, value)| Point { at, value }).collect(),
            probes_per_minute: checks.map(|(_, interval)| probes_per_minute(*interval)).sum(),
            is_fenced: self.is_fenced(service).await?,
        })
    }

    async fn cpu(&self, limit: &Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for database in &self.topology.databases {
            let query = database_metric(database, "CPUUtilization");
            let mut found = self.values(&database.location, &[("cpu".to_owned(), query)], limit).await?;
            all.push(Series {
                of: database.identifier.clone(),
                side: database.side(),
                points: found.remove("cpu").unwrap_or_default(),
            });
        }
        Ok(Reading::Series(all))
    }

    async fn validation(&self) -> Result<Reading> {
        let mut all = Vec::new();
        for replication in &self.topology.replications {
            // Tables that were equal when the task stopped may differ by now.
            if let Some(failure) = self.failure_of(replication).await? {
                return Ok(Reading::Broken(failure));
            }
            let tables = task_status::tables(&self.cx(&replication.location), &replication.task).await?;
            let compared = self.compared.get(&replication.task);
            all.extend(tables.into_iter().map(|table| Table {
                state: match table_state(&table.validation) {
                    // A switchover compares it again if it has changed since.
                    TableState::NotCompared if compared.is_some_and(|all| all.contains(&table.name)) => {
                        TableState::Same
                    }
                    state => state,
                },
                is_suspended: is_suspended(&table.state),
                name: table.name,
            }));
        }
        Ok(Reading::Tables(all))
    }

    async fn alarms(&self) -> Result<Reading> {
        let mut by_location: BTreeMap<&Location, Vec<String>> = BTreeMap::new();
        for alarm in self.topology.alarms.iter().chain(&self.topology.switch) {
            by_location.entry(&alarm.location).or_default().push(alarm.name.clone());
        }
        let switch = self.topology.switch.as_ref().map(|alarm| &alarm.name);
        let side = |name: &String| self.topology.alarms.iter().find(|alarm| alarm.name == *name)?.side;
        let mut all = Vec::new();
        for (location, names) in by_location {
            let found = alarm_state::states(&self.cx(location), &names).await?;
            // An alarm that does not exist has no data.
            let state = |name: &String| found.iter().find(|(found, _)| found == name).map(|(_, state)| *state);
            all.extend(names.iter().map(|name| Alarm {
                state: match state(name) {
                    // The emergency switch has no data until it is used for the first time.
                    Some(AlarmState::InsufficientData) if switch == Some(name) => AlarmState::Ok,
                    state => state.unwrap_or(AlarmState::InsufficientData),
                },
                side: side(name),
                name: name.clone(),
            }));
        }
        Ok(Reading::Alarms(all))
    }

    /// Returns whether everything that was written to the source is in the target: each replication has values from
    /// after `since`, and they show that nothing is left to replicate.
    ///
    /// # Errors
    /// When a measurement failed.
    pub async fn is_drained(&self, since: i64) -> Result<bool> {
        let limit =
            Limit { bound: infra_config::Bound::AtMost(0.0), window_seconds: 600, period_seconds: 60, min_points: 1 };
        for replication in self.topology.replications.iter().filter(|replication| replication.replicates_changes()) {
            if self.failure_of(replication).await?.is_some() {
                return Ok(false);
            }
            let queries =
                [("source", "CDCLatencySource"), ("target", "CDCLatencyTarget"), ("left", "CDCIncomingChanges")];
            let queries = queries.map(|(id, name)| (id.to_owned(), lag_metric(replication, name)));
            let found = self.values(&replication.location, &queries, &limit).await?;
            // `CDCLatency…` has whole seconds: less than one second is shown as zero.
            let is_zero = |points: &Vec<Point>| {
                points
                    .iter()
                    .filter(|point| point.at >= since && point.at + 60 <= self.now)
                    .max_by_key(|point| point.at)
                    .is_some_and(|last| last.value < 1.0)
            };
            if !["source", "target", "left"].iter().all(|id| found.get(*id).is_some_and(is_zero)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns what must be read for requests that are pooled.
fn pooled(window_seconds: u32, context: &EvalContext) -> Limit {
    let longest = i64::from(window_seconds).max(context.bake_seconds) + DELIVERY;
    let window_seconds = u32::try_from(longest).unwrap_or(u32::MAX);
    Limit { bound: infra_config::Bound::AtLeast(0.0), window_seconds, period_seconds: 60, min_points: 1 }
}

fn by_minute(points: Option<Vec<Point>>) -> BTreeMap<i64, f64> {
    let mut minutes = BTreeMap::new();
    for point in points.into_iter().flatten() {
        *minutes.entry(point.at).or_default() += point.value;
    }
    minutes
}

fn statistic(name: &str) -> Statistic {
    Statistic::parse(name).unwrap_or_else(Statistic::average)
}

fn query(namespace: &str, name: &str, dimensions: &[(&str, &str)], statistic: Statistic) -> Query {
    let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Query::Metric(Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions, statistic })
}

/// Returns a metric of a replication task. Both dimensions are required. The task is identified by the last segment of
/// its ARN ("Monitoring AWS DMS tasks").
pub fn lag_metric(replication: &Replication, name: &str) -> Query {
    let dimensions = [
        ("ReplicationInstanceIdentifier", replication.instance_id.as_str()),
        ("ReplicationTaskIdentifier", &replication.task_id),
    ];
    query("AWS/DMS", name, &dimensions, statistic("Maximum"))
}

/// Returns a metric of a database.
pub fn database_metric(database: &Database, name: &str) -> Query {
    query("AWS/RDS", name, &[("DBInstanceIdentifier", &database.identifier)], statistic("Average"))
}

fn balancer_metric(service: &Service, name: &str, statistic: Statistic) -> Query {
    query("AWS/ApplicationELB", name, &[("LoadBalancer", &service.load_balancer)], statistic)
}

/// Returns whether a table is not replicated any more (`TableStatistics`, `TableState`). With `SUSPEND_TABLE`, "the
/// task continues but data from the table with the error record is moved into an error state and the data isn't
/// replicated" ("Error handling task settings"); no state is called suspended.
pub fn is_suspended(state: &str) -> bool {
    ["Table error", "Table cancelled"].contains(&state)
}

/// Converts a validation state of DMS ("AWS DMS data validation", `ValidationState`). An unknown state is not a pass.
pub fn table_state(state: &str) -> TableState {
    match state {
        "Validated" => TableState::Same,
        "Mismatched records" | "Suspended records" => TableState::Different,
        "No primary key" | "Not enabled" => TableState::NotCompared,
        "Table error" | "Error" => TableState::Failed,
        _ => TableState::Pending,
    }
}

/// Returns the event about the health of an environment.
pub fn health_event(targets: &Targets) -> Event {
    Event::Health { environment: targets.side.as_str(), healthy: targets.healthy, desired: targets.desired }
}

/// Returns the event about a judgement.
pub fn judgement_event(judgement: &Judgement) -> Event {
    let (gate, text) = (judgement.gate.clone(), judgement.text.clone());
    Event::Judged { gate, verdict: judgement.verdict.as_str(), value: judgement.value, text }
}
