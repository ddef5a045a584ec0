//! The weights of a name's records: read and set together, in one batch that is carried out as a whole or not at all
//! (ChangeResourceRecordSets).

use aws_sdk_route53::types::ChangeAction;

use super::change::{Weighted, batch, records};
use super::{BUSY, BUSY_SECONDS, bare};
use crate::resource::{Cx, Error, Result};

pub use super::wait_in_sync;

/// Returns the weighted alias records of a name, by set identifier.
///
/// # Errors
/// What Route 53 answered. A zone that is not there has no records.
pub async fn live(cx: &Cx, zone: &str, name: &str) -> Result<Vec<Weighted>> {
    let mut found: Vec<Weighted> = records(cx, zone, Some(name)).await?.iter().filter_map(Weighted::of).collect();
    found.sort_by(|one, other| one.set_identifier.cmp(&other.set_identifier));
    Ok(found)
}

/// Sets records to what is given here, all in one batch, and returns the id of the change.
///
/// # Errors
/// What Route 53 answered. While an earlier change of the zone is under way it is asked again, for two minutes.
pub async fn set(cx: &Cx, zone: &str, records: &[Weighted], comment: &str) -> Result<String> {
    let changes = records.iter().map(|record| (ChangeAction::Upsert, record));
    send(cx, zone, comment, changes).await
}

/// Sends changes in one batch, and returns the id of the change.
///
/// # Errors
/// What Route 53 answered. While an earlier change of the zone is under way it is asked again, for two minutes.
pub async fn send<'a>(cx: &Cx, zone: &str, comment: &str, changes: impl IntoIterator<Item = (ChangeAction, &'a Weighted)>) -> Result<String> {
    let changes = changes.into_iter().map(|(action, record)| Ok((action, record.record()?))).collect::<Result<Vec<_>>>()?;
    let batch = batch(comment, changes)?;
    let call = || cx.aws.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch.clone()).send();
    let why = "Route 53 to finish an earlier change";
    let made = cx.retry(why, BUSY, BUSY_SECONDS, || cx.mutate("route53:ChangeResourceRecordSets", call)).await?;
    let id = made.change_info.map(|change| bare(change.id()).to_owned());
    id.ok_or(Error::Incomplete { call: "route53:ChangeResourceRecordSets", what: "the change" })
}

/// Returns the id of the zone with this name that belongs to nobody else: the one zone of the account that is called so.
///
/// # Errors
/// What Route 53 answered, or that several zones have the name.
pub async fn zone_called(cx: &Cx, name: &str) -> Result<Option<String>> {
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
