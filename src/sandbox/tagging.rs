//! Resource Groups Tagging API: search across all services by tags.

use aws_sdk_resourcegroupstagging::operation::get_resources::{
    GetResourcesError, GetResourcesInput, GetResourcesOutput,
};
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, Tag, TagFilter};

use super::registry::{Call, Registry, Rejection, built, refuse};
use super::world::tags::Tags;

/// The default page size (GetResources, `ResourcesPerPage`).
const PAGE: usize = 100;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["tag_filters", "pagination_token", "resources_per_page"];
    registry.on("tag", "GetResources", fields, GetResourcesError::generic, get_resources);
}

fn get_resources(call: &mut Call<'_>, input: &GetResourcesInput) -> Result<GetResourcesOutput, Rejection> {
    let mut found = call.world.listed_by_tag(call.region.as_str());
    // "This operation returns only resources that are tagged."
    found.retain(|(_, tags)| !tags.is_empty() && input.tag_filters().iter().all(|filter| passes(filter, tags)));
    found.sort();
    // "You can set a minimum of 1 and a maximum of 100 items."
    let size = match input.resources_per_page() {
        None => PAGE,
        Some(requested) => match usize::try_from(requested).ok().filter(|size| (1..=PAGE).contains(size)) {
            Some(size) => size,
            None => return refuse("InvalidParameterException", "ResourcesPerPage must be between 1 and 100"),
        },
    };
    let start = match input.pagination_token().unwrap_or_default() {
        "" => 0,
        token => match token.parse::<usize>() {
            Ok(start) => start,
            Err(_) => return refuse("PaginationTokenExpiredException", "the pagination token is not valid"),
        },
    };
    let more = found.len() > start + size;
    let page: Vec<ResourceTagMapping> =
        found.into_iter().skip(start).take(size).map(|(arn, tags)| to_sdk(arn, &tags)).collect::<Result<_, _>>()?;
    // "A value of an empty string indicates that there is no more data."
    let token = if more { (start + size).to_string() } else { String::new() };
    Ok(GetResourcesOutput::builder().set_resource_tag_mapping_list(Some(page)).pagination_token(token).build())
}

/// "If you don't specify a value for a key, the response returns all resources that are tagged with that key."
fn passes(filter: &TagFilter, tags: &Tags) -> bool {
    let value = filter.key().and_then(|key| tags.get(key));
    value.is_some_and(|value| filter.values().is_empty() || filter.values().contains(value))
}

fn to_sdk(arn: String, tags: &Tags) -> Result<ResourceTagMapping, Rejection> {
    let tags = tags
        .iter()
        .map(|(key, value)| built(Tag::builder().key(key).value(value).build()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(ResourceTagMapping::builder().resource_arn(arn).set_tags(Some(tags)).build())
}
