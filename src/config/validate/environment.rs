//! Validates `[environments.NAME]`.

use ipnet::Ipv4Net;

use super::validator::Validator;
use crate::model::EnvironmentConfig;
use crate::naming::{EnvironmentParts, Names};

const ENVIRONMENTS: &[&str] = &["source", "target"];
const ROLES: &[&str] = &["source", "target"];

/// Ranges of this host, of loopback and link-local addresses, of multicast, and reserved ones: no network can use them
/// (RFC 6890).
const SPECIAL_RANGES: &[&str] = &["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"];

fn is_in(range: &str, cidr: Ipv4Net) -> bool {
    range.parse::<Ipv4Net>().is_ok_and(|range| range.contains(&cidr))
}

impl Validator<'_> {
    /// Validates the keys of an environment, and the lengths of its AWS names.
    pub(super) fn environment(&mut self, environment: &EnvironmentConfig, suffix: &str) {
        let name = environment.name.as_str();
        if !ENVIRONMENTS.contains(&name) {
            self.report(
                &["environments", name],
                format!("there is no environment `{name}`"),
                "the environments are `source` and `target`; the routing is configured in `[routing]`",
            );
        }
        let region = environment.region.as_str();
        self.region(&["environments", name, "region"], region);
        let cidr = environment.vpc_cidr;
        if !(16..=20).contains(&cidr.prefix_len()) || cidr.trunc() != cidr {
            let help = format!(
                "use a range of /16 to /20 that starts at its first address, for example {}",
                Ipv4Net::new(cidr.trunc().addr(), 16)
                    .map_or_else(|_| "10.0.0.0/16".to_owned(), |net| net.trunc().to_string())
            );
            self.report(&["environments", name, "vpc_cidr"], format!("`{cidr}` is not a valid range of a VPC"), help);
        }
        if let Some(special) = SPECIAL_RANGES.iter().find(|special| is_in(special, cidr)) {
            let message = format!("`{cidr}` is in {special}, which is never the range of a network");
            let help = "use a private range, in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
            self.report(&["environments", name, "vpc_cidr"], message, help);
        }
        for (key, roles) in [("databases", &environment.databases), ("buckets", &environment.buckets)] {
            for (index, role) in roles.iter().enumerate() {
                let at = index.to_string();
                if !ROLES.contains(&role.as_str()) {
                    self.report(
                        &["environments", name, key, &at],
                        format!("`{role}` is not a role"),
                        "the roles are `source` and `target`",
                    );
                } else if roles[..index].contains(role) {
                    self.report(
                        &["environments", name, key, &at],
                        format!("`{role}` is listed twice"),
                        "remove one of them",
                    );
                }
            }
        }
        let parts = EnvironmentParts {
            databases: &environment.databases,
            buckets: &environment.buckets,
            region,
            replicates_database: environment.replicates.database.is_some(),
            replicates_bucket: environment.replicates.bucket.is_some(),
        };
        for limited in Names::new(name, suffix).limited_names(&parts) {
            let length = limited.name.chars().count();
            if length > limited.limit {
                let message = format!(
                    "{} would be `{}`, which has {length} characters; AWS allows {}",
                    limited.what, limited.name, limited.limit
                );
                self.report(
                    &["stack", "suffix"],
                    message,
                    format!("shorten the suffix by at least {} characters", length - limited.limit),
                );
            }
        }
    }
}
