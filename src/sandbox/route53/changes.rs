//! Changes of zones, which reach the name servers after some seconds.

use crate::registry::{Call, Rejection, built};

/// Returns an id in Route 53's format: fifteen capital letters and digits.
pub(super) fn new_id(call: &mut Call<'_>, first: char) -> String {
    format!("{first}{}", &call.world.random_hex()[..14].to_uppercase())
}

/// Records a change, which reaches the name servers after some seconds ("GetChange": usually within 60 seconds).
pub(super) fn new_change(call: &mut Call<'_>) -> Result<aws_sdk_route53::types::ChangeInfo, Rejection> {
    let (id, at) = (new_id(call, 'C'), call.completion_time(10.0, 30.0, 60.0));
    call.world.route53.changes.insert(id.clone(), at);
    // The new weights apply from then on.
    let (now, route53) = (call.now(), &mut call.world.route53);
    for zone in route53.zones.values() {
        route53.weights.record_changes(zone, now, at);
    }
    change_info(call, &id, at)
}

pub(super) fn change_info(
    call: &Call<'_>,
    id: &str,
    in_sync_at: u64,
) -> Result<aws_sdk_route53::types::ChangeInfo, Rejection> {
    use aws_sdk_route53::types::{ChangeInfo, ChangeStatus};
    let status = if call.now() >= in_sync_at { ChangeStatus::Insync } else { ChangeStatus::Pending };
    let submitted = aws_smithy_types::DateTime::from_millis(i64::try_from(call.now()).unwrap_or(i64::MAX));
    built(ChangeInfo::builder().id(format!("/change/{id}")).status(status).submitted_at(submitted).build())
}
