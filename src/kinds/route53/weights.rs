//! The weights of the records of a name: read and set together, in one batch that is applied as a whole or not at all
//! (ChangeResourceRecordSets).

use aws_sdk_route53::types::{ChangeAction, ResourceRecordSet};

use super::change::{Weighted, batch, records};
use super::request::bare;
use super::retry::when_idle;
use infra_core::resource::{Error, Result, StepContext};

/// Returns the weighted alias records of a name, by set identifier.
///
/// # Errors
/// The error of Route 53. A zone that does not exist has no records.
pub async fn live(cx: &StepContext, zone: &str, name: &str) -> Result<Vec<Weighted>> {
    let mut found: Vec<Weighted> = records(cx, zone, Some(name)).await?.iter().filter_map(Weighted::of).collect();
    found.sort_by(|one, other| one.set_identifier.cmp(&other.set_identifier));
    Ok(found)
}

/// Sets records in one batch, and returns the id of the change.
///
/// # Errors
/// The error of Route 53. The call is repeated for two minutes while an earlier change of the zone is in progress.
pub async fn set(cx: &StepContext, zone: &str, records: &[Weighted], comment: &str) -> Result<String> {
    let changes = records.iter().map(|record| (ChangeAction::Upsert, record));
    send(cx, zone, comment, changes).await
}

/// Sends changes in one batch, and returns the id of the change.
///
/// # Errors
/// The error of Route 53. The call is repeated for two minutes while an earlier change of the zone is in progress.
pub async fn send<'a>(
    cx: &StepContext,
    zone: &str,
    comment: &str,
    changes: impl IntoIterator<Item = (ChangeAction, &'a Weighted)>,
) -> Result<String> {
    let changes =
        changes.into_iter().map(|(action, record)| Ok((action, record.record()?))).collect::<Result<Vec<_>>>()?;
    send_records(cx, zone, comment, changes).await
}

/// Sends changes of records of any kind in one batch, and returns the id of the change.
///
/// # Errors
/// The error of Route 53. The call is repeated for two minutes while an earlier change of the zone is in progress.
pub(super) async fn send_records(
    cx: &StepContext,
    zone: &str,
    comment: &str,
    changes: Vec<(ChangeAction, ResourceRecordSet)>,
) -> Result<String> {
    let batch = batch(comment, changes)?;
    let call = || cx.aws.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch.clone()).send();
    let created = when_idle(cx, || cx.mutate("route53:ChangeResourceRecordSets", call)).await?;
    let id = created.change_info.map(|change| bare(change.id()).to_owned());
    id.ok_or(Error::MissingField { call: "route53:ChangeResourceRecordSets", what: "the change" })
}

/// Returns the id of the only zone of the account with this name.
///
/// # Errors
/// The error of Route 53, or that several zones have the name.
pub async fn zone_called(cx: &StepContext, name: &str) -> Result<Option<String>> {
    let call = cx.aws.route53.list_hosted_zones_by_name().dns_name(name).send();
    let found = cx.read("route53:ListHostedZonesByName", call).await?;
    let same = |zone: &&aws_sdk_route53::types::HostedZone| super::change::same_name(zone.name(), name);
    let ids: Vec<String> = found.hosted_zones().iter().filter(same).map(|zone| bare(zone.id()).to_owned()).collect();
    match ids.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        several => Err(Error::Ambiguous(several.to_vec())),
    }
}
