//! Validates `[network]`.

use super::validator::Validator;
use crate::model::EnvironmentConfig;

impl Validator<'_> {
    /// Validates the availability zones. Only AWS knows which ids exist.
    pub(super) fn network(&mut self, environment: &EnvironmentConfig) {
        let zones = &environment.network.zones;
        if zones.is_empty() {
            return;
        }
        let mut report = |message: String, help: &str| self.section(environment, "network", "zones", message, help);
        if !(2..=3).contains(&zones.len()) {
            report(
                format!("there are {} zones", zones.len()),
                "name two or three; load balancers and databases require at least two",
            );
        }
        for (index, zone) in zones.iter().enumerate() {
            if !is_zone_id(zone) {
                report(
                    format!("`{zone}` is not the id of an availability zone"),
                    "ids are the same in all accounts, for example `use1-az1`; \
                     `aws ec2 describe-availability-zones --region REGION` lists them as ZoneId",
                );
            } else if zones[..index].contains(zone) {
                report(format!("the zone `{zone}` is listed twice"), "name each zone once");
            }
        }
    }
}

/// `use1-az1`, `apne1-az4`: not a name such as `us-east-1a`.
fn is_zone_id(text: &str) -> bool {
    let Some((region, number)) = text.split_once("-az") else { return false };
    let letters = region.trim_end_matches(|digit: char| digit.is_ascii_digit());
    !letters.is_empty()
        && letters.len() < region.len()
        && letters.bytes().all(|byte| byte.is_ascii_lowercase())
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}
