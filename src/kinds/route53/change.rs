//! Change batches and records: how they are built, read and compared. A batch is applied as a whole or not at all
//! (ChangeResourceRecordSets).

use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};

use super::request::built;
use infra_core::resource::{Result, StepContext, ignore_codes};

/// A weighted alias record, wanted or observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighted {
    /// The name, without a trailing dot.
    pub name: String,
    /// The set identifier, which distinguishes the records of one name.
    pub set_identifier: String,
    /// Its weight, 0 to 255. Its share of the traffic is its weight in proportion to the sum of all.
    pub weight: i64,
    /// The name that it is an alias of.
    pub alias_dns_name: String,
    /// The hosted zone of that name.
    pub alias_zone_id: String,
    /// Whether the target of the alias must be healthy, too.
    pub evaluate_target_health: bool,
    /// Its health check.
    pub health_check_id: Option<String>,
}

impl Weighted {
    /// Converts a record; `None` when it is not a weighted alias.
    pub fn of(record: &ResourceRecordSet) -> Option<Self> {
        let alias = record.alias_target()?;
        Some(Self {
            name: plain(record.name()),
            set_identifier: record.set_identifier()?.to_owned(),
            weight: record.weight()?,
            alias_dns_name: plain(alias.dns_name()),
            alias_zone_id: alias.hosted_zone_id().to_owned(),
            evaluate_target_health: alias.evaluate_target_health(),
            health_check_id: record.health_check_id().map(str::to_owned),
        })
    }

    /// Returns the record as the call takes it.
    ///
    /// # Errors
    /// Never: every required member is set.
    pub fn record(&self) -> Result<ResourceRecordSet> {
        let alias = AliasTarget::builder().dns_name(&self.alias_dns_name).hosted_zone_id(&self.alias_zone_id);
        let alias = built(alias.evaluate_target_health(self.evaluate_target_health).build())?;
        let record = ResourceRecordSet::builder()
            .name(&self.name)
            .r#type(RrType::A)
            .set_identifier(&self.set_identifier)
            .weight(self.weight);
        built(record.alias_target(alias).set_health_check_id(self.health_check_id.clone()).build())
    }
}

/// Returns a batch of changes, which are applied together.
///
/// # Errors
/// Never: every required member is set.
pub fn batch(
    comment: &str,
    changes: impl IntoIterator<Item = (ChangeAction, ResourceRecordSet)>,
) -> Result<ChangeBatch> {
    let change = |(action, record): (ChangeAction, ResourceRecordSet)| {
        built(Change::builder().action(action).resource_record_set(record).build())
    };
    let changes = changes.into_iter().map(change).collect::<Result<Vec<_>>>()?;
    built(ChangeBatch::builder().comment(comment).set_changes(Some(changes)).build())
}

/// Returns the records of a zone, or those of one name and type A.
///
/// # Errors
/// The error of Route 53. A zone that does not exist has no records.
pub async fn records(cx: &StepContext, zone: &str, name: Option<&str>) -> Result<Vec<ResourceRecordSet>> {
    list(cx, zone, name, name.map(|_| RrType::A)).await
}

/// Returns the records of a name, of all types.
///
/// # Errors
/// The error of Route 53. A zone that does not exist has no records.
pub async fn records_of_name(cx: &StepContext, zone: &str, name: &str) -> Result<Vec<ResourceRecordSet>> {
    list(cx, zone, Some(name), None).await
}

async fn list(
    cx: &StepContext,
    zone: &str,
    name: Option<&str>,
    kind: Option<RrType>,
) -> Result<Vec<ResourceRecordSet>> {
    let mut found = Vec::new();
    let mut next = Some((name.map(str::to_owned), kind.clone(), None));
    while let Some((from, from_kind, identifier)) = next.take() {
        let call = cx.aws.route53.list_resource_record_sets().hosted_zone_id(zone);
        let call = call.set_start_record_name(from).set_start_record_type(from_kind);
        let call = call.set_start_record_identifier(identifier).send();
        let Some(page) = ignore_codes(cx.read("route53:ListResourceRecordSets", call).await, &["NoSuchHostedZone"])?
        else {
            break;
        };
        let wanted = |record: &ResourceRecordSet| {
            name.is_none_or(|name| same_name(record.name(), name))
                && kind.as_ref().is_none_or(|kind| record.r#type() == kind)
        };
        let more = page.is_truncated && page.resource_record_sets().last().is_none_or(wanted);
        found.extend(page.resource_record_sets.into_iter().filter(wanted));
        if more {
            next = Some((page.next_record_name, page.next_record_type, page.next_record_identifier));
        }
    }
    Ok(found)
}

/// Returns whether two domain names are the same: Route 53 shows them in lower case and with a dot at the end.
pub fn same_name(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// Returns a name in lower case, without a trailing dot.
pub(super) fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted() -> Weighted {
        Weighted {
            name: "api.payments.internal".to_owned(),
            set_identifier: "source".to_owned(),
            weight: 100,
            alias_dns_name: "alb-1.us-east-1.elb.amazonaws.com".to_owned(),
            alias_zone_id: "Z35SXDOTRQ7X7K".to_owned(),
            evaluate_target_health: true,
            health_check_id: Some("abc".to_owned()),
        }
    }

    #[test]
    fn a_record_survives_a_round_trip() {
        assert_eq!(Weighted::of(&weighted().record().unwrap()), Some(weighted()));
    }

    #[test]
    fn names_are_compared_as_route_53_writes_them() {
        assert!(same_name("API.payments.internal.", "api.payments.internal"));
        assert!(!same_name("api.payments.internal", "www.payments.internal"));
    }

    #[test]
    fn a_batch_keeps_the_order_of_its_changes() {
        let (one, other) = (weighted(), Weighted { weight: 0, set_identifier: "target".to_owned(), ..weighted() });
        let changes = [(ChangeAction::Upsert, one.record().unwrap()), (ChangeAction::Upsert, other.record().unwrap())];
        let batch = batch("shift", changes).unwrap();
        let sets: Vec<_> =
            batch.changes().iter().filter_map(|change| change.resource_record_set()?.set_identifier()).collect();
        assert_eq!(sets, ["source", "target"]);
    }
}
