//! Validates `[routing]`.

use super::validator::Validator;
use crate::model::Config;

/// Domains that are reserved (Route 53, "CreateHostedZone", InvalidDomainName; RFC 2606).
const RESERVED: &[&str] = &["example.com", "example.net", "example.org"];

impl Validator<'_> {
    /// Validates the routing.
    pub(super) fn routing(&mut self, config: &Config) {
        let Some(routing) = &config.routing else { return };
        if config.environment("target").is_none() {
            let message = "the routing requires the environment `target`, which is not configured";
            self.report(&["routing"], message, "add `[environments.target]`, or set `enabled = false` in `[routing]`");
        }
        let zone = routing.zone_name.as_str();
        if !is_domain(zone) || !zone.contains('.') {
            self.report(
                &["routing", "zone_name"],
                format!("`{zone}` is not a valid name of a hosted zone"),
                "for example payments.your-domain.com",
            );
        } else if let Some(reserved) =
            RESERVED.iter().find(|reserved| zone == **reserved || zone.ends_with(&format!(".{reserved}")))
        {
            let message = format!("Route 53 does not create a hosted zone for `{zone}`: {reserved} is reserved");
            self.report(
                &["routing", "zone_name"],
                message,
                "use your own domain; domains that end with .internal are never public",
            );
        }
        if !is_domain(&routing.record) {
            self.report(
                &["routing", "record"],
                format!("`{}` is not a valid record name", routing.record),
                "for example api",
            );
        }
        let name = routing.domain_name();
        if name.len() > 255 {
            self.report(
                &["routing", "record"],
                format!("the name `{name}` has {} characters; DNS allows 255", name.len()),
                "use a shorter record or zone",
            );
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
            let message =
                format!("Route 53 does not support an interval of {} seconds", routing.health_check_interval_seconds);
            self.report(&["routing", "health_check_interval_seconds"], message, "use 10 or 30");
        }
    }
}

/// Returns whether a text consists of labels of letters, digits and hyphens, separated by dots ("DNS domain name
/// format", Route 53 developer guide).
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 255 && text.split('.').all(label)
}
