//! Rotation of secrets: turning it on and off. No secret is rotated, because the sandbox's time passes too fast.

use aws_sdk_secretsmanager::operation::cancel_rotate_secret::{
    CancelRotateSecretError, CancelRotateSecretInput, CancelRotateSecretOutput,
};
use aws_sdk_secretsmanager::operation::rotate_secret::{RotateSecretError, RotateSecretInput, RotateSecretOutput};

use super::lookup::find_active;
use crate::registry::{Call, Registry, Rejection, refuse};

pub(super) fn register(registry: &mut Registry) {
    let fields = &["secret_id", "client_request_token", "rotation_lambda_arn", "rotation_rules", "rotate_immediately"];
    registry.on("secretsmanager", "RotateSecret", fields, RotateSecretError::generic, rotate);
    registry.on("secretsmanager", "CancelRotateSecret", &["secret_id"], CancelRotateSecretError::generic, cancel);
}

fn rotate(call: &mut Call<'_>, input: &RotateSecretInput) -> Result<RotateSecretOutput, Rejection> {
    let now = call.now();
    if input.rotate_immediately() != Some(false) {
        return refuse("SandboxUnknownMember", "the sandbox does not rotate secrets: RotateImmediately must be false");
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
    secret.rotation_enabled = true;
    secret.rotation_function = Some(arn);
    secret.rotation_days = days;
    Ok(RotateSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}

fn cancel(call: &mut Call<'_>, input: &CancelRotateSecretInput) -> Result<CancelRotateSecretOutput, Rejection> {
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    secret.rotation_enabled = false;
    Ok(CancelRotateSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}
