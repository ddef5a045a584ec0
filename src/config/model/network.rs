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
    /// Number of availability zones, 2 or 3. Load balancers and databases require at least two.
    #[schemars(range(min = 2, max = 3))]
    pub availability_zones: u8,
    /// NAT gateways: `one` for all zones, or one `per-zone`. A single gateway is cheaper, but if its zone fails, the
    /// other zones lose internet access.
    pub nat_gateways: NatGateways,
}

impl Default for Network {
    fn default() -> Self {
        Self { availability_zones: 2, nat_gateways: NatGateways::One }
    }
}
