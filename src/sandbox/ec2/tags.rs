//! Tags of existing resources.

use aws_sdk_ec2::operation::create_tags::{CreateTagsError, CreateTagsInput, CreateTagsOutput};
use aws_sdk_ec2::operation::delete_tags::{DeleteTagsError, DeleteTagsInput, DeleteTagsOutput};

use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::Ec2;
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on("ec2", "CreateTags", &["resources", "tags"], CreateTagsError::generic, create);
    registry.on("ec2", "DeleteTags", &["resources", "tags"], DeleteTagsError::generic, delete);
}

fn create(call: &mut Call<'_>, input: &CreateTagsInput) -> Result<CreateTagsOutput, Rejection> {
    let ec2 = &mut call.region_state().ec2;
    for id in input.resources() {
        tags_mut(ec2, id)?
            .extend(input.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))));
    }
    Ok(CreateTagsOutput::builder().build())
}

/// "If you specify a tag key without a tag value, we delete any tag with this key regardless of its value. If you
/// specify a tag key with an empty string as the tag value, we delete the tag only if its value is an empty string. If
/// you omit this parameter, we delete all user-defined tags" (DeleteTags).
fn delete(call: &mut Call<'_>, input: &DeleteTagsInput) -> Result<DeleteTagsOutput, Rejection> {
    let ec2 = &mut call.region_state().ec2;
    for id in input.resources() {
        let tags = tags_mut(ec2, id)?;
        let is_meant = |key: &str, value: &str| {
            let mut given = input.tags().iter().filter(|tag| tag.key() == Some(key));
            input.tags().is_empty() || given.any(|tag| tag.value().is_none_or(|given| given == value))
        };
        tags.retain(|key, value| !is_meant(key, value));
    }
    Ok(DeleteTagsOutput::builder().build())
}

fn tags_mut<'a>(ec2: &'a mut Ec2, id: &str) -> Result<&'a mut Tags, Rejection> {
    match find(ec2, id) {
        Some(tags) => Ok(tags),
        None => refuse("InvalidID", format!("The ID '{id}' is not valid")),
    }
}

fn find<'a>(ec2: &'a mut Ec2, id: &str) -> Option<&'a mut Tags> {
    Some(match id.split_once('-')?.0 {
        "vpc" => &mut ec2.vpcs.get_mut(id)?.tags,
        "subnet" => &mut ec2.subnets.get_mut(id)?.tags,
        "igw" => &mut ec2.internet_gateways.get_mut(id)?.tags,
        "eipalloc" => &mut ec2.addresses.get_mut(id)?.tags,
        "nat" => &mut ec2.nat_gateways.get_mut(id)?.tags,
        "rtb" => &mut ec2.route_tables.get_mut(id)?.tags,
        "vpce" => &mut ec2.vpc_endpoints.get_mut(id)?.tags,
        "pcx" => &mut ec2.peerings.get_mut(id)?.tags,
        "sg" => &mut ec2.security_groups.get_mut(id)?.tags,
        "sgr" => &mut ec2.security_group_rules.get_mut(id)?.tags,
        _ => return None,
    })
}
