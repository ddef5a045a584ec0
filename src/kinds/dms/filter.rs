//! Filters of describe calls.

use aws_sdk_databasemigration::types::Filter;

use infra_core::resource::{Error, Result};

/// Returns a filter for one value.
pub(super) fn filter(name: &str, value: &str) -> Result<Filter> {
    filter_any(name, [value])
}

/// Returns a filter for any of several values.
pub(super) fn filter_any(name: &str, values: impl IntoIterator<Item: Into<String>>) -> Result<Filter> {
    let values = values.into_iter().map(Into::into).collect();
    let built = Filter::builder().name(name).set_values(Some(values)).build();
    built.map_err(|error| Error::Refused(format!("a request to DMS is incomplete: {error}")))
}
