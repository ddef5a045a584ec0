//! Filters of Describe calls.

use aws_sdk_databasemigration::types::Filter;

use crate::registry::{Rejection, refuse};

/// Returns whether an object matches all filters. `field` returns its value for a filter name.
pub(super) fn matches_filters(filters: &[Filter], field: impl Fn(&str) -> Option<String>) -> Result<bool, Rejection> {
    for filter in filters {
        match field(filter.name()) {
            Some(value) if filter.values().contains(&value) => {}
            Some(_) => return Ok(false),
            None => {
                return refuse("InvalidParameterValueException", format!("Filter {} is not supported", filter.name()));
            }
        }
    }
    Ok(true)
}

/// Rejects an empty result of a filtered Describe call, as AWS does (DescribeReplicationInstances:
/// ResourceNotFoundFault).
pub(super) fn not_found_if_empty<T>(found: Vec<T>, filters: &[Filter], what: &str) -> Result<Vec<T>, Rejection> {
    if found.is_empty() && !filters.is_empty() {
        return refuse("ResourceNotFoundFault", format!("No {what} found matching provided filters."));
    }
    Ok(found)
}
