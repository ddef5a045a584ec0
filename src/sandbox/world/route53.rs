//! DNS: what Route 53 keeps for the account.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Place;
use super::ec2::Tags;
use super::weights::Weights;
use crate::aws::partition;

/// What Route 53 keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Route53 {
    /// Hosted zones by id.
    pub zones: BTreeMap<String, HostedZone>,
    /// Health checks by id.
    pub health_checks: BTreeMap<String, HealthCheck>,
    /// When each change is known everywhere, by id.
    pub changes: BTreeMap<String, u64>,
    /// Caller references that were ever used for a health check: none can be used again.
    pub used_references: BTreeSet<String>,
    /// What weights records have had.
    pub weights: Weights,
}

/// A public hosted zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `HostedZone`")]
pub struct HostedZone {
    pub id: String,
    /// With a dot at its end.
    pub name: String,
    pub caller_reference: String,
    pub comment: Option<String>,
    pub name_servers: Vec<String>,
    /// The records besides those of the zone itself.
    pub records: Vec<Record>,
    pub tags: Tags,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `ResourceRecordSet`")]
pub struct Record {
    /// With a dot at its end.
    pub name: String,
    pub kind: String,
    pub set_identifier: Option<String>,
    pub weight: Option<i64>,
    pub ttl: Option<i64>,
    pub values: Vec<String>,
    pub alias: Option<Alias>,
    pub health_check_id: Option<String>,
}

/// What a record is an alias of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `AliasTarget`")]
pub struct Alias {
    /// With a dot at its end.
    pub dns_name: String,
    pub hosted_zone_id: String,
    pub evaluate_target_health: bool,
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `HealthCheckConfig`")]
pub struct HealthCheck {
    pub id: String,
    pub caller_reference: String,
    pub config: HealthCheckConfig,
    pub version: i64,
    pub tags: Tags,
}

/// How a health check works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `HealthCheckConfig`")]
pub struct HealthCheckConfig {
    pub kind: String,
    pub fqdn: String,
    pub port: i32,
    pub path: String,
    pub interval: i32,
    pub failure_threshold: i32,
    #[serde(default)]
    pub inverted: bool,
    #[serde(default)]
    pub disabled: bool,
    #[serde(default)]
    pub children: Vec<String>,
    #[serde(default)]
    pub health_threshold: i32,
    #[serde(default)]
    pub alarm: Option<AlarmIdentifier>,
    #[serde(default)]
    pub insufficient_data: Option<String>,
}

/// The alarm that a health check follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `AlarmIdentifier`")]
pub struct AlarmIdentifier {
    pub region: String,
    pub name: String,
}

impl Route53 {
    /// Takes down weights that somebody has changed without a call: they count at once.
    pub fn advance(&mut self, now: u64) {
        for zone in self.zones.values() {
            self.weights.note(zone, now, now);
        }
    }

    /// Returns the name of everything that somebody has made and that still exists.
    pub fn inventory(&self) -> Vec<String> {
        let mut names = Vec::new();
        for zone in self.zones.values() {
            names.push(format!("hosted zone {} {}", zone.id, zone.name));
            let set = |record: &Record| record.set_identifier.clone().unwrap_or_default();
            names.extend(zone.records.iter().map(|record| format!("record {} {} {} {}", zone.id, record.name, record.kind, set(record))));
        }
        names.extend(self.health_checks.keys().map(|id| format!("health check {id}")));
        names
    }

    /// Returns the ARN and the tags of everything that can have tags. They show in one region only.
    pub fn tagged(&self, place: &Place) -> Vec<(String, Tags)> {
        if !["us-east-1", "cn-northwest-1", "us-gov-west-1"].contains(&place.region.as_str()) {
            return Vec::new();
        }
        let partition = partition(&place.region);
        let zones = self.zones.values().map(|zone| (format!("arn:{partition}:route53:::hostedzone/{}", zone.id), zone.tags.clone()));
        let checks = self.health_checks.values().map(|check| (format!("arn:{partition}:route53:::healthcheck/{}", check.id), check.tags.clone()));
        zones.chain(checks).collect()
    }
}
