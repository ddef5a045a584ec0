//! Filters and tags, shared by all EC2 operations.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use crate::registry::{Rejection, refuse};
use crate::world::tags::Tags;

/// Returns whether an object matches all filters. `field` returns its values for a filter name other than `tag:KEY`.
///
/// # Errors
/// If the model does not support a filter: EC2 rejects unknown filters with `InvalidParameterValue`.
pub(super) fn matches_filters(
    filters: &[Filter],
    tags: &Tags,
    field: impl Fn(&str) -> Option<Vec<String>>,
) -> Result<bool, Rejection> {
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

/// Reads the tags of a create call. EC2 rejects a specification for another resource type.
pub(super) fn tags_from_specifications(
    specifications: &[TagSpecification],
    what: &ResourceType,
) -> Result<Tags, Rejection> {
    let mut tags = Tags::new();
    for specification in specifications {
        if specification.resource_type() != Some(what) {
            return refuse(
                "InvalidParameterValue",
                format!(
                    "'{:?}' is not a valid taggable resource type for this operation.",
                    specification.resource_type()
                ),
            );
        }
        tags.extend(
            specification.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))),
        );
    }
    Ok(tags)
}

/// Converts tags to the SDK's type.
pub(super) fn sdk_tags(tags: &Tags) -> Option<Vec<Tag>> {
    Some(tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect())
}
