//! AWS Secrets Manager.

mod life;
mod replication;
mod rotation;
mod values;

use super::registry::{Call, Registry, Rejection, refuse};
use super::world::secretsmanager::Secret;

pub(super) fn register(registry: &mut Registry) {
    life::register(registry);
    values::register(registry);
    rotation::register(registry);
    replication::register(registry);
}

/// Looks for a secret by name or ARN, also when it is scheduled for deletion.
fn find<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut Secret, Rejection> {
    match call.here().secretsmanager.secrets.values_mut().find(|secret| secret.name == id || secret.arn == id) {
        Some(secret) => Ok(secret),
        None => refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
    }
}

/// Looks for a secret that can be changed.
fn find_living<'a>(call: &'a mut Call<'_>, id: &str) -> Result<&'a mut Secret, Rejection> {
    let secret = find(call, id)?;
    if secret.deleted_at.is_some() {
        let text = "You can't perform this operation on the secret because it was marked for deletion.";
        return refuse("InvalidRequestException", text);
    }
    if secret.primary_region.is_some() {
        return refuse("InvalidRequestException", "Operation not permitted on a replica secret. Call must be made in primary secret's region.");
    }
    Ok(secret)
}
