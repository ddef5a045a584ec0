//! The path of a request: from a name to a load balancer, to the task that answers, to the database that it uses.

use std::time::Duration;

use serde_json::Value;

use super::elbv2::{Action, LoadBalancer, Request};
use super::health::{Health, Target};
use super::state::{RegionState, World};
use super::timeline::Timeline;
use super::traffic::normalized_dns_name;

/// "If an alias record points to an AWS resource, you can't set the time to live (TTL); Route 53 uses the default TTL
/// for the resource", which is 60 seconds for load balancers ("Choosing between alias and non-alias records").
const ALIAS_TTL: Duration = Duration::from_mins(1);
/// The variable of a container that names the secret of its database.
const SECRET_VARIABLE: &str = "DB_SECRET_ARN";

/// What name servers can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The load balancers, each with its weight.
    pub answers: Vec<WeightedBalancer>,
    /// How long a client may keep an answer.
    pub ttl: Duration,
}

/// A load balancer that a name resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedBalancer {
    /// The set identifier of its record: the environment.
    pub environment: String,
    /// The ARN of the load balancer.
    pub arn: String,
    /// Its weight among the answers.
    pub weight: i64,
}

/// What a load balancer does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// It answers by itself.
    Fixed(u16),
    /// It forwards the request to one of these tasks. Without any, it answers 503 by itself.
    Forward(Vec<RunningTask>),
    /// It does not exist, or no listener has the port.
    Refused,
}

/// A task that answers requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningTask {
    /// Its ARN.
    pub arn: String,
    /// The database that its task definition names.
    pub database: Option<DatabaseAddress>,
}

/// How a task reaches its database: the contents of its secret.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of an RDS secret")]
pub struct DatabaseAddress {
    pub host: String,
    pub username: String,
    pub password: String,
    pub dbname: String,
}

impl std::fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}/{}", self.username, self.host, self.dbname)
    }
}

impl World {
    /// Returns what name servers answer for a name at the world's time.
    pub fn resolve(&self, name: &str) -> Resolution {
        let (timeline, name) = (self.timeline(), format!("{}.", name.trim_end_matches('.')));
        let mut answers = Vec::new();
        for zone in self.route53.zones.values() {
            for (record, weight) in self.dns_answers(&timeline, zone, &name, "A", self.now) {
                let Some(alias) = &record.alias else { continue };
                let dns_name = normalized_dns_name(&alias.dns_name);
                let all = self.regions.values().flat_map(|region| region.elbv2.load_balancers.values());
                let Some(balancer) = all.into_iter().find(|one| one.dns_name.eq_ignore_ascii_case(dns_name)) else {
                    continue;
                };
                let environment = record.set_identifier.clone().unwrap_or_else(|| balancer.name.clone());
                answers.push(WeightedBalancer { environment, arn: balancer.arn.clone(), weight });
            }
        }
        Resolution { answers, ttl: ALIAS_TTL }
    }

    /// Returns what a load balancer does with a request at the world's time.
    pub fn respond(&self, balancer_arn: &str, request: &Request<'_>) -> Response {
        let found =
            self.regions.values().find_map(|region| Some((region, region.elbv2.load_balancers.get(balancer_arn)?)));
        let Some((region, balancer)) = found.filter(|(_, balancer)| balancer.active_at <= self.now) else {
            return Response::Refused;
        };
        match region.elbv2.action_for(&balancer.arn, request) {
            None => Response::Refused,
            Some(Action::FixedResponse { status_code, .. }) => Response::Fixed(status_code.parse().unwrap_or(503)),
            Some(Action::Redirect(_, _, code)) => {
                Response::Fixed(code.trim_start_matches("HTTP_").parse().unwrap_or(302))
            }
            Some(Action::Forward(group)) => self.forward(&self.timeline(), region, balancer, group),
        }
    }

    /// "If a target group contains only unhealthy registered targets, the load balancer routes requests to all those
    /// targets, regardless of their health status" ("Health checks for Application Load Balancer target groups").
    /// Without a registered target it answers 503 ("HTTP 503: The target groups for the load balancer have no
    /// registered targets").
    fn forward(
        &self,
        timeline: &Timeline<'_>,
        region: &RegionState,
        _balancer: &LoadBalancer,
        group_arn: &str,
    ) -> Response {
        let Some(group) = region.elbv2.target_groups.get(group_arn) else { return Response::Forward(Vec::new()) };
        let targets = region.targets(group, &timeline.at(self.now), self.now, self.now);
        let with = |health: Health| targets.iter().filter(move |target| target.health == health);
        let chosen: Vec<&Target> = match with(Health::Healthy).count() {
            0 => with(Health::Unhealthy).collect(),
            _ => with(Health::Healthy).collect(),
        };
        let task = |target: &&Target| region.ecs.tasks.values().find(|task| task.address == target.address);
        let tasks = chosen.iter().filter_map(task).map(|task| RunningTask {
            arn: task.arn.clone(),
            database: region
                .ecs
                .task_definitions
                .get(&task.task_definition)
                .and_then(|definition| variable(&definition.container.environment, SECRET_VARIABLE))
                .and_then(|secret| self.database_of_secret(secret)),
        });
        Response::Forward(tasks.collect())
    }

    /// Returns the current contents of a database secret, in any region.
    pub fn database_of_secret(&self, secret: &str) -> Option<DatabaseAddress> {
        let all = self.regions.values().flat_map(|region| region.secretsmanager.secrets.values());
        let secret = all.into_iter().find(|one| one.arn == secret || one.name == secret)?;
        let (_, version) = secret.version("AWSCURRENT")?;
        let value: Value = serde_json::from_str(&version.value).ok()?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(DatabaseAddress {
            host: text("host")?,
            username: text("username")?,
            password: text("password")?,
            dbname: text("dbname")?,
        })
    }
}

fn variable<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    environment.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.as_str())
}
