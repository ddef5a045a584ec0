//! Measures what gates evaluate. All gates are measured concurrently. The evaluation is pure and separate.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::context::EvalContext;
use super::evaluate::evaluate;
use super::reading::{Alarm, Point, Reading, Requests, Series, Table, TableState, Targets};
use super::verdict::Judgement;
use crate::shift;
use crate::topology::{Database, Replication, Service, Topology};
use infra_base::address::Region;
use infra_config::{Check, Gate, Limit, Metric, Query, Statistic};
use infra_core::engine::ReadContext;
use infra_core::events::Event;
use infra_core::resource::{Result, StepContext, describe};
use infra_kinds::cloudwatch::alarm_state::{self, AlarmState};
use infra_kinds::cloudwatch::metric::{Asked, Value, read};
use infra_kinds::dms::task_status;
use infra_kinds::{ecs, elbv2};

/// Measures what gates evaluate.
pub struct Probe<'a> {
    /// Access to AWS, for reads.
    pub read_context: &'a ReadContext,
    /// The resources to measure.
    pub topology: &'a Topology,
    /// The current time, in seconds since 1970.
    pub now: i64,
}

impl Probe<'_> {
    /// Measures and evaluates all gates. Also returns the health of both environments, if a gate measures it.
    pub async fn evaluate(&self, gates: &[Gate], context: &EvalContext) -> (Vec<Judgement>, Vec<Targets>) {
        let readings = join_all(gates.iter().map(|gate| self.measure(gate))).await;
        let judgements = gates.iter().zip(&readings).map(|(gate, reading)| evaluate(gate, reading, context)).collect();
        let health =
            readings.into_iter().find_map(|reading| if let Reading::Targets(all) = reading { Some(all) } else { None });
        (judgements, health.unwrap_or_default())
    }

    /// Measures for one gate. A failed measurement is a reading as well.
    pub async fn measure(&self, gate: &Gate) -> Reading {
        let reading = match &gate.check {
            Check::ReplicationLag(limit) => self.lag(limit).await,
            Check::HealthyTargets => self.targets().await,
            Check::ErrorRate(limit) => self.requests(limit).await,
            Check::Latency(limit) => self.latency(limit).await,
            Check::DatabaseCpu(limit) => self.cpu(limit).await,
            Check::Validation { .. } => self.validation().await,
            Check::Alarms => self.alarms().await,
            Check::Custom(custom) => self.metric(&custom.region, &gate.name, &custom.query, &custom.limit).await,
        };
        reading.unwrap_or_else(|error| Reading::Unknown(describe(&error)))
    }

    fn cx(&self, region: &Region) -> StepContext {
        self.read_context.reader(&shift::traffic_address(), region)
    }

    /// Reads metrics of one region, from one period before the window until now.
    async fn values(
        &self,
        region: &Region,
        queries: &[(String, Query)],
        limit: &Limit,
    ) -> Result<BTreeMap<String, Vec<Point>>> {
        let queries: Vec<Asked> = queries
            .iter()
            .map(|(id, query)| Asked { id: id.clone(), query: query.clone(), period_seconds: limit.period_seconds })
            .collect();
        let (period, window) = (i64::from(limit.period_seconds), i64::from(limit.window_seconds));
        let from = (self.now - window - period).div_euclid(period) * period;
        let found = read(&self.cx(region), &queries, from, self.now + period).await?;
        let points = |values: Vec<Value>| values.into_iter().map(|(at, value)| Point { at, value }).collect();
        Ok(found.into_iter().map(|(id, values)| (id, points(values))).collect())
    }

    async fn metric(&self, region: &Region, name: &str, query: &Query, limit: &Limit) -> Result<Reading> {
        let mut found = self.values(region, &[("gate".to_owned(), query.clone())], limit).await?;
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
            let mut found = self.values(&replication.region, &[("lag".to_owned(), query)], limit).await?;
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
        let cx = self.cx(&replication.region);
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
            let cx = self.cx(&service.region);
            let health = elbv2::health::targets(&cx, &service.target_group).await?;
            let desired = ecs::desired_count::desired_count(&cx, &service.cluster, &service.service).await?;
            all.push(Targets { side: service.side, healthy: health.healthy, desired });
        }
        Ok(Reading::Targets(all))
    }

    async fn requests(&self, limit: &Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for service in &self.topology.services {
            let queries = [
                ("all", "RequestCount"),
                ("target", "HTTPCode_Target_5XX_Count"),
                ("balancer", "HTTPCode_ELB_5XX_Count"),
            ];
            let queries = queries.map(|(id, name)| (id.to_owned(), balancer_metric(service, name, "Sum")));
            let mut found = self.values(&service.region, &queries, limit).await?;
            let mut errors: BTreeMap<i64, f64> = BTreeMap::new();
            for point in ["target", "balancer"].into_iter().filter_map(|id| found.remove(id)).flatten() {
                *errors.entry(point.at).or_default() += point.value;
            }
            let errors = errors.into_iter().map(|(at, value)| Point { at, value }).collect();
            all.push(Requests { side: service.side, all: found.remove("all").unwrap_or_default(), errors });
        }
        Ok(Reading::Requests(all))
    }

    async fn latency(&self, limit: &Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for service in &self.topology.services {
            let queries = [("latency".to_owned(), balancer_metric(service, "TargetResponseTime", "p99"))];
            let mut found = self.values(&service.region, &queries, limit).await?;
            let points = found.remove("latency").unwrap_or_default();
            all.push(Series { of: service.side.to_string(), side: Some(service.side), points });
        }
        Ok(Reading::Series(all))
    }

    async fn cpu(&self, limit: &Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for database in &self.topology.databases {
            let query = database_metric(database, "CPUUtilization");
            let mut found = self.values(&database.region, &[("cpu".to_owned(), query)], limit).await?;
            all.push(Series {
                of: database.identifier.clone(),
                side: None,
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
            let tables = task_status::tables(&self.cx(&replication.region), &replication.task).await?;
            all.extend(
                tables.into_iter().map(|table| Table { state: table_state(&table.validation), name: table.name }),
            );
        }
        Ok(Reading::Tables(all))
    }

    async fn alarms(&self) -> Result<Reading> {
        let mut by_region: BTreeMap<&Region, Vec<String>> = BTreeMap::new();
        for (region, name) in self.topology.alarms.iter().chain(&self.topology.switch) {
            by_region.entry(region).or_default().push(name.clone());
        }
        let switch = self.topology.switch.as_ref().map(|(_, name)| name);
        let mut all = Vec::new();
        for (region, names) in by_region {
            let found = alarm_state::states(&self.cx(region), &names).await?;
            // An alarm that does not exist has no data.
            let state = |name: &String| found.iter().find(|(found, _)| found == name).map(|(_, state)| *state);
            all.extend(names.iter().map(|name| Alarm {
                state: match state(name) {
                    // The emergency switch has no data until it is used for the first time.
                    Some(AlarmState::InsufficientData) if switch == Some(name) => AlarmState::Ok,
                    state => state.unwrap_or(AlarmState::InsufficientData),
                },
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
            let found = self.values(&replication.region, &queries, &limit).await?;
            // `CDCLatency…` has whole seconds: less than one second is shown as zero.
            let is_zero = |points: &Vec<Point>| {
                points
                    .iter()
                    .filter(|point| point.at >= since)
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

fn query(namespace: &str, name: &str, dimensions: &[(&str, &str)], statistic: &str) -> Query {
    let statistic = Statistic::parse(statistic).unwrap_or_else(Statistic::average);
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
    query("AWS/DMS", name, &dimensions, "Maximum")
}

/// Returns a metric of a database.
pub fn database_metric(database: &Database, name: &str) -> Query {
    query("AWS/RDS", name, &[("DBInstanceIdentifier", &database.identifier)], "Average")
}

fn balancer_metric(service: &Service, name: &str, statistic: &str) -> Query {
    query("AWS/ApplicationELB", name, &[("LoadBalancer", &service.load_balancer)], statistic)
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
