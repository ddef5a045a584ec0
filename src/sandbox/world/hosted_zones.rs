//! Hosted zones and their records.

use serde::{Deserialize, Serialize};

use super::tags::Tags;

/// A hosted zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `HostedZone`")]
pub struct HostedZone {
    pub id: String,
    /// With a trailing dot.
    pub name: String,
    pub caller_reference: String,
    pub comment: Option<String>,
    pub name_servers: Vec<String>,
    /// The VPCs whose resolvers know a private zone, as `(id, region)`; none for a public zone.
    #[serde(default)]
    pub vpcs: Vec<(String, String)>,
    /// The records, except the zone's own NS and SOA.
    pub records: Vec<Record>,
    pub tags: Tags,
    /// The account, if it is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `ResourceRecordSet`")]
pub struct Record {
    /// With a trailing dot.
    pub name: String,
    pub kind: String,
    pub set_identifier: Option<String>,
    pub weight: Option<i64>,
    pub ttl: Option<i64>,
    pub values: Vec<String>,
    pub alias: Option<Alias>,
    pub health_check_id: Option<String>,
}

/// The target of an alias record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Route 53 API's `AliasTarget`")]
pub struct Alias {
    /// With a trailing dot.
    pub dns_name: String,
    pub hosted_zone_id: String,
    pub evaluate_target_health: bool,
}
