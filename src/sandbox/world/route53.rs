//! Route 53: DNS, which is global. An account sees only its own zones and health checks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::account_region::{AccountRegion, MAIN_ACCOUNT};
use super::tags::Tags;
use super::weight_history::WeightHistory;

pub use super::hosted_zones::{Alias, HostedZone, Record};

/// The state of Route 53.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Route53 {
    /// Hosted zones by id.
    pub zones: BTreeMap<String, HostedZone>,
    /// Health checks by id.
    pub health_checks: BTreeMap<String, HealthCheck>,
    /// When each change has reached all name servers, by id.
    pub changes: BTreeMap<String, u64>,
    /// All caller references ever used for a health check: none can be reused.
    pub used_references: BTreeSet<String>,
    /// The history of record weights.
    pub weights: WeightHistory,
    /// What the calling account does not see, while it calls.
    #[serde(skip)]
    hidden: Hidden,
}

/// The zones and health checks of other accounts than the one that calls.
#[derive(Clone, Debug, Default, PartialEq)]
struct Hidden {
    zones: BTreeMap<String, HostedZone>,
    health_checks: BTreeMap<String, HealthCheck>,
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
    /// The account, if it is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// The configuration of a health check.
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

/// The alarm that a health check monitors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `AlarmIdentifier`")]
pub struct AlarmIdentifier {
    pub region: String,
    pub name: String,
}

impl Route53 {
    /// Hides what does not belong to an account, as long as it calls.
    pub(super) fn hide_others(&mut self, account: &str) {
        let owner = Some(account).filter(|account| *account != MAIN_ACCOUNT);
        let is_foreign = |of: &Option<String>| of.as_deref() != owner;
        self.hidden.zones.extend(self.zones.extract_if(.., |_, zone| is_foreign(&zone.owner)));
        self.hidden.health_checks.extend(self.health_checks.extract_if(.., |_, check| is_foreign(&check.owner)));
    }

    /// Shows everything again. What is new belongs to the account that has called.
    pub(super) fn show_all(&mut self, account: &str) {
        if account != MAIN_ACCOUNT {
            self.zones.values_mut().for_each(|zone| zone.owner = Some(account.to_owned()));
            self.health_checks.values_mut().for_each(|check| check.owner = Some(account.to_owned()));
        }
        self.zones.append(&mut self.hidden.zones);
        self.health_checks.append(&mut self.hidden.health_checks);
    }

    /// Records weights that were changed without a call: they apply immediately.
    pub fn advance(&mut self, now: u64) {
        for zone in self.zones.values() {
            self.weights.record_changes(zone, now, now);
        }
    }

    /// Returns the names of all existing resources that were created by calls.
    pub fn inventory(&self) -> Vec<String> {
        let mut names = Vec::new();
        for zone in self.zones.values() {
            names.push(format!("hosted zone {} {}", zone.id, zone.name));
            let set = |record: &Record| record.set_identifier.clone().unwrap_or_default();
            names.extend(
                zone.records
                    .iter()
                    .map(|record| format!("record {} {} {} {}", zone.id, record.name, record.kind, set(record))),
            );
        }
        names.extend(self.health_checks.keys().map(|id| format!("health check {id}")));
        names
    }

    /// Returns the ARNs and tags of all taggable resources. Only one region lists them.
    pub fn tagged(&self, scope: &AccountRegion) -> Vec<(String, Tags)> {
        if !["us-east-1", "cn-northwest-1", "us-gov-west-1"].contains(&scope.region.as_str()) {
            return Vec::new();
        }
        let partition = scope.region.partition();
        let is_own = |owner: &Option<String>| owner.as_deref().unwrap_or(MAIN_ACCOUNT) == scope.account;
        let zones = self
            .zones
            .values()
            .filter(|zone| is_own(&zone.owner))
            .map(|zone| (format!("arn:{partition}:route53:::hostedzone/{}", zone.id), zone.tags.clone()));
        let checks = self
            .health_checks
            .values()
            .filter(|check| is_own(&check.owner))
            .map(|check| (format!("arn:{partition}:route53:::healthcheck/{}", check.id), check.tags.clone()));
        zones.chain(checks).collect()
    }
}
