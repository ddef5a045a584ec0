//! Measuring what gates look at: every gate asks for what it needs, all at once. What to think of the answers is for the pure part to say.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::Split;
use super::gate::{self, Judgement, Point, Reading, Requests, Series, Table, TableState, Targets, judge};
use super::scene::{Database, Replication, Scene, Service};
use super::schedule::Schedule;
use super::shift;
use crate::address::Region;
use crate::config::{Check, Gate, Limit, Metric, Query, Statistic};
use crate::engine::Looker;
use crate::events::Event;
use crate::resource::{Cx, Result, describe};
use crate::resources::cloudwatch::alarm_state::{self, AlarmState};
use crate::resources::cloudwatch::metric::{Asked, Value, read};
use crate::resources::dms::running;
use crate::resources::{ecs, elbv2};

/// What measures.
pub struct Measure<'a> {
    /// What is needed to look.
    pub looker: &'a Looker,
    /// What there is.
    pub scene: &'a Scene,
    /// The present, in seconds since 1970.
    pub now: i64,
}

impl Measure<'_> {
    /// Measures for all gates at the same time, and judges them for traffic that is divided like this. Returns the health of both environments
    /// as well, when a gate has asked for it.
    pub async fn judge(&self, gates: &[Gate], schedule: &Schedule, live: Split) -> (Vec<Judgement>, Vec<Targets>) {
        let moment = schedule.moment(live, self.now);
        let readings = join_all(gates.iter().map(|gate| self.one(gate))).await;
        let judgements = gates.iter().zip(&readings).map(|(gate, reading)| judge(gate, reading, &moment)).collect();
        let health = readings.into_iter().find_map(|reading| if let Reading::Targets(all) = reading { Some(all) } else { None });
        (judgements, health.unwrap_or_default())
    }

    /// Measures for one gate. What can not be asked is a reading, too.
    pub async fn one(&self, gate: &Gate) -> Reading {
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

    fn cx(&self, region: &Region) -> Cx {
        self.looker.reader(&shift::address(), region)
    }

    /// The values of metrics of one region, since the window began and one period before.
    async fn values(&self, region: &Region, asked: &[(String, Query)], limit: &Limit) -> Result<BTreeMap<String, Vec<Point>>> {
        let asked: Vec<Asked> =
            asked.iter().map(|(id, query)| Asked { id: id.clone(), query: query.clone(), period_seconds: limit.period_seconds }).collect();
        let (period, window) = (i64::from(limit.period_seconds), i64::from(limit.window_seconds));
        let from = (self.now - window - period).div_euclid(period) * period;
        let found = read(&self.cx(region), &asked, from, self.now + period).await?;
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
        for replication in self.scene.replications.iter().filter(|replication| replication.carries_changes_over()) {
            if let Some(broken) = self.broken(replication).await? {
                return Ok(Reading::Broken(broken));
            }
            let query = lag_metric(replication, "CDCLatencyTarget");
            let mut found = self.values(&replication.region, &[("lag".to_owned(), query)], limit).await?;
            all.push(Series { of: replication.task_id.clone(), side: None, points: found.remove("lag").unwrap_or_default() });
        }
        Ok(Reading::Series(all))
    }

    /// Why a replication carries nothing over, when it does not.
    async fn broken(&self, replication: &Replication) -> Result<Option<String>> {
        let cx = self.cx(&replication.region);
        let Some(standing) = running::standing(&cx, &replication.task).await? else {
            return Ok(Some(format!("the replication task {} is gone", replication.task_id)));
        };
        if !replication.is_idle(&standing) {
            return Ok(None);
        }
        let why = standing.last_failure.or(standing.stop_reason).map(|why| format!(": {why}")).unwrap_or_default();
        Ok(Some(format!("the replication {} is `{}`{why}", replication.address, standing.status)))
    }

    async fn targets(&self) -> Result<Reading> {
        let mut all = Vec::new();
        for service in &self.scene.services {
            let cx = self.cx(&service.region);
            let health = elbv2::health::targets(&cx, &service.target_group).await?;
            let desired = ecs::wanted::wanted(&cx, &service.cluster, &service.service).await?;
            all.push(Targets { side: service.side, healthy: health.healthy, desired });
        }
        Ok(Reading::Targets(all))
    }

    async fn requests(&self, limit: &Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for service in &self.scene.services {
            let asked = [("all", "RequestCount"), ("target", "HTTPCode_Target_5XX_Count"), ("balancer", "HTTPCode_ELB_5XX_Count")];
            let asked = asked.map(|(id, name)| (id.to_owned(), balancer_metric(service, name, "Sum")));
            let mut found = self.values(&service.region, &asked, limit).await?;
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
        for service in &self.scene.services {
            let asked = [("latency".to_owned(), balancer_metric(service, "TargetResponseTime", "p99"))];
            let mut found = self.values(&service.region, &asked, limit).await?;
            let points = found.remove("latency").unwrap_or_default();
            all.push(Series { of: service.side.to_string(), side: Some(service.side), points });
        }
        Ok(Reading::Series(all))
    }

    async fn cpu(&self, limit: &Limit) -> Result<Reading> {
        let mut all = Vec::new();
        for database in &self.scene.databases {
            let query = database_metric(database, "CPUUtilization");
            let mut found = self.values(&database.region, &[("cpu".to_owned(), query)], limit).await?;
            all.push(Series { of: database.identifier.clone(), side: None, points: found.remove("cpu").unwrap_or_default() });
        }
        Ok(Reading::Series(all))
    }

    async fn validation(&self) -> Result<Reading> {
        let mut all = Vec::new();
        for replication in &self.scene.replications {
            // What was the same when it stopped may differ by now.
            if let Some(broken) = self.broken(replication).await? {
                return Ok(Reading::Broken(broken));
            }
            let tables = running::tables(&self.cx(&replication.region), &replication.task).await?;
            all.extend(tables.into_iter().map(|table| Table { state: validated(&table.validation), name: table.name }));
        }
        Ok(Reading::Tables(all))
    }

    async fn alarms(&self) -> Result<Reading> {
        let mut by_region: BTreeMap<&Region, Vec<String>> = BTreeMap::new();
        for (region, name) in self.scene.alarms.iter().chain(&self.scene.switch) {
            by_region.entry(region).or_default().push(name.clone());
        }
        let switch = self.scene.switch.as_ref().map(|(_, name)| name);
        let mut all = Vec::new();
        for (region, names) in by_region {
            let found = alarm_state::states(&self.cx(region), &names).await?;
            // One that is not there says nothing.
            let state = |name: &String| found.iter().find(|(found, _)| found == name).map(|(_, state)| *state);
            all.extend(names.iter().map(|name| gate::Alarm {
                state: match state(name) {
                    // The emergency switch has no data until somebody uses it.
                    Some(AlarmState::InsufficientData) if switch == Some(name) => AlarmState::Ok,
                    state => state.unwrap_or(AlarmState::InsufficientData),
                },
                name: name.clone(),
            }));
        }
        Ok(Reading::Alarms(all))
    }

    /// Returns whether everything that was written to the source is in the target: values from after `since` are there for each
    /// replication, and say that nothing is left to be carried over.
    ///
    /// # Errors
    /// What could not be asked.
    pub async fn is_drained(&self, since: i64) -> Result<bool> {
        let limit = Limit { bound: crate::config::Bound::AtMost(0.0), window_seconds: 600, period_seconds: 60, min_points: 1 };
        for replication in self.scene.replications.iter().filter(|replication| replication.carries_changes_over()) {
            if self.broken(replication).await?.is_some() {
                return Ok(false);
            }
            let asked = [("source", "CDCLatencySource"), ("target", "CDCLatencyTarget"), ("left", "CDCIncomingChanges")];
            let asked = asked.map(|(id, name)| (id.to_owned(), lag_metric(replication, name)));
            let found = self.values(&replication.region, &asked, &limit).await?;
            // "CDCLatency…" is in whole seconds, so what is below one second is shown as zero.
            let empty = |points: &Vec<Point>| {
                points.iter().filter(|point| point.at >= since).max_by_key(|point| point.at).is_some_and(|last| last.value < 1.0)
            };
            if !["source", "target", "left"].iter().all(|id| found.get(*id).is_some_and(empty)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn named(namespace: &str, name: &str, dimensions: &[(&str, &str)], statistic: &str) -> Query {
    let statistic = Statistic::parse(statistic).unwrap_or_else(Statistic::average);
    let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Query::Metric(Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions, statistic })
}

/// A metric of a replication task. Both dimensions are needed, and the task goes by the last segment of its ARN ("Monitoring AWS DMS tasks").
pub fn lag_metric(replication: &Replication, name: &str) -> Query {
    let dimensions = [("ReplicationInstanceIdentifier", replication.instance_id.as_str()), ("ReplicationTaskIdentifier", &replication.task_id)];
    named("AWS/DMS", name, &dimensions, "Maximum")
}

/// A metric of a database.
pub fn database_metric(database: &Database, name: &str) -> Query {
    named("AWS/RDS", name, &[("DBInstanceIdentifier", &database.identifier)], "Average")
}

fn balancer_metric(service: &Service, name: &str, statistic: &str) -> Query {
    named("AWS/ApplicationELB", name, &[("LoadBalancer", &service.load_balancer)], statistic)
}

/// What DMS's words mean ("AWS DMS data validation", `ValidationState`). One that nobody has heard of is no pass.
pub fn validated(state: &str) -> TableState {
    match state {
        "Validated" => TableState::Same,
        "Mismatched records" | "Suspended records" => TableState::Different,
        "No primary key" | "Not enabled" => TableState::NotCompared,
        "Table error" | "Error" => TableState::Failed,
        _ => TableState::Pending,
    }
}

/// What is told of the health of an environment.
pub fn healthy(targets: &Targets) -> Event {
    Event::Health { environment: targets.side.as_str(), healthy: targets.healthy, desired: targets.desired }
}

/// What is told of a judgement.
pub fn told(judgement: &Judgement) -> Event {
    let (gate, text) = (judgement.gate.clone(), judgement.text.clone());
    Event::Judged { gate, verdict: judgement.verdict.as_str(), value: judgement.value, text }
}
