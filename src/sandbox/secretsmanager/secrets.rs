//! Secrets: creation, description, modification and deletion.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_secretsmanager::operation::create_secret::{CreateSecretError, CreateSecretInput, CreateSecretOutput};
use aws_sdk_secretsmanager::operation::delete_secret::{DeleteSecretError, DeleteSecretInput, DeleteSecretOutput};
use aws_sdk_secretsmanager::operation::describe_secret::{
    DescribeSecretError, DescribeSecretInput, DescribeSecretOutput,
};
use aws_sdk_secretsmanager::operation::list_secrets::{ListSecretsError, ListSecretsInput, ListSecretsOutput};
use aws_sdk_secretsmanager::operation::restore_secret::{RestoreSecretError, RestoreSecretInput, RestoreSecretOutput};
use aws_sdk_secretsmanager::operation::tag_resource::{TagResourceError, TagResourceInput, TagResourceOutput};
use aws_sdk_secretsmanager::operation::untag_resource::{UntagResourceError, UntagResourceInput, UntagResourceOutput};
use aws_sdk_secretsmanager::operation::update_secret::{UpdateSecretError, UpdateSecretInput, UpdateSecretOutput};
use aws_sdk_secretsmanager::primitives::DateTime;
use aws_sdk_secretsmanager::types::{RotationRulesType, SecretListEntry, Tag};

use super::lookup::{find, find_active};
use super::replication::to_sdk;
use super::values::check_token;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::secretsmanager::{Secret, Version};
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["name", "description", "client_request_token", "kms_key_id", "secret_string", "tags"];
    registry.on("secretsmanager", "CreateSecret", fields, CreateSecretError::generic, create);
    registry.on("secretsmanager", "DescribeSecret", &["secret_id"], DescribeSecretError::generic, describe);
    registry.on("secretsmanager", "ListSecrets", &[], ListSecretsError::generic, list);
    let fields = &["secret_id", "description", "kms_key_id", "client_request_token"];
    registry.on("secretsmanager", "UpdateSecret", fields, UpdateSecretError::generic, update);
    registry.on("secretsmanager", "TagResource", &["secret_id", "tags"], TagResourceError::generic, tag);
    registry.on("secretsmanager", "UntagResource", &["secret_id", "tag_keys"], UntagResourceError::generic, untag);
    let fields = &["secret_id", "recovery_window_in_days", "force_delete_without_recovery"];
    registry.on("secretsmanager", "DeleteSecret", fields, DeleteSecretError::generic, delete);
    registry.on("secretsmanager", "RestoreSecret", &["secret_id"], RestoreSecretError::generic, restore);
}

fn tags_from_sdk(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

fn create(call: &mut Call<'_>, input: &CreateSecretInput) -> Result<CreateSecretOutput, Rejection> {
    let name = input.name().unwrap_or_default().to_owned();
    // "The secret name can contain ASCII letters, numbers, and the following characters: /_+=.@-" (CreateSecret).
    if !(1..=512).contains(&name.len())
        || !name.chars().all(|char| char.is_ascii_alphanumeric() || "/_+=.@-".contains(char))
    {
        return refuse(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        );
    }
    let token = input.client_request_token().unwrap_or_default();
    check_token(token)?;
    let value = input.secret_string().unwrap_or_default();
    if let Some(existing) = call.region_state().secretsmanager.secrets.get(&name) {
        if existing.deleted_at.is_some() {
            let text =
                "You can't create this secret because a secret with this name is already scheduled for deletion.";
            return refuse("InvalidRequestException", text);
        }
        // "If a version with this value already exists and its contents are the same, the operation is idempotent."
        return match existing.versions.get(token) {
            Some(version) if version.value == value => {
                Ok(CreateSecretOutput::builder().arn(&existing.arn).name(name).version_id(token).build())
            }
            _ => refuse(
                "ResourceExistsException",
                format!("The operation failed because the secret {name} already exists."),
            ),
        };
    }
    let arn = call.arn("secretsmanager", &format!("secret:{name}-"));
    let arn = arn + &call.world.random_hex()[..6];
    let version = Version { value: value.to_owned(), stages: ["AWSCURRENT".to_owned()].into() };
    let secret = Secret {
        name: name.clone(),
        arn: arn.clone(),
        description: input.description().map(str::to_owned),
        kms_key_id: input.kms_key_id().map(str::to_owned),
        versions: [(token.to_owned(), version)].into(),
        rotation_enabled: false,
        rotation_function: None,
        rotation_days: None,
        deleted_at: None,
        removed_at: None,
        forced: false,
        replicas: BTreeMap::new(),
        primary_region: None,
        rotation: None,
        resource_policy: None,
        tags: tags_from_sdk(input.tags()),
    };
    call.region_state().secretsmanager.secrets.insert(name.clone(), secret);
    Ok(CreateSecretOutput::builder().arn(arn).name(name).version_id(token).build())
}

/// "Lists the secrets […] not including secrets that are marked for deletion" (ListSecrets).
fn list(call: &mut Call<'_>, _input: &ListSecretsInput) -> Result<ListSecretsOutput, Rejection> {
    let living = call.region_state().secretsmanager.secrets.values().filter(|secret| secret.deleted_at.is_none());
    let described =
        living.map(|secret| SecretListEntry::builder().arn(&secret.arn).name(&secret.name).build()).collect();
    Ok(ListSecretsOutput::builder().set_secret_list(Some(described)).build())
}

fn describe(call: &mut Call<'_>, input: &DescribeSecretInput) -> Result<DescribeSecretOutput, Rejection> {
    let now = call.now();
    let secret = find(call, input.secret_id().unwrap_or_default())?;
    let stages: HashMap<String, Vec<String>> = secret
        .versions
        .iter()
        .filter(|(_, version)| !version.stages.is_empty())
        .map(|(id, version)| (id.clone(), version.stages.iter().cloned().collect()))
        .collect();
    let tags = secret.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let rules = secret.rotation_days.map(|days| RotationRulesType::builder().automatically_after_days(days).build());
    let deleted = secret.deleted_at.map(|at| DateTime::from_millis(i64::try_from(at).unwrap_or(i64::MAX)));
    Ok(DescribeSecretOutput::builder()
        .arn(&secret.arn)
        .name(&secret.name)
        .set_description(secret.description.clone())
        .set_kms_key_id(secret.kms_key_id.clone())
        .set_rotation_enabled(secret.rotation_enabled.then_some(true))
        .set_rotation_lambda_arn(secret.rotation_function.clone())
        .set_rotation_rules(rules)
        .set_deleted_date(deleted)
        .set_version_ids_to_stages(Some(stages))
        .set_tags(Some(tags))
        .set_primary_region(secret.primary_region.clone())
        .set_replication_status((!secret.replicas.is_empty()).then(|| to_sdk(secret, now)))
        .build())
}

fn update(call: &mut Call<'_>, input: &UpdateSecretInput) -> Result<UpdateSecretOutput, Rejection> {
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    if let Some(description) = input.description() {
        secret.description = Some(description.to_owned());
    }
    if let Some(key) = input.kms_key_id() {
        secret.kms_key_id = Some(key.to_owned());
    }
    Ok(UpdateSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}

fn tag(call: &mut Call<'_>, input: &TagResourceInput) -> Result<TagResourceOutput, Rejection> {
    retag(call, input.secret_id(), |tags| tags.extend(tags_from_sdk(input.tags())))?;
    Ok(TagResourceOutput::builder().build())
}

fn untag(call: &mut Call<'_>, input: &UntagResourceInput) -> Result<UntagResourceOutput, Rejection> {
    retag(call, input.secret_id(), |tags| tags.retain(|key, _| !input.tag_keys().contains(key)))?;
    Ok(UntagResourceOutput::builder().build())
}

/// "Secrets Manager replicates the encrypted secret data and metadata such as tags and resource policies across the
/// specified Regions" ("Replicate AWS Secrets Manager secrets across Regions").
fn retag(call: &mut Call<'_>, id: Option<&str>, change: impl FnOnce(&mut Tags)) -> Result<(), Rejection> {
    let called_region = call.region.to_string();
    let secret = find_active(call, id.unwrap_or_default())?;
    change(&mut secret.tags);
    let secret = secret.clone();
    for region in secret.replicas.keys() {
        let replica = call.world.region(region).secretsmanager.secrets.get_mut(&secret.name);
        if let Some(replica) =
            replica.filter(|replica| replica.primary_region.as_deref() == Some(called_region.as_str()))
        {
            replica.tags.clone_from(&secret.tags);
        }
    }
    Ok(())
}

fn delete(call: &mut Call<'_>, input: &DeleteSecretInput) -> Result<DeleteSecretOutput, Rejection> {
    let now = call.now();
    let forced = input.force_delete_without_recovery().unwrap_or_default();
    // "You can't use both this parameter and ForceDeleteWithoutRecovery in the same call"; the window is 7 to 30 days.
    if forced && input.recovery_window_in_days().is_some() {
        return refuse(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        );
    }
    let days = input.recovery_window_in_days().unwrap_or(30);
    if !(7..=30).contains(&days) {
        return refuse(
            "InvalidParameterException",
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        );
    }
    // "An asynchronous background process performs the actual deletion, so there can be a short delay."
    let soon = call.completion_time(1.0, 3.0, 15.0);
    let secret = find(call, input.secret_id().unwrap_or_default())?;
    if secret.deleted_at.is_some() && !forced {
        return refuse(
            "InvalidRequestException",
            "You tried to perform the operation on a secret that's currently marked deleted.",
        );
    }
    // "To delete a secret that has replicas, you must first delete its replicas"; a replica is deleted through its
    // primary ("Delete an AWS Secrets Manager secret").
    if secret.primary_region.is_some() {
        return refuse(
            "InvalidRequestException",
            "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
        );
    }
    if !secret.replicas.is_empty() {
        return refuse("InvalidRequestException", "You can't delete a secret that still has replica regions.");
    }
    secret.deleted_at = Some(now);
    secret.forced |= forced;
    secret.removed_at = match (forced, secret.removed_at) {
        (true, Some(at)) => Some(at.min(soon)),
        (true, None) => Some(soon),
        (false, _) => Some(now + days.unsigned_abs() * 86_400_000),
    };
    Ok(DeleteSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}

fn restore(call: &mut Call<'_>, input: &RestoreSecretInput) -> Result<RestoreSecretOutput, Rejection> {
    let secret = find(call, input.secret_id().unwrap_or_default())?;
    if secret.forced {
        return refuse(
            "InvalidRequestException",
            "You can't restore a secret that was deleted without a recovery window.",
        );
    }
    secret.deleted_at = None;
    secret.removed_at = None;
    Ok(RestoreSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}
