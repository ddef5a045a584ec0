//! The routing: one domain name in a hosted zone, weighted between the load balancers of both environments.
//!
//! Route 53 is global, not regional. The weights are state of the migration: the weights that are set here apply only
//! when a record is created.
//!
//! Health never decides where traffic goes. Route 53 answers with a record of weight 0 when all other records are
//! unhealthy ("How Amazon Route 53 chooses records when health checking is configured"), so a source that is unhealthy
//! for a moment would send payments to an environment that is not ready for them. Therefore the record of the source
//! has no health check, and that of the target follows only the emergency switch. It is unhealthy until the first shift
//! to the target. From a switchover on, the records change roles: that of the target has no health check, and that of
//! the source is unhealthy. The health checks of the load balancers are for people and alarms.

use std::collections::BTreeMap;

use super::builder::tags;
use super::emergency_switch::EmergencySwitch;
use super::environment::Environment;
use super::facts::MigrationFacts;
use super::layout::{self, routing as address};
use infra_base::address::{HealthCheckId, HostedZoneId, Location, Region};
use infra_config::naming::Names;
use infra_config::{Config, Routing};
use infra_core::graph::{Graph, Input};
use infra_kinds::cloudwatch::{Alarm, AlarmMetric, Dimension};
use infra_kinds::route53::{
    AlarmHealthCheck, CalculatedHealthCheck, HealthCheck, HealthCheckProtocol, HostedZone, WeightedRecord,
};

/// Adds the zone, the health checks and the records. Without a source environment, only the target gets a record.
pub(super) fn add(
    graph: &mut Graph,
    config: &Config,
    routing: &Routing,
    facts: &MigrationFacts,
    source: Option<&Environment>,
    target: &Environment,
) {
    let tags = tags(config, &Names::new(layout::ROUTING, &config.stack.suffix));
    let location = facts.location(layout::ROUTING, &control_plane_region(&target.config.region));
    let zone: Input<HostedZoneId> = if routing.zone_id.is_empty() {
        let comment = format!("Payment migration {}", config.stack.id());
        graph
            .add_at(address(layout::ZONE), &location, &tags, &HostedZone { name: routing.zone_name.clone(), comment })
            .id()
    } else {
        Input::Value(routing.zone_id.clone().into())
    };
    let target_weight = if source.is_some() { 0 } else { 100 };
    // The record of the source replaces a simple record, so that clients never reach the target before the first shift.
    let mut first: Option<Input<String>> = None;
    for (environment, initial_weight) in source.map(|source| (source, 100)).into_iter().chain([(target, target_weight)])
    {
        let (name, service) = (&environment.config.name, &environment.service);
        let names = Names::new(name, &config.stack.suffix);
        // With a certificate, port 80 only redirects, so the health check uses HTTPS.
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
        graph.add_at(address(&layout::health_check(name)), &location, &tags, &check);
        // The record of the primary keeps the traffic, whatever is unhealthy.
        let is_primary = (name == "target") == facts.is_target_primary;
        let switched = EmergencySwitch::of(config).filter(|_| !is_primary).map(|switch| {
            let switched = CalculatedHealthCheck {
                children: vec![add_switch(graph, config, &switch, &location, &tags)],
                health_threshold: 1,
                starts_unhealthy: true,
                set_identifier: name.clone(),
                name: names.switched_health_check(),
            };
            graph.add_at(address(&layout::switched(name)), &location, &tags, &switched).id()
        });
        let record = WeightedRecord {
            zone: zone.clone(),
            name: routing.domain_name(),
            set_identifier: name.clone(),
            initial_weight,
            alias_dns_name: service.load_balancer.dns_name(),
            alias_zone_id: service.load_balancer.hosted_zone_id(),
            evaluate_target_health: false,
            health_check: switched,
            take_over: routing.take_over_record,
            after: first.take(),
        };
        let record = graph.add_at(address(&layout::record(name)), &location, &tags, &record);
        first = routing.take_over_record.then(|| record.name());
    }
}

/// Adds the emergency switch and returns its health check, which is unhealthy from the moment when the metric has the
/// value 1 until it has the value 0.
///
/// The health check evaluates the metric itself, which takes one data point and no control plane. Without data points
/// it keeps its last status.
fn add_switch(
    graph: &mut Graph,
    config: &Config,
    switch: &EmergencySwitch,
    location: &Location,
    tags: &BTreeMap<String, String>,
) -> Input<HealthCheckId> {
    let dimension =
        |(name, value): (&String, &String)| Dimension { name: name.clone(), value: Input::Value(value.clone()) };
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
        // Without data points the alarm keeps its state as well.
        treat_missing_data: "ignore".to_owned(),
        actions: Vec::new(),
        insufficient_data_actions: Vec::new(),
    };
    // A health check follows an alarm of its own account (`AlarmIdentifier`).
    let alarm = graph.add_at(address(layout::SWITCH_ALARM), &location.in_region(&switch.region), tags, &alarm);
    let check = AlarmHealthCheck {
        alarm: alarm.name(),
        alarm_region: switch.region.clone(),
        insufficient_data: "LastKnownStatus".to_owned(),
        name: Names::new("target", &config.stack.suffix).switch_health_check(),
    };
    graph.add_at(address("target-switch"), location, tags, &check).id()
}

/// Returns the region of the Route 53 control plane ("AWS Fault Isolation Boundaries", global services).
fn control_plane_region(region: &Region) -> Region {
    match region.partition() {
        "aws-cn" => "cn-northwest-1".into(),
        "aws-us-gov" => "us-gov-west-1".into(),
        _ => "us-east-1".into(),
    }
}
