//! What differs between accounts: which regions are enabled, which zones they show, and the quotas.

use wildmatch::WildMatch;

use super::account_facts::{CertificateFacts, RegionFacts};
use super::quotas::default_quota;
use super::state::World;
use super::zones::{self, Zone};
use infra_base::address::Region;

impl World {
    fn region_facts(&self, region: &str) -> Option<&RegionFacts> {
        self.script.script.account.regions.get(region)
    }

    /// Returns what the script says of a certificate.
    pub fn certificate(&self, arn: &str) -> Option<&CertificateFacts> {
        self.script.script.account.certificates.get(arn)
    }

    /// Returns whether the account can use a region.
    pub fn is_enabled(&self, region: &Region) -> bool {
        let said = self.region_facts(region.as_str()).and_then(|facts| facts.enabled);
        said.unwrap_or(!region.is_opt_in())
    }

    /// Returns the zones of a region, as the account sees them.
    pub fn zones(&self, region: &str) -> Vec<Zone> {
        let said = self.region_facts(region).and_then(|facts| facts.zones.as_deref());
        zones::of_region(region, said)
    }

    /// Returns the names of the zones that offer an instance class.
    pub fn zones_with_class(&self, region: &str, class: &str) -> Vec<String> {
        let missing = |zone: &Zone| {
            let said = self.region_facts(region).and_then(|facts| facts.not_offered.get(zone.letter()));
            said.is_some_and(|patterns| patterns.iter().any(|one| WildMatch::new(one).matches(class)))
                || zone.lacks(class)
        };
        self.zones(region).into_iter().filter(|zone| !missing(zone)).map(|zone| zone.name).collect()
    }

    /// Returns the value of a quota.
    pub fn quota(&self, key: &str) -> usize {
        self.script.script.account.quotas.get(key).copied().unwrap_or_else(|| default_quota(key))
    }
}
