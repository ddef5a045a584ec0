//! Amazon Route 53.

mod answers;
mod health_checks;
mod records;
mod tags;
mod zones;

use super::registry::{Call, Registry, Rejection, built, refuse};

pub(super) fn register(registry: &mut Registry) {
    zones::register(registry);
    records::register(registry);
    health_checks::register(registry);
    answers::register(registry);
    tags::register(registry);
}

/// An id as Route 53 makes it: fifteen capital letters and digits.
fn new_id(call: &mut Call<'_>, first: char) -> String {
    format!("{first}{}", &call.world.draw()[..14].to_uppercase())
}

/// Takes down a change, which the name servers will know of in some seconds ("GetChange": usually within 60 seconds).
fn new_change(call: &mut Call<'_>) -> Result<aws_sdk_route53::types::ChangeInfo, Rejection> {
    let (id, at) = (new_id(call, 'C'), call.after(10.0, 30.0, 60.0));
    call.world.route53.changes.insert(id.clone(), at);
    // What the weights have become counts from then on.
    let (now, route53) = (call.now(), &mut call.world.route53);
    for zone in route53.zones.values() {
        route53.weights.note(zone, now, at);
    }
    change_info(call, &id, at)
}

fn change_info(call: &Call<'_>, id: &str, in_sync_at: u64) -> Result<aws_sdk_route53::types::ChangeInfo, Rejection> {
    use aws_sdk_route53::types::{ChangeInfo, ChangeStatus};
    let status = if call.now() >= in_sync_at { ChangeStatus::Insync } else { ChangeStatus::Pending };
    let submitted = aws_smithy_types::DateTime::from_millis(i64::try_from(call.now()).unwrap_or(i64::MAX));
    built(ChangeInfo::builder().id(format!("/change/{id}")).status(status).submitted_at(submitted).build())
}

fn no_zone<T>(id: &str) -> Result<T, Rejection> {
    refuse("NoSuchHostedZone", format!("No hosted zone found with ID: {id}"))
}

/// A domain name as Route 53 keeps it: in lower case, with a dot at its end.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.').to_lowercase())
}
