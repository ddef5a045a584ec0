//! CloudWatch Logs: log groups.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::operation::associate_kms_key::{
    AssociateKmsKeyError, AssociateKmsKeyInput, AssociateKmsKeyOutput,
};
use aws_sdk_cloudwatchlogs::operation::create_log_group::{
    CreateLogGroupError, CreateLogGroupInput, CreateLogGroupOutput,
};
use aws_sdk_cloudwatchlogs::operation::delete_log_group::{
    DeleteLogGroupError, DeleteLogGroupInput, DeleteLogGroupOutput,
};
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::{
    DescribeLogGroupsError, DescribeLogGroupsInput, DescribeLogGroupsOutput,
};
use aws_sdk_cloudwatchlogs::operation::disassociate_kms_key::{
    DisassociateKmsKeyError, DisassociateKmsKeyInput, DisassociateKmsKeyOutput,
};
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::{
    ListTagsForResourceError, ListTagsForResourceInput, ListTagsForResourceOutput,
};
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::{
    PutRetentionPolicyError, PutRetentionPolicyInput, PutRetentionPolicyOutput,
};
use aws_sdk_cloudwatchlogs::operation::tag_resource::{TagResourceError, TagResourceInput, TagResourceOutput};
use aws_sdk_cloudwatchlogs::operation::untag_resource::{UntagResourceError, UntagResourceInput, UntagResourceOutput};

use super::quotas;
use super::registry::{Call, Registry, Rejection, refuse};
use super::world::logs::LogGroup;
use super::world::tags::Tags;

/// The valid retention times (PutRetentionPolicy, `retentionInDays`).
const RETENTIONS: &[i32] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// "The maximum number of items returned. If you don't specify a value, the default is up to 50 items"
/// (DescribeLogGroups).
const PAGE: usize = 50;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "logs",
        "CreateLogGroup",
        &["log_group_name", "kms_key_id", "tags"],
        CreateLogGroupError::generic,
        create,
    );
    registry.on(
        "logs",
        "DescribeLogGroups",
        &["log_group_name_prefix", "log_group_identifiers", "next_token"],
        DescribeLogGroupsError::generic,
        describe,
    );
    registry.on(
        "logs",
        "PutRetentionPolicy",
        &["log_group_name", "retention_in_days"],
        PutRetentionPolicyError::generic,
        put_retention,
    );
    registry.on(
        "logs",
        "AssociateKmsKey",
        &["log_group_name", "kms_key_id"],
        AssociateKmsKeyError::generic,
        associate_key,
    );
    registry.on("logs", "DisassociateKmsKey", &["log_group_name"], DisassociateKmsKeyError::generic, disassociate_key);
    registry.on("logs", "TagResource", &["resource_arn", "tags"], TagResourceError::generic, tag);
    registry.on("logs", "UntagResource", &["resource_arn", "tag_keys"], UntagResourceError::generic, untag);
    registry.on("logs", "ListTagsForResource", &["resource_arn"], ListTagsForResourceError::generic, list_tags);
    registry.on("logs", "DeleteLogGroup", &["log_group_name"], DeleteLogGroupError::generic, delete);
}

fn create(call: &mut Call<'_>, input: &CreateLogGroupInput) -> Result<CreateLogGroupOutput, Rejection> {
    let name = input.log_group_name().unwrap_or_default();
    // "Log group names can be between 1 and 512 characters long", `[\.\-_/#A-Za-z0-9]+`, and not start with `aws/`.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    if !(1..=512).contains(&name.len()) || !name.bytes().all(fits) || name.starts_with("aws/") {
        return refuse(
            "InvalidParameterException",
            format!("1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint"),
        );
    }
    check_key(input.kms_key_id())?;
    let tags = input.tags().map(sorted).unwrap_or_default();
    check_tags(&tags)?;
    let now = call.now();
    let used = call.region_state().logs.groups.len();
    if call.region_state().logs.groups.contains_key(name) {
        return refuse("ResourceAlreadyExistsException", "The specified log group already exists");
    }
    quotas::check(call, "log_groups", used)?;
    let groups = &mut call.region_state().logs.groups;
    let group = LogGroup {
        name: name.to_owned(),
        retention_days: None,
        kms_key: input.kms_key_id().map(str::to_owned),
        created_at: now,
        tags,
    };
    groups.insert(name.to_owned(), group);
    Ok(CreateLogGroupOutput::builder().build())
}

/// "The Amazon Resource Name (ARN) of the KMS key": an id or alias is not accepted.
fn check_key(key: Option<&str>) -> Result<(), Rejection> {
    match key {
        Some(key) if !key.starts_with("arn:") || !key.contains(":kms:") => {
            refuse("InvalidParameterException", format!("The KMS key ID '{key}' is not valid"))
        }
        _ => Ok(()),
    }
}

fn check_tags(tags: &Tags) -> Result<(), Rejection> {
    // "TooManyTagsException: A resource can have no more than 50 tags."
    if tags.len() > 50 { refuse("TooManyTagsException", "A resource can have no more than 50 tags") } else { Ok(()) }
}

fn sorted(tags: &HashMap<String, String>) -> Tags {
    tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn describe(call: &mut Call<'_>, input: &DescribeLogGroupsInput) -> Result<DescribeLogGroupsOutput, Rejection> {
    let prefix = input.log_group_name_prefix().unwrap_or_default().to_owned();
    let identifiers = input.log_group_identifiers();
    // "If you specify this parameter, the only other filter that you can choose to specify is includeLinkedAccounts",
    // and outside of a monitoring account "you can specify only log group names" (DescribeLogGroups).
    if !identifiers.is_empty() && !prefix.is_empty() {
        return refuse("InvalidParameterException", "logGroupIdentifiers and logGroupNamePrefix exclude each other");
    }
    if identifiers.len() > 50 || identifiers.iter().any(|name| name.starts_with("arn:")) {
        return refuse("InvalidParameterException", "logGroupIdentifiers accepts up to 50 names of log groups");
    }
    let Ok(start) = input.next_token().unwrap_or("0").parse::<usize>() else {
        return refuse("InvalidParameterException", "The specified nextToken is invalid.");
    };
    let is_wanted = |group: &&LogGroup| match identifiers {
        [] => group.name.starts_with(&prefix),
        names => names.contains(&group.name),
    };
    let arn = |call: &Call<'_>, name: &str| call.arn("logs", &format!("log-group:{name}"));
    let groups: Vec<LogGroup> = call.region_state().logs.groups.values().filter(is_wanted).cloned().collect();
    let more = groups.len() > start + PAGE;
    let to_sdk = |group: LogGroup| {
        let arn = arn(call, &group.name);
        aws_sdk_cloudwatchlogs::types::LogGroup::builder()
            .arn(format!("{arn}:*"))
            .log_group_arn(arn)
            .log_group_name(group.name)
            .set_retention_in_days(group.retention_days)
            .set_kms_key_id(group.kms_key)
            .creation_time(i64::try_from(group.created_at).unwrap_or(i64::MAX))
            .stored_bytes(0)
            .build()
    };
    let page = groups.into_iter().skip(start).take(PAGE).map(to_sdk).collect();
    Ok(DescribeLogGroupsOutput::builder()
        .set_log_groups(Some(page))
        .set_next_token(more.then(|| (start + PAGE).to_string()))
        .build())
}

fn not_found<T>() -> Result<T, Rejection> {
    refuse("ResourceNotFoundException", "The specified log group does not exist.")
}

fn find<'a>(call: &'a mut Call<'_>, name: Option<&str>) -> Result<&'a mut LogGroup, Rejection> {
    match call.region_state().logs.groups.get_mut(name.unwrap_or_default()) {
        Some(group) => Ok(group),
        None => not_found(),
    }
}

fn find_by_arn<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut LogGroup, Rejection> {
    let arn = arn.unwrap_or_default();
    let prefix = call.arn("logs", "log-group:");
    let Some(name) = arn.strip_prefix(prefix.as_str()) else {
        return refuse("InvalidParameterException", format!("The resource ARN '{arn}' is not valid"));
    };
    // ":* at the end" is for IAM policies; "use the ARN without the trailing :*" for tags (TagResource).
    if name.ends_with(":*") {
        return refuse("InvalidParameterException", format!("The resource ARN '{arn}' is not valid"));
    }
    find(call, Some(name))
}

fn put_retention(call: &mut Call<'_>, input: &PutRetentionPolicyInput) -> Result<PutRetentionPolicyOutput, Rejection> {
    let days = input.retention_in_days().unwrap_or_default();
    if !RETENTIONS.contains(&days) {
        return refuse(
            "InvalidParameterException",
            format!("1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint"),
        );
    }
    find(call, input.log_group_name())?.retention_days = Some(days);
    Ok(PutRetentionPolicyOutput::builder().build())
}

fn associate_key(call: &mut Call<'_>, input: &AssociateKmsKeyInput) -> Result<AssociateKmsKeyOutput, Rejection> {
    check_key(input.kms_key_id())?;
    find(call, input.log_group_name())?.kms_key = input.kms_key_id().map(str::to_owned);
    Ok(AssociateKmsKeyOutput::builder().build())
}

fn disassociate_key(
    call: &mut Call<'_>,
    input: &DisassociateKmsKeyInput,
) -> Result<DisassociateKmsKeyOutput, Rejection> {
    find(call, input.log_group_name())?.kms_key = None;
    Ok(DisassociateKmsKeyOutput::builder().build())
}

fn tag(call: &mut Call<'_>, input: &TagResourceInput) -> Result<TagResourceOutput, Rejection> {
    let group = find_by_arn(call, input.resource_arn())?;
    let mut tags = group.tags.clone();
    tags.extend(input.tags().map(sorted).unwrap_or_default());
    check_tags(&tags)?;
    group.tags = tags;
    Ok(TagResourceOutput::builder().build())
}

fn untag(call: &mut Call<'_>, input: &UntagResourceInput) -> Result<UntagResourceOutput, Rejection> {
    find_by_arn(call, input.resource_arn())?.tags.retain(|key, _| !input.tag_keys().contains(key));
    Ok(UntagResourceOutput::builder().build())
}

fn list_tags(call: &mut Call<'_>, input: &ListTagsForResourceInput) -> Result<ListTagsForResourceOutput, Rejection> {
    let tags = find_by_arn(call, input.resource_arn())?.tags.clone();
    Ok(ListTagsForResourceOutput::builder().set_tags(Some(tags.into_iter().collect())).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteLogGroupInput) -> Result<DeleteLogGroupOutput, Rejection> {
    let name = input.log_group_name().unwrap_or_default();
    match call.region_state().logs.groups.remove(name) {
        Some(_) => {
            let region = call.region.as_str();
            call.world.log_group_deleted(region, name);
            Ok(DeleteLogGroupOutput::builder().build())
        }
        None => not_found(),
    }
}
