//! Rotation of secrets: turning it on and off, a rotation at once, and the labels of versions. No secret is rotated by
//! schedule, because the sandbox's time passes too fast.

use aws_sdk_secretsmanager::operation::cancel_rotate_secret::{
    CancelRotateSecretError, CancelRotateSecretInput, CancelRotateSecretOutput,
};
use aws_sdk_secretsmanager::operation::rotate_secret::{RotateSecretError, RotateSecretInput, RotateSecretOutput};

use aws_sdk_secretsmanager::operation::update_secret_version_stage::{
    UpdateSecretVersionStageError, UpdateSecretVersionStageInput, UpdateSecretVersionStageOutput,
};

use super::lookup::find_active;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::secretsmanager::{Rotation, Secret, Version};

pub(super) fn register(registry: &mut Registry) {
    let fields = &["secret_id", "client_request_token", "rotation_lambda_arn", "rotation_rules", "rotate_immediately"];
    registry.on("secretsmanager", "RotateSecret", fields, RotateSecretError::generic, rotate);
    registry.on("secretsmanager", "CancelRotateSecret", &["secret_id"], CancelRotateSecretError::generic, cancel);
    let fields = &["secret_id", "version_stage", "remove_from_version_id", "move_to_version_id"];
    let error = UpdateSecretVersionStageError::generic;
    registry.on("secretsmanager", "UpdateSecretVersionStage", fields, error, move_stage);
}

/// Rotates at once, with the function that is set ("How rotation works").
fn begin(call: &mut Call<'_>, input: &RotateSecretInput) -> Result<RotateSecretOutput, Rejection> {
    let value_at = call.completion_time(1.0, 3.0, 10.0);
    let current_at = call.completion_time(40.0, 60.0, 120.0).max(value_at);
    let token = call.world.random_hex()[..36].to_owned();
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    if !secret.rotation_enabled {
        return refuse("InvalidRequestException", "You must specify a rotation Lambda ARN to use for rotation.");
    }
    refuse_second(secret)?;
    for version in secret.versions.values_mut() {
        version.stages.remove("AWSPENDING");
    }
    secret.versions.insert(token.clone(), Version { value: String::new(), stages: ["AWSPENDING".to_owned()].into() });
    secret.rotation = Some(Rotation { token: token.clone(), value_at, current_at });
    Ok(RotateSecretOutput::builder().arn(&secret.arn).name(&secret.name).version_id(token).build())
}

/// "If the AWSPENDING staging label is present but not attached to the same version as AWSCURRENT, then any later
/// invocation of RotateSecret assumes that a previous rotation request is still in progress and returns an error"
/// (RotateSecret). A change of the schedule is such an invocation, too (hashicorp/terraform-provider-aws#35023).
fn refuse_second(secret: &Secret) -> Result<(), Rejection> {
    let in_progress = secret.version("AWSPENDING").is_some_and(|(_, version)| !version.stages.contains("AWSCURRENT"));
    if in_progress {
        return refuse(
            "InvalidRequestException",
            "A previous rotation isn't complete. That rotation will be reattempted.",
        );
    }
    Ok(())
}

/// "If you want to remove a staging label from a version, set `RemoveFromVersionId`, and do not set `MoveToVersionId`"
/// (UpdateSecretVersionStage).
fn move_stage(
    call: &mut Call<'_>,
    input: &UpdateSecretVersionStageInput,
) -> Result<UpdateSecretVersionStageOutput, Rejection> {
    let stage = input.version_stage().unwrap_or_default();
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    let has = |id: &str, secret: &Secret| secret.versions.get(id).is_some_and(|version| version.stages.contains(stage));
    if let Some(from) = input.remove_from_version_id()
        && !has(from, secret)
    {
        return refuse(
            "InvalidParameterException",
            format!("The staging label {stage} isn't attached to version {from}."),
        );
    }
    for version in secret.versions.values_mut() {
        version.stages.remove(stage);
    }
    if let Some(to) = input.move_to_version_id() {
        let Some(version) = secret.versions.get_mut(to) else {
            return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret version.");
        };
        version.stages.insert(stage.to_owned());
    }
    secret.versions.retain(|_, version| !version.stages.is_empty() || !version.value.is_empty());
    Ok(UpdateSecretVersionStageOutput::builder().arn(&secret.arn).name(&secret.name).build())
}

fn rotate(call: &mut Call<'_>, input: &RotateSecretInput) -> Result<RotateSecretOutput, Rejection> {
    let now = call.now();
    if input.rotate_immediately() != Some(false) {
        return begin(call, input);
    }
    let days =
        input.rotation_rules().and_then(aws_sdk_secretsmanager::types::RotationRulesType::automatically_after_days);
    if !days.is_some_and(|days| (1..=1000).contains(&days)) {
        return refuse("InvalidParameterException", "The number of days must be between 1 and 1000.");
    }
    find_active(call, input.secret_id().unwrap_or_default())?;
    let arn = input.rotation_lambda_arn().unwrap_or_default().to_owned();
    let Some(function) = call.region_state().lambda.functions.values().find(|function| function.arn == arn) else {
        return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified Lambda function.");
    };
    // With RotateImmediately=false, AWS calls the function for its testSecret step.
    if !function.allows_invocation_by("secretsmanager.amazonaws.com")
        || now < function.active_at
        || function.failure.is_some()
    {
        let text = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy \
                    grants access to the principal secretsmanager.amazonaws.com.";
        return refuse("AccessDeniedException", text);
    }
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    refuse_second(secret)?;
    secret.rotation_enabled = true;
    secret.rotation_function = Some(arn);
    secret.rotation_days = days;
    Ok(RotateSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}

/// "Turns off automatic rotation, and if a rotation is currently in progress, cancels the rotation. If you cancel a
/// rotation in progress, it can leave the VersionStage labels in an unexpected state" (CancelRotateSecret).
fn cancel(call: &mut Call<'_>, input: &CancelRotateSecretInput) -> Result<CancelRotateSecretOutput, Rejection> {
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    secret.rotation_enabled = false;
    secret.rotation = None;
    Ok(CancelRotateSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}
