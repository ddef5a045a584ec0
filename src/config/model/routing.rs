//! `[routing]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// DNS in front of both environments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// Whether the routing is part of the stack. It needs the target; when the source is gone, all traffic goes there.
    pub enabled: bool,
    /// Name of the hosted zone.
    pub zone_name: String,
    /// Id of a hosted zone of that name that you have; empty means that one is created.
    pub zone_id: String,
    /// The name inside the zone that clients use.
    pub record: String,
    /// Seconds between two health checks of a load balancer: 10 or 30.
    #[schemars(range(min = 10, max = 30))]
    pub health_check_interval_seconds: i32,
    /// Health checks in a row that must fail, or succeed, to change the verdict.
    #[schemars(range(min = 1, max = 10))]
    pub health_check_failures: i32,
    /// Whether a switch is made that takes the target out of the answers without Route 53's control plane, for `traffic emergency`: an
    /// alarm, and two health checks.
    pub emergency_switch: bool,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            enabled: true,
            zone_name: "payment-migration.internal".into(),
            zone_id: String::new(),
            record: "api".into(),
            health_check_interval_seconds: 30,
            health_check_failures: 3,
            emergency_switch: true,
        }
    }
}

impl Routing {
    /// The name that clients use.
    pub fn domain_name(&self) -> String {
        format!("{}.{}", self.record, self.zone_name)
    }
}
