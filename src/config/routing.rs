//! What must fit in the routing, and in the exceptions from policies.

use super::model::Config;
use super::validate::Validator;

/// "The domain name `example.com` and its like are reserved" (Route 53, "CreateHostedZone", InvalidDomainName; RFC 2606).
const RESERVED: &[&str] = &["example.com", "example.net", "example.org"];

impl Validator<'_> {
    /// Checks the routing.
    pub(super) fn routing(&mut self, config: &Config) {
        let Some(routing) = &config.routing else { return };
        if config.environment("target").is_none() {
            let message = "the routing needs the environment `target`, which is not configured";
            self.report(&["routing"], message, "write `[environments.target]`, or `enabled = false` here");
        }
        let zone = routing.zone_name.as_str();
        if !is_domain(zone) || !zone.contains('.') {
            self.report(&["routing", "zone_name"], format!("`{zone}` can not be the name of a hosted zone"), "for example payments.your-domain.com");
        } else if let Some(reserved) = RESERVED.iter().find(|reserved| zone == **reserved || zone.ends_with(&format!(".{reserved}"))) {
            let message = format!("Route 53 makes no hosted zone for `{zone}`: {reserved} is reserved");
            self.report(&["routing", "zone_name"], message, "choose a domain of yours; one that ends in .internal is never public");
        }
        if !is_domain(&routing.record) {
            self.report(&["routing", "record"], format!("`{}` can not be a name inside the zone", routing.record), "for example api");
        }
        let id = routing.zone_id.as_str();
        let fits = id.len() <= 32 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !fits {
            self.report(
                &["routing", "zone_id"],
                format!("`{id}` is not the id of a hosted zone"),
                "for example Z1D633PJN98FT9, without /hostedzone/",
            );
        }
        // "RequestInterval": 10 or 30 (Route 53, HealthCheckConfig).
        if ![10, 30].contains(&routing.health_check_interval_seconds) {
            let message = format!("Route 53 can not check every {} seconds", routing.health_check_interval_seconds);
            self.report(&["routing", "health_check_interval_seconds"], message, "10 or 30");
        }
    }

    /// Checks that every exception has a reason. Whether its address exists is known once the graph is built.
    pub(super) fn policy(&mut self, config: &Config) {
        for (index, exception) in config.policy.exceptions.iter().enumerate() {
            let at = index.to_string();
            if exception.reason.trim().is_empty() {
                let message = format!("the exception of `{}` has no reason", exception.address);
                self.report(&["policy", "exceptions", &at, "reason"], message, "say why it is allowed, for whoever reads this next");
            }
        }
    }
}

/// Labels of letters, digits and hyphens, joined by dots ("DNS domain name format", Route 53 developer guide).
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 255 && text.split('.').all(label)
}
