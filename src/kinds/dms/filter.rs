//! Filters of describe calls.

use aws_sdk_databasemigration::types::Filter;

use infra_core::resource::{Error, Result};

/// Returns a filter for one value.
pub(super) fn filter(name: &str, value: &str) -> Result<Filter> {
    let built = Filter::builder().name(name).values(value).build();
    built.map_err(|error| Error::Refused(format!("a request to DMS is incomplete: {error}")))
}
