//! A simple record: one without a set identifier.
//!
//! It cannot have the same name and type as a weighted one ("RRSet […] conflicts with one of another routing policy"),
//! and an `A` and a `CNAME` record cannot have the same name at all.

use aws_sdk_route53::types::{AliasTarget, ResourceRecord, ResourceRecordSet, RrType};
use serde::{Deserialize, Serialize};

use super::change::{plain, records_of_name};
use super::request::built;
use infra_core::resource::{Result, StepContext};

/// A simple record that weighted records of its name replace, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simple {
    /// The name, without a trailing dot.
    pub name: String,
    /// `A` or `CNAME`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How long resolvers keep it, in seconds; not for an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// Its values; none for an alias.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// What it is an alias of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Alias>,
    /// Its health check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_id: Option<String>,
}

/// What a record is an alias of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The name.
    pub dns_name: String,
    /// The hosted zone of that name.
    pub zone_id: String,
    /// Whether it must be healthy.
    pub evaluate_target_health: bool,
}

impl Simple {
    /// Converts a record; `None` when weighted records of its name do not replace it.
    pub fn of(record: &ResourceRecordSet) -> Option<Self> {
        let replaced = record.set_identifier().is_none() && matches!(record.r#type(), RrType::A | RrType::Cname);
        replaced.then(|| Self {
            name: plain(record.name()),
            kind: record.r#type().as_str().to_owned(),
            ttl: record.ttl(),
            values: record.resource_records().iter().map(|value| value.value().to_owned()).collect(),
            alias: record.alias_target().map(|alias| Alias {
                dns_name: plain(alias.dns_name()),
                zone_id: alias.hosted_zone_id().to_owned(),
                evaluate_target_health: alias.evaluate_target_health(),
            }),
            health_check_id: record.health_check_id().map(str::to_owned),
        })
    }

    /// Returns the record as the call takes it.
    ///
    /// # Errors
    /// Never: every required member is set.
    pub fn record(&self) -> Result<ResourceRecordSet> {
        let value = |value: &String| built(ResourceRecord::builder().value(value).build());
        let values = self.values.iter().map(value).collect::<Result<Vec<_>>>()?;
        let alias = self.alias.as_ref().map(|alias| {
            let target = AliasTarget::builder().dns_name(&alias.dns_name).hosted_zone_id(&alias.zone_id);
            built(target.evaluate_target_health(alias.evaluate_target_health).build())
        });
        let record = ResourceRecordSet::builder().name(&self.name).r#type(RrType::from(self.kind.as_str()));
        let record = record.set_ttl(self.ttl).set_resource_records((!values.is_empty()).then_some(values));
        let record = record.set_alias_target(alias.transpose()?).set_health_check_id(self.health_check_id.clone());
        built(record.build())
    }
}

impl std::fmt::Display for Simple {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.kind)?;
        match &self.alias {
            Some(alias) => write!(f, " alias of {} in zone {}", alias.dns_name, alias.zone_id),
            None => write!(f, " {} (TTL {} s)", self.values.join(", "), self.ttl.unwrap_or_default()),
        }
    }
}

/// Returns the simple record that weighted records of a name would replace.
///
/// # Errors
/// The error of Route 53.
pub async fn find(cx: &StepContext, zone: &str, name: &str) -> Result<Option<Simple>> {
    Ok(records_of_name(cx, zone, name).await?.iter().find_map(Simple::of))
}
