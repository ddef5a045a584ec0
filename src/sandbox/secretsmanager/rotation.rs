//! The rotation of secrets: turning it on and off. Nothing is rotated; time passes too fast here.

use aws_sdk_secretsmanager::operation::cancel_rotate_secret::{CancelRotateSecretError, CancelRotateSecretInput, CancelRotateSecretOutput};
use aws_sdk_secretsmanager::operation::rotate_secret::{RotateSecretError, RotateSecretInput, RotateSecretOutput};

use super::find_living;
use crate::sandbox::registry::{Call, Registry, Rejection, refuse};

pub(super) fn register(registry: &mut Registry) {
    let takes = &["secret_id", "client_request_token", "rotation_lambda_arn", "rotation_rules", "rotate_immediately"];
    registry.on("secretsmanager", "RotateSecret", takes, RotateSecretError::generic, rotate);
    registry.on("secretsmanager", "CancelRotateSecret", &["secret_id"], CancelRotateSecretError::generic, cancel);
}

fn rotate(call: &mut Call<'_>, input: &RotateSecretInput) -> Result<RotateSecretOutput, Rejection> {
    let now = call.now();
    if input.rotate_immediately() != Some(false) {
        return refuse("SandboxUnknownMember", "the sandbox runs no rotation: it wants RotateImmediately to be false");
    }
    let days = input.rotation_rules().and_then(aws_sdk_secretsmanager::types::RotationRulesType::automatically_after_days);
    if !days.is_some_and(|days| (1..=1000).contains(&days)) {
        return refuse("InvalidParameterException", "The number of days must be between 1 and 1000.");
    }
    find_living(call, input.secret_id().unwrap_or_default())?;
    let arn = input.rotation_lambda_arn().unwrap_or_default().to_owned();
    let Some(function) = call.here().lambda.functions.values().find(|function| function.arn == arn) else {
        return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified Lambda function.");
    };
    // With RotateImmediately=false, AWS calls the function for its testSecret step.
    if !function.may_call("secretsmanager.amazonaws.com") || now < function.active_at || function.failure.is_some() {
        let text = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the \
                    principal secretsmanager.amazonaws.com.";
        return refuse("AccessDeniedException", text);
    }
    let secret = find_living(call, input.secret_id().unwrap_or_default())?;
    secret.rotation_enabled = true;
    secret.rotation_function = Some(arn);
    secret.rotation_days = days;
    Ok(RotateSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}

fn cancel(call: &mut Call<'_>, input: &CancelRotateSecretInput) -> Result<CancelRotateSecretOutput, Rejection> {
    let secret = find_living(call, input.secret_id().unwrap_or_default())?;
    secret.rotation_enabled = false;
    Ok(CancelRotateSecretOutput::builder().arn(&secret.arn).name(&secret.name).build())
}
