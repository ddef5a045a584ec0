//! The resource policies of secrets.

use aws_sdk_secretsmanager::operation::delete_resource_policy::{
    DeleteResourcePolicyError, DeleteResourcePolicyInput, DeleteResourcePolicyOutput,
};
use aws_sdk_secretsmanager::operation::get_resource_policy::{
    GetResourcePolicyError, GetResourcePolicyInput, GetResourcePolicyOutput,
};
use aws_sdk_secretsmanager::operation::put_resource_policy::{
    PutResourcePolicyError, PutResourcePolicyInput, PutResourcePolicyOutput,
};
use serde_json::Value;

use super::lookup::{find, find_active};
use crate::registry::{Call, Registry, Rejection, refuse};

pub(super) fn register(registry: &mut Registry) {
    registry.on("secretsmanager", "GetResourcePolicy", &["secret_id"], GetResourcePolicyError::generic, get);
    let fields = &["secret_id", "resource_policy", "block_public_policy"];
    registry.on("secretsmanager", "PutResourcePolicy", fields, PutResourcePolicyError::generic, put);
    registry.on("secretsmanager", "DeleteResourcePolicy", &["secret_id"], DeleteResourcePolicyError::generic, delete);
}

fn get(call: &mut Call<'_>, input: &GetResourcePolicyInput) -> Result<GetResourcePolicyOutput, Rejection> {
    let secret = find(call, input.secret_id().unwrap_or_default())?;
    let answer = GetResourcePolicyOutput::builder().arn(&secret.arn).name(&secret.name);
    Ok(answer.set_resource_policy(secret.resource_policy.as_ref().map(ToString::to_string)).build())
}

fn put(call: &mut Call<'_>, input: &PutResourcePolicyInput) -> Result<PutResourcePolicyOutput, Rejection> {
    let Ok(policy) = serde_json::from_str::<Value>(input.resource_policy().unwrap_or_default()) else {
        return refuse("MalformedPolicyDocumentException", "This resource policy is not valid JSON.");
    };
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    secret.resource_policy = Some(policy);
    let (arn, name) = (secret.arn.clone(), secret.name.clone());
    replicate(call, &name);
    Ok(PutResourcePolicyOutput::builder().arn(arn).name(name).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteResourcePolicyInput) -> Result<DeleteResourcePolicyOutput, Rejection> {
    let secret = find_active(call, input.secret_id().unwrap_or_default())?;
    secret.resource_policy = None;
    let (arn, name) = (secret.arn.clone(), secret.name.clone());
    replicate(call, &name);
    Ok(DeleteResourcePolicyOutput::builder().arn(arn).name(name).build())
}

/// "Secrets Manager replicates the encrypted secret data and metadata such as tags and resource policies across the
/// specified Regions" ("Replicate AWS Secrets Manager secrets across Regions").
fn replicate(call: &mut Call<'_>, name: &str) {
    let Some(secret) = call.region_state().secretsmanager.secrets.get(name).cloned() else { return };
    for region in secret.replicas.keys() {
        if let Some(copy) = call.world.region(region).secretsmanager.secrets.get_mut(name) {
            copy.resource_policy.clone_from(&secret.resource_policy);
        }
    }
}
