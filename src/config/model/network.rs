//! `[network]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The number of NAT gateways of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NatGateways {
    /// One for all zones. This is cheaper, but a failure of its zone disconnects the other zones.
    One,
    /// One per zone.
    PerZone,
}

/// The network of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Number of availability zones, 2 or 3. Load balancers and databases require at least two. The stack takes the
    /// first ones that offer Fargate and the configured instance classes.
    #[schemars(range(min = 2, max = 3))]
    pub availability_zones: u8,
    /// NAT gateways: `one` for all zones, or one `per-zone`. A single gateway is cheaper, but if its zone fails, the
    /// other zones lose internet access.
    pub nat_gateways: NatGateways,
    /// Ids of the availability zones to use, two or three, for example `["use1-az1", "use1-az4"]`; they replace
    /// `availability_zones`. A subnet keeps its zone: another id replaces the subnet, and everything in it.
    pub zones: Vec<String>,
    /// Whether `down` removes what GuardDuty left in the VPC. GuardDuty creates an endpoint and a security group in a
    /// VPC in which it monitors tasks, and does not delete them; they block the deletion of the VPC.
    pub remove_guardduty: bool,
    /// Quota of the account for inbound rules of a security group, 60 unless it was raised. `database.allowed_cidrs`
    /// must leave five of them.
    #[schemars(range(min = 10, max = 1000))]
    pub rules_per_security_group: u16,
}

impl Network {
    /// Returns the number of availability zones.
    pub fn zone_count(&self) -> usize {
        if self.zones.is_empty() { usize::from(self.availability_zones) } else { self.zones.len() }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            availability_zones: 2,
            nat_gateways: NatGateways::One,
            zones: Vec::new(),
            remove_guardduty: true,
            rules_per_security_group: 60,
        }
    }
}
