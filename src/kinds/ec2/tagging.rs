//! Tags of EC2 objects. Most objects have no name, so their tags are their identity.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use crate::ownership::Tags;
use infra_base::tags::{OWNER_ADDRESS, OWNER_STACK};
use infra_core::resource::{Result, StepContext, Tagger};

/// Sets and removes tags by id.
pub struct Ec2;

#[async_trait]
impl Tagger for Ec2 {
    const CALLS: &'static [&'static str] = &["ec2:CreateTags", "ec2:DeleteTags"];

    async fn sync(cx: &StepContext, id: &str) -> Result<()> {
        let tags = to_sdk(cx.tags_to_set());
        if !tags.is_empty() {
            let call = || cx.aws.ec2.create_tags().resources(id).set_tags(Some(tags.clone())).send();
            cx.mutate("ec2:CreateTags", call).await?;
        }
        // DeleteTags removes a tag that is given without a value, whatever its value is.
        let remove = |keys: Vec<String>| {
            let tags = keys.into_iter().map(|key| Tag::builder().key(key).build()).collect();
            cx.aws.ec2.delete_tags().resources(id).set_tags(Some(tags)).send()
        };
        cx.untag("ec2:DeleteTags", remove).await
    }
}

/// Returns the tags for a create call. The `Name` tag, which consoles show, is the address.
pub(super) fn specification(cx: &StepContext, resource_type: ResourceType) -> TagSpecification {
    let mut tags = cx.identity.all_tags();
    tags.entry("Name".to_owned()).or_insert_with(|| {
        format!("{}-{}", cx.identity.stack.replace('/', "-"), cx.identity.address.as_str().replace('/', "-"))
    });
    TagSpecification::builder().resource_type(resource_type).set_tags(Some(to_sdk(tags))).build()
}

/// Returns filters that only the object of this address passes.
pub(super) fn filters(cx: &StepContext) -> Vec<Filter> {
    vec![of_stack(cx), filter(OWNER_ADDRESS, cx.identity.tag_address().as_str())]
}

/// Returns a filter that the objects of the stack pass.
pub(super) fn of_stack(cx: &StepContext) -> Filter {
    filter(OWNER_STACK, &cx.identity.stack)
}

fn filter(key: &str, value: &str) -> Filter {
    Filter::builder().name(format!("tag:{key}")).values(value).build()
}

fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Converts the tags of a response.
pub(super) fn from_sdk(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}
