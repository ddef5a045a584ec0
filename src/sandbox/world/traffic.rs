//! Traffic: the responses of name servers, and the resulting number of requests per load balancer.

use super::elbv2::LoadBalancer;
use super::health::environment;
use super::route53::{HealthCheck, HealthCheckConfig, HostedZone, Record};
use super::state::World;
use super::timeline::Timeline;
use super::weight_history::weight_as_f64;

impl World {
    /// Returns the records that name servers return at `at`, each with its share as a weight.
    ///
    /// "Route 53 considers non-zero weighted records first; if all of them are unhealthy, it considers the
    /// zero-weighted ones; if all records are unhealthy, it considers all of them healthy" ("How Amazon Route 53
    /// chooses records when health checking is configured"). "If you set Weight to 0 for all of the records, traffic is
    /// routed with equal probability" ("Weighted routing").
    pub fn dns_answers<'a>(
        &self,
        timeline: &Timeline<'_>,
        zone: &'a HostedZone,
        name: &str,
        kind: &str,
        at: u64,
    ) -> Vec<(&'a Record, i64)> {
        let live = self.route53.weights.live(&zone.id, name, kind, at);
        let weight = |record: &Record| match &record.set_identifier {
            None => Some(1),
            Some(set) => live.iter().find(|(of, _)| of == set).map(|(_, weight)| *weight),
        };
        let of_name = zone.records.iter().filter(|record| record.name == name && record.kind == kind);
        let all: Vec<(&Record, i64)> = of_name.filter_map(|record| Some((record, weight(record)?))).collect();
        let healthy: Vec<(&Record, i64)> =
            all.iter().filter(|(record, _)| self.is_record_healthy(timeline, record, at)).copied().collect();
        let considered = if healthy.is_empty() { all } else { healthy };
        let weighted: Vec<(&Record, i64)> = considered.iter().filter(|(_, weight)| *weight > 0).copied().collect();
        if weighted.is_empty() { considered.into_iter().map(|(record, _)| (record, 1)).collect() } else { weighted }
    }

    fn is_record_healthy(&self, timeline: &Timeline<'_>, record: &Record, at: u64) -> bool {
        let check = record.health_check_id.as_ref().and_then(|id| self.route53.health_checks.get(id));
        let alias = record.alias.as_ref().filter(|alias| alias.evaluate_target_health);
        check.is_none_or(|check| self.is_check_healthy(timeline, check, at))
            && alias.is_none_or(|alias| self.is_target_healthy(timeline, &alias.dns_name, at))
    }

    /// Returns whether Route 53 considers a health check healthy. "After you disable a health check, Route 53 considers
    /// the status of the health check to always be healthy"; then it applies the inversion (UpdateHealthCheck).
    pub fn is_check_healthy(&self, timeline: &Timeline<'_>, check: &HealthCheck, at: u64) -> bool {
        let config = &check.config;
        let passes = match config.kind.as_str() {
            "CALCULATED" => {
                let children = config.children.iter().filter_map(|id| self.route53.health_checks.get(id));
                let healthy = children.filter(|child| self.is_check_healthy(timeline, child, at)).count();
                healthy >= usize::try_from(config.health_threshold).unwrap_or_default()
            }
            "CLOUDWATCH_METRIC" => {
                let insufficient = config.insufficient_data.as_deref().unwrap_or("LastKnownStatus");
                let known = config
                    .alarm
                    .as_ref()
                    .and_then(|alarm| self.is_alarm_metric_ok(alarm, insufficient == "LastKnownStatus", at));
                known.unwrap_or(insufficient != "Unhealthy")
            }
            _ => self.passes_probes(timeline, config, at),
        };
        (config.disabled || passes) != config.inverted
    }

    /// Returns whether at least one of the last probes passes; the threshold sets their number.
    fn passes_probes(&self, timeline: &Timeline<'_>, config: &HealthCheckConfig, at: u64) -> bool {
        let seconds = u64::try_from(config.interval).unwrap_or_default();
        let probes = u64::try_from(config.failure_threshold).unwrap_or(1);
        (0..probes)
            .any(|probe| self.is_target_healthy(timeline, &config.fqdn, at.saturating_sub(probe * seconds * 1000)))
    }

    /// Returns whether the target of a name is healthy. Only load balancers respond.
    pub fn is_target_healthy(&self, timeline: &Timeline<'_>, dns_name: &str, at: u64) -> bool {
        let name = normalized_dns_name(dns_name);
        let mut found =
            self.regions.values().flat_map(|region| region.elbv2.load_balancers.values().map(move |one| (region, one)));
        let Some((region, balancer)) = found.find(|(_, one)| one.dns_name.eq_ignore_ascii_case(name)) else {
            return false;
        };
        balancer.active_at <= at && region.is_healthy(balancer, &timeline.at(at), at, self.now)
    }

    /// Returns how many requests a load balancer receives in the minute that ends at `at`.
    pub fn requests(&self, timeline: &Timeline<'_>, balancer: &LoadBalancer, at: u64) -> f64 {
        let mut share = 0.0;
        for (zone, record) in self.alias_records_of(balancer) {
            let answers = self.dns_answers(timeline, zone, &record.name, &record.kind, at);
            let total: i64 = answers.iter().map(|(_, weight)| weight).sum();
            let own = answers.iter().find(|(one, _)| *one == record).map(|(_, weight)| *weight);
            share += own.map_or(0.0, |own| weight_as_f64(own) / weight_as_f64(total).max(1.0));
        }
        (share * f64::from(self.script.script.requests_per_minute)).round()
    }

    /// Returns how many requests of Route 53's health checkers a load balancer receives per minute: "On average, your
    /// endpoint receives a health check request about every two seconds" with an interval of 30 seconds
    /// (`HealthCheckConfig`, AWS Cloud Map). "After you disable a health check, Route 53 stops performing health
    /// checks" (`UpdateHealthCheck`).
    pub fn probes_per_minute(&self, balancer: &LoadBalancer) -> f64 {
        let checks = self.route53.health_checks.values().map(|check| &check.config);
        let probing = checks.filter(|config| {
            let is_endpoint = ["HTTP", "HTTPS"].contains(&config.kind.as_str());
            is_endpoint && !config.disabled && config.fqdn.eq_ignore_ascii_case(&balancer.dns_name)
        });
        probing.map(|config| 30.0 * 30.0 / f64::from(config.interval.max(1))).sum()
    }

    /// Returns the environment of a load balancer: the set identifier of a weighted record that targets it, or the
    /// environment in its own address tag.
    pub fn environment_of<'a>(&'a self, balancer: &'a LoadBalancer) -> Option<&'a str> {
        let of_record = self.alias_records_of(balancer).find_map(|(_, record)| record.set_identifier.as_deref());
        of_record.or_else(|| environment(&balancer.tags))
    }

    fn alias_records_of<'a>(
        &'a self,
        balancer: &'a LoadBalancer,
    ) -> impl Iterator<Item = (&'a HostedZone, &'a Record)> {
        let records =
            self.route53.zones.values().flat_map(|zone| zone.records.iter().map(move |record| (zone, record)));
        records.filter(|(_, record)| {
            record
                .alias
                .as_ref()
                .is_some_and(|alias| balancer.dns_name.eq_ignore_ascii_case(normalized_dns_name(&alias.dns_name)))
        })
    }
}

/// Returns a name without its trailing dot and without the `dualstack.` prefix of load balancers.
pub fn normalized_dns_name(dns_name: &str) -> &str {
    let name = dns_name.trim_end_matches('.');
    name.strip_prefix("dualstack.").unwrap_or(name)
}
