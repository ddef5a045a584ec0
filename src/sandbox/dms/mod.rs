//! AWS Database Migration Service. Nothing is replicated, but it looks as if: tables load, changes are captured, validation finds.

mod connections;
mod endpoints;
mod instances;
mod paging;
mod subnet_groups;
mod table_statistics;
mod tags;
mod tasks;

use aws_sdk_databasemigration::types::{Filter, Tag};
use aws_smithy_types::DateTime;
use serde_json::Value;

use super::registry::{Call, Registry, Rejection, refuse};
use super::world::ec2::Tags;

pub(super) fn register(registry: &mut Registry) {
    subnet_groups::register(registry);
    instances::register(registry);
    endpoints::register(registry);
    connections::register(registry);
    tasks::register(registry);
    table_statistics::register(registry);
    tags::register(registry);
}

fn date(at: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(at).unwrap_or(i64::MAX))
}

fn given(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// Returns whether a thing passes the filters; `field` tells its value for a filter's name.
fn pass(filters: &[Filter], field: impl Fn(&str) -> Option<String>) -> Result<bool, Rejection> {
    for filter in filters {
        match field(filter.name()) {
            Some(value) if filter.values().contains(&value) => {}
            Some(_) => return Ok(false),
            None => return refuse("InvalidParameterValueException", format!("Filter {} is not supported", filter.name())),
        }
    }
    Ok(true)
}

/// A description with filters that finds nothing is answered with an error (DescribeReplicationInstances: ResourceNotFoundFault).
fn some<T>(found: Vec<T>, filters: &[Filter], what: &str) -> Result<Vec<T>, Rejection> {
    if found.is_empty() && !filters.is_empty() {
        return refuse("ResourceNotFoundFault", format!("No {what} found matching provided filters."));
    }
    Ok(found)
}

/// "Must contain from 1 to 63 alphanumeric characters or hyphens. First character must be a letter. Can't end with a hyphen or contain
/// two consecutive hyphens." Stored in lower case.
fn identifier(text: Option<&str>, most: usize) -> Result<String, Rejection> {
    let name = text.unwrap_or_default().to_lowercase();
    let fits = (1..=most).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-')
        && !name.ends_with('-')
        && !name.contains("--");
    if fits { Ok(name) } else { refuse("InvalidParameterValueException", format!("The identifier {name} is not valid")) }
}

/// Checks one of the account's two roles: it exists, DMS may assume it, its policy is attached, and IAM has made it known.
fn check_account_role(call: &Call<'_>, name: &str, policy: &str) -> Result<(), Rejection> {
    let role = call.world.iam.roles.get(name);
    let attached = role.is_some_and(|role| role.attached_policies.iter().any(|arn| arn.ends_with(policy)));
    let usable = role.is_some_and(|role| call.world.iam.can_assume(&role.arn, "dms.amazonaws.com", call.now()));
    if attached && usable {
        return Ok(());
    }
    // The words of the service, which is all that tells a role that is missing from one that is too new.
    let account = call.account();
    refuse("AccessDeniedFault", format!("The IAM Role arn:aws:iam::{account}:role/{name} is not configured properly."))
}

/// Reads a document that DMS takes as text.
fn document(text: Option<&str>, what: &str) -> Result<Value, Rejection> {
    match text.map(serde_json::from_str::<Value>) {
        Some(Ok(value)) if value.is_object() => Ok(value),
        _ => refuse("InvalidParameterValueException", format!("Invalid {what} document")),
    }
}
