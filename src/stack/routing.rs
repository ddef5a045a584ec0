//! The routing: one name in a hosted zone, weighted between the load balancers of both environments.
//!
//! Route 53 belongs to the account, not to a region. Its weights are state of the migration: they are what is set here only when
//! a record is made.

use super::build::tags;
use super::environment::Environment;
use crate::address::{Address, HostedZoneId, Region};
use crate::aws::partition;
use crate::config::{Config, Routing};
use crate::graph::{Graph, Input};
use crate::naming::Names;
use crate::resources::route53::{HealthCheck, HealthCheckProtocol, HostedZone, WeightedRecord};

/// The name of the pseudo environment that all of this belongs to.
const ENVIRONMENT: &str = "routing";
const PART: &str = "dns";

/// Adds zone, health checks and records; `environments` are the source and the target.
pub(super) fn add(graph: &mut Graph, config: &Config, routing: &Routing, environments: [&Environment; 2]) {
    let tags = tags(config, &Names::new(ENVIRONMENT, &config.stack.suffix));
    let region = home(&environments[0].config.region);
    let address = |name: &str| Address::of(ENVIRONMENT, PART, name);
    let zone: Input<HostedZoneId> = if routing.zone_id.is_empty() {
        let comment = format!("Payment migration {}", config.stack.id());
        graph.add(address("zone"), &region, &tags, &HostedZone { name: routing.zone_name.clone(), comment }).id()
    } else {
        Input::Value(routing.zone_id.clone().into())
    };
    for (environment, initial_weight) in environments.into_iter().zip([100, 0]) {
        let (name, service) = (&environment.config.name, &environment.service);
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
            name: Names::new(name, &config.stack.suffix).health_check(),
            listener: service.listener.clone(),
        };
        let check = graph.add(address(&format!("{name}-health-check")), &region, &tags, &check);
        let record = WeightedRecord {
            zone: zone.clone(),
            name: routing.domain_name(),
            set_identifier: name.clone(),
            initial_weight,
            alias_dns_name: service.load_balancer.dns_name(),
            alias_zone_id: service.load_balancer.hosted_zone_id(),
            evaluate_target_health: true,
            health_check: check.id(),
        };
        graph.add(address(&format!("{name}-record")), &region, &tags, &record);
    }
}

/// The region that Route 53's control plane is in ("AWS Fault Isolation Boundaries", global services).
fn home(region: &Region) -> Region {
    match partition(region) {
        "aws-cn" => "cn-northwest-1".into(),
        "aws-us-gov" => "us-gov-west-1".into(),
        _ => "us-east-1".into(),
    }
}
