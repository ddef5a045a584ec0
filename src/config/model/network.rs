//! `[network]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many NAT gateways an environment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NatGateways {
    /// One for all zones: cheaper, and a zone's failure can cut off the others.
    One,
    /// One in each zone.
    PerZone,
}

/// Network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// How many availability zones to use, 2 or 3; load balancers and databases need at least two.
    #[schemars(range(min = 2, max = 3))]
    pub availability_zones: u8,
    /// `one` NAT gateway for all zones, or one `per-zone`.
    pub nat_gateways: NatGateways,
}

impl Default for Network {
    fn default() -> Self {
        Self { availability_zones: 2, nat_gateways: NatGateways::One }
    }
}
