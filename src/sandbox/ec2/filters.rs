//! Filters and tags, which all of EC2 shares.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use crate::sandbox::registry::{Rejection, refuse};
use crate::sandbox::world::ec2::Tags;

/// Returns whether a thing passes all filters. `field` tells its value for a filter name other than `tag:KEY`.
///
/// # Errors
/// A filter that the model does not know, as EC2 answers `InvalidParameterValue` to one that it does not know.
pub(super) fn pass(filters: &[Filter], tags: &Tags, field: impl Fn(&str) -> Option<Vec<String>>) -> Result<bool, Rejection> {
    for filter in filters {
        let name = filter.name().unwrap_or_default();
        let values = filter.values();
        let matches = if let Some(key) = name.strip_prefix("tag:") {
            tags.get(key).is_some_and(|value| values.contains(value))
        } else {
            match field(name) {
                Some(has) => has.iter().any(|value| values.contains(value)),
                None => return refuse("InvalidParameterValue", format!("The filter '{name}' is invalid")),
            }
        };
        if !matches {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads the tags out of a create call. EC2 refuses a specification for another type of thing.
pub(super) fn tags_for(specifications: &[TagSpecification], what: &ResourceType) -> Result<Tags, Rejection> {
    let mut tags = Tags::new();
    for specification in specifications {
        if specification.resource_type() != Some(what) {
            return refuse(
                "InvalidParameterValue",
                format!("'{:?}' is not a valid taggable resource type for this operation.", specification.resource_type()),
            );
        }
        tags.extend(specification.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))));
    }
    Ok(tags)
}

/// Tags as answers carry them.
pub(super) fn shown(tags: &Tags) -> Option<Vec<Tag>> {
    Some(tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect())
}
