//! Roles and their tags.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::operation::create_role::{CreateRoleError, CreateRoleInput, CreateRoleOutput};
use aws_sdk_iam::operation::delete_role::{DeleteRoleError, DeleteRoleInput, DeleteRoleOutput};
use aws_sdk_iam::operation::delete_role_permissions_boundary::{
    DeleteRolePermissionsBoundaryError, DeleteRolePermissionsBoundaryInput, DeleteRolePermissionsBoundaryOutput,
};
use aws_sdk_iam::operation::get_role::{GetRoleError, GetRoleInput, GetRoleOutput};
use aws_sdk_iam::operation::list_role_tags::{ListRoleTagsError, ListRoleTagsInput, ListRoleTagsOutput};
use aws_sdk_iam::operation::list_roles::{ListRolesError, ListRolesInput, ListRolesOutput};
use aws_sdk_iam::operation::put_role_permissions_boundary::{
    PutRolePermissionsBoundaryError, PutRolePermissionsBoundaryInput, PutRolePermissionsBoundaryOutput,
};
use aws_sdk_iam::operation::tag_role::{TagRoleError, TagRoleInput, TagRoleOutput};
use aws_sdk_iam::operation::untag_role::{UntagRoleError, UntagRoleInput, UntagRoleOutput};
use aws_sdk_iam::operation::update_assume_role_policy::{
    UpdateAssumeRolePolicyError, UpdateAssumeRolePolicyInput, UpdateAssumeRolePolicyOutput,
};
use aws_sdk_iam::operation::update_role::{UpdateRoleError, UpdateRoleInput, UpdateRoleOutput};
use aws_sdk_iam::types::{AttachedPermissionsBoundary, PermissionsBoundaryAttachmentType, Tag};
use aws_smithy_types::DateTime;

use super::syntax::{check_name, check_trust, encode};
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, built, refuse};
use crate::world::iam::{DEFAULT_SESSION_SECONDS, Role};

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "role_name",
        "assume_role_policy_document",
        "description",
        "tags",
        "path",
        "max_session_duration",
        "permissions_boundary",
    ];
    registry.on("iam", "CreateRole", fields, CreateRoleError::generic, create);
    registry.on("iam", "GetRole", &["role_name"], GetRoleError::generic, get);
    registry.on("iam", "ListRoles", &["path_prefix"], ListRolesError::generic, list);
    registry.on(
        "iam",
        "UpdateAssumeRolePolicy",
        &["role_name", "policy_document"],
        UpdateAssumeRolePolicyError::generic,
        update_trust,
    );
    registry.on(
        "iam",
        "UpdateRole",
        &["role_name", "description", "max_session_duration"],
        UpdateRoleError::generic,
        update,
    );
    registry.on("iam", "TagRole", &["role_name", "tags"], TagRoleError::generic, tag);
    registry.on("iam", "UntagRole", &["role_name", "tag_keys"], UntagRoleError::generic, untag);
    registry.on("iam", "ListRoleTags", &["role_name"], ListRoleTagsError::generic, list_tags);
    registry.on("iam", "DeleteRole", &["role_name"], DeleteRoleError::generic, delete);
    registry.on(
        "iam",
        "PutRolePermissionsBoundary",
        &["role_name", "permissions_boundary"],
        PutRolePermissionsBoundaryError::generic,
        put_boundary,
    );
    registry.on(
        "iam",
        "DeleteRolePermissionsBoundary",
        &["role_name"],
        DeleteRolePermissionsBoundaryError::generic,
        delete_boundary,
    );
}

fn create(call: &mut Call<'_>, input: &CreateRoleInput) -> Result<CreateRoleOutput, Rejection> {
    let name = input.role_name().unwrap_or_default();
    check_name("roleName", name, 64)?;
    check_description(input.description())?;
    let trust = check_trust(input.assume_role_policy_document().unwrap_or_default())?;
    let path = input.path().unwrap_or("/");
    if !path.starts_with('/') || !path.ends_with('/') {
        return refuse("ValidationError", format!("The specified value for path is invalid: {path}"));
    }
    check_boundary(call, input.permissions_boundary())?;
    let mut tags = BTreeMap::new();
    add_tags(&mut tags, input.tags())?;
    // "Names are not distinguished by case" (CreateRole).
    if call.world.iam.roles.keys().any(|other| other.eq_ignore_ascii_case(name)) {
        return refuse("EntityAlreadyExists", format!("Role with name {name} already exists."));
    }
    let used = call.world.iam.roles.len();
    quotas::check(call, "roles", used)?;
    let arn = format!("arn:{}:iam::{}:role{path}{name}", call.region.partition(), call.account());
    // IAM is eventually consistent: other services reject a new role for some seconds.
    let assumable_at = call.completion_time(2.0, 8.0, 30.0);
    let role = Role {
        role_name: name.to_owned(),
        role_id: format!("AROA{}", &call.world.random_hex()[..17].to_uppercase()),
        arn,
        description: input.description().map(str::to_owned),
        assume_role_policy: trust,
        inline_policies: BTreeMap::new(),
        attached_policies: BTreeSet::new(),
        tags,
        created_at: call.now(),
        permissions_boundary: input.permissions_boundary().map(str::to_owned),
        max_session_seconds: input.max_session_duration().unwrap_or(DEFAULT_SESSION_SECONDS),
        assumable_at,
    };
    let answer = to_sdk(&role)?;
    call.world.iam.roles.insert(name.to_owned(), role);
    Ok(CreateRoleOutput::builder().role(answer).build())
}

/// A service control policy of an organization can require the boundary: `iam:PermissionsBoundary` is a condition key
/// of these calls ("Permissions boundaries for IAM entities", "Delegating responsibility to others").
fn check_boundary(call: &Call<'_>, boundary: Option<&str>) -> Result<(), Rejection> {
    if call.world.iam.required_boundary.as_deref().is_none_or(|required| boundary == Some(required)) {
        return Ok(());
    }
    refuse(
        "AccessDenied",
        "User is not authorized to perform this operation with an explicit deny in a service control policy",
    )
}

fn put_boundary(
    call: &mut Call<'_>,
    input: &PutRolePermissionsBoundaryInput,
) -> Result<PutRolePermissionsBoundaryOutput, Rejection> {
    check_boundary(call, input.permissions_boundary())?;
    find(call, input.role_name())?.permissions_boundary = input.permissions_boundary().map(str::to_owned);
    Ok(PutRolePermissionsBoundaryOutput::builder().build())
}

fn delete_boundary(
    call: &mut Call<'_>,
    input: &DeleteRolePermissionsBoundaryInput,
) -> Result<DeleteRolePermissionsBoundaryOutput, Rejection> {
    check_boundary(call, None)?;
    let role = find(call, input.role_name())?;
    // "NoSuchEntity: … it referenced a resource entity that does not exist" (DeleteRolePermissionsBoundary).
    if role.permissions_boundary.take().is_none() {
        return refuse("NoSuchEntity", "The role has no permissions boundary.");
    }
    Ok(DeleteRolePermissionsBoundaryOutput::builder().build())
}

fn check_description(description: Option<&str>) -> Result<(), Rejection> {
    if description.is_some_and(|text| text.chars().count() > 1000) {
        return refuse(
            "ValidationError",
            "1 validation error detected: Value at 'description' failed to satisfy constraint: length <= 1000",
        );
    }
    Ok(())
}

fn add_tags(tags: &mut BTreeMap<String, String>, more: &[Tag]) -> Result<(), Rejection> {
    for tag in more {
        let lengths = (tag.key().chars().count(), tag.value().chars().count());
        let is_allowed = |text: &str| {
            // "[\p{L}\p{Z}\p{N}_.:/=+\-@]+" (Tag).
            let is_separator = |one: char| one.is_whitespace() && !one.is_control();
            text.chars().all(|one| one.is_alphanumeric() || is_separator(one) || "_.:/=+-@".contains(one))
        };
        if !(1..=128).contains(&lengths.0)
            || lengths.1 > 256
            || tag.key().starts_with("aws:")
            || !is_allowed(tag.key())
            || !is_allowed(tag.value())
        {
            return refuse("InvalidInput", format!("Tag key or value is invalid: {}", tag.key()));
        }
        // "Tag keys are not case sensitive. […] you cannot have separate Department and department tag keys" ("Tags for
        // AWS Identity and Access Management resources").
        tags.retain(|key, _| key == tag.key() || key.to_lowercase() != tag.key().to_lowercase());
        tags.insert(tag.key().to_owned(), tag.value().to_owned());
    }
    // "You can attach up to 50 tags to a role."
    if tags.len() > 50 { refuse("LimitExceeded", "The number of tags has reached the maximum limit.") } else { Ok(()) }
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, Rejection> {
    tags.iter().map(|(key, value)| built(Tag::builder().key(key).value(value).build())).collect()
}

pub(super) fn to_sdk(role: &Role) -> Result<aws_sdk_iam::types::Role, Rejection> {
    let path = role.arn.split_once(":role").and_then(|(_, name)| name.strip_suffix(&role.role_name)).unwrap_or("/");
    let role = aws_sdk_iam::types::Role::builder()
        .path(path)
        .role_name(&role.role_name)
        .role_id(&role.role_id)
        .arn(&role.arn)
        .create_date(DateTime::from_millis(i64::try_from(role.created_at).unwrap_or(i64::MAX)))
        .assume_role_policy_document(encode(&role.assume_role_policy))
        .set_description(role.description.clone())
        .max_session_duration(role.max_session_seconds)
        .set_permissions_boundary(role.permissions_boundary.as_ref().map(|arn| {
            let boundary = AttachedPermissionsBoundary::builder().permissions_boundary_arn(arn);
            boundary.permissions_boundary_type(PermissionsBoundaryAttachmentType::Policy).build()
        }))
        .set_tags(Some(sdk_tags(&role.tags)?));
    built(role.build())
}

/// Finds a role, or rejects the call.
pub(super) fn find<'a>(call: &'a mut Call<'_>, name: Option<&str>) -> Result<&'a mut Role, Rejection> {
    let name = name.unwrap_or_default();
    match call.world.iam.roles.get_mut(name) {
        Some(role) => Ok(role),
        None => refuse("NoSuchEntity", format!("The role with name {name} cannot be found.")),
    }
}

fn get(call: &mut Call<'_>, input: &GetRoleInput) -> Result<GetRoleOutput, Rejection> {
    Ok(GetRoleOutput::builder().role(to_sdk(find(call, input.role_name())?)?).build())
}

/// "This operation does not return the following attributes: PermissionsBoundary, RoleLastUsed, Tags" (ListRoles).
fn list(call: &mut Call<'_>, input: &ListRolesInput) -> Result<ListRolesOutput, Rejection> {
    let prefix = format!(":role{}", input.path_prefix().unwrap_or("/"));
    let mut roles = Vec::new();
    for role in call.world.iam.roles.values().filter(|role| role.arn.contains(&prefix)) {
        let mut role = to_sdk(role)?;
        role.tags = None;
        role.permissions_boundary = None;
        roles.push(role);
    }
    built(ListRolesOutput::builder().set_roles(Some(roles)).is_truncated(false).build())
}

fn update_trust(
    call: &mut Call<'_>,
    input: &UpdateAssumeRolePolicyInput,
) -> Result<UpdateAssumeRolePolicyOutput, Rejection> {
    let trust = check_trust(input.policy_document().unwrap_or_default())?;
    let usable_at = call.completion_time(2.0, 8.0, 30.0);
    let role = find(call, input.role_name())?;
    role.assume_role_policy = trust;
    role.assumable_at = usable_at;
    Ok(UpdateAssumeRolePolicyOutput::builder().build())
}

fn update(call: &mut Call<'_>, input: &UpdateRoleInput) -> Result<UpdateRoleOutput, Rejection> {
    check_description(input.description())?;
    let role = find(call, input.role_name())?;
    role.description = input.description().map(str::to_owned);
    // "If you do not specify a value for this setting, the default value of one hour is applied" (UpdateRole).
    role.max_session_seconds = input.max_session_duration().unwrap_or(DEFAULT_SESSION_SECONDS);
    Ok(UpdateRoleOutput::builder().build())
}

fn tag(call: &mut Call<'_>, input: &TagRoleInput) -> Result<TagRoleOutput, Rejection> {
    let role = find(call, input.role_name())?;
    let mut tags = role.tags.clone();
    add_tags(&mut tags, input.tags())?;
    role.tags = tags;
    Ok(TagRoleOutput::builder().build())
}

/// It is not an error if the role does not have a key.
fn untag(call: &mut Call<'_>, input: &UntagRoleInput) -> Result<UntagRoleOutput, Rejection> {
    let role = find(call, input.role_name())?;
    role.tags.retain(|key, _| !input.tag_keys().contains(key));
    Ok(UntagRoleOutput::builder().build())
}

fn list_tags(call: &mut Call<'_>, input: &ListRoleTagsInput) -> Result<ListRoleTagsOutput, Rejection> {
    let tags = sdk_tags(&find(call, input.role_name())?.tags)?;
    built(ListRoleTagsOutput::builder().set_tags(Some(tags)).is_truncated(false).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteRoleInput) -> Result<DeleteRoleOutput, Rejection> {
    let role = find(call, input.role_name())?;
    // "Unlike the console, you must delete the items attached to the role manually, or the deletion fails"
    // (DeleteRole).
    if !role.inline_policies.is_empty() {
        return refuse("DeleteConflict", "Cannot delete entity, must delete policies first.");
    }
    if !role.attached_policies.is_empty() {
        return refuse("DeleteConflict", "Cannot delete entity, must detach all policies first.");
    }
    let name = role.role_name.clone();
    call.world.iam.roles.remove(&name);
    Ok(DeleteRoleOutput::builder().build())
}
