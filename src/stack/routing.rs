//! The routing: one name in a hosted zone, weighted between the load balancers of both environments.
//!
//! Route 53 belongs to the account, not to a region. Its weights are state of the migration: they are what is set here only when
//! a record is made.

use std::collections::BTreeMap;

use super::build::tags;
use super::environment::Environment;
use super::switch::Switch;
use crate::address::{Address, HealthCheckId, HostedZoneId, Region};
use crate::aws::partition;
use crate::config::{Config, Routing};
use crate::graph::{Graph, Input};
use crate::naming::Names;
use crate::resources::cloudwatch::{Alarm, AlarmMetric, Dimension};
use crate::resources::route53::{AlarmHealthCheck, CalculatedHealthCheck, HealthCheck, HealthCheckProtocol, HostedZone, WeightedRecord};

/// The name of the pseudo environment that all of this belongs to.
const ENVIRONMENT: &str = "routing";
const PART: &str = "dns";

/// Adds zone, health checks and records. When the source is gone, the target is all there is.
pub(super) fn add(graph: &mut Graph, config: &Config, routing: &Routing, source: Option<&Environment>, target: &Environment) {
    let tags = tags(config, &Names::new(ENVIRONMENT, &config.stack.suffix));
    let region = home(&target.config.region);
    let address = |name: &str| Address::of(ENVIRONMENT, PART, name);
    let zone: Input<HostedZoneId> = if routing.zone_id.is_empty() {
        let comment = format!("Payment migration {}", config.stack.id());
        graph.add(address("zone"), &region, &tags, &HostedZone { name: routing.zone_name.clone(), comment }).id()
    } else {
        Input::Value(routing.zone_id.clone().into())
    };
    let target_weight = if source.is_some() { 0 } else { 100 };
    for (environment, initial_weight) in source.map(|source| (source, 100)).into_iter().chain([(target, target_weight)]) {
        let (name, service) = (&environment.config.name, &environment.service);
        let names = Names::new(name, &config.stack.suffix);
        // A check must ask what a listener answers: with a certificate, port 80 only redirects.
        let (protocol, port) = match environment.config.service.certificate_arn.is_empty() {
            true => (HealthCheckProtocol::Http, 80),
            false => (HealthCheckProtocol::Https, 443),
        };
        let check = HealthCheck {
            fqdn: service.load_balancer.dns_name(),
            protocol,
            port,
            path: environment.config.service.health_check_path.clone(),
            interval_seconds: routing.health_check_interval_seconds,
            failure_threshold: routing.health_check_failures,
            name: names.health_check(),
            listener: service.listener.clone(),
        };
        let mut health = graph.add(address(&format!("{name}-health-check")), &region, &tags, &check).id();
        if name == "target"
            && let Some(switch) = Switch::of(config)
        {
            let watched = add_switch(graph, &switch, &region, &tags, &names);
            let both = CalculatedHealthCheck { children: vec![health, watched], health_threshold: 2, name: names.switched_health_check() };
            health = graph.add(address("target-switched"), &region, &tags, &both).id();
        }
        let record = WeightedRecord {
            zone: zone.clone(),
            name: routing.domain_name(),
            set_identifier: name.clone(),
            initial_weight,
            alias_dns_name: service.load_balancer.dns_name(),
            alias_zone_id: service.load_balancer.hosted_zone_id(),
            evaluate_target_health: true,
            health_check: health,
        };
        graph.add(address(&format!("{name}-record")), &region, &tags, &record);
    }
}

/// Adds the emergency switch, and returns its health check: unhealthy once somebody has put 1, until somebody puts 0.
///
/// The check judges the metric itself, which needs one data point and no control plane. When none comes, it stays as it was.
fn add_switch(graph: &mut Graph, switch: &Switch, region: &Region, tags: &BTreeMap<String, String>, names: &Names) -> Input<HealthCheckId> {
    let address = |name: &str| Address::of(ENVIRONMENT, PART, name);
    let dimension = |(name, value): (&String, &String)| Dimension { name: name.clone(), value: Input::Value(value.clone()) };
    let metric = AlarmMetric {
        namespace: switch.metric.namespace.clone(),
        name: switch.metric.name.clone(),
        dimensions: switch.metric.dimensions.iter().map(dimension).collect(),
    };
    let alarm = Alarm {
        name: switch.alarm.clone(),
        description: "Somebody has taken the target out of the answers of Route 53".to_owned(),
        metric,
        statistic: switch.metric.statistic.as_str().to_owned(),
        period_seconds: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        threshold: 1.0,
        comparison: "GreaterThanOrEqualToThreshold".to_owned(),
        // The alarm keeps its state as well.
        treat_missing_data: "ignore".to_owned(),
        actions: Vec::new(),
        insufficient_data_actions: Vec::new(),
    };
    let alarm = graph.add(address("target-switch-alarm"), &switch.region, tags, &alarm);
    let check = AlarmHealthCheck {
        alarm: alarm.name(),
        alarm_region: switch.region.clone(),
        insufficient_data: "LastKnownStatus".to_owned(),
        name: names.switch_health_check(),
    };
    graph.add(address("target-switch"), region, tags, &check).id()
}

/// The region that Route 53's control plane is in ("AWS Fault Isolation Boundaries", global services).
fn home(region: &Region) -> Region {
    match partition(region) {
        "aws-cn" => "cn-northwest-1".into(),
        "aws-us-gov" => "us-gov-west-1".into(),
        _ => "us-east-1".into(),
    }
}
