//! `[routing]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::credentials::{AssumeRole, Credentials};

/// The DNS records in front of both environments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// Whether the stack includes the routing. It requires the target. Without a source, the target receives all
    /// traffic.
    pub enabled: bool,
    /// Name of the hosted zone.
    pub zone_name: String,
    /// Id of an existing hosted zone with this name. Empty: the zone is created.
    pub zone_id: String,
    /// Name of the record inside the zone. Clients use it.
    pub record: String,
    /// Profile of the AWS configuration files with the credentials of the account with the zone. Empty: those of the
    /// environment `source`, or of `target` if there is no source.
    pub profile: String,
    /// Role to assume for the zone, with the credentials of the profile, or the default credentials:
    /// `assume_role = { role_arn = "arn:aws:iam::444455556666:role/migrate", external_id = "…" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
    /// Whether a simple record (`A` or `CNAME`) that has this name already is replaced by the weighted ones, in one
    /// change. Clients then reach the source environment, wherever the record led before. The state keeps the record,
    /// and `down` puts it back. Without it, `up` refuses to change what somebody else has created.
    pub take_over_record: bool,
    /// Interval between two health checks of a load balancer in seconds: 10 or 30. They inform people; where traffic
    /// goes does not depend on them.
    #[schemars(range(min = 10, max = 30))]
    pub health_check_interval_seconds: i32,
    /// Number of consecutive health checks that must fail, or succeed, before the status changes.
    #[schemars(range(min = 1, max = 10))]
    pub health_check_failures: i32,
    /// Whether the emergency switch is created, an alarm and two health checks. With it, `traffic emergency` removes
    /// the target from DNS without the control plane of Route 53.
    pub emergency_switch: bool,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            enabled: true,
            zone_name: "payment-migration.internal".into(),
            zone_id: String::new(),
            profile: String::new(),
            assume_role: None,
            record: "api".into(),
            take_over_record: false,
            health_check_interval_seconds: 30,
            health_check_failures: 3,
            emergency_switch: true,
        }
    }
}

impl Routing {
    /// Returns the credentials of the zone, unless they are those of an environment.
    pub fn credentials(&self) -> Option<Credentials> {
        let named = Credentials { profile: self.profile.clone(), assume_role: self.assume_role.clone() };
        Some(named).filter(|named| *named != Credentials::default())
    }

    /// Returns the name that clients use.
    pub fn domain_name(&self) -> String {
        format!("{}.{}", self.record, self.zone_name)
    }
}
